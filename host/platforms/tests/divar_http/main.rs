//! The connection on the wire, against a server that says exactly what each test wants.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

#[expect(dead_code, reason = "what comes in is tested elsewhere")]
#[path = "../divar_kit/mod.rs"]
mod divar_kit;
mod files;
mod send;
mod server;
