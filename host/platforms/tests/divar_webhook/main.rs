//! What Divar sends, and what comes of it, without a network.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, and so do its helpers")]

mod again;
#[path = "../divar_kit/mod.rs"]
mod divar_kit;
mod fuzz;
mod hostile;
mod incoming;
mod kinds;
mod life;
mod press;
mod session;
