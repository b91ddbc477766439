//! The contract as wasmtime sees it, made from `wit/`.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "hodhod:bot/bot",
    imports: { "hodhod:bot/files": async | trappable, default: trappable },
    exports: { default: async },
    with: {
        "hodhod:bot/files.upload": crate::imports::files::writing::OpenUpload,
        "wasi:keyvalue/store.bucket": crate::imports::keyvalue::OpenBucket,
    },
    require_store_data_send: true,
});
