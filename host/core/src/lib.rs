//! The words and the rules of hodhod: events, lanes, turns, values, the outbox, and the joints
//! (`Platform`, `Store`, `Plugin`) behind which everything with I/O stands.
//!
//! Nothing here opens a file or a socket, and time comes in through [`time::Clock`], so all of it
//! is tested with the doubles in `testing` under a clock that the test moves.

mod ages;
mod asks;
mod backoff;
pub mod bot;
pub mod condition;
pub mod dead;
pub mod egress;
pub mod event;
pub mod files;
pub mod generations;
pub mod health;
pub mod histogram;
pub mod host;
pub mod ids;
pub mod inbox;
pub mod kill;
pub mod lanes;
pub mod ledger;
pub mod limits;
pub mod manifest;
pub mod network;
pub mod outbox;
pub mod outgoing;
pub mod pace;
pub mod people;
pub mod platform;
pub mod quota;
pub mod refusals;
pub mod runtime;
pub mod status;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod time;
pub mod timers;
pub mod trace;
pub mod turn;
pub mod turns;
pub mod values;
pub mod vault;
mod verdict;
pub mod webhook;
