//! The joint to durable storage.
//!
//! Every method that changes something takes a batch and is one transaction: all of the batch or
//! nothing of it survives a crash, and when the future resolves the batch is on disk. Batches of
//! one caller are applied in the order of the calls, also when the caller does not wait between
//! them. Dropping a future does not undo the call.

mod records;
mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use serde::Serialize;
use thiserror::Error;

use crate::condition::Condition;
use crate::dead::DeadLetter;
use crate::event::Event;
use crate::health::Held;
use crate::histogram::Distribution;
use crate::ids::{BotName, Chat, ConnectionName, InboxSeq, OutboxSeq, SendId};
use crate::outgoing::Outgoing;
use crate::quota::Usage;
use crate::time::Millis;
use crate::timers::{Firing, Standing, TimerKey, TimerWrite};
use crate::values::{Bucket, ValueKey, Write};

pub use self::records::{
    DoomedRecords, KeyId, ListedRecord, MOST_RECORDS, NameHash, RecordChange, Records, RecordsOf, SealedRecord,
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

/// An event for one or more bots.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Where it waits, and the connection whose `key` it has.
    pub chat: Chat,
    /// Identifies it within the connection; stored as a hash.
    pub key: String,
    /// How long the key stands for one event; `None` for as long as keys are remembered.
    pub within: Option<Duration>,
    /// True where somebody waits for what a bot answers: its rows are found by the key while they wait.
    pub asked: bool,
    /// When it arrived.
    pub received: Millis,
    /// Who gets it, and what happens to it on the way.
    pub routes: Vec<Route>,
    /// The event.
    pub event: Arc<Event>,
}

/// True if what arrives now is what arrived first at that time, under a key that stands for one event for so long.
///
/// A later arrival does not move the first, so who does the same over and over is heard once in each window. The
/// clock may have been set back over a restart: by less than the window it makes no difference, and by more the key
/// stands for another event at once, and not only when the clock is where it was.
pub fn is_again(first: Millis, now: Millis, within: Option<Duration>) -> bool {
    within.is_none_or(|within| now.apart(first) < within)
}

/// One bot that gets an arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The bot.
    pub bot: BotName,
    /// Set where the bot has no room: the event becomes a dead letter with this reason.
    pub overflow: Option<String>,
}

/// What became of an arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// Its key was seen before; nothing was stored.
    Duplicate,
    /// Stored; one entry per route, `None` where it overflowed into the dead letters.
    Stored(Vec<Option<InboxSeq>>),
}

/// The end of a turn.
#[derive(Clone, Debug)]
pub struct TurnCommit {
    /// The event that was handled.
    pub seq: InboxSeq,
    /// What happens to it.
    pub mark: Mark,
    /// When.
    pub at: Millis,
    /// Stored values: `None` deletes. Empty unless the event is done.
    pub values: Vec<(ValueKey, Write)>,
    /// Sends, in order. Empty unless the event is done.
    pub sends: Vec<QueuedSend>,
    /// Timers. Empty unless the event is done.
    pub timers: Vec<TimerWrite>,
}

impl TurnCommit {
    /// The end of a turn of which nobody sees anything.
    pub fn without_effects(seq: InboxSeq, mark: Mark, at: Millis) -> Self {
        Self { seq, mark, at, values: Vec::new(), sends: Vec::new(), timers: Vec::new() }
    }
}

/// One build of a bot's plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// The SHA-256 of the component, in hex.
    pub digest: String,
    /// The version that its manifest names; empty where it names none.
    pub version: String,
}

/// A build takes over the values of a bot.
#[derive(Clone, Debug)]
pub struct Migration {
    /// The bot.
    pub bot: BotName,
    /// The build.
    pub build: Build,
    /// When.
    pub at: Millis,
    /// Stored values: `None` deletes.
    pub values: Vec<(ValueKey, Write)>,
    /// Sends, in order.
    pub sends: Vec<QueuedSend>,
    /// Timers.
    pub timers: Vec<TimerWrite>,
}

