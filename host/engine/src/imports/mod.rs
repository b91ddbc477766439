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

use hodhod_core::limits::RESOURCES;
use hodhod_core::turn::Refusal;

/// One bucket or upload more than the host keeps for a turn.
fn too_many() -> Refusal {
    Refusal::Quota(format!("resources: {RESOURCES} are open"))
}
