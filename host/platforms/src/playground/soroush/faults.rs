//! What can be made to go wrong. Everything is off when a server starts.

use std::collections::VecDeque;
use std::time::Duration;

use super::framing::Framing;

/// What is wrong with streams: applies to those that stand and to those that come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamFaults {
    /// The form of the events. The content type follows it from the next connection on.
    pub framing: Framing,
    /// Every message is written twice in a row.
    pub duplicates: bool,
    /// Each connection ends after a number of messages.
    pub cut: Option<StreamCut>,
    /// Nothing is written any more, not even a heartbeat, and the connection stands: a line that died without
    /// notice. Messages stay in the queue.
    pub frozen: bool,
}

/// Where and how a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamCut {
    /// After this many messages on one connection; heartbeats do not count.
    pub after: u64,
    /// In which way.
    pub end: StreamEnd,
}

/// In which way a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// The body ends as HTTP wants it.
    Clean,
    /// The TCP connection is closed in the middle of the body.
    Reset,
    /// One more message is written by half, then the TCP connection is closed. Waits for that message.
    Torn,
}

/// What happens to a `sendMessage` whose body is in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendFault {
    /// It is not accepted; the answer has this HTTP status (500 if it is no status at all).
    Status {
        /// The status code.
        code: u16,
        /// The `Retry-After` header, in whole seconds.
        retry_after: Option<Duration>,
    },
    /// It is not accepted; the answer has this result.
    Result {
        /// The `resultCode`.
        code: i64,
        /// The `resultMessage`.
        message: String,
    },
    /// It is accepted and the answer is HTTP 200 with this body, which need not be JSON.
    Body(String),
    /// No answer ever comes.
    Hang {
        /// Whether the message was accepted: if so, the bot is in doubt.
        accepted: bool,
    },
    /// The connection is closed without an answer.
    Close {
        /// Whether the message was accepted: if so, the bot is in doubt.
        accepted: bool,
    },
}

/// A call other than `sendMessage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Opening a stream.
    GetMessage,
    /// Sending a file to the server.
    UploadFile,
    /// Getting a file from the server.
    DownloadFile,
}

/// The faults of one server.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) streams: StreamFaults,
    pub(super) answer_delay: Duration,
    sends: VecDeque<(usize, SendFault)>,
    refusals: Vec<(Call, usize, u16)>,
}

impl Faults {
    pub(super) fn plan_sends(&mut self, count: usize, fault: SendFault) {
        if count > 0 {
            self.sends.push_back((count, fault));
        }
    }

    pub(super) fn next_send(&mut self) -> Option<SendFault> {
        let (left, fault) = self.sends.front_mut()?;
        *left -= 1;
        if *left == 0 { self.sends.pop_front().map(|(_, fault)| fault) } else { Some(fault.clone()) }
    }

    pub(super) fn plan_refusals(&mut self, call: Call, count: usize, status: u16) {
        if count > 0 {
            self.refusals.push((call, count, status));
        }
    }

    /// The status with which this call is refused, if it is.
    pub(super) fn next_refusal(&mut self, call: Call) -> Option<u16> {
        let position = self.refusals.iter().position(|(planned, ..)| *planned == call)?;
        let (_, left, status) = self.refusals.get_mut(position)?;
        let status = *status;
        *left -= 1;
        if *left == 0 {
            self.refusals.remove(position);
        }
        Some(status)
    }
}
