//! The joint to the sandbox: a loaded plugin runs turns, and a turn always ends in one of the ways
//! named here.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use serde::Serialize;

use crate::egress;
pub use crate::limits::Limits;
use crate::turn::Turn;

/// A plugin that is loaded for a bot: one generation of it.
pub trait Plugin: Send + Sync + 'static {
    /// Runs one turn. Whatever the plugin does, the future resolves within the bot's wall-clock
    /// limit, and the effects are in the turn that comes back. Dropping it ends the turn.
    fn run(&self, turn: Turn) -> BoxFuture<'_, Ended>;

    /// The SHA-256 of the component, in hex.
    fn digest(&self) -> &str;

    /// The version that its manifest names; empty where it names none.
    fn version(&self) -> &str {
        ""
    }

    /// True if it wants to bring the values of a build before it into its own shape.
    fn has_migration(&self) -> bool {
        false
    }

    /// Runs that once, for values that a build of the version `from` left. Bounded like [`run`](Self::run), and
    /// the effects are in the turn that comes back; a refusal of the plugin is a [`TurnResult::Reject`].
    fn migrate(&self, turn: Turn, _from: String) -> BoxFuture<'_, Ended> {
        Box::pin(async {
            Ended { turn, result: TurnResult::Done, time: Duration::ZERO, cpu: Duration::ZERO, memory: 0 }
        })
    }

    /// Told when it is not to get turns any more, and when it is after that: what it keeps for them may go.
    fn waits_for_turns(&self, _waits: bool) {}
}

/// A turn that is over.
pub struct Ended {
    /// The turn, with what it buffered.
    pub turn: Turn,
    /// How it ended.
    pub result: TurnResult,
    /// Time that it took, waiting included.
    pub time: Duration,
    /// Processor time that it took.
    pub cpu: Duration,
    /// Bytes of memory that it had at the end.
    pub memory: u64,
}

/// How much of a sandbox's room for instances is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolUse {
    /// Instances that there are: those of turns, and those that wait for another turn of their bot.
    pub instances: u64,
    /// Instances that there may be.
    pub places: u64,
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

impl TurnResult {
    /// How it ended, as one word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retry(_) => "retry",
            Self::Reject(_) => "reject",
            Self::Failed(_) => "failed",
        }
    }
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
    /// The operator ended it.
    Killed,
}

impl Reason {
    /// Every kind, for tables.
    pub const ALL: [Self; 9] = [
        Self::Cpu,
        Self::Wall,
        Self::Memory,
        Self::Stack,
        Self::Panic,
        Self::Quota,
        Self::Denied,
        Self::Host,
        Self::Killed,
    ];

    /// True if it says something about the bot, and counts as a try of its event.
    pub fn is_the_bots(self) -> bool {
        !matches!(self, Self::Host | Self::Killed)
    }

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
            Self::Killed => "killed",
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
    /// Events that it sends to itself.
    pub timers: bool,
    /// Bytes of files on the platform.
    pub files: bool,
    /// Requests to the hosts that the operator lists.
    pub http: bool,
    /// What only Divar can do, of the bot's connections to it.
    pub divar: bool,
    /// Reading its own configuration.
    pub config: bool,
    /// Writing to the host's log.
    pub logging: bool,
}

impl Default for Grants {
    /// What harms nobody: its own configuration and bounded log lines.
    fn default() -> Self {
        Self {
            messenger: false,
            keyvalue: false,
            timers: false,
            files: false,
            http: false,
            divar: false,
            config: true,
            logging: true,
        }
    }
}

impl Grants {
    /// The name of every grant.
    pub const NAMES: [&str; 8] = ["messenger", "keyvalue", "timers", "files", "http", "divar", "config", "logging"];

    /// True if the grant of this name is given.
    pub fn has(&self, name: &str) -> bool {
        let mut grants = *self;
        grants.get_mut(name).is_some_and(|grant| *grant)
    }

    /// The grant of this name; `None` if there is no such grant.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut bool> {
        Some(match name {
            "messenger" => &mut self.messenger,
            "keyvalue" => &mut self.keyvalue,
            "timers" => &mut self.timers,
            "files" => &mut self.files,
            "http" => &mut self.http,
            "divar" => &mut self.divar,
            "config" => &mut self.config,
            "logging" => &mut self.logging,
            _ => return None,
        })
    }
}

/// What a plugin is loaded with.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// What the bot may do.
    pub grants: Grants,
    /// How much it may use.
    pub limits: Limits,
    /// What it is told of itself.
    pub config: BotConfig,
    /// What it may ask of other servers, if it may ask any.
    pub http: Arc<egress::Policy>,
    /// The version that the plugin's manifest names; empty where it names none.
    pub version: String,
}

/// What the operator configured for a bot, as its `wasi:config` shows it.
pub type BotConfig = BTreeMap<String, String>;
