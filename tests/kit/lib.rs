//! The kit of the end-to-end tests: the real program, a local messenger, and bots that misbehave
//! on demand. Nothing here sleeps for luck; everything waits for a condition, with a deadline that
//! only a failure reaches.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, and the kit is part of the tests")]

mod bot;
mod build;
pub mod disk;
mod divar;
mod files;
mod parts;
mod python;
mod running;
pub mod soak;
mod soroush;
mod wait;

pub use bot::BotSetup;
pub use build::{component, program, replace, repository};
pub use divar::{DivarSetup, POST};
pub use files::Files;
pub use parts::{around, beside, noted, wat};
pub use python::python;
pub use running::Running;
pub use soroush::{Setup, TOKEN};
pub use wait::{PATIENCE, eventually};
