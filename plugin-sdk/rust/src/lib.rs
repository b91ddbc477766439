#![doc = include_str!("../README.md")]

// The generated code names this crate as a bot would.
extern crate self as hodhod_plugin;

mod bot;
mod context;
pub mod divar;
mod entry;
mod error;
mod failure;
mod files;
mod host;
mod keyboard;
pub mod log;
mod media;
mod migrate;
mod outgoing;
pub mod raw;
mod router;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod text;
mod timers;
mod values;

pub use bot::Bot;
pub use context::Context;
#[doc(hidden)]
pub use entry::{handle, migrate};
pub use error::Error;
pub use failure::Result;
pub use files::Upload;
pub use migrate::Migrate;
#[doc(inline)]
pub use raw::hodhod::bot::messenger::{Answer, Body, Button, Keyboard, Outgoing, Press};
#[doc(inline)]
pub use raw::hodhod::bot::timers::Missed;
#[doc(inline)]
pub use raw::hodhod::bot::types::{
    Chat, Contact, Content, Delivery, Event, Extra, Failure, Location, Media, MediaKind, Message, Opening, Outcome,
    Sender, Timer,
};
pub use router::{Handler, Router};
pub use values::Values;
