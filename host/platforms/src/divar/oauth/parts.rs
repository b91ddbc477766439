//! What all the work of this folder shares.

use std::sync::{Arc, Mutex, PoisonError};

use hodhod_core::refusals::Refusals;
use hodhod_core::time::{Clock, Millis};
use hodhod_core::vault::{Change, Record, Vault};
use tokio::sync::{Mutex as AsyncMutex, Notify};

use super::client::Http;
use super::locks::Locks;
use super::setup::{Setup, SetupError};
use super::state::Outstanding;
use crate::divar::config::DivarConfig;

/// What the work shares. Everything durable is in the vault; the rest may be lost at any time.
pub(super) struct Parts {
    pub(super) setup: Setup,
    pub(super) http: Http,
    pub(super) vault: Arc<dyn Vault>,
    pub(super) clock: Arc<dyn Clock>,
    /// Held by the one who asks for a person's next pair.
    pub(super) renewing: Locks,
    /// Held by the one who changes grants or states after what was read of them: for the length of a write,
    /// never of a request.
    pub(super) writing: AsyncMutex<Outstanding>,
    /// Held by the one who tells bots of a person.
    pub(super) telling: Locks,
    /// What the vault does not tell or take of who is behind conversations.
    pub(super) links: Refusals,
    /// Wakes who keeps the grants.
    pub(super) wake: Notify,
    /// Wakes who tells what was not told.
    pub(super) news: Notify,
    pub(super) trouble: Trouble,
}

impl Parts {
    pub(super) fn new(config: &DivarConfig, vault: Arc<dyn Vault>, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let setup = Setup::new(config)?;
        Ok(Self {
            http: Http::new(&setup)?,
            setup,
            vault,
            clock,
            renewing: Locks::default(),
            writing: AsyncMutex::default(),
            telling: Locks::default(),
            links: Refusals::default(),
            wake: Notify::new(),
            news: Notify::new(),
            trouble: Trouble::default(),
        })
    }

    pub(super) fn now(&self) -> Millis {
        self.clock.now()
    }
}

/// A record is written.
pub(super) fn put(kind: &'static str, name: &str, record: Record) -> Change {
    Change { kind, name: name.to_owned(), record: Some(record) }
}

/// A record goes.
pub(super) fn gone(kind: &'static str, name: &str) -> Change {
    Change { kind, name: name.to_owned(), record: None }
}

/// What only the operator can mend, of each kind of work the last.
#[derive(Default)]
pub(super) struct Trouble(Mutex<[Slot; 2]>);

#[derive(Default)]
struct Slot {
    now: Option<String>,
    /// What was logged last: what comes and goes with each person is said once.
    logged: String,
}

/// A kind of work that can be in trouble.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    /// Pairs are renewed.
    Renewing,
    /// Events are subscribed to.
    Subscribing,
}

impl Trouble {
    /// Something failed.
    pub(super) fn set(&self, work: Work, words: String) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = slots.get_mut(work as usize) else { return };
        if slot.logged != words {
            tracing::warn!(?work, words, "the consents of people are in trouble");
            slot.logged.clone_from(&words);
        }
        slot.now = Some(words);
    }

    /// It went well.
    pub(super) fn clear(&self, work: Work) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get_mut(work as usize) {
            slot.now = None;
        }
    }

    /// What is wrong, if something is.
    pub(super) fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().find_map(|slot| slot.now.clone())
    }
}