/// What happens to an event after a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Handled: the row and its body go.
    Done,
    /// It stays, to be tried again.
    Retry {
        /// Tries so far.
        attempts: u32,
        /// Not before this.
        not_before: Millis,
    },
    /// It goes to the dead letters.
    Dead {
        /// Tries so far.
        attempts: u32,
        /// Why, for a person.
        reason: String,
    },
}

impl Mark {
    /// What happens, as one word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retry { .. } => "retry",
            Self::Dead { .. } => "dead",
        }
    }
}

/// A send in the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct QueuedSend {
    /// What the bot knows it by.
    pub id: SendId,
    /// Who sent it.
    pub bot: BotName,
    /// Where it goes.
    pub chat: Chat,
    /// What it says.
    pub message: Arc<Outgoing>,
    /// When it was queued.
    pub queued: Millis,
}

/// What became of a send.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The row.
    pub seq: OutboxSeq,
    /// What became of it.
    pub outcome: SendOutcome,
    /// A `delivery` event to store in the same transaction, for the bot that sent it.
    pub report: Option<Arrival>,
}

/// What the record of a send's end came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The send was there. The row of the `delivery` event; `None` where none was due or its bot had no room for it.
    Stood(Option<InboxSeq>),
    /// The send was gone: nothing is counted, and nobody is told.
    Gone,
}

/// What became of a try to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// Delivered: the row goes.
    Delivered,
    /// It will never arrive: the row goes.
    Failed,
    /// In doubt, and the connection's policy is to drop it: the row goes and is counted.
    DroppedInDoubt,
    /// It stays, to be tried again.
    Again {
        /// Tries so far.
        attempts: u32,
        /// Not before this.
        not_before: Millis,
        /// True where the last try is in doubt: counted, as the person may read it twice.
        in_doubt: bool,
    },
}

/// A waiting event, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingEvent {
    /// The row.
    pub seq: InboxSeq,
    /// Who gets it.
    pub bot: BotName,
    /// Where it waits.
    pub chat: Chat,
    /// Tries so far.
    pub attempts: u32,
    /// Not before this; zero for at once.
    pub not_before: Millis,
}

/// An undelivered send, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingSend {
    /// The row.
    pub seq: OutboxSeq,
    /// The event whose turn sent it.
    pub turn: InboxSeq,
    /// Who sent it.
    pub bot: BotName,
    /// Where it goes.
    pub chat: Chat,
    /// Tries so far.
    pub attempts: u32,
    /// Not before this; zero for at once.
    pub not_before: Millis,
    /// True where a try was recorded and its end was not: it is in doubt.
    pub attempted: bool,
}

/// What the store has counted since it was made, and what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Arrivals that were new.
    pub arrivals: u64,
    /// Arrivals that had been seen before.
    pub duplicates: u64,
    /// Events that were handled.
    pub handled: u64,
    /// Events that became dead letters.
    pub dead: u64,
    /// Dead letters that were dropped: by the operator, or because there were too many or they were too old.
    pub dead_dropped: u64,
    /// Dead letters whose event went back into the inbox.
    pub dead_retried: u64,
    /// Sends that were delivered.
    pub delivered: u64,
    /// Sends that failed for good.
    pub failed: u64,
    /// Sends that were in doubt and were tried again.
    pub in_doubt_resent: u64,
    /// Sends that were in doubt and were dropped.
    pub in_doubt_dropped: u64,
    /// Events waiting now.
    pub waiting_events: u64,
    /// Sends waiting now.
    pub waiting_sends: u64,
    /// Dead letters now.
    pub dead_letters: u64,
}

/// What a store has done since it was opened.
#[derive(Clone, Debug, Default)]
pub struct StoreWork {
    /// How long groups of calls took, from the begin of their transaction until they were on disk, in nanoseconds.
    pub commits: Distribution,
    /// How many calls there were in each group.
    pub groups: Distribution,
    /// Groups that failed and left nothing. Those of more than one call were tried again one by one.
    pub failed: u64,
}
