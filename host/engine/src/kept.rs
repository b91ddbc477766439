//! Instances that serve more than one turn, for languages that are slow to begin.
//!
//! Usually an instance lives for one turn. An operator may let those of a bot live for more, and
//! then what the bot keeps in its memory goes from one turn to the next, and from one chat to
//! another: it is trusted with that, as any program is. What the host gave to one turn is worth
//! nothing in another, whatever handles the guest still holds. No instance ever serves two bots.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hodhod_core::turn::Turn;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Store;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable};

use crate::bindings::Bot;
use crate::engine::Engine;
use crate::imports::keyvalue::OpenBucket;
use crate::state::State;

/// Handles that a kept instance may still hold. More of them are a leak, which ends at the limit of a turn.
const ENTRIES: usize = 64;

/// An instance in its store.
pub(crate) struct Used {
    pub(crate) store: Store<State>,
    /// Absent before it is made, and once it must not be entered again.
    pub(crate) instance: Option<Bot>,
    /// Turns that it has served.
    turns: u64,
    /// Its place among those that wait.
    place: Option<OwnedSemaphorePermit>,
}

impl Used {
    pub(crate) fn new(store: Store<State>) -> Self {
        Self { store, instance: None, turns: 0, place: None }
    }
}

/// Instances of one bot that wait for a turn.
pub(crate) struct Kept {
    turns: u64,
    waiting: Mutex<Vec<Used>>,
    /// Places for those of this bot, and of all.
    own: usize,
    places: Arc<Semaphore>,
    /// False once no turns are to come.
    keeps: AtomicBool,
}

impl Kept {
    /// For instances that serve so many turns each.
    pub(crate) fn new(engine: &Engine, turns: u64) -> Self {
        let own = std::thread::available_parallelism().map_or(1, usize::from);
        Self { turns, waiting: Mutex::default(), own, places: engine.kept.clone(), keeps: AtomicBool::new(true) }
    }

    /// One that waits, if there is any.
    pub(crate) fn take(&self) -> Option<Used> {
        if self.turns < 2 {
            return None;
        }
        let mut used = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        used.place = None;
        Some(used)
    }

    /// True if an instance whose turn has just ended well may serve another.
    pub(crate) fn wants(&self, used: &mut Used) -> bool {
        used.turns += 1;
        let state = used.store.data_mut();
        // One that fills up would soon fail where a fresh one does not.
        let has_room = (state.limiter.used() as u64) <= state.turn.actor().limits.memory / 2;
        used.turns < self.turns && has_room && is_clean(&mut state.table)
    }

    /// Whether turns are going to come. Where none are, the instances that wait for them go.
    pub(crate) fn keep(&self, keeps: bool) {
        self.keeps.store(keeps, Ordering::SeqCst);
        if !keeps {
            let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            drop(waiting);
        }
    }

    /// Keeps the instance, where there is one and room for it, and gives the turn.
    pub(crate) fn give_back(&self, mut used: Used) -> Turn {
        let place = used.instance.is_some().then(|| self.places.clone().try_acquire_owned().ok()).flatten();
        let Some(place) = place else { return used.store.into_data().turn };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= self.own || !self.keeps.load(Ordering::SeqCst) {
            drop(waiting);
            return used.store.into_data().turn;
        }
        let turn = used.store.data_mut().end();
        used.place = Some(place);
        waiting.push(used);
        turn
    }
}

/// True if the guest holds nothing that does something beyond its turn: uploads, requests and their
/// answers end with it. Runtimes of languages keep their standard streams, and drop buckets late.
fn is_clean(table: &mut ResourceTable) -> bool {
    let mut entries = 0;
    table.iter_mut().all(|entry| {
        entries += 1;
        let is_harmless = entry.is::<OpenBucket>()
            || entry.is::<DynOutputStream>()
            || entry.is::<DynInputStream>()
            || entry.is::<DynPollable>();
        is_harmless && entries <= ENTRIES
    })
}
