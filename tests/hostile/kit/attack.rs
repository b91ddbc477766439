//! One attack: what is loaded, what it is told, and what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt as _;
use hodhod_core::egress;
use hodhod_core::ids::ChatId;
use hodhod_core::outgoing::Outgoing;
use hodhod_core::runtime::{Failure, Grants, Limits, Reason, Setup, TurnResult};
use hodhod_core::store::{Store as _, StoreError};
use hodhod_core::text::is_clean;
use hodhod_core::time::Millis;
use hodhod_core::timers::{Standing, TimerKey};
use hodhod_core::turn::{Actor, Turn};
use hodhod_engine::{Component, InspectError, LoadError, Network, inspect};

use super::guest::Guest;
use super::log;
use super::neighbour::Neighbour;
use super::rig::{LOUD, Rig, Watched, engine};

/// A bot that means ill.
pub(crate) struct Attack {
    bytes: Vec<u8>,
    limits: Limits,
    says: String,
    http: Option<(Arc<egress::Policy>, Network)>,
}

/// What came of it.
pub(crate) struct Seen {
    result: TurnResult,
    /// What it has sent.
    pub(crate) sent: Vec<(ChatId, Outgoing)>,
    /// What it has stored.
    pub(crate) values: BTreeMap<String, String>,
    /// Its timers that stand.
    pub(crate) timers: Vec<(TimerKey, Standing)>,
    /// The reasons of its dead letters.
    pub(crate) dead: Vec<String>,
    /// When its event is tried again.
    pub(crate) again: Vec<Millis>,
    /// What it and the host have written to the log.
    pub(crate) log: Vec<String>,
}

impl Attack {
    /// A component with limits that let it go on: it is never quarantined, and no event is tried twice.
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        let limits = Limits { failures: 1_000_000, attempts: 1, ..Limits::default() };
        Self { bytes, limits, says: "attack".to_owned(), http: None }
    }

    /// A guest made of text.
    pub(crate) fn by(guest: &Guest) -> Self {
        Self::of(guest.component())
    }

    /// The guest that does what it is told.
    pub(crate) fn told(says: &str) -> Self {
        Self { says: says.to_owned(), ..Self::of(super::built("guests")) }
    }

    /// The guest that asks other servers.
    pub(crate) fn asks(says: &str, policy: egress::Policy, network: Network) -> Self {
        let http = Some((Arc::new(policy), network));
        Self { says: says.to_owned(), http, ..Self::of(super::built("guests_http")) }
    }

    /// With other limits.
    pub(crate) fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Lets it handle one event, and then many beside a neighbour.
    pub(crate) fn run(self) -> Seen {
        let engine = engine();
        let attacker = Arc::new(Watched::new(self.load(&engine).unwrap()));
        let rig = Rig::start(&engine, Some((attacker.clone(), self.limits.clone())));
        let mut neighbour = Neighbour { quiet: vec![rig.quiet()], ..Neighbour::default() };
        let result = rig.probe(&attacker, &self.says);
        let seen = Seen {
            result,
            sent: rig.loud.sent(),
            values: rig.store.values(),
            timers: now(rig.store.due_timers(vec![LOUD.into()], Millis(u64::MAX), 1000)),
            dead: now(rig.store.dead_letters(100)).into_iter().map(|dead| dead.reason).collect(),
            again: now(rig.store.waiting_events(hodhod_core::ids::InboxSeq(0), 100))
                .into_iter()
                .map(|waiting| waiting.not_before)
                .collect(),
            log: log::lines(),
        };
        neighbour.beside.push(rig.beside(&attacker, &self.says));
        while neighbour.wants_more() {
            neighbour.quiet.push(rig.quiet());
            neighbour.beside.push(rig.beside(&attacker, &self.says));
        }
        rig.stop();
        neighbour.report(&words(&seen.result));
        assert!(log::lines().iter().all(|line| is_clean(line)), "nothing in the log commands a terminal");
        seen
    }

    /// Loads it, again and again beside a neighbour, and gives why it is refused.
    pub(crate) fn refused(self) -> LoadError {
        let engine = engine();
        let rig = Rig::start(&engine, None);
        let Err(error) = self.load(&engine) else { panic!("it is loaded") };
        let neighbour = rig.neighbour_of(|| drop(self.load(&engine)));
        rig.stop();
        neighbour.report(&format!("refused: {error}"));
        assert!(is_clean(&error.to_string()), "{error:?}");
        error
    }

    /// Lets it begin as it would before it serves, again and again beside a neighbour, and gives what that shows.
    pub(crate) fn probed(self) -> Result<(), Failure> {
        let engine = engine();
        let component = self.load(&engine).unwrap();
        let rig = Rig::start(&engine, None);
        let actor = Actor::new(LOUD.into(), [].into(), self.limits.clone(), Arc::default());
        let probe = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(component.probe(Turn::rehearsal(&actor, Millis(0))))
        };
        let probed = probe();
        let neighbour = rig.neighbour_of(|| drop(probe()));
        rig.stop();
        neighbour.report(&probed.as_ref().map_or_else(ToString::to_string, |()| "begins well".to_owned()));
        probed
    }

    fn load(&self, engine: &hodhod_engine::Engine) -> Result<Component, LoadError> {
        let mut grants =
            Grants { messenger: true, keyvalue: true, timers: true, files: true, divar: true, ..Grants::default() };
        let limits = self.limits.clone();
        let Some((policy, network)) = &self.http else {
            return Component::load(engine, &self.bytes, Setup { grants, limits, ..Setup::default() });
        };
        grants.http = true;
        let setup = Setup { grants, limits, http: policy.clone(), ..Setup::default() };
        Component::load_with(engine, &self.bytes, setup, network.clone())
    }
}

