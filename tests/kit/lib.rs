//! The kit of the end-to-end tests: the real program, a local messenger, and bots that misbehave
//! on demand. Nothing here sleeps for luck; everything waits for a condition, with a deadline that
//! only a failure reaches.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, and the kit is part of the tests")]

mod build;
mod host;
mod python;
mod wait;

pub use build::{component, program, repository};
pub use host::{BotSetup, Running, Setup, TOKEN};
pub use python::python;
pub use wait::{PATIENCE, eventually};
