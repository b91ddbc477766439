//! The board: what is under way, since when, and what becomes of it.
//!
//! Each message carries a number in its text, which the echo carries back, so whoever sees an
//! event or a reply can look up when it came, without a table that would cost more than what is
//! measured.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hodhod_bench::rounds::percentile;
use hodhod_core::event::{Content, Event, Message};
use hodhod_core::outgoing::{Body, Outgoing};
use tokio::sync::mpsc::UnboundedSender;

/// Messages whose times are remembered. Far more than are ever under way.
const SLOTS: usize = 1 << 17;

/// Digits of a number in a text.
const DIGITS: usize = 8;

/// What a person writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A numbered text of 200 bytes, after a word for the bot. Its time is taken.
    Numbered(&'static str),
    /// A command. Nobody waits for it.
    Command(&'static str),
}

/// A message that has come and was not read yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Letter {
    pub(crate) number: u32,
    pub(crate) chat: u32,
    pub(crate) what: What,
}

/// When a message counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Its turn is committed, with the reply in the outbox.
    InOutbox,
    /// The end of the reply's delivery is recorded too.
    Delivered,
}

/// What is under way. Times are nanoseconds after `zero`.
pub(crate) struct Board {
    zero: Instant,
    goal: Goal,
    came: Box<[AtomicU64]>,
    stored: Box<[AtomicU64]>,
    /// The message whose reply is in this outbox row.
    by_row: Box<[AtomicU32]>,
    next: AtomicU32,
    measured: AtomicU64,
    done: AtomicU64,
    /// Where messages arrive, one for each connection.
    mailboxes: Vec<UnboundedSender<Letter>>,
    chats: u32,
    /// True where each message that is done is followed by another.
    closed_loop: AtomicBool,
    recording: AtomicBool,
    record: Mutex<Vec<Times>>,
}

#[derive(Clone, Copy, Debug)]
struct Times {
    to_inbox: u64,
    to_end: u64,
}

impl Board {
    /// A board for messages of `chats` chats per connection, which go into `mailboxes`.
    pub(crate) fn new(goal: Goal, mailboxes: Vec<UnboundedSender<Letter>>, chats: u32) -> Self {
        let slots = || (0..SLOTS).map(|_| AtomicU64::new(0)).collect();
        Self {
            zero: Instant::now(),
            goal,
            came: slots(),
            stored: slots(),
            by_row: (0..SLOTS).map(|_| AtomicU32::new(0)).collect(),
            next: AtomicU32::new(0),
            measured: AtomicU64::new(0),
            done: AtomicU64::new(0),
            mailboxes,
            chats,
            closed_loop: AtomicBool::new(false),
            recording: AtomicBool::new(false),
            record: Mutex::default(),
        }
    }

    pub(crate) fn goal(&self) -> Goal {
        self.goal
    }

