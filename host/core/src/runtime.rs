//! The joint to the sandbox: a loaded plugin runs turns, and a turn always ends in one of the ways
//! named here.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;
use serde::Serialize;

use crate::turn::Turn;

/// A plugin that is loaded for a bot: one generation of it.
pub trait Plugin: Send + Sync + 'static {
    /// Runs one turn. Whatever the plugin does, the future resolves within the bot's wall-clock
    /// limit, and the effects are in the turn that comes back. Dropping it ends the turn.
    fn run(&self, turn: Turn) -> BoxFuture<'_, Ended>;

    /// The SHA-256 of the component, in hex.
    fn digest(&self) -> &str;
}

/// A turn that is over.
pub struct Ended {
    /// The turn, with what it buffered.
    pub turn: Turn,
    /// How it ended.
    pub result: TurnResult,
    /// Processor time that it took.
    pub cpu: Duration,
    /// Bytes of memory that it had at the end.
    pub memory: u64,
}

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TurnResult {
    /// The bot handled the event.
    Done,
    /// The bot asks for the event again, after this time.
    Retry(Duration),
    /// The bot can never handle the event, for this reason.
    Reject(String),
    /// The bot did not come to an end by itself.
    Failed(Failure),
}

/// Why a turn did not come to an end by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind.
    pub reason: Reason,
    /// More, for a person; cleaned of control characters.
    pub detail: String,
}

impl Failure {
    /// A failure of the host itself, which is no try of the bot.
    pub fn host(error: impl fmt::Display) -> Self {
        Self { reason: Reason::Host, detail: error.to_string() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.detail)
    }
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It used more processor time than it may.
    Cpu,
    /// It took longer than it may, waiting included.
    Wall,
    /// It wanted more memory than it may have.
    Memory,
    /// It nested its calls too deeply.
    Stack,
    /// It gave up: a panic, an abort, an instruction that cannot be.
    Panic,
    /// It used more of the host than it may.
    Quota,
    /// It did what was not granted in a way that has no error value.
    Denied,
    /// The host failed it: the store could not be read.
    Host,
}

impl Reason {
    /// Every kind, for tables.
    pub const ALL: [Self; 8] =
        [Self::Cpu, Self::Wall, Self::Memory, Self::Stack, Self::Panic, Self::Quota, Self::Denied, Self::Host];

    /// The kind's name in logs, metrics and dead letters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Wall => "wall",
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::Panic => "panic",
            Self::Quota => "quota",
            Self::Denied => "denied",
            Self::Host => "host",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the operator allows a bot. Its own configuration and log lines are allowed unless they are
/// taken away; everything else is refused unless it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Grants {
    /// Writing to conversations.
    pub messenger: bool,
    /// Stored values.
    pub keyvalue: bool,
    /// Reading its own configuration.
    pub config: bool,
    /// Writing to the host's log.
    pub logging: bool,
}

impl Default for Grants {
    /// What harms nobody: its own configuration and bounded log lines.
    fn default() -> Self {
        Self { messenger: false, keyvalue: false, config: true, logging: true }
    }
}

/// How much a bot may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory a turn may have, tables included.
    pub memory: u64,
    /// Processor time of a turn.
    pub cpu: Duration,
    /// Time of a turn from start to end.
    pub wall: Duration,
    /// Turns of the bot that may be under way at once.
    pub turns: usize,
    /// Messages a turn may send.
    pub sends: usize,
    /// Different values a turn may read.
    pub reads: usize,
    /// Values a turn may write.
    pub writes: usize,
    /// Bytes a turn may buffer: messages, values and keys together.
    pub buffer: usize,
    /// Bytes of one stored value.
    pub value: usize,
    /// Bytes of one key.
    pub key: usize,
    /// Log lines of one turn.
    pub log_lines: usize,
    /// Bytes of one log line.
    pub log_line: usize,
    /// Events that may wait in one chat.
    pub waiting_chat: usize,
    /// Events that may wait in all chats.
    pub waiting: usize,
    /// Tries of an event before it becomes a dead letter.
    pub attempts: u32,
    /// The wait after the first failed try; it doubles with each further one.
    pub backoff: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 32 << 20,
            cpu: Duration::from_millis(100),
            wall: Duration::from_secs(5),
            turns: 64,
            sends: 32,
            reads: 1024,
            writes: 256,
            buffer: 1 << 20,
            value: 64 << 10,
            key: 256,
            log_lines: 64,
            log_line: 4 << 10,
            waiting_chat: 10_000,
            waiting: 100_000,
            attempts: 5,
            backoff: Duration::from_secs(1),
        }
    }
}

/// What the operator configured for a bot, as its `wasi:config` shows it.
pub type BotConfig = BTreeMap<String, String>;
