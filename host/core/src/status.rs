//! What a host says of itself: one snapshot that the command line, the HTTP side and the metrics
//! all print from.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::bot::LastFailure;
use crate::condition::StoreStatus;
use crate::generations::Record;
use crate::health::Report;
use crate::histogram::Distribution;
use crate::host::Host;
use crate::ids::{BotName, ConnectionName};
use crate::outbox::SendCounts;
use crate::store::{Disk, StoreError, StoreWork, Totals};
use crate::time::{Millis, whole_millis};
use crate::trace;

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
    /// What became of the spans of traces; `None` where none are made.
    pub traces: Option<trace::Counts>,
    /// How the store did it; for metrics only.
    #[serde(skip)]
    pub store: StoreWork,
    /// The room that the store takes.
    pub disk: Disk,
    /// Whether the disk lets it take events.
    pub intake: StoreStatus,
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
    /// What became of files that were to be generations.
    pub reloads: BTreeMap<&'static str, u64>,
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
    /// For how long the oldest event that waits or is being handled has been here, in milliseconds; a second too
    /// long at most.
    pub oldest_ms: Option<u64>,
    /// Events that arrived for it.
    pub arrivals: u64,
    /// Events that were handled.
    pub done: u64,
    /// How often an event was put back, to be tried again.
    pub again: u64,
    /// Events that became dead letters.
    pub dead: u64,
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
    /// How long turns took, waiting included, in nanoseconds; for metrics only.
    #[serde(skip)]
    pub time: Distribution,
    /// How much memory turns had, in bytes; for metrics only.
    #[serde(skip)]
    pub memory: Distribution,
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
    /// Events that were new, and were stored.
    pub arrivals: u64,
    /// Events that had been seen before.
    pub duplicates: u64,
    /// Times that the platform waited for an answer and was given one.
    pub answered: u64,
    /// Times that it waited and was given none.
    pub unanswered: u64,
    /// Input that was skipped, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// What the operator should know.
    pub trouble: Option<String>,
    /// Sends waiting.
    pub waiting: usize,
    /// Sends under way.
    pub sending: usize,
    /// What became of others.
    pub sends: SendCounts,
    /// Since when the operator lets the sends wait; absent where they go.
    pub paused: Option<Millis>,
}

impl Status {
    /// Takes a snapshot.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn of(host: &Host, started: Millis) -> Result<Self, StoreError> {
        let now = host.clock().now();
        // Before the rest: who sees that it was read, or that a turn is stored or not under way, sees what came of it
        // and how that turn ended.
        let configuration = host.configuration();
        let (totals, disk) = (host.store().totals().await?, host.store().disk().await?);
        let turns_under_way = host.turns().under_way();
        let bots = host
            .turns()
            .bots()
            .into_iter()
            .map(|bot| {
                // First: whoever is submitting a turn has counted it by then.
                let (waiting, lanes) = host.turns().waiting(bot.name());
                let generation = bot.generation();
                BotStatus {
                    name: bot.name().clone(),
                    digest: generation.plugin.digest().to_owned(),
                    generation: generation.number,
                    reloads: bot.generations.counts().into_iter().map(|(step, n)| (step.as_str(), n)).collect(),
                    trouble: bot.generations.trouble(),
                    health: bot.health(),
                    running: host.turns().running(bot.name()),
                    waiting,
                    lanes,
                    oldest_ms: bot.stats.oldest().map(|since| whole_millis(now.since(since))),
                    arrivals: bot.stats.arrivals(),
                    done: bot.stats.done(),
                    again: bot.stats.again(),
                    dead: bot.stats.dead(),
                    handled: bot.stats.handled(),
                    retried: bot.stats.retried(),
                    rejected: bot.stats.rejected(),
                    conflicts: bot.stats.conflicts(),
                    failures: bot.stats.failures().into_iter().map(|(reason, n)| (reason.as_str(), n)).collect(),
                    cpu_ms: whole_millis(bot.stats.cpu_total()),
                    time: bot.stats.time(),
                    memory: bot.stats.memory(),
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
                let arrivals = host.inbox().arrivals(&connection.name);
                ConnectionStatus {
                    name: connection.name.clone(),
                    connected: health.connected,
                    reconnects: health.reconnects,
                    events: health.events,
                    arrivals: arrivals.new,
                    duplicates: arrivals.duplicates,
                    answered: arrivals.answered,
                    unanswered: arrivals.unanswered,
                    skipped: health.skipped.into_iter().collect(),
                    trouble: health.trouble,
                    waiting,
                    sending,
                    sends: outbox.stats.counts(),
                    paused: outbox.paused(),
                }
            })
            .collect();
        let now = host.clock().now();
        Ok(Self {
            version: env!("CARGO_PKG_VERSION"),
            started,
            now,
            configuration,
            turns_under_way,
            totals,
            traces: host.turns().traces().counts(),
            store: host.store().work(),
            disk,
            intake: StoreStatus::of(host.store().condition(), now),
            bots,
            connections,
        })
    }
}
