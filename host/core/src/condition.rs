//! How the store is doing, in words for the operator: whether the disk has room, and what keeps it
//! from taking anything, if something does.

use std::time::Duration;

use serde::Serialize;

use crate::time::Millis;

/// How the store is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Bytes that are free on its file system; `None` where nobody knows.
    pub free: Option<u64>,
    /// What keeps it from taking events, if something does.
    pub trouble: Option<Trouble>,
}

/// What keeps a store from taking events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The kind.
    pub kind: TroubleKind,
    /// For how long it has been so.
    pub lasts: Duration,
    /// What is wrong and where, for a person.
    pub text: String,
}

/// The kinds of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TroubleKind {
    /// Less is free than the operator wants to be kept: no events are taken, and what was begun ends.
    Low,
    /// A write found no room.
    Full,
    /// What was written could not be made durable.
    NotDurable,
    /// The disk or the database refused in another way.
    Refused,
}

impl TroubleKind {
    /// True if it passes by itself when there is room.
    pub fn is_about_room(self) -> bool {
        matches!(self, Self::Low | Self::Full)
    }
}

/// How the store is doing, in a snapshot of the host.
#[derive(Clone, Debug, Serialize)]
pub struct StoreStatus {
    /// Bytes that are free on its file system, where that is known.
    pub free: Option<u64>,
    /// What keeps it from taking events, if something does.
    pub trouble: Option<StoreTrouble>,
}

/// What keeps the store from taking events.
#[derive(Clone, Debug, Serialize)]
pub struct StoreTrouble {
    /// The kind.
    pub kind: TroubleKind,
    /// Since when.
    pub since: Millis,
    /// What is wrong and where, for a person.
    pub text: String,
    /// What becomes of it, for a person.
    pub then: &'static str,
}

impl StoreStatus {
    pub(crate) fn of(condition: Condition, now: Millis) -> Self {
        let trouble = condition.trouble.map(|Trouble { kind, lasts, text }| {
            let then = if kind.is_about_room() {
                "it goes on by itself when there is room"
            } else {
                "the host keeps trying, and goes on by itself when that succeeds"
            };
            StoreTrouble { kind, since: now - lasts, text, then }
        });
        Self { free: condition.free, trouble }
    }
}