/// Looks at a component that is not to be run, again and again beside a neighbour, and gives why it is refused.
pub(crate) fn looked_at(bytes: &[u8]) -> InspectError {
    let engine = engine();
    let rig = Rig::start(&engine, None);
    let error = inspect(bytes).unwrap_err();
    let neighbour = rig.neighbour_of(|| drop(inspect(bytes)));
    rig.stop();
    neighbour.report(&format!("refused: {error}"));
    assert!(is_clean(&error.to_string()), "{error:?}");
    error
}

impl Seen {
    /// It failed for this reason, and nothing came of its turn.
    #[track_caller]
    pub(crate) fn fails(self, reason: Reason) -> Failure {
        self.leaves_nothing();
        match self.result {
            TurnResult::Failed(failure) if failure.reason == reason => failure,
            other => panic!("not {reason}, but {other:?}"),
        }
    }

    /// It rejected its event with these words, which are those of the host, and nothing came of its turn.
    #[track_caller]
    pub(crate) fn rejects(self, words: &str) {
        self.leaves_nothing();
        assert_eq!(self.result, TurnResult::Reject(words.to_owned()));
    }

    /// It ended well.
    #[track_caller]
    pub(crate) fn ends_well(self) -> Self {
        assert_eq!(self.result, TurnResult::Done);
        self
    }

    /// It ended so.
    #[track_caller]
    pub(crate) fn ended(&self) -> &TurnResult {
        &self.result
    }

    /// Nothing was sent or stored, and no timer was set.
    #[track_caller]
    pub(crate) fn leaves_nothing(&self) {
        assert!(self.sent.is_empty(), "{:?}", self.sent);
        assert!(self.values.is_empty(), "{:?}", self.values);
        assert!(self.timers.is_empty(), "{:?}", self.timers);
    }

    /// The texts that it has sent.
    pub(crate) fn texts(&self) -> Vec<String> {
        let text = |message: &Outgoing| match &message.body {
            hodhod_core::outgoing::Body::Text(text) => text.clone(),
            other => format!("{other:?}"),
        };
        self.sent.iter().map(|(_, message)| text(message)).collect()
    }
}

/// What a store in memory answers, which it does at once.
fn now<T>(answer: impl Future<Output = Result<T, StoreError>>) -> T {
    answer.now_or_never().unwrap().unwrap()
}

fn words(result: &TurnResult) -> String {
    match result {
        TurnResult::Done => "done".to_owned(),
        TurnResult::Retry(wait) => format!("again after {wait:?}"),
        TurnResult::Reject(reason) => format!("rejected: {}", reason.chars().take(80).collect::<String>()),
        TurnResult::Failed(failure) => failure.to_string(),
    }
}