    /// Lets a numbered message come, in whatever chat is next.
    pub(crate) fn write(&self) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let connections = u32::try_from(self.mailboxes.len()).unwrap_or(u32::MAX).max(1);
        let (connection, chat) = (number % connections, number / connections % self.chats);
        self.send(connection, Letter { number, chat, what: What::Numbered("") });
    }

    /// Lets something come on a connection, in a chat.
    pub(crate) fn write_to(&self, connection: u32, chat: u32, what: What) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.send(connection, Letter { number, chat, what });
    }

    fn send(&self, connection: u32, letter: Letter) {
        if let What::Numbered(_) = letter.what {
            self.measured.fetch_add(1, Ordering::Relaxed);
            slot(&self.came, letter.number).store(self.now(), Ordering::Relaxed);
        }
        if let Some(mailbox) = self.mailboxes.get(connection as usize) {
            // A mailbox that is gone means that the measurement is over.
            let _gone = mailbox.send(letter);
        }
    }

    /// Keeps so many messages under way from now on.
    pub(crate) fn keep_in_flight(&self, messages: u32) {
        self.closed_loop.store(true, Ordering::Relaxed);
        for _ in 0..messages {
            self.write();
        }
    }

    /// Lets nothing follow what is done.
    pub(crate) fn let_end(&self) {
        self.closed_loop.store(false, Ordering::Relaxed);
    }

    /// Numbered messages under way.
    pub(crate) fn under_way(&self) -> u64 {
        self.measured.load(Ordering::Relaxed).saturating_sub(self.done.load(Ordering::Relaxed))
    }

    /// These events are durable.
    pub(crate) fn stored(&self, numbers: &[u32]) {
        let now = self.now();
        for number in numbers {
            slot(&self.stored, *number).store(now, Ordering::Relaxed);
        }
    }

    /// The reply to a message is in this row.
    pub(crate) fn in_row(&self, number: u32, row: u64) {
        if let Some(place) = self.by_row.get(place(row)) {
            place.store(number, Ordering::Relaxed);
        }
    }

    /// The message whose reply was in this row.
    pub(crate) fn of_row(&self, row: u64) -> u32 {
        self.by_row.get(place(row)).map_or(0, |place| place.load(Ordering::Relaxed))
    }

    /// These messages are done.
    pub(crate) fn finish(&self, numbers: impl ExactSizeIterator<Item = u32>) {
        let (now, many) = (self.now(), numbers.len());
        if self.recording.load(Ordering::Relaxed) {
            let mut record = self.record();
            for number in numbers {
                let came = slot(&self.came, number).load(Ordering::Relaxed);
                let stored = slot(&self.stored, number).load(Ordering::Relaxed);
                record.push(Times { to_inbox: stored.saturating_sub(came), to_end: now.saturating_sub(came) });
            }
        }
        self.done.fetch_add(many as u64, Ordering::Relaxed);
        if self.closed_loop.load(Ordering::Relaxed) {
            for _ in 0..many {
                self.write();
            }
        }
    }

    /// Measures while something goes on.
    pub(crate) async fn record_during(&self, work: impl Future<Output = ()>) -> Figures {
        self.recording.store(true, Ordering::Relaxed);
        let began = Instant::now();
        work.await;
        self.recording.store(false, Ordering::Relaxed);
        let taken = began.elapsed();
        Figures::of(&std::mem::take(&mut *self.record()), taken)
    }

    /// Waits until every numbered message that came is done.
    pub(crate) async fn all_done(&self) {
        while self.under_way() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.zero.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn record(&self) -> MutexGuard<'_, Vec<Times>> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX) % SLOTS
}

fn slot(slots: &[AtomicU64], number: u32) -> &AtomicU64 {
    &slots[number as usize % SLOTS]
}

/// What was seen in some time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    /// Messages that were done.
    pub(crate) messages: u64,
    /// Messages a second.
    pub(crate) rate: f64,
    /// Nanoseconds until they were durable, in order.
    pub(crate) to_inbox: Vec<u64>,
    /// Nanoseconds until they were done, in order.
    pub(crate) to_end: Vec<u64>,
}

impl Figures {
    fn of(record: &[Times], taken: Duration) -> Self {
        let sorted = |of: fn(&Times) -> u64| {
            let mut all: Vec<u64> = record.iter().map(of).collect();
            all.sort_unstable();
            all
        };
        Self {
            messages: record.len() as u64,
            rate: record.len() as f64 / taken.as_secs_f64(),
            to_inbox: sorted(|times| times.to_inbox),
            to_end: sorted(|times| times.to_end),
        }
    }

    /// Milliseconds until a message was done.
    pub(crate) fn ms(&self, percent: f64) -> f64 {
        percentile(&self.to_end, percent) as f64 / 1e6
    }

    /// Milliseconds until a message was durable.
    pub(crate) fn inbox_ms(&self, percent: f64) -> f64 {
        percentile(&self.to_inbox, percent) as f64 / 1e6
    }
}

/// The number that a text begins with.
fn number(text: &str) -> Option<u32> {
    text.get(..DIGITS)?.parse().ok()
}

/// The number of the message that an event is.
pub(crate) fn of_event(event: &Event) -> Option<u32> {
    let Event::Message(Message { content: Content::Text(text), .. }) = event else { return None };
    // A word for the bot may stand before it.
    number(text).or_else(|| number(text.split_once(' ')?.1))
}

/// The number of the message that a reply is to.
pub(crate) fn of_reply(message: &Outgoing) -> Option<u32> {
    let Body::Text(text) = &message.body else { return None };
    number(text)
}
