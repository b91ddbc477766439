//! The joint to durable storage.
//!
//! Every method that changes something takes a batch and is one transaction: all of the batch or
//! nothing of it survives a crash, and when the future resolves the batch is on disk. Batches of
//! one caller are applied in the order of the calls, also when the caller does not wait between
//! them. Dropping a future does not undo the call.

mod records;
mod rows;
mod upkeep;

use std::sync::Arc;

use futures::future::BoxFuture;
use thiserror::Error;

use crate::condition::Condition;
use crate::dead::DeadLetter;
use crate::event::Event;
use crate::health::Held;
use crate::ids::{BotName, ConnectionName, InboxSeq, OutboxSeq};
use crate::quota::Usage;
use crate::time::Millis;
use crate::timers::{Firing, Standing, TimerKey};
use crate::values::{Bucket, ValueKey};

pub use self::records::{
    DoomedRecords, KeyId, ListedRecord, MOST_RECORDS, NameHash, RecordChange, Records, RecordsOf, SealedRecord,
};
pub use self::rows::{
    Appended, Arrival, Build, Mark, Migration, QueuedSend, Route, SendOutcome, Settled, Settlement, StoreWork, Totals,
    TurnCommit, WaitingEvent, WaitingSend, is_again,
};
pub use self::upkeep::{Disk, Erased, Rows, Upkeep};

/// Durable storage of one host.
pub trait Store: Upkeep + Records {
    /// Stores arrivals, each unless its key was seen before ([`is_again`]), and gives each new row its place.
    /// The answer has one entry per arrival, in order.
    fn append(&self, arrivals: Vec<Arrival>) -> BoxFuture<'static, Result<Vec<Appended>, StoreError>>;

    /// Ends turns: per turn the mark of its event, its values, its timers and its sends, together. The answer
    /// has one entry per turn, in order: the outbox rows of its sends.
    fn commit(&self, turns: Vec<TurnCommit>) -> BoxFuture<'static, Result<Vec<Vec<OutboxSeq>>, StoreError>>;

    /// Records that these sends are about to be tried. The answer has one entry per row, in order: false where it is
    /// gone, and so is not to be tried.
    fn attempt(&self, rows: Vec<OutboxSeq>) -> BoxFuture<'static, Result<Vec<bool>, StoreError>>;

    /// Records what became of sends. The answer has one entry per item, in order.
    fn settle(&self, items: Vec<Settlement>) -> BoxFuture<'static, Result<Vec<Settled>, StoreError>>;

