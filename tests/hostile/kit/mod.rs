//! What an attack needs: a guest that does one thing, a whole host that it does it to, and a neighbour
//! whose answers are timed before it and beside it.

mod attack;
mod guest;
mod log;
mod neighbour;
mod platform;
mod rig;

pub(crate) use attack::{Attack, looked_at};
pub(crate) use guest::{Guest, import};
pub(crate) use hodhod_tests::{around, beside, wat};

use std::path::PathBuf;

/// The bytes of a component that `cargo xtask bots` builds.
pub(crate) fn built(name: &str) -> Vec<u8> {
    let path: PathBuf = hodhod_tests::component(name);
    std::fs::read(path).unwrap()
}
