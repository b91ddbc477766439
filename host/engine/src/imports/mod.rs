//! What a guest may import: one file an interface, each thin over [`hodhod_core::turn::Turn`].

mod config;
pub(crate) mod files;
pub(crate) mod http;
pub(crate) mod kenar;
pub(crate) mod keyvalue;
mod logging;
mod messenger;
mod task;
mod timers;
