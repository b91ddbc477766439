//! The connection on the wire, against a server that says exactly what each test wants.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod files;
mod kit;
mod receive;
mod secrets;
mod send;
