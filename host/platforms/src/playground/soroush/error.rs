//! What the people's side of the server can be told instead of an answer.

use std::time::Duration;

/// Why a call on the server had no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No bot is registered under the token. The token itself is not repeated.
    #[error("no bot is registered under this token")]
    UnknownBot,
    /// The messages that wait for a connection reached their limit.
    #[error("{limit} messages wait for the bot already")]
    QueueFull {
        /// [`Limits::queued`](super::Limits::queued).
        limit: usize,
    },
    /// The messages that wait for a connection reached their limit in bytes.
    #[error("the messages that wait for the bot fill {limit} bytes already")]
    QueueBytesFull {
        /// [`Limits::queued_bytes`](super::Limits::queued_bytes).
        limit: usize,
    },
    /// One message is too large.
    #[error("a message of {size} bytes is over the limit of {limit}")]
    MessageTooLarge {
        /// The size of its JSON.
        size: usize,
        /// [`Limits::message_bytes`](super::Limits::message_bytes).
        limit: usize,
    },
    /// Too many different people talk to one bot.
    #[error("{limit} people talk to the bot already")]
    TooManyPeople {
        /// [`Limits::people`](super::Limits::people).
        limit: usize,
    },
    /// The file store has no room.
    #[error("a file of {size} bytes does not fit: {reason}")]
    FilesFull {
        /// The size of the file.
        size: usize,
        /// Which limit it ran into.
        reason: &'static str,
    },
    /// What was waited for did not happen in time.
    #[error("not seen within {waited:?}; seen so far: {seen}")]
    TimedOut {
        /// How long the wait was.
        waited: Duration,
        /// How many of them had been seen.
        seen: u64,
    },
}
