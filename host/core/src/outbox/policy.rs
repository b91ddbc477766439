//! How a connection sends, as the operator and the platform's page have it.

use std::time::Duration;

use crate::pace::Rate;

/// What to do with a send of which nobody knows whether it arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDoubt {
    /// Send it again: the person may read it twice.
    #[default]
    Resend,
    /// Drop it: the person may never read it; the bot is told.
    Drop,
}

/// How a connection sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The pace of the whole connection.
    pub connection: Rate,
    /// The pace of one chat.
    pub chat: Rate,
    /// Sends under way at once.
    pub at_once: usize,
    /// What to do with a send in doubt.
    pub on_doubt: OnDoubt,
    /// The wait after the first failed try; it doubles with each further one.
    pub backoff: Duration,
    /// The longest wait between tries.
    pub longest_backoff: Duration,
    /// How long a send is tried before it is given up.
    pub give_up: Duration,
    /// Sends of one bot that may wait for one chat. A bot that sends more is asked to wait, and a
    /// chat for which so much waits gets no further turns of it until some has gone: a chat that is
    /// written to faster than the platform takes it holds up itself only.
    pub waiting_chat: usize,
    /// Sends of one bot that may wait for all chats.
    pub waiting: usize,
}
