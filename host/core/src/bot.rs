//! A bot as it runs: who it is, the generations of its plugin, and what has been seen of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::ages::Ages;
use crate::generations::{Generation, Generations};
use crate::health::{Health, Report};
use crate::histogram::{Distribution, Histogram};
use crate::ids::{BotName, ConnectionName};
use crate::runtime::{Plugin, Reason, TurnResult};
use crate::store::Mark;
use crate::time::{Millis, whole_nanos};
use crate::turn::Actor;

/// A plugin, the connections it serves, and what it may use.
pub struct Bot {
    name: BotName,
    /// What has been seen of it.
    pub stats: BotStats,
    /// The versions of its plugin.
    pub generations: Generations,
    health: Mutex<Health>,
    /// Held by who puts another build in the place of the one that serves, or records that it was.
    pub(crate) succession: Arc<tokio::sync::Mutex<()>>,
}

impl Bot {
    /// A bot in its first generation.
    pub fn new(actor: Actor, plugin: Arc<dyn Plugin>) -> Self {
        Self::shared(Arc::new(actor), plugin)
    }

    /// The same, where others have the actor too.
    pub fn shared(actor: Arc<Actor>, plugin: Arc<dyn Plugin>) -> Self {
        Self {
            name: actor.bot.clone(),
            health: Mutex::new(Health::new(&actor.limits)),
            stats: BotStats::default(),
            generations: Generations::new(plugin, actor),
            succession: Arc::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &BotName {
        &self.name
    }

    /// What its turns need to know of it, as of now.
    pub fn actor(&self) -> Arc<Actor> {
        self.generation().actor.clone()
    }

    /// True if it serves the connection.
    pub fn serves(&self, connection: &ConnectionName) -> bool {
        self.generation().actor.connections.contains_key(connection)
    }

    /// How it is, and what the operator wants of it.
    pub fn health(&self) -> Report {
        self.lock_health().report()
    }

    /// Its health, for [`Turns`](crate::turns::Turns), whose lanes have to follow each change.
    pub(crate) fn lock_health(&self) -> MutexGuard<'_, Health> {
        // It changes by whole calls, so a panic elsewhere leaves it sound.
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The current generation. A turn keeps the one that it began with.
    pub fn generation(&self) -> Arc<Generation> {
        self.generations.current()
    }
}

/// Bounds for the times of turns, in nanoseconds: two a decade, as each is a series of each bot.
const TIMES: &[u64] = &[
    10_000,
    30_000,
    100_000,
    300_000,
    1_000_000,
    3_000_000,
    10_000_000,
    30_000_000,
    100_000_000,
    300_000_000,
    1_000_000_000,
    3_000_000_000,
    10_000_000_000,
];

/// Bounds for the memory of turns, in bytes: from a page of WebAssembly to more than most bots may have.
const MEMORY: &[u64] = &[
    64 << 10,
    128 << 10,
    256 << 10,
    512 << 10,
    1 << 20,
    2 << 20,
    4 << 20,
    8 << 20,
    16 << 20,
    32 << 20,
    64 << 20,
    128 << 20,
    256 << 20,
];

/// What has been seen of a bot since the host started.
#[derive(Debug)]
pub struct BotStats {
    /// The events that wait or are being handled.
    pub(crate) ages: Arc<Ages>,
    arrived: AtomicU64,
    done: AtomicU64,
    again: AtomicU64,
    dead: AtomicU64,
    handled: AtomicU64,
    retried: AtomicU64,
    rejected: AtomicU64,
    conflicts: AtomicU64,
    failures: [AtomicU64; Reason::ALL.len()],
    cpu_total: AtomicU64,
    cpu_usual: AtomicU64,
    time: Histogram,
    memory: Histogram,
    memory_peak: AtomicU64,
    last_failure: Mutex<Option<LastFailure>>,
}

/// The newest failure of a bot.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LastFailure {
    /// When.
    pub at: Millis,
    /// The kind.
    pub reason: Reason,
    /// More, for a person.
    pub detail: String,
}

impl Default for BotStats {
    fn default() -> Self {
        Self {
            ages: Arc::default(),
            arrived: AtomicU64::default(),
            done: AtomicU64::default(),
            again: AtomicU64::default(),
            dead: AtomicU64::default(),
            handled: AtomicU64::default(),
            retried: AtomicU64::default(),
            rejected: AtomicU64::default(),
            conflicts: AtomicU64::default(),
            failures: Default::default(),
            cpu_total: AtomicU64::default(),
            // Of a bot that was never seen the worst is assumed: 1 ms, so that workers share its first turns.
            cpu_usual: AtomicU64::new(1_000_000),
            time: Histogram::new(TIMES),
            memory: Histogram::new(MEMORY),
            memory_peak: AtomicU64::default(),
            last_failure: Mutex::default(),
        }
    }
}

impl BotStats {
    /// Counts an event that arrived for it.
    pub(crate) fn arrived(&self) {
        self.arrived.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts what became of an event after a turn, once that is on disk.
    pub(crate) fn marked(&self, mark: &Mark) {
        match mark {
            Mark::Done => &self.done,
            Mark::Retry { .. } => &self.again,
            Mark::Dead { .. } => &self.dead,
        }
        .fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an event that it had no room for.
    pub(crate) fn overflowed(&self) {
        self.arrived.fetch_add(1, Ordering::Relaxed);
        self.dead.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts what a turn took, whatever becomes of it.
    pub fn used(&self, time: Duration, cpu: Duration, memory: u64) {
        let nanos = whole_nanos(cpu);
        self.cpu_total.fetch_add(nanos, Ordering::Relaxed);
        self.time.record(whole_nanos(time));
        self.memory.record(memory);
        self.memory_peak.fetch_max(memory, Ordering::Relaxed);
        // A running mean over about eight turns; two workers may each lose the other's update.
        let usual = self.cpu_usual.load(Ordering::Relaxed);
        self.cpu_usual.store(usual - usual / 8 + nanos / 8, Ordering::Relaxed);
    }

    /// Counts a turn whose end stands.
    pub fn ended(&self, result: &TurnResult, at: Millis) {
        match result {
            TurnResult::Done => &self.handled,
            TurnResult::Retry(_) => &self.retried,
            TurnResult::Reject(_) => &self.rejected,
            TurnResult::Failed(failure) => {
                let last = LastFailure { at, reason: failure.reason, detail: failure.detail.clone() };
                *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
                &self.failures[failure.reason as usize]
            }
        }
        .fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a turn that has to run again because of another's writes.
    pub fn conflict(&self) {
        self.conflicts.fetch_add(1, Ordering::Relaxed);
    }

    /// What a turn of this bot usually takes of a processor.
    pub fn usual_cpu(&self) -> Duration {
        Duration::from_nanos(self.cpu_usual.load(Ordering::Relaxed))
    }

    /// Events that arrived for it, those among them that it had no room for.
    pub fn arrivals(&self) -> u64 {
        self.arrived.load(Ordering::Relaxed)
    }

    /// Events of it that were handled, and are so on disk.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// How often an event of it was put back, to be tried again.
    pub fn again(&self) -> u64 {
        self.again.load(Ordering::Relaxed)
    }

    /// Events of it that became dead letters.
    pub fn dead(&self) -> u64 {
        self.dead.load(Ordering::Relaxed)
    }

    /// Since when the oldest event that is not done has been here, a second too early at most. What an earlier run
    /// left counts from the start.
    pub fn oldest(&self) -> Option<Millis> {
        self.ages.oldest()
    }

    /// How long turns took, waiting included, in nanoseconds.
    pub fn time(&self) -> Distribution {
        self.time.distribution()
    }

    /// How much memory turns had at their end, in bytes.
    pub fn memory(&self) -> Distribution {
        self.memory.distribution()
    }

    /// Turns that ended well.
    pub fn handled(&self) -> u64 {
        self.handled.load(Ordering::Relaxed)
    }

    /// Turns in which the bot asked for the event again.
    pub fn retried(&self) -> u64 {
        self.retried.load(Ordering::Relaxed)
    }

    /// Turns in which the bot rejected the event.
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// Turns that ran again because of another's writes.
    pub fn conflicts(&self) -> u64 {
        self.conflicts.load(Ordering::Relaxed)
    }

    /// Turns that failed, by kind.
    pub fn failures(&self) -> [(Reason, u64); Reason::ALL.len()] {
        Reason::ALL.map(|reason| (reason, self.failures[reason as usize].load(Ordering::Relaxed)))
    }

    /// Processor time of all turns.
    pub fn cpu_total(&self) -> Duration {
        Duration::from_nanos(self.cpu_total.load(Ordering::Relaxed))
    }

    /// The most memory a turn has had, in bytes.
    pub fn memory_peak(&self) -> u64 {
        self.memory_peak.load(Ordering::Relaxed)
    }

    /// The newest failure.
    pub fn last_failure(&self) -> Option<LastFailure> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
