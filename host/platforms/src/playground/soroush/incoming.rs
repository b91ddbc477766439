//! What people wrote to one bot: the queue in front of its connection, and the log of what left it.
//!
//! The queue is a FIFO that only its head leaves, so the log needs no entry per message: messages are
//! numbered from 0, and each connection took one range of numbers.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use super::error::Error;
use super::faults::StreamEnd;
use super::settings::Limits;

/// How many connections of one token the log remembers; the oldest are forgotten first.
const REMEMBERED_CONNECTIONS: usize = 4096;

/// A message that was put into the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posted {
    /// Its number among the messages to this bot, from 0.
    pub index: u64,
    /// Its `time`, milliseconds since 1970: different for every message of a bot.
    pub time: u64,
}

/// What happened to the messages of one bot so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireLog {
    /// How many messages were ever put into the queue.
    pub posted: u64,
    /// How many of them left it: message `n` was handed to a connection if `n < written`.
    pub written: u64,
    /// The connections, oldest first.
    pub connections: Vec<Connection>,
}

impl WireLog {
    /// The messages handed to connections that have ended since: those which may never have arrived.
    pub fn written_to_ended(&self) -> impl Iterator<Item = u64> + '_ {
        self.connections.iter().filter(|connection| !connection.open).flat_map(|connection| connection.written.clone())
    }
}

/// One getMessage connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its number among the connections of this bot, from 1.
    pub id: u64,
    /// Whether it came over `/v2/`.
    pub v2: bool,
    /// Whether it still stands.
    pub open: bool,
    /// The messages that were handed to it. A message that was cut in the middle counts as handed over.
    pub written: Range<u64>,
}

/// What a connection finds in the queue.
pub(super) enum Taken {
    /// Messages in order, the number of the first one.
    Messages(u64, Vec<Box<str>>),
    Nothing,
    /// This connection shall end.
    End(StreamEnd),
}

pub(super) struct Incoming {
    limits: Limits,
    queue: VecDeque<Box<str>>,
    queued_bytes: usize,
    /// The number of the head of the queue: everything below it was written.
    written: u64,
    last_time: u64,
    connections: VecDeque<Connection>,
    last_connection: u64,
    /// The connection that gets the messages, if one stands.
    consumer: Option<u64>,
    /// How the consumer was asked to end.
    asked_to_end: Option<StreamEnd>,
}

impl Incoming {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            queue: VecDeque::new(),
            queued_bytes: 0,
            written: 0,
            last_time: 0,
            connections: VecDeque::new(),
            last_connection: 0,
            consumer: None,
            asked_to_end: None,
        }
    }

    /// Queues one message, which `render` writes for its `time`.
    pub(super) fn post(&mut self, render: impl FnOnce(u64) -> String) -> Result<Posted, Error> {
        if self.queue.len() >= self.limits.queued {
            return Err(Error::QueueFull { limit: self.limits.queued });
        }
        let time = now_ms().max(self.last_time.saturating_add(1));
        let json = render(time);
        if json.len() > self.limits.message_bytes {
            return Err(Error::MessageTooLarge { size: json.len(), limit: self.limits.message_bytes });
        }
        if json.len() > self.limits.queued_bytes.saturating_sub(self.queued_bytes) {
            return Err(Error::QueueBytesFull { limit: self.limits.queued_bytes });
        }
        let index = self.posted();
        self.last_time = time;
        self.queued_bytes += json.len();
        self.queue.push_back(json.into_boxed_str());
        Ok(Posted { index, time })
    }

    fn posted(&self) -> u64 {
        self.written + self.queue.len() as u64
    }

    /// A new connection takes over; whoever was the consumer is not any more.
    pub(super) fn open(&mut self, v2: bool) -> u64 {
        self.last_connection += 1;
        let id = self.last_connection;
        self.consumer = Some(id);
        self.asked_to_end = None;
        if self.connections.len() == REMEMBERED_CONNECTIONS {
            self.connections.pop_front();
        }
        self.connections.push_back(Connection { id, v2, open: true, written: self.written..self.written });
        id
    }

    /// The connection is gone.
    pub(super) fn close(&mut self, id: u64) {
        if self.consumer == Some(id) {
            self.consumer = None;
        }
        if let Some(connection) = self.connection(id) {
            connection.open = false;
        }
    }

    pub(super) fn ask_to_end(&mut self, end: StreamEnd) {
        self.asked_to_end = Some(end);
    }

    /// What the connection shall do now. A message that is taken counts as written.
    pub(super) fn take(&mut self, id: u64, count: usize, bytes: usize) -> Taken {
        if self.consumer != Some(id) {
            return Taken::End(StreamEnd::Clean);
        }
        if let Some(end) = self.asked_to_end.take() {
            return Taken::End(end);
        }
        let mut size = 0;
        let mut messages = Vec::new();
        while messages.len() < count && size < bytes {
            let Some(json) = self.queue.pop_front() else { break };
            size += json.len();
            messages.push(json);
        }
        if messages.is_empty() {
            return Taken::Nothing;
        }
        let first = self.written;
        self.queued_bytes -= size;
        self.written += messages.len() as u64;
        let written = self.written;
        if let Some(connection) = self.connection(id) {
            if connection.written.is_empty() {
                connection.written.start = first;
            }
            connection.written.end = written;
        }
        Taken::Messages(first, messages)
    }

    pub(super) fn written(&self) -> u64 {
        self.written
    }

    pub(super) fn connected(&self) -> Option<u64> {
        self.consumer
    }

    /// How many connections there were.
    pub(super) fn connections(&self) -> u64 {
        self.last_connection
    }

    pub(super) fn log(&self) -> WireLog {
        WireLog {
            posted: self.posted(),
            written: self.written,
            connections: self.connections.iter().cloned().collect(),
        }
    }

    fn connection(&mut self, id: u64) -> Option<&mut Connection> {
        let first = self.connections.front()?.id;
        let position = usize::try_from(id.checked_sub(first)?).ok()?;
        self.connections.get_mut(position)
    }
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
