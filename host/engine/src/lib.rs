//! Runs bots as WebAssembly components: loads, links exactly what was granted, limits, calls.
//!
//! This is the only crate that knows wasmtime. A turn gets a fresh instance from a pool and the
//! instance is dropped when the turn ends, however it ends, so nothing of one chat can be found in
//! another, and a trap needs no cleaning up. Where an operator wants it otherwise, an instance serves
//! some turns of its bot before it goes.

mod bindings;
mod clock;
mod company;
mod compile;
mod contract;
mod convert;
mod egress;
mod engine;
mod failure;
mod grants;
mod heavy;
mod imports;
mod inspect;
mod kept;
mod limiter;
mod lines;
mod meter;
mod plugin;
pub mod priority;
mod run;
mod state;
#[cfg(test)]
mod testing;
mod ticker;
mod weight;

pub use compile::{Cache, ChildProcess, CompileError, CompileLimits, Compiler, compile_child};
pub use egress::{Network, Resolve};
pub use engine::{Engine, EngineError, PoolSize};
pub use grants::grant_of;
pub use inspect::{InspectError, Inspection, SECTION, digest, embed, inspect};
pub use plugin::{Component, LoadError};
