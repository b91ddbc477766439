//! Turns of a component, one by one.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod clock;
mod divar;
mod heavy;
mod kit;
mod migrate;
mod reuse;
#[path = "../kit/mod.rs"]
mod shared;
