//! What goes into a store and comes out of it.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::event::Event;
use crate::histogram::Distribution;
use crate::ids::{BotName, Chat, InboxSeq, OutboxSeq, SendId};
use crate::outgoing::Outgoing;
use crate::time::Millis;
use crate::timers::TimerWrite;
use crate::values::{ValueKey, Write};

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
