//! What the app sent: a log, and a feed that follows it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use tokio::sync::watch;

use super::buttons::Buttons;
use super::media::StoredFile;
use super::server::Shared;
use super::settings::Limits;
use super::world::Side;

/// One message that was accepted.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Its number among all that the app sent, from 0.
    pub index: u64,
    /// When it was accepted.
    pub at: Instant,
    /// The id of the message. The app is not told of it.
    pub message: String,
    /// The id of the conversation.
    pub conversation: String,
    /// Who speaks in it.
    pub by: SentBy,
    /// Its text; empty where it is a file.
    pub text: String,
    /// The uploaded file.
    pub file: Option<StoredFile>,
    /// The buttons that the person of the chatbot's conversation sees, or the one on whose behalf it was sent.
    pub buttons: Buttons,
    /// The buttons that the other side of a conversation about a post sees.
    pub receiver_buttons: Buttons,
    /// The body of the request.
    pub json: Arc<Value>,
}

/// Who speaks in a message that an app sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SentBy {
    /// The app's chatbot, to this person.
    Chatbot {
        /// The person's name.
        to: String,
    },
    /// A person, in a conversation about a post.
    Person {
        /// The person's name.
        name: String,
        /// Which side that is.
        side: Side,
        /// The post.
        post: String,
    },
}

/// All that was sent. It ends in an error when it is full, and is emptied by taking.
pub(super) struct SentLog {
    limits: Limits,
    log: VecDeque<(Sent, usize)>,
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

    /// Keeps a message under the next number.
    pub(super) fn push(&mut self, mut sent: Sent, bytes: usize) {
        sent.index = self.next_index;
        self.next_index += 1;
        self.bytes += bytes;
        self.log.push_back((sent, bytes));
    }

    pub(super) fn len(&self) -> usize {
        self.log.len()
    }

    pub(super) fn total(&self) -> u64 {
        self.next_index
    }

    pub(super) fn all(&self) -> Vec<Sent> {
        self.log.iter().map(|(sent, _)| sent.clone()).collect()
    }

    pub(super) fn take(&mut self) -> Vec<Sent> {
        self.bytes = 0;
        self.log.drain(..).map(|(sent, _)| sent).collect()
    }

    /// The first message kept whose number is at least `index`.
    pub(super) fn at_or_after(&self, index: u64) -> Option<&Sent> {
        let first = self.log.front()?.0.index;
        let position = usize::try_from(index.saturating_sub(first)).ok()?;
        self.log.get(position).map(|(sent, _)| sent)
    }
}

/// Follows what the app sends, from the moment of [`subscribe_sent`](super::DivarServer::subscribe_sent) on.
///
/// It reads the log, so messages that [`take_sent`](super::DivarServer::take_sent) removed before the feed came
/// to them are not seen by it.
pub struct SentFeed {
    shared: Arc<Shared>,
    next: u64,
    changed: watch::Receiver<u64>,
}

impl SentFeed {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let changed = shared.sent_changed();
        let next = shared.world().sent.total();
        Self { shared, next, changed }
    }

    /// The next message; `None` once the server stopped.
    ///
    /// A call that is dropped has taken nothing.
    pub async fn next(&mut self) -> Option<Sent> {
        loop {
            self.changed.borrow_and_update();
            if let Some(sent) = self.shared.world().sent.at_or_after(self.next).cloned() {
                self.next = sent.index + 1;
                return Some(sent);
            }
            if self.shared.has_stopped() || self.changed.changed().await.is_err() {
                return None;
            }
        }
    }
}