    /// The waiting events after `after`, in order, at most `limit`.
    fn waiting_events(
        &self,
        after: InboxSeq,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<WaitingEvent>, StoreError>>;

    /// The undelivered sends after `after`, in order, at most `limit`.
    fn waiting_sends(&self, after: OutboxSeq, limit: usize)
    -> BoxFuture<'static, Result<Vec<WaitingSend>, StoreError>>;

    /// One waiting event; `None` if the row is gone.
    fn event(&self, seq: InboxSeq) -> BoxFuture<'static, Result<Option<Arc<Event>>, StoreError>>;

    /// The waiting rows of arrivals under this key that somebody [asked](Arrival::asked) for, each with when it
    /// arrived, in order.
    fn asked_events(
        &self,
        connection: ConnectionName,
        key: String,
    ) -> BoxFuture<'static, Result<Vec<(InboxSeq, Millis)>, StoreError>>;

    /// One undelivered send; `None` if the row is gone.
    fn send(&self, seq: OutboxSeq) -> BoxFuture<'static, Result<Option<QueuedSend>, StoreError>>;

    /// A committed value. Blocks for as long as a page of the database takes to read.
    ///
    /// # Errors
    /// When the database cannot be read.
    fn value(&self, key: &ValueKey) -> Result<Option<Vec<u8>>, StoreError>;

    /// The committed keys of a bucket after `after`, in order, at most `limit`. Blocks like `value`.
    ///
    /// # Errors
    /// When the database cannot be read.
    fn keys(
        &self,
        bot: &BotName,
        bucket: &Bucket,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError>;

    /// What a bot has stored, and of that what is in `bucket`. Blocks like `value`.
    ///
    /// # Errors
    /// When the database cannot be read.
    fn usage(&self, bot: &BotName, bucket: &Bucket) -> Result<Usage, StoreError>;

    /// True if the timer stands. Blocks like `value`.
    ///
    /// # Errors
    /// When the database cannot be read.
    fn has_timer(&self, key: &TimerKey) -> Result<bool, StoreError>;

    /// The timers of these bots that are due at `now`, the longest due first, at most `limit`.
    fn due_timers(
        &self,
        bots: Vec<BotName>,
        now: Millis,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(TimerKey, Standing)>, StoreError>>;

    /// When the next timer of these bots is due.
    fn next_timer(&self, bots: Vec<BotName>) -> BoxFuture<'static, Result<Option<Millis>, StoreError>>;

    /// Fires timers: those that still stand so go, and their events arrive. The answer
    /// has one entry per item, in order: the row of the event, where there is one.
    fn fire(&self, timers: Vec<Firing>) -> BoxFuture<'static, Result<Vec<Option<InboxSeq>>, StoreError>>;

    /// Drops the timers that were due before `now` and are to be skipped where they were missed;
    /// gives their number.
    fn skip_timers(&self, now: Millis) -> BoxFuture<'static, Result<u64, StoreError>>;

    /// Forgets keys of arrivals that are older than `before`; done in steps that hold nobody up.
    fn forget_seen(&self, before: Millis) -> BoxFuture<'static, Result<(), StoreError>>;

    /// The bots that an earlier run left held back, by name.
    fn bot_states(&self) -> BoxFuture<'static, Result<Vec<(BotName, Held)>, StoreError>>;

    /// Records that a bot is held back; `None` where it is not any more.
    fn set_bot_state(&self, bot: BotName, held: Option<Held>) -> BoxFuture<'static, Result<(), StoreError>>;

    /// A number for a turn that handles no event: no row of the inbox has it or gets it.
    fn reserve(&self) -> BoxFuture<'static, Result<InboxSeq, StoreError>>;

    /// The build whose values those of a bot are, as [`migrate`](Self::migrate) recorded it last; `None` if no
    /// build of it has ever served.
    fn build(&self, bot: BotName) -> BoxFuture<'static, Result<Option<Build>, StoreError>>;

    /// Records whose values those of bots are from now on, together with what was done to make them so. The answer
    /// has one entry per bot, in order: the outbox rows of its sends.
    fn migrate(&self, migrations: Vec<Migration>) -> BoxFuture<'static, Result<Vec<Vec<OutboxSeq>>, StoreError>>;

    /// What has been counted since the database was made, and what it holds now.
    fn totals(&self) -> BoxFuture<'static, Result<Totals, StoreError>>;

    /// How it is doing. Does not wait for writes.
    fn condition(&self) -> Condition {
        Condition::default()
    }

    /// The newest dead letters, at most `limit`.
    fn dead_letters(&self, limit: usize) -> BoxFuture<'static, Result<Vec<DeadLetter>, StoreError>> {
        self.list_dead(None, None, limit)
    }

    /// What it has done since it was opened. Nothing where there is nothing to be measured.
    fn work(&self) -> StoreWork {
        StoreWork::default()
    }
}

/// Why the store failed. The text names the operation and the file.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// The database refused; a later try may work.
    #[error("{0}")]
    Failed(String),
    /// There is no room on the disk; a later try works when there is.
    #[error("{0}")]
    NoRoom(String),
    /// It was written, and the disk did not say that it is durable. Nobody sees it; after a crash it may be
    /// there, as a whole.
    #[error("{0}")]
    NotDurable(String),
    /// A row is not what this program writes; no later try will read it.
    #[error("{0}")]
    Unreadable(String),
    /// The store has been shut down.
    #[error("the store is closed")]
    Closed,
}
