//! The contract as the generator writes it, for what the rest of this crate has no word for.
//!
//! Everything here follows `wit/bot.wit` and `wit/deps/divar` name by name. The functions work inside a component
//! only: called natively, they panic.

#![expect(missing_docs, reason = "generated from the contract, which leaves what is plain without a comment")]
#![expect(clippy::mem_forget, reason = "generated: what the caller has taken over is not dropped here too")]

wit_bindgen::generate!({
    // Everything that a bot may import; a component has those that it uses.
    inline: "
        package hodhod:plugin;
        world bot {
            include hodhod:bot/bot@0.1.0;
            import hodhod:divar/kenar@0.1.0;
        }",
    path: "../../wit",
    world: "hodhod:plugin/bot",
    generate_all,
    // Bots are other crates, and do not depend on the generator themselves.
    pub_export_macro: true,
    export_macro_name: "export_handler",
    default_bindings_module: "::hodhod_plugin::raw",
    runtime_path: "::hodhod_plugin::raw::rt",
    additional_derives: [PartialEq],
    // What a bot may want to keep among its values.
    additional_type_attributes: {
        "hodhod:bot/types@0.1.0/chat": [#[derive(Eq, Hash, ::serde::Serialize, ::serde::Deserialize)]],
        "hodhod:bot/types@0.1.0/media-kind": [#[derive(::serde::Serialize, ::serde::Deserialize)]],
        "hodhod:bot/types@0.1.0/media": [#[derive(Eq, ::serde::Serialize, ::serde::Deserialize)]],
        "hodhod:bot/types@0.1.0/location": [#[derive(::serde::Serialize, ::serde::Deserialize)]],
        "hodhod:bot/types@0.1.0/contact": [#[derive(Eq, ::serde::Serialize, ::serde::Deserialize)]],
        "hodhod:divar/kenar@0.1.0/post": [#[derive(Eq, ::serde::Serialize, ::serde::Deserialize)]],
        "hodhod:divar/kenar@0.1.0/post-summary": [#[derive(Eq, ::serde::Serialize, ::serde::Deserialize)]],
        "hodhod:divar/kenar@0.1.0/user": [#[derive(Eq, ::serde::Serialize, ::serde::Deserialize)]],
    },
});

/// What a bot exports that migrates what it has stored.
pub mod lifecycle {
    wit_bindgen::generate!({
        inline: "package hodhod:migrating; world lifecycle { export hodhod:bot/lifecycle@0.1.0; }",
        path: "../../wit",
        world: "hodhod:migrating/lifecycle",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_lifecycle",
        default_bindings_module: "::hodhod_plugin::raw::lifecycle",
        runtime_path: "::hodhod_plugin::raw::rt",
    });
}

#[doc(hidden)]
pub use wit_bindgen::rt;
