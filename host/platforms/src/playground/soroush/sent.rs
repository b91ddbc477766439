//! What bots sent: a log per bot, and a feed that follows it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use tokio::sync::watch;

use super::bot::Bot;
use super::settings::Limits;

/// One message that `sendMessage` accepted.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Its number among the messages that this bot sent, from 0.
    pub index: u64,
    /// When it was accepted.
    pub at: Instant,
    /// Whether the bot was meant to be told: false for the "in doubt" faults, which keep the message and
    /// never answer.
    pub answered: bool,
    /// The body of the request.
    pub json: Arc<Value>,
}

impl Sent {
    /// Whom it was sent to, without surrounding white space.
    #[must_use]
    pub fn to(&self) -> &str {
        self.text("to").trim()
    }

    /// `TEXT`, `FILE`, `LOCATION` or `CHANGE`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text("type")
    }

    /// The text or caption; empty when there is none.
    #[must_use]
    pub fn body(&self) -> &str {
        self.text("body")
    }

    /// The key of the file that it names, for [`SoroushServer::file`](super::SoroushServer::file).
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        Some(self.text("fileUrl")).filter(|key| self.kind() == "FILE" && !key.is_empty())
    }

    /// The same of its thumbnail.
    #[must_use]
    pub fn thumbnail(&self) -> Option<&str> {
        Some(self.text("thumbnailUrl")).filter(|key| self.kind() == "FILE" && !key.is_empty())
    }

    fn text(&self, member: &str) -> &str {
        self.json.get(member).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The log of one bot. It ends in an error when it is full, and is emptied by taking.
pub(super) struct SentLog {
    limits: Limits,
    log: VecDeque<Sent>,
    bytes: usize,
    next_index: u64,
}

impl SentLog {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, log: VecDeque::new(), bytes: 0, next_index: 0 }
    }

    /// Whether a body of this size can still be kept.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.log.len() < self.limits.sent && bytes <= self.limits.sent_bytes.saturating_sub(self.bytes)
    }

    pub(super) fn push(&mut self, json: Value, bytes: usize, answered: bool) {
        let index = self.next_index;
        self.next_index += 1;
        self.bytes += bytes;
        self.log.push_back(Sent { index, at: Instant::now(), answered, json: Arc::new(json) });
    }

    pub(super) fn len(&self) -> usize {
        self.log.len()
    }

    pub(super) fn total(&self) -> u64 {
        self.next_index
    }

    pub(super) fn all(&self) -> Vec<Sent> {
        self.log.iter().cloned().collect()
    }

    pub(super) fn take(&mut self) -> Vec<Sent> {
        self.bytes = 0;
        self.log.drain(..).collect()
    }

    /// The first message kept whose number is at least `index`.
    pub(super) fn at_or_after(&self, index: u64) -> Option<Sent> {
        let first = self.log.front()?.index;
        let position = usize::try_from(index.saturating_sub(first)).ok()?;
        self.log.get(position).cloned()
    }
}

/// Follows what one bot sends, from the moment of [`subscribe_sent`](super::SoroushServer::subscribe_sent) on.
///
/// It reads the log, so messages that [`take_sent`](super::SoroushServer::take_sent) removed before the feed came
/// to them are not seen by it.
pub struct SentFeed {
    bot: Arc<Bot>,
    next: u64,
    changed: watch::Receiver<u64>,
}

impl SentFeed {
    pub(super) fn new(bot: Arc<Bot>) -> Self {
        let changed = bot.sent_changed();
        let next = bot.outgoing().sent.total();
        Self { bot, next, changed }
    }

    /// The next message; `None` once the bot was removed or the server stopped.
    ///
    /// A call that is dropped has taken nothing.
    pub async fn next(&mut self) -> Option<Sent> {
        loop {
            self.changed.borrow_and_update();
            if let Some(sent) = self.bot.outgoing().sent.at_or_after(self.next) {
                self.next = sent.index + 1;
                return Some(sent);
            }
            if self.bot.is_gone() || self.changed.changed().await.is_err() {
                return None;
            }
        }
    }
}
