//! Lines for the operator's log.
//!
//! Each takes anything that can be displayed, so a line is formatted without a detour:
//!
//! ```no_run
//! # let (name, ms) = ("a", 3);
//! hodhod_plugin::log::info(format_args!("{name} took {ms} ms"));
//! ```
//!
//! Standard output and standard error end up in the same log, so `println!` works too.

use std::fmt::Display;

use crate::host;
pub use crate::raw::wasi::logging::logging::Level;

/// For following every step.
pub fn trace(message: impl Display) {
    write(Level::Trace, "", message);
}

/// For finding a mistake.
pub fn debug(message: impl Display) {
    write(Level::Debug, "", message);
}

/// For watching the bot at work.
pub fn info(message: impl Display) {
    write(Level::Info, "", message);
}

/// Something that should not be, though the bot goes on.
pub fn warn(message: impl Display) {
    write(Level::Warn, "", message);
}

/// Something that kept the bot from doing its work.
pub fn error(message: impl Display) {
    write(Level::Error, "", message);
}

/// Something that will keep the bot from ever doing its work.
pub fn critical(message: impl Display) {
    write(Level::Critical, "", message);
}

/// A line of any level; `context` is a word that groups lines.
pub fn write(level: Level, context: &str, message: impl Display) {
    host::log(level, context, &message.to_string());
}
