//! The generations of a bot's plugin: the one that serves, the one before it, and what became of
//! each file that was to be one.
//!
//! A turn keeps the generation that it began with, so a swap disturbs none. A new one is on
//! probation: if turns keep failing before enough of them have ended well, the one before serves
//! again. It gets a number of its own then; numbers only grow, so that a number says which code ran.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};

use crate::runtime::{Plugin, TurnResult};
use crate::time::Millis;
use crate::turn::Actor;

/// Turns that have to end before a generation is no longer on probation.
const PROBATION: u32 = 100;

/// Failures on probation after which the generation before serves again.
const FAILURES: u32 = 3;

/// Records that are kept; older ones are forgotten.
const RECORDS: usize = 32;

/// One loaded version of a bot's plugin, and what the bot may use meanwhile.
pub struct Generation {
    /// Counted from 1.
    pub number: u64,
    /// The plugin.
    pub plugin: Arc<dyn Plugin>,
    /// What its turns need to know of the bot.
    pub actor: Arc<Actor>,
    probation: Arc<Probation>,
    /// True if it had proven itself before it began.
    is_proven: bool,
}

/// Turns that have yet to end, and failures that are still forgiven.
struct Probation {
    /// False for one that is not tried.
    counts: bool,
    turns_left: AtomicU32,
    failures_left: AtomicU32,
}

/// What served before.
struct Before {
    plugin: Arc<dyn Plugin>,
    is_proven: bool,
}

impl Probation {
    fn of(turns: u32) -> Arc<Self> {
        Arc::new(Self { counts: turns > 0, turns_left: AtomicU32::new(turns), failures_left: AtomicU32::new(FAILURES) })
    }
}

impl Generation {
    fn new(number: u64, plugin: Arc<dyn Plugin>, actor: Arc<Actor>) -> Self {
        Self { number, plugin, actor, probation: Probation::of(PROBATION), is_proven: false }
    }

    /// One that served before and is not tried anew, or two bad ones would take turns.
    fn again(number: u64, before: Before, actor: Arc<Actor>) -> Self {
        let Before { plugin, is_proven } = before;
        Self { probation: Probation::of(0), is_proven, ..Self::new(number, plugin, actor) }
    }

    /// True if enough turns of it have ended for it to be trusted, here or in an earlier time of it.
    pub fn has_proven_itself(&self) -> bool {
        self.is_proven || (self.probation.counts && !self.is_on_probation())
    }

    /// Counts the end of one of its turns. True once it has failed on probation.
    fn fails(&self, result: &TurnResult) -> bool {
        let failed = match result {
            TurnResult::Failed(failure) if !failure.reason.is_the_bots() => return false,
            TurnResult::Failed(_) => true,
            TurnResult::Done | TurnResult::Retry(_) | TurnResult::Reject(_) => false,
        };
        let one_less = |left: &AtomicU32| {
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).unwrap_or(0)
        };
        let Probation { turns_left, failures_left, .. } = &*self.probation;
        one_less(turns_left) > 0 && failed && one_less(failures_left) == 1
    }

    /// True while too few of its turns have ended for it to be trusted.
    pub fn is_on_probation(&self) -> bool {
        self.probation.turns_left.load(Ordering::Relaxed) > 0
    }

    /// True if one of the turns that count failed.
    pub fn has_failed_on_probation(&self) -> bool {
        self.probation.failures_left.load(Ordering::Relaxed) < FAILURES
    }
}

/// What became of a file that was to be a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// It serves, or did.
    Applied,
    /// It does not: see the reason.
    Rejected,
    /// It served, and the one before it does again: see the reason.
    RolledBack,
    /// It could have served, and another file took its place before it did.
    Superseded,
}

impl Step {
    /// Every one, for tables.
    pub const ALL: [Self; 4] = [Self::Applied, Self::Rejected, Self::RolledBack, Self::Superseded];

    /// Its name in metrics and in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Rejected => "rejected",
            Self::RolledBack => "rolled-back",
            Self::Superseded => "superseded",
        }
    }
}

/// A record of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The generation that serves since then, or still.
    pub generation: u64,
    /// What became of the file.
    pub step: Step,
    /// The SHA-256 of the file, in hex.
    pub digest: String,
    /// When.
    pub at: Millis,
    /// Why, where it does not serve.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// The generations of one bot.
pub struct Generations {
    current: ArcSwap<Generation>,
    past: Mutex<Past>,
}

#[derive(Default)]
struct Past {
    previous: Option<Before>,
    records: VecDeque<Record>,
    /// How many there were of each step, those that are forgotten among them.
    counts: [u64; Step::ALL.len()],
    /// The newest record, where it is of a file that does not serve.
    trouble: Option<Record>,
}

impl Past {
    fn note(&mut self, record: Record) {
        self.counts[record.step as usize] += 1;
        match record.step {
            Step::Applied => self.trouble = None,
            Step::Rejected | Step::RolledBack => self.trouble = Some(record.clone()),
            // What came in its place is what there is something to say about.
            Step::Superseded => {}
        }
        if self.records.len() == RECORDS {
            self.records.pop_front();
        }
        self.records.push_back(record);
    }
}

impl Generations {
    /// With the first one, which has none to go back to but what [`set_before`](Self::set_before) says.
    pub fn new(plugin: Arc<dyn Plugin>, actor: Arc<Actor>) -> Self {
        Self { current: ArcSwap::from_pointee(Generation::new(1, plugin, actor)), past: Mutex::default() }
    }

    /// Says what served in an earlier run, to go back to where the first one does not prove itself.
    pub fn set_before(&self, plugin: Arc<dyn Plugin>) {
        plugin.waits_for_turns(false);
        self.past().previous = Some(Before { plugin, is_proven: false });
    }

