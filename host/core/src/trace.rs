//! Traces: what happened to one event, from its arrival to the delivery of what its turn sent.
//!
//! The core tells each step with the time that it took; who listens makes spans of it. Without a
//! listener nothing is told, no clock is read and nothing is hashed.
//!
//! A trace has to survive every boundary between an arrival and a delivery: lanes, threads, and a
//! restart of the host. So nothing is carried along. Its ids are a keyed hash of the event's number
//! in the inbox, which no event gets twice and which each row of the outbox names. A hash, because
//! numbers begin with 1 in every host; with a key, because who sees the ids of some events should
//! not learn how many there were.
//!
//! A step holds names from the configuration, numbers and fixed words, and no other text: what
//! people and bots write cannot get into a trace.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::Sha256;

use crate::ids::{BotName, ConnectionName, InboxSeq};
use crate::time::Millis;

/// A point in time: nanoseconds since 1970, UTC. Zero where nobody listens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

impl From<Millis> for Moment {
    fn from(at: Millis) -> Self {
        Self(at.0.saturating_mul(1_000_000))
    }
}

/// The id of a trace. Shown in hex, as the field writes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub [u8; 16]);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The ids of one event: those that are the same in every run of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventIds {
    /// Of the trace.
    pub trace: TraceId,
    /// Of the span of the arrival, which is the root.
    pub arrival: [u8; 8],
    /// Of the span of the commit that ended the event, below which its sends are.
    pub commit: [u8; 8],
}

/// What makes the ids of events.
#[derive(Clone, Copy, Default)]
pub struct TraceKey([u8; 32]);

impl fmt::Debug for TraceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TraceKey(***)")
    }
}

impl TraceKey {
    /// From a key that the host keeps as long as its inbox.
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The ids of an event.
    pub fn ids(&self, event: InboxSeq) -> EventIds {
        // Shorter than a block, so it is used as it is.
        let mut key = [0; 64];
        key[..32].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&key.into());
        mac.update(b"hodhod event");
        mac.update(&event.0.to_be_bytes());
        let hash: [u8; 32] = mac.finalize().into_bytes().into();
        let (mut trace, mut arrival, mut commit) = ([0; 16], [0; 8], [0; 8]);
        trace.copy_from_slice(&hash[..16]);
        arrival.copy_from_slice(&hash[16..24]);
        commit.copy_from_slice(&hash[24..]);
        EventIds { trace: TraceId(trace), arrival, commit }
    }

    /// The trace of an event.
    pub fn of(self, event: InboxSeq) -> EventTrace {
        EventTrace { key: self, event }
    }
}

/// The trace of an event, whose id is made when it is shown.
#[derive(Clone, Copy, Debug)]
pub struct EventTrace {
    key: TraceKey,
    event: InboxSeq,
}

impl fmt::Display for EventTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.ids(self.event).trace.fmt(f)
    }
}

/// Something that happened to an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The event.
    pub event: InboxSeq,
    /// When it began.
    pub began: Moment,
    /// When it ended.
    pub ended: Moment,
    /// What it was.
    pub what: What,
}

/// The kinds of steps, in the order in which they happen.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The event was put into the inbox.
    Arrival {
        /// Who gets it.
        bot: BotName,
        /// Where it came from; absent for a timer of no chat.
        connection: Option<ConnectionName>,
        /// The kind of event.
        kind: &'static str,
        /// For a `delivery`: the event whose turn sent the message.
        cause: Option<InboxSeq>,
    },
    /// It waited in its lane, also for the next try.
    Wait,
    /// A turn ran.
    Turn {
        /// Whose.
        bot: BotName,
        /// The generation that ran.
        generation: u64,
        /// The try, counted from 1.
        attempt: u32,
        /// Processor time, in nanoseconds.
        cpu: u64,
        /// Memory at the end, in bytes.
        memory: u64,
        /// How it ended: `done`, `retry`, `reject`, `failed`, or `conflict` where it has to run again
        /// because of another's writes.
        end: &'static str,
        /// The kind of a failure.
        reason: Option<&'static str>,
    },
    /// Its effects were written.
    Commit {
        /// What the event is after it: `done`, `retry` or `dead`.
        mark: &'static str,
        /// Sends among the effects.
        sends: usize,
        /// Stored values among them.
        values: usize,
        /// Timers among them.
        timers: usize,
    },
    /// A message waited in the outbox, also for the next try.
    OutboxWait(SendStep),
    /// A try to send it.
    Send {
        /// Which.
        send: SendStep,
        /// What the platform answered: `delivered`, `refused`, `in-doubt`, `not-sent` or `wait`; `given-up` where
        /// it was not asked again.
        outcome: &'static str,
    },
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendStep {
    /// Where it goes.
    pub connection: ConnectionName,
    /// Its place among the sends of its turn, counted from 0.
    pub index: u32,
    /// The try, counted from 1.
    pub attempt: u32,
}

/// What became of what was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Spans that the receiver took.
    pub exported: u64,
    /// Spans that had no room, or that the receiver did not take.
    pub dropped: u64,
}

/// Who listens to what happens to events. It is told in the middle of turns, so it does not wait.
pub trait Listener: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Moment;

    /// A step is over.
    fn tell(&self, step: Step);

    /// What became of what was told.
    fn counts(&self) -> Counts;
}

/// The ids of events, and who listens to what happens to them, if somebody does.
#[derive(Clone, Default)]
pub struct Traces {
    key: TraceKey,
    listener: Option<Arc<dyn Listener>>,
}

impl Traces {
    /// Ids only.
    pub fn unheard(key: TraceKey) -> Self {
        Self { key, listener: None }
    }

    /// Each step is told to `listener`.
    pub fn heard_by(key: TraceKey, listener: Arc<dyn Listener>) -> Self {
        Self { key, listener: Some(listener) }
    }

    /// What makes the ids.
    pub fn key(&self) -> TraceKey {
        self.key
    }

    /// The trace of an event.
    pub fn of(&self, event: InboxSeq) -> EventTrace {
        self.key.of(event)
    }

    /// Now; zero where nobody listens.
    pub fn now(&self) -> Moment {
        self.listener.as_ref().map_or(Moment(0), |listener| listener.now())
    }

    /// Tells a step, if somebody listens.
    pub fn tell(&self, event: InboxSeq, began: Moment, ended: Moment, what: impl FnOnce() -> What) {
        if let Some(listener) = &self.listener {
            listener.tell(Step { event, began, ended, what: what() });
        }
    }

    /// What became of what was told; `None` where nobody listens.
    pub fn counts(&self) -> Option<Counts> {
        self.listener.as_ref().map(|listener| listener.counts())
    }
}

#[cfg(test)]
mod tests;
