//! The health of a bot, and the operator's hand on it.
//!
//! ```text
//!            failures in a row              rests in a row
//!  active ───────────────────► degraded ───────────────────► quarantined
//!    ▲  ▲                       │    ▲                            │
//!    │  └── the probe ends well ┘    └ the probe fails: rest on   │
//!    └────────────── the operator, or a new generation ◄──────────┘
//! ```
//!
//! A bot that is degraded rests: its events wait. When a rest is over exactly one of its turns
//! runs, the probe, whose end decides. Only what says something about the bot counts
//! ([`Reason::is_the_bots`](crate::runtime::Reason::is_the_bots)): a turn that it ended itself, with `retry` and `reject` too, ended
//! well, and a failure of the host or a kill says nothing.
//!
//! This is plain data: no clock, no lock, no lane. Every change begins a new *phase*, and the end
//! of a turn that began in an earlier one says nothing about this one.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;

use crate::backoff;
use crate::limits::Limits;
use crate::runtime::TurnResult;
use crate::time::Millis;

/// The first rest. Each one that follows without a good end is twice as long, times 0.5 to 1.
const FIRST_REST: Duration = Duration::from_secs(1);

/// The longest rest: a bot that depends on something that is away comes back minutes after it.
const LONGEST_REST: Duration = Duration::from_secs(300);

/// What a bot is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Its turns run.
    Active,
    /// It failed often and rests, or tries whether it can go on.
    Degraded,
    /// The operator lets its events wait.
    Paused,
    /// Nothing of it runs until the operator releases it.
    Quarantined,
}

impl State {
    /// Every state, for tables.
    pub const ALL: [Self; 4] = [Self::Active, Self::Degraded, Self::Paused, Self::Quarantined];

    /// Its name in logs, metrics and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Degraded => "degraded",
            Self::Paused => "paused",
            Self::Quarantined => "quarantined",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who brought a bot into its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// The bot, by how its turns ended.
    Bot,
    /// The operator.
    Operator,
}

impl By {
    /// Its name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::Operator => "operator",
        }
    }
}

/// What the operator may want of a bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Begin no turn; its events wait.
    Pause,
    /// End a pause.
    Resume,
    /// End its turns at once, and pause it.
    Kill,
    /// Begin no turn until it is released.
    Quarantine,
    /// End a quarantine, or a rest.
    Release,
}

impl Order {
    /// Every order.
    pub const ALL: [Self; 5] = [Self::Pause, Self::Resume, Self::Kill, Self::Quarantine, Self::Release];

    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Kill => "kill",
            Self::Quarantine => "quarantine",
            Self::Release => "release",
        }
    }
}

/// Why an order cannot be followed. The text says which one was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// `resume` ends a pause only.
    #[error("it is quarantined, not paused: `release` lets it run again")]
    Quarantined,
    /// `release` ends a quarantine or a rest only.
    #[error("it is paused, not quarantined: `resume` lets it run again")]
    Paused,
}

/// A state that outlives the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// [`State::Paused`] or [`State::Quarantined`].
    pub state: State,
    /// Who brought the bot there.
    pub by: By,
    /// Since when.
    pub since: Millis,
    /// Why, for a person.
    pub reason: String,
    /// The plugin that the bot had then.
    pub digest: String,
}

/// What is told of a bot's health.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The state.
    pub state: State,
    /// Who brought the bot there.
    pub by: By,
    /// Since when.
    pub since: Millis,
    /// Why, for a person; absent while it is active and always was.
    pub reason: Option<String>,
    /// Failures in a row.
    pub failures: u32,
    /// Rests in a row.
    pub rests: u32,
    /// When the rest is over; absent if it does not rest.
    pub next_probe: Option<Millis>,
}

/// The health of one bot.
#[derive(Clone, Debug)]
pub struct Health {
    most_failures: u32,
    most_rests: u32,
    most_turns: usize,
    state: State,
    by: By,
    since: Millis,
    reason: Option<String>,
    failures: u32,
    rests: u32,
    /// The end of the rest. A degraded bot without one waits for the end of its probe.
    rests_until: Option<Millis>,
    phase: u64,
    /// True while its values are migrated.
    quiet: bool,
}

impl Health {
    /// The health of a bot of which nothing has been seen.
    pub fn new(limits: &Limits) -> Self {
        Self {
            most_failures: limits.failures,
            most_rests: limits.rests,
            most_turns: limits.turns,
            state: State::Active,
            by: By::Bot,
            since: Millis(0),
            reason: None,
            failures: 0,
            rests: 0,
            rests_until: None,
            phase: 0,
            quiet: false,
        }
    }

    /// Lets other limits count from now on.
    pub fn resize(&mut self, limits: &Limits) {
        (self.most_failures, self.most_rests, self.most_turns) = (limits.failures, limits.rests, limits.turns);
    }

