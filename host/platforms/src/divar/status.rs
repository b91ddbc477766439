//! What the connection has seen, for status pages: counters, and one sentence of trouble.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hodhod_core::platform::Health;
use hodhod_core::refusals::Refusals;
use hodhod_core::text::clean;

/// Unknown values are logged once each, at most so many: a stranger may send any.
const MAX_UNKNOWN: usize = 32;

/// Why a request, or what was in it, was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skip {
    /// To an address, or by a method, that this connection does not answer.
    NoAddress,
    /// From where Divar does not call.
    ForeignSource,
    /// Without the identification key, or with another, or with two.
    WrongKey,
    /// Of another form than JSON.
    NoJsonType,
    /// Over the size limit.
    Oversized,
    /// A body that is not JSON, or not the JSON of an event.
    NotJson,
    /// An event without a type.
    NoType,
    /// A message without a conversation, or with one that cannot be an id.
    NoConversation,
    /// A revocation without the person.
    NoUser,
    /// What the app itself wrote.
    Echo,
    /// Older than the operator wants.
    TooOld,
    /// It came by a consent that its person has taken back.
    TakenBack,
}

impl Skip {
    const ALL: [Self; 12] = [
        Self::NoAddress,
        Self::ForeignSource,
        Self::WrongKey,
        Self::NoJsonType,
        Self::Oversized,
        Self::NotJson,
        Self::NoType,
        Self::NoConversation,
        Self::NoUser,
        Self::Echo,
        Self::TooOld,
        Self::TakenBack,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::NoAddress => "no-address",
            Self::ForeignSource => "foreign-source",
            Self::WrongKey => "wrong-key",
            Self::NoJsonType => "no-json-type",
            Self::Oversized => "oversized",
            Self::NotJson => "not-json",
            Self::NoType => "no-type",
            Self::NoConversation => "no-conversation",
            Self::NoUser => "no-user",
            Self::Echo => "echo",
            Self::TooOld => "too-old",
            Self::TakenBack => "taken-back",
        }
    }
}

/// What may be wrong; each has a sentence of its own, so that what mends one hides no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Concern {
    /// The store refuses events.
    Store,
    /// The platform refuses calls.
    Calls,
    /// Requests come with a key that is not ours.
    Key,
}

impl Concern {
    /// The most pressing one first.
    const ALL: [Self; 3] = [Self::Store, Self::Calls, Self::Key];
}

/// The counters of one connection.
#[derive(Debug, Default)]
pub(super) struct Status {
    connected: AtomicBool,
    events: AtomicU64,
    skipped: [AtomicU64; Skip::ALL.len()],
    /// True once a request came with the right key.
    called: AtomicBool,
    troubles: Mutex<[Option<String>; Concern::ALL.len()]>,
    unknown: Mutex<BTreeSet<String>>,
    /// What the store refused of this connection.
    pub(super) refusals: Refusals,
}

impl Status {
    pub(super) fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Ordering::Relaxed);
    }

    pub(super) fn count_events(&self, events: usize) {
        self.events.fetch_add(events as u64, Ordering::Relaxed);
    }

    pub(super) fn skip(&self, why: Skip) {
        if let Some(counter) = self.skipped.get(why as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notes that Divar proved itself.
    pub(super) fn called(&self) {
        if !self.called.swap(true, Ordering::Relaxed) {
            self.mended(Concern::Key);
        }
    }

    /// Notes that somebody called with another key; worth a word where nobody ever had the right one.
    pub(super) fn called_in_vain(&self) {
        if !self.called.load(Ordering::Relaxed) {
            let words = "requests come with another identification key, and none came with the right one: \
                         is it the one in Divar's panel?";
            self.trouble(Concern::Key, words.to_owned());
        }
    }

    pub(super) fn trouble(&self, concern: Concern, words: String) {
        if let Some(trouble) = lock(&self.troubles).get_mut(concern as usize) {
            *trouble = Some(words);
        }
    }

    pub(super) fn mended(&self, concern: Concern) {
        if let Some(trouble) = lock(&self.troubles).get_mut(concern as usize) {
            *trouble = None;
        }
    }

    /// Logs a value that nobody has described, once.
    pub(super) fn note_unknown(&self, field: &'static str, value: &str) {
        let mut unknown = lock(&self.unknown);
        if unknown.len() >= MAX_UNKNOWN {
            return;
        }
        let short = clean(value, 40);
        if unknown.insert(format!("{field}={short}")) {
            tracing::warn!(field, value = ?short, "the platform sent a value that is not known");
        }
    }

    /// What the connection is doing; `others` is the trouble that is told where there is none here.
    pub(super) fn health(&self, others: impl FnOnce() -> Option<String>) -> Health {
        let skipped = Skip::ALL
            .iter()
            .zip(&self.skipped)
            .map(|(why, counter)| (why.name(), counter.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect();
        Health {
            connected: self.connected.load(Ordering::Relaxed),
            reconnects: 0,
            events: self.events.load(Ordering::Relaxed),
            skipped,
            trouble: lock(&self.troubles).iter().flatten().next().cloned().or_else(others),
        }
    }
}

/// A panic elsewhere leaves a string or a set behind, which is whole in any case.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
