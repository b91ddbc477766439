//! The way of a message, for real: the decoder of Soroush on bytes, the host with its inbox, lanes,
//! turns, ledger and outboxes, the SQLite store, the engine with its worker threads.
//!
//! Made for measuring are only the two ends, a [`Feed`](feed::Feed) in place of the network, and a
//! [`Watched`](watched::Watched) store, which passes every call on and notes the time when
//! something is durable.

mod bare;
mod board;
mod feed;
mod messenger;
mod nothing;
mod pacer;
mod rig;
mod threads;
mod watched;

pub(crate) use bare::Bare;
pub(crate) use board::{Board, Figures, Goal, What};
pub(crate) use feed::Delivery;
pub(crate) use messenger::client;
pub(crate) use pacer::Pacer;
pub(crate) use rig::{BotSetup, Disk, Rig, Setup, runtime};
pub(crate) use threads::by_thread;
