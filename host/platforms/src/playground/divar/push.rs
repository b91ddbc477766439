//! What is asked of the app's server, and what it answers: a record of each, and the lanes in which events wait.
//!
//! Events of one conversation are in one lane: the next one is pushed when the one before it was answered with 200,
//! or given up. Lanes go side by side, on as many connections as the settings say.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;

use super::error::Error;
use super::settings::Limits;

/// How many attempts a record remembers, the newest ones.
const REMEMBERED_ATTEMPTS: usize = 16;

/// Something that was asked of the app's server.
#[derive(Debug, Clone)]
pub struct Push {
    /// Its number, from 0.
    pub index: u64,
    /// What kind of request it is.
    pub kind: PushKind,
    /// The conversation that it belongs to, if it does.
    pub conversation: Option<String>,
    /// The body.
    pub body: Bytes,
    /// When it came to be.
    pub at: Instant,
    /// How often it was asked.
    pub tries: u32,
    /// The newest attempts, oldest first.
    pub attempts: VecDeque<Attempt>,
    /// How far it is.
    pub state: PushState,
}

impl Push {
    /// The body, read. Null where it is no JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The last answer: its status and its body.
    #[must_use]
    pub fn answer(&self) -> Option<(u16, &Bytes)> {
        match &self.attempts.back()?.outcome {
            Outcome::Answered { status, body } => Some((*status, body)),
            Outcome::Failed(_) => None,
        }
    }
}

/// The address to which something goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushKind {
    /// An event.
    Event,
    /// The beginning of a session.
    Session,
    /// A dynamic action.
    Action,
}

/// How far a push is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushState {
    /// It was not answered with 200 so far.
    Waiting,
    /// It was answered with 200.
    Delivered,
    /// It was not, and is not tried again.
    GivenUp,
    /// It was lost on purpose.
    Lost,
}

/// One attempt.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// When it began.
    pub at: Instant,
    /// How long it took until the answer was there, or the failure.
    pub took: Duration,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// There was an answer.
    Answered {
        /// Its HTTP status.
        status: u16,
        /// Its body, as far as the limit.
        body: Bytes,
    },
    /// There was none, for this reason.
    Failed(String),
}

/// How many events are how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PushCounts {
    /// Not answered so far.
    pub waiting: u64,
    /// Answered with 200.
    pub delivered: u64,
    /// Given up.
    pub given_up: u64,
    /// Lost on purpose.
    pub lost: u64,
}

/// An event in its lane.
pub(super) struct Job {
    pub(super) index: u64,
    pub(super) body: Bytes,
    pub(super) delay: Duration,
}

pub(super) struct Pushes {
    limits: Limits,
    log: VecDeque<Push>,
    next: u64,
    counts: PushCounts,
    /// Those in which something waits or is under way.
    lanes: HashMap<String, VecDeque<Job>>,
}

impl Pushes {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, log: VecDeque::new(), next: 0, counts: PushCounts::default(), lanes: HashMap::new() }
    }

    /// Whether so many events more may wait.
    pub(super) fn check_room(&self, more: usize) -> Result<(), Error> {
        let waiting = usize::try_from(self.counts.waiting).unwrap_or(usize::MAX);
        if waiting.saturating_add(more) > self.limits.waiting {
            return Err(Error::Full { what: "events that wait", limit: self.limits.waiting });
        }
        Ok(())
    }

    /// Puts an event into its lane. `true` if nobody works on the lane, so that somebody must from now on.
    pub(super) fn enqueue(&mut self, lane: &str, conversation: Option<&str>, body: Bytes, delay: Duration) -> bool {
        let index = self.record(PushKind::Event, conversation, body.clone());
        self.counts.waiting += 1;
        let job = Job { index, body, delay };
        match self.lanes.get_mut(lane) {
            Some(waiting) => {
                waiting.push_back(job);
                false
            }
            None => {
                self.lanes.insert(lane.to_owned(), VecDeque::from([job]));
                true
            }
        }
    }

    /// An event that is lost on purpose.
    pub(super) fn lose(&mut self, conversation: Option<&str>, body: Bytes) {
        let index = self.record(PushKind::Event, conversation, body);
        self.counts.lost += 1;
        if let Some(push) = self.find(index) {
            push.state = PushState::Lost;
        }
    }

    /// The next event of a lane. `None` ends the work on it.
    pub(super) fn take(&mut self, lane: &str) -> Option<Job> {
        let job = self.lanes.get_mut(lane)?.pop_front();
        if job.is_none() {
            self.lanes.remove(lane);
        }
        job
    }

    /// Remembers a request, and forgets the oldest if there are too many.
    pub(super) fn record(&mut self, kind: PushKind, conversation: Option<&str>, body: Bytes) -> u64 {
        while self.log.len() >= self.limits.pushes.max(1) {
            self.log.pop_front();
        }
        let index = self.next;
        self.next += 1;
        self.log.push_back(Push {
            index,
            kind,
            conversation: conversation.map(str::to_owned),
            body,
            at: Instant::now(),
            tries: 0,
            attempts: VecDeque::new(),
            state: PushState::Waiting,
        });
        index
    }

    /// Notes an attempt on a request.
    pub(super) fn tried(&mut self, index: u64, attempt: Attempt) {
        if let Some(push) = self.find(index) {
            push.tries += 1;
            if push.attempts.len() == REMEMBERED_ATTEMPTS {
                push.attempts.pop_front();
            }
            push.attempts.push_back(attempt);
        }
    }

    /// Notes the end of an event.
    pub(super) fn end_event(&mut self, index: u64, delivered: bool) {
        self.counts.waiting = self.counts.waiting.saturating_sub(1);
        if delivered {
            self.counts.delivered += 1;
        } else {
            self.counts.given_up += 1;
        }
        self.end(index, delivered);
    }

    /// Notes the end of any request.
    pub(super) fn end(&mut self, index: u64, delivered: bool) {
        if let Some(push) = self.find(index) {
            push.state = if delivered { PushState::Delivered } else { PushState::GivenUp };
        }
    }

    pub(super) fn counts(&self) -> PushCounts {
        self.counts
    }

    pub(super) fn total(&self) -> u64 {
        self.next
    }

    pub(super) fn all(&self) -> Vec<Push> {
        self.log.iter().cloned().collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Push> {
        self.log.iter()
    }

    /// Takes those that have ended.
    pub(super) fn take_ended(&mut self) -> Vec<Push> {
        // The log is found by number, so what waits keeps those behind it.
        let ended = self.log.iter().take_while(|push| push.state != PushState::Waiting).count();
        self.log.drain(..ended).collect()
    }

    fn find(&mut self, index: u64) -> Option<&mut Push> {
        let first = self.log.front()?.index;
        let position = usize::try_from(index.checked_sub(first)?).ok()?;
        self.log.get_mut(position)
    }
}
