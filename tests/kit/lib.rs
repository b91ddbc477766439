//! The kit of the end-to-end tests: the real program, a local messenger, and bots that misbehave
//! on demand. Nothing here sleeps for luck; everything waits for a condition, with a deadline that
//! only a failure reaches.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, and the kit is part of the tests")]

mod build;
pub mod disk;
mod host;
mod parts;
mod python;
pub mod soak;
mod wait;

pub use build::{component, program, replace, repository};
pub use host::{BotSetup, Running, Setup, TOKEN};
pub use parts::{around, beside, noted, wat};
pub use python::python;
pub use wait::{PATIENCE, eventually};