    /// Notes when the host began to look after the bot.
    pub fn begins(&mut self, now: Millis) {
        self.since = now;
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// How many turns of it may begin now beside those that run. What a state allows, unless its values are
    /// being migrated: that is no state, as it says nothing about the bot.
    pub fn limit(&self) -> usize {
        if self.quiet { 0 } else { self.turns() }
    }

    /// Lets no turn of it begin, or lets them again.
    pub fn set_quiet(&mut self, quiet: bool) {
        self.quiet = quiet;
    }

    /// How many turns of it its state lets run at once.
    pub fn turns(&self) -> usize {
        match self.state {
            State::Active => self.most_turns,
            State::Degraded if self.rests_until.is_none() => 1,
            State::Degraded | State::Paused | State::Quarantined => 0,
        }
    }

    /// Which stretch between two changes this is.
    pub fn phase(&self) -> u64 {
        self.phase
    }

    /// When the rest is over, if it rests.
    pub fn rests_until(&self) -> Option<Millis> {
        self.rests_until
    }

    /// Tells the end of a turn that began in `phase`. True if that changed something.
    pub fn ended(&mut self, result: &TurnResult, phase: u64, now: Millis) -> bool {
        if phase != self.phase || self.turns() == 0 {
            return false;
        }
        match result {
            TurnResult::Failed(failure) if !failure.reason.is_the_bots() => false,
            TurnResult::Failed(failure) => {
                self.failures = self.failures.saturating_add(1);
                match self.state {
                    State::Active if self.failures < self.most_failures => false,
                    State::Active | State::Degraded => {
                        self.rest_or_give_up(&failure.to_string(), now);
                        true
                    }
                    State::Paused | State::Quarantined => false,
                }
            }
            TurnResult::Done | TurnResult::Retry(_) | TurnResult::Reject(_) => {
                self.failures = 0;
                let recovers = self.state == State::Degraded;
                if recovers {
                    self.change(State::Active, By::Bot, "a turn ended well after a rest".to_owned(), now);
                }
                recovers
            }
        }
    }

    /// Ends a rest that is over: one turn may run. True if there was one.
    pub fn probe(&mut self, now: Millis) -> bool {
        let over = self.rests_until.is_some_and(|until| until <= now);
        if over {
            self.rests_until = None;
            self.phase += 1;
        }
        over
    }

    /// Follows an order. True if that changed something.
    ///
    /// # Errors
    /// Where another order was meant.
    pub fn order(&mut self, order: Order, now: Millis) -> Result<bool, Refused> {
        let (state, reason) = match (order, self.state) {
            (Order::Resume, State::Quarantined) => return Err(Refused::Quarantined),
            (Order::Release, State::Paused) => return Err(Refused::Paused),
            // What is quarantined stays so, also where its last turns are killed.
            (Order::Pause | Order::Kill, State::Paused | State::Quarantined)
            | (Order::Resume, State::Active | State::Degraded)
            | (Order::Release, State::Active) => return Ok(false),
            (Order::Quarantine, State::Quarantined) if self.by == By::Operator => return Ok(false),
            (Order::Pause, _) => (State::Paused, "paused by the operator"),
            (Order::Kill, _) => (State::Paused, "killed by the operator"),
            (Order::Quarantine, _) => (State::Quarantined, "quarantined by the operator"),
            (Order::Resume, _) => (State::Active, "resumed by the operator"),
            (Order::Release, _) => (State::Active, "released by the operator"),
        };
        self.change(state, By::Operator, reason.to_owned(), now);
        Ok(true)
    }

    /// A new generation of the plugin has begun: what its predecessor did counts no more, and what
    /// the operator wants still does. True if that changed something.
    pub fn renew(&mut self, now: Millis) -> bool {
        // Turns of the old generation may still be under way.
        self.phase += 1;
        self.failures = 0;
        let changes = self.by == By::Bot && self.state != State::Active;
        if changes {
            self.change(State::Active, By::Bot, "a new generation has begun".to_owned(), now);
        }
        changes
    }

    /// Takes up the state in which an earlier run left the bot, whose plugin is now `digest`. False
    /// if it does not hold any more.
    pub fn restore(&mut self, held: Held, digest: &str) -> bool {
        if held.by == By::Bot && held.digest != digest {
            return false;
        }
        self.change(held.state, held.by, held.reason, held.since);
        true
    }

    /// What is to be kept for the next run of the host.
    pub fn held(&self, digest: &str) -> Option<Held> {
        matches!(self.state, State::Paused | State::Quarantined).then(|| Held {
            state: self.state,
            by: self.by,
            since: self.since,
            reason: self.reason.clone().unwrap_or_default(),
            digest: digest.to_owned(),
        })
    }

    /// What is told of it.
    pub fn report(&self) -> Report {
        Report {
            state: self.state,
            by: self.by,
            since: self.since,
            reason: self.reason.clone(),
            failures: self.failures,
            rests: self.rests,
            next_probe: self.rests_until,
        }
    }

    fn rest_or_give_up(&mut self, failure: &str, now: Millis) {
        let (failures, rests) = (self.failures, self.rests);
        if rests >= self.most_rests {
            let reason = format!("still failing after {rests} rests in a row, last by {failure}");
            self.change(State::Quarantined, By::Bot, reason, now);
            return;
        }
        let reason = format!("{failures} failures in a row, last by {failure}");
        let since = if self.state == State::Degraded { self.since } else { now };
        self.change(State::Degraded, By::Bot, reason, since);
        self.failures = failures;
        self.rests = rests + 1;
        self.rests_until = Some(now + backoff::after(rests, FIRST_REST, LONGEST_REST));
    }

    fn change(&mut self, state: State, by: By, reason: String, since: Millis) {
        self.state = state;
        self.by = by;
        self.since = since;
        self.reason = Some(reason);
        self.failures = 0;
        self.rests = 0;
        self.rests_until = None;
        self.phase += 1;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.state)?;
        self.reason.as_ref().map_or(Ok(()), |reason| write!(f, ": {reason}"))
    }
}

#[cfg(test)]
mod tests;