    /// The one that serves.
    pub fn current(&self) -> Arc<Generation> {
        self.current.load_full()
    }

    /// Begins a new one: turns that start from now on run in `plugin`. Gives its number.
    pub fn replace(&self, plugin: Arc<dyn Plugin>, now: Millis) -> u64 {
        let mut past = self.past();
        let old = self.current();
        // One that has not proven itself is no good to go back to, where there is another.
        if past.previous.is_none() || !old.is_on_probation() {
            past.previous = Some(Before { plugin: old.plugin.clone(), is_proven: old.has_proven_itself() });
        }
        self.begin(&mut past, plugin, old.actor.clone(), now)
    }

    /// Begins a new one whose bot may use something else: `plugin` was loaded for that. Nothing goes back
    /// behind it, as those before were loaded for what the bot may not use any more. Gives its number.
    pub fn reconfigure(&self, plugin: Arc<dyn Plugin>, actor: Arc<Actor>, now: Millis) -> u64 {
        let mut past = self.past();
        past.previous = None;
        self.begin(&mut past, plugin, actor, now)
    }

    /// Lets the turns that start from now on use something else, where the plugin need not know.
    pub fn reconnect(&self, actor: Arc<Actor>) {
        let _past = self.past();
        let Generation { number, plugin, probation, is_proven, .. } = &*self.current();
        let (number, plugin, probation, is_proven) = (*number, plugin.clone(), probation.clone(), *is_proven);
        self.current.store(Arc::new(Generation { number, plugin, actor, probation, is_proven }));
    }

    /// Notes a file that is not to serve.
    pub fn reject(&self, digest: String, reason: String, now: Millis) {
        let mut past = self.past();
        let generation = self.current().number;
        past.note(Record { generation, step: Step::Rejected, digest, at: now, reason: Some(reason) });
    }

    /// Notes a file that could have served, in whose place there is another one.
    pub fn supersede(&self, digest: String, now: Millis) {
        let mut past = self.past();
        let generation = self.current().number;
        past.note(Record { generation, step: Step::Superseded, digest, at: now, reason: None });
    }

    /// Lets the one before serve again, for this reason. Gives its new number, or `None` where there is
    /// none. The one that served until now takes its place, so a second time undoes the first.
    pub fn roll_back(&self, reason: String, now: Millis) -> Option<u64> {
        self.go_back(&mut self.past(), reason, now)
    }

    /// What the end of a turn means for the generation that it began with. Gives why it does not serve
    /// any more, where this is its end.
    pub fn judge(&self, generation: &Generation, result: &TurnResult, now: Millis) -> Option<String> {
        if !generation.fails(result) {
            return None;
        }
        let mut past = self.past();
        if self.current().number != generation.number {
            return None;
        }
        let TurnResult::Failed(failure) = result else { return None };
        let reason = format!("{FAILURES} of its first {PROBATION} turns failed, the last with {failure}");
        self.go_back(&mut past, reason.clone(), now).map(|_number| reason)
    }

    /// What became of each file, the oldest first.
    pub fn records(&self) -> Vec<Record> {
        self.past().records.iter().cloned().collect()
    }

    /// How often a file came to each of these ends since the host started.
    pub fn counts(&self) -> [(Step, u64); Step::ALL.len()] {
        let counts = self.past().counts;
        Step::ALL.map(|step| (step, counts[step as usize]))
    }

    /// True if a file with these bytes was not taken, or was taken back, and no other one serves since.
    pub fn has_refused(&self, digest: &str) -> bool {
        self.since_applied(|record| record.digest == digest && record.step != Step::Superseded)
    }

    /// True if one with these bytes served and was taken back, and another one serves since.
    pub fn has_taken_back(&self, digest: &str) -> bool {
        self.current().plugin.digest() != digest
            && self.since_applied(|record| record.digest == digest && record.step == Step::RolledBack)
    }

    fn since_applied(&self, is: impl Fn(&Record) -> bool) -> bool {
        let past = self.past();
        past.records.iter().rev().take_while(|record| record.step != Step::Applied).any(is)
    }

    /// The newest record, if it is of a file that does not serve and is still there.
    pub fn trouble(&self) -> Option<Record> {
        self.past().trouble.clone()
    }

    /// To be called when the file is what serves: what was there in between is no trouble any more.
    pub fn is_as_served(&self) {
        self.past().trouble = None;
    }

    fn begin(&self, past: &mut Past, plugin: Arc<dyn Plugin>, actor: Arc<Actor>, now: Millis) -> u64 {
        let old = self.current();
        let generation = old.number + 1;
        let digest = plugin.digest().to_owned();
        past.note(Record { generation, step: Step::Applied, digest, at: now, reason: None });
        old.plugin.waits_for_turns(false);
        self.current.store(Arc::new(Generation::new(generation, plugin, actor)));
        generation
    }

    fn go_back(&self, past: &mut Past, reason: String, now: Millis) -> Option<u64> {
        let previous = past.previous.take()?;
        let old = self.current();
        let generation = old.number + 1;
        let digest = old.plugin.digest().to_owned();
        past.note(Record { generation, step: Step::RolledBack, digest, at: now, reason: Some(reason) });
        old.plugin.waits_for_turns(false);
        previous.plugin.waits_for_turns(true);
        past.previous = Some(Before { plugin: old.plugin.clone(), is_proven: old.has_proven_itself() });
        self.current.store(Arc::new(Generation::again(generation, previous, old.actor.clone())));
        Some(generation)
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        // It changes by whole calls, so a panic elsewhere leaves it sound.
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
