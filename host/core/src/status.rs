//! What a host says of itself: one snapshot that the command line, the HTTP side and the metrics
//! all print from.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::bot::LastFailure;
use crate::generations::Record;
use crate::health::Report;
use crate::host::Host;
use crate::ids::{BotName, ConnectionName};
use crate::store::{StoreError, Totals};
use crate::time::{Millis, whole_millis};

/// A snapshot of a host.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// The program's version.
    pub version: &'static str,
    /// When the host started.
    pub started: Millis,
    /// When the snapshot was taken.
    pub now: Millis,
    /// What came of the newest look at the configuration.
    pub configuration: Configuration,
    /// Turns under way.
    pub turns_under_way: usize,
    /// What the store has counted and holds.
    pub totals: Totals,
    /// The bots, by name.
    pub bots: Vec<BotStatus>,
    /// The connections, in the order of the configuration.
    pub connections: Vec<ConnectionStatus>,
}

/// What came of a look at the configuration, in words for the operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Configuration {
    /// When.
    pub read: Millis,
    /// Why nothing of it was taken, where nothing was.
    pub refused: Vec<String>,
    /// What of it takes a restart of the host.
    pub pending: Vec<String>,
}

/// A snapshot of a bot. Counts are since the host started.
#[derive(Clone, Debug, Serialize)]
pub struct BotStatus {
    /// Its name.
    pub name: BotName,
    /// The plugin's SHA-256, in hex.
    pub digest: String,
    /// The generation of the plugin, counted from 1.
    pub generation: u64,
    /// The newest file that was to be a generation and does not serve, and why.
    pub trouble: Option<Record>,
    /// Whether it runs, rests or is held back, since when and why.
    pub health: Report,
    /// Turns that run.
    pub running: usize,
    /// Events waiting.
    pub waiting: usize,
    /// Chats with something waiting or under way.
    pub lanes: usize,
    /// Turns that ended well.
    pub handled: u64,
    /// Turns that asked for their event again.
    pub retried: u64,
    /// Turns that rejected their event.
    pub rejected: u64,
    /// Turns that ran again because of another's writes.
    pub conflicts: u64,
    /// Turns that failed, by kind.
    pub failures: BTreeMap<&'static str, u64>,
    /// Processor time of all turns, in milliseconds.
    pub cpu_ms: u64,
    /// The most memory a turn has had, in bytes.
    pub memory_peak: u64,
    /// The newest failure.
    pub last_failure: Option<LastFailure>,
}

/// A snapshot of a connection. Counts are since the host started.
#[derive(Clone, Debug, Serialize)]
pub struct ConnectionStatus {
    /// Its name.
    pub name: ConnectionName,
    /// True while the platform is connected and answering.
    pub connected: bool,
    /// How often it had to connect anew.
    pub reconnects: u64,
    /// Events that were understood.
    pub events: u64,
    /// Input that was skipped, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// What the operator should know.
    pub trouble: Option<String>,
    /// Sends waiting.
    pub waiting: usize,
    /// Sends under way.
    pub sending: usize,
}

impl Status {
    /// Takes a snapshot.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn of(host: &Host, started: Millis) -> Result<Self, StoreError> {
        let bots = host
            .turns()
            .bots()
            .into_iter()
            .map(|bot| {
                let (waiting, lanes) = host.turns().waiting(bot.name());
                let generation = bot.generation();
                BotStatus {
                    name: bot.name().clone(),
                    digest: generation.plugin.digest().to_owned(),
                    generation: generation.number,
                    trouble: bot.generations.trouble(),
                    health: bot.health(),
                    running: host.turns().running(bot.name()),
                    waiting,
                    lanes,
                    handled: bot.stats.handled(),
                    retried: bot.stats.retried(),
                    rejected: bot.stats.rejected(),
                    conflicts: bot.stats.conflicts(),
                    failures: bot.stats.failures().into_iter().map(|(reason, n)| (reason.as_str(), n)).collect(),
                    cpu_ms: whole_millis(bot.stats.cpu_total()),
                    memory_peak: bot.stats.memory_peak(),
                    last_failure: bot.stats.last_failure(),
                }
            })
            .collect();
        let connections = host
            .connections()
            .into_iter()
            .map(|(connection, outbox)| {
                let health = connection.platform.health();
                let (waiting, sending) = outbox.waiting();
                ConnectionStatus {
                    name: connection.name.clone(),
                    connected: health.connected,
                    reconnects: health.reconnects,
                    events: health.events,
                    skipped: health.skipped.into_iter().collect(),
                    trouble: health.trouble,
                    waiting,
                    sending,
                }
            })
            .collect();
        Ok(Self {
            version: env!("CARGO_PKG_VERSION"),
            started,
            now: host.clock().now(),
            configuration: host.configuration(),
            turns_under_way: host.turns().under_way(),
            totals: host.store().totals().await?,
            bots,
            connections,
        })
    }
}
