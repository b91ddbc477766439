//! What the connection has seen, for status pages: counters, and one sentence of trouble.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hodhod_core::platform::Health;
use hodhod_core::refusals::Refusals;

use super::token::Token;

/// Unknown values are logged once each, at most so many: a stranger may send any.
const MAX_UNKNOWN: usize = 32;

/// Why input was skipped or mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skip {
    /// An event over the size limit.
    Oversized,
    /// A field of the stream other than `data` over its limit.
    LongField,
    /// Bytes that are not UTF-8 or escapes that are no character: a mark stands in their place.
    Mended,
    /// Data that is not a JSON object.
    NotJson,
    /// An object without a type.
    NoType,
    /// A type that nobody has described.
    UnknownType,
    /// A type that is known and means nothing to a bot.
    IgnoredType,
    /// No sender, or one that cannot be an id.
    NoSender,
    /// A file without a key, or with one that cannot be a key.
    NoFile,
    /// A place without coordinates, or with impossible ones.
    NoPlace,
    /// Older than the operator wants.
    TooOld,
    /// The rest of it did not come before the connection ended.
    CutOff,
}

impl Skip {
    const ALL: [Self; 12] = [
        Self::Oversized,
        Self::LongField,
        Self::Mended,
        Self::NotJson,
        Self::NoType,
        Self::UnknownType,
        Self::IgnoredType,
        Self::NoSender,
        Self::NoFile,
        Self::NoPlace,
        Self::TooOld,
        Self::CutOff,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Oversized => "oversized",
            Self::LongField => "long-field",
            Self::Mended => "mended",
            Self::NotJson => "not-json",
            Self::NoType => "no-type",
            Self::UnknownType => "unknown-type",
            Self::IgnoredType => "ignored-type",
            Self::NoSender => "no-sender",
            Self::NoFile => "no-file",
            Self::NoPlace => "no-place",
            Self::TooOld => "too-old",
            Self::CutOff => "cut-off",
        }
    }
}

/// The counters of one connection; they outlive its reconnects.
#[derive(Debug, Default)]
pub(super) struct Status {
    connected: AtomicBool,
    reconnects: AtomicU64,
    events: AtomicU64,
    skipped: [AtomicU64; Skip::ALL.len()],
    untimed: AtomicU64,
    trouble: Mutex<Option<String>>,
    unknown: Mutex<BTreeSet<String>>,
    /// What the store refused of this connection.
    pub(super) refusals: Refusals,
    /// Absent where there is none that a value could quote.
    token: Option<Token>,
}

impl Status {
    /// Counters of a connection with this token, which they never show.
    pub(super) fn of(token: Token) -> Self {
        Self { token: Some(token), ..Self::default() }
    }

    pub(super) fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Ordering::Relaxed);
    }

    pub(super) fn count_reconnect(&self) {
        self.reconnects.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_event(&self) {
        self.events.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn skip(&self, why: Skip) {
        if let Some(counter) = self.skipped.get(why as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A number that no other event without a time has got.
    pub(super) fn next_untimed(&self) -> u64 {
        self.untimed.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn set_trouble(&self, trouble: String) {
        *lock(&self.trouble) = Some(trouble);
    }

    pub(super) fn clear_trouble(&self) {
        *lock(&self.trouble) = None;
    }

    /// Logs a value that nobody has described, once.
    pub(super) fn note_unknown(&self, field: &'static str, value: &str) {
        let mut unknown = lock(&self.unknown);
        if unknown.len() >= MAX_UNKNOWN {
            return;
        }
        let redacted = self.token.as_ref().map(|token| token.redact(value));
        let short: String = redacted.as_deref().unwrap_or(value).chars().take(40).collect();
        if unknown.insert(format!("{field}={short}")) {
            tracing::warn!(field, value = ?short, "the platform sent a value that is not known");
        }
    }

    /// What was skipped so far, by reason, without the reasons that did not occur.
    pub(super) fn skipped(&self) -> Vec<(&'static str, u64)> {
        Skip::ALL
            .iter()
            .zip(&self.skipped)
            .map(|(why, counter)| (why.name(), counter.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    pub(super) fn health(&self) -> Health {
        Health {
            connected: self.connected.load(Ordering::Relaxed),
            reconnects: self.reconnects.load(Ordering::Relaxed),
            events: self.events.load(Ordering::Relaxed),
            skipped: self.skipped(),
            trouble: lock(&self.trouble).clone(),
        }
    }
}

/// A panic elsewhere leaves a string or a set behind, which is whole in any case.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
