//! The contract as wasmtime sees it, made from `wit/`.

wasmtime::component::bindgen!({
    // Everything that a bot may import; what it exports are two worlds of `hodhod:bot`.
    inline: "
        package hodhod:host;
        world bot {
            include hodhod:bot/bot@0.1.0;
            import hodhod:divar/kenar@0.1.0;
        }",
    path: "../../wit",
    world: "hodhod:host/bot",
    imports: {
        "hodhod:bot/files": async | trappable,
        "hodhod:divar/kenar": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    with: {
        "hodhod:bot/files.upload": crate::imports::files::writing::OpenUpload,
        "wasi:keyvalue/store.bucket": crate::imports::keyvalue::OpenBucket,
    },
    require_store_data_send: true,
});
