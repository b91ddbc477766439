//! What an operator asks of the store, and what keeps it from growing: nothing that a turn needs.

use std::ops::AddAssign;
use std::sync::Arc;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::{StoreError, WaitingEvent};
use crate::dead::{DeadLetter, Doomed};
use crate::event::Event;
use crate::ids::{BotName, Chat, ConnectionName, InboxSeq, OutboxSeq};
use crate::outbox::{ListedSend, SendsOf};
use crate::time::Millis;
use crate::timers::{ListedTimer, Standing, TimerKey, TimerPlace};
use crate::values::ValueKey;

/// The part of [`Store`](super::Store) that operators use. Its calls keep the same promises.
pub trait Upkeep: Send + Sync + 'static {
    /// The newest dead letters of one bot or of all, those whose place is before `before`, at most `limit`.
    fn list_dead(
        &self,
        bot: Option<BotName>,
        before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<DeadLetter>, StoreError>>;

    /// One dead letter; `None` if there is none.
    fn dead_letter(&self, seq: InboxSeq) -> BoxFuture<'static, Result<Option<DeadLetter>, StoreError>>;

    /// The event of a dead letter; `None` if there is none.
    fn dead_event(&self, seq: InboxSeq) -> BoxFuture<'static, Result<Option<Arc<Event>>, StoreError>>;

    /// Puts the event of a dead letter back into the inbox, as a new row that was never tried; the letter
    /// goes. `None` if there is none.
    fn retry_dead(&self, seq: InboxSeq) -> BoxFuture<'static, Result<Option<WaitingEvent>, StoreError>>;

    /// Drops dead letters and gives their number; done in steps that hold nobody up.
    fn drop_dead(&self, doomed: Doomed) -> BoxFuture<'static, Result<u64, StoreError>>;

    /// The undelivered sends of a connection, a chat or all, after `after`, in order, at most `limit`.
    fn list_sends(
        &self,
        of: SendsOf,
        after: OutboxSeq,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<ListedSend>, StoreError>>;

    /// Since when the sends of a connection wait because the operator wants it.
    fn send_pause(&self, connection: ConnectionName) -> BoxFuture<'static, Result<Option<Millis>, StoreError>>;

    /// Records since when they wait; `None` where they do not any more.
    fn set_send_pause(
        &self,
        connection: ConnectionName,
        since: Option<Millis>,
    ) -> BoxFuture<'static, Result<(), StoreError>>;

    /// The timers of a bot or of all, the next to fire first, those after `after`, at most `limit`.
    fn list_timers(
        &self,
        bot: Option<BotName>,
        after: Option<TimerPlace>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<ListedTimer>, StoreError>>;

    /// The bots that have stored values or timers, by name.
    fn bots_that_store(&self) -> BoxFuture<'static, Result<Vec<BotName>, StoreError>>;

    /// The timers of a bot for a chat with ids after `after`, in the order of the ids, at most `limit`.
    fn timers_of(
        &self,
        bot: BotName,
        chat: Chat,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(TimerKey, Standing)>, StoreError>>;

    /// Takes rows away, all of them in one transaction, and gives the number of those that were there. Nobody is told.
    fn erase(&self, rows: Rows) -> BoxFuture<'static, Result<Erased, StoreError>>;

    /// Takes what was deleted out of the log too, where nobody reads it just now. False if somebody does: it
    /// goes when the log starts over.
    fn clear_log(&self) -> BoxFuture<'static, Result<bool, StoreError>>;

    /// The room that the store takes.
    fn disk(&self) -> BoxFuture<'static, Result<Disk, StoreError>>;
}

/// The room that a store takes, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// The database.
    pub database: u64,
    /// Its log, from which the database is brought up to date.
    pub log: u64,
    /// Of the database, what is free: used again, or given back.
    pub free: u64,
}

/// Rows that go together, whatever is under way for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Stored values.
    pub values: Vec<ValueKey>,
    /// Timers.
    pub timers: Vec<TimerKey>,
    /// Dead letters, which are counted as dropped.
    pub letters: Vec<InboxSeq>,
    /// Waiting events.
    pub events: Vec<InboxSeq>,
    /// Waiting sends.
    pub sends: Vec<OutboxSeq>,
    /// Rows of the vault, by their places.
    pub records: Vec<u64>,
}

/// How many rows there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// Stored values.
    pub values: u64,
    /// Timers.
    pub timers: u64,
    /// Dead letters.
    pub letters: u64,
    /// Waiting events.
    pub events: u64,
    /// Waiting sends.
    pub sends: u64,
    /// Rows of the vault.
    pub records: u64,
}

impl AddAssign for Erased {
    fn add_assign(&mut self, more: Self) {
        self.values += more.values;
        self.timers += more.timers;
        self.letters += more.letters;
        self.events += more.events;
        self.sends += more.sends;
        self.records += more.records;
    }
}
