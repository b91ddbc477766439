//! The promises of hodhod, kept by the real program: one file each.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admin;
mod again;
mod answers;
mod architecture;
mod bots;
mod command_line;
mod compiling;
mod control;
mod crash;
mod divar;
mod failures;
mod fairness;
mod faults;
mod files;
mod grants;
mod languages;
mod logs;
mod metrics;
mod migrate;
mod operating;
mod people;
mod reload;
mod reread;
mod sandbox;
mod shutdown;
mod soak;
mod traces;
mod upkeep;
