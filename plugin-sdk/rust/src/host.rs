//! The host as this crate sees it: the imports of the contract inside a component, and a double in
//! memory everywhere else.
//!
//! These are functions rather than a trait because a component imports what it can reach: with a
//! table of all of them, the smallest bot would ask the operator for every grant.

#[cfg(target_family = "wasm")]
mod component;
#[cfg(target_family = "wasm")]
pub(crate) use component::*;

#[cfg(not(target_family = "wasm"))]
pub(crate) mod double;
#[cfg(not(target_family = "wasm"))]
pub(crate) use double::*;
