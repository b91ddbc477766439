//! The contract as wasmtime sees it, made from `wit/`.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "hodhod:bot/bot",
    imports: { default: trappable },
    exports: { default: async },
    with: { "wasi:keyvalue/store.bucket": crate::imports::keyvalue::OpenBucket },
    require_store_data_send: true,
});
