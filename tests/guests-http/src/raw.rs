//! The import, as it was generated.

wit_bindgen::generate!({
    inline: "package guests:http; world http { import wasi:http/outgoing-handler@0.2.12; }",
    path: "../../wit",
    generate_all,
});
