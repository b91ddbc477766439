//! Whatever happens, in any order: what a bot answers is told to who waits or is a message, and not both.

use proptest::prelude::*;

use super::*;
use crate::time::Millis;

/// What may happen.
#[derive(Clone, Debug)]
enum Step {
    /// Somebody asks, with this patience; or asks again for what was asked last.
    Ask {
        chat: u8,
        patience: u16,
        again: bool,
    },
    /// An event comes for which nobody waits.
    Arrive(u8),
    /// Somebody who waits goes away.
    Leave(u8),
    /// Turns go on.
    Open(u8),
    Run(u8),
    Pass(u16),
    /// The store refuses a group of turns, or an event.
    Fail(bool),
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3u8, 1..3000u16, prop::bool::weighted(0.3)).prop_map(|(chat, patience, again)| Step::Ask { chat, patience, again }),
        1 => (0..3u8).prop_map(Step::Arrive),
        1 => any::<u8>().prop_map(Step::Leave),
        4 => (1..4u8).prop_map(Step::Open),
        6 => (1..30u8).prop_map(Step::Run),
        3 => (1..2000u16).prop_map(Step::Pass),
        1 => any::<bool>().prop_map(Step::Fail),
        1 => Just(Step::Crash),
    ]
}

/// Answers, before or after it waits for the gate, and fails at the first try of every fourth; all read and write the
/// same value.
fn moody(gate: &Gate, seen: &Tries) -> impl Fn(&mut Turn) -> BoxFuture<'_, TurnResult> + Send + Sync + 'static {
    let (gate, seen) = (gate.clone(), seen.clone());
    move |turn: &mut Turn| {
        let (gate, text) = (gate.clone(), said(turn));
        let number: usize = text.rsplit(' ').next().and_then(|number| number.parse().ok()).expect("a number");
        let fails = try_of(&seen, &text) == 1 && number % 4 == 3;
        async move {
            let bucket = turn.bucket("bot").expect("there is one");
            turn.increment(&bucket, "n", 1).expect("a number");
            if number.is_multiple_of(2) {
                turn.respond(Answer::Notice(text.clone())).expect("it is taken");
            }
            gate.acquire().await.expect("never closed").forget();
            if !number.is_multiple_of(2) {
                turn.respond(Answer::Notice(text)).expect("it is taken");
            }
            if fails { failing() } else { TurnResult::Done }
        }
        .boxed()
    }
}

/// Somebody who asks.
struct Asker {
    body: String,
    /// Until they are told, or go.
    waiting: Option<BoxFuture<'static, Result<Option<Answer>, StoreError>>>,
    /// What they were told, if they were not refused.
    told: Option<Option<Answer>>,
    /// When they go, whatever is on its way to the disk.
    last: Millis,
    /// They went while their answer may have been on its way to them.
    may_have_missed_it: bool,
}

impl Asker {
    fn new(rig: &Rig, body: &str, event: Incoming, patience: Duration) -> Self {
        let intake = rig.host.inbox().of(CONNECTION.into());
        let waiting = Some(async move { intake.ask(event, patience).await }.boxed());
        let last = rig.clock.now() + patience + Duration::from_secs(5);
        let mut asker = Self { body: body.to_owned(), waiting, told: None, last, may_have_missed_it: false };
        asker.look();
        asker
    }

    fn look(&mut self) {
        if let Some(told) = self.waiting.as_mut().and_then(FutureExt::now_or_never) {
            self.waiting = None;
            self.told = told.ok();
        }
    }

    fn leave(&mut self, rig: &Rig) {
        if self.waiting.is_some() {
            self.may_have_missed_it = !rig.host.turns().asks().is_open(&CONNECTION.into(), &self.body);
            self.waiting = None;
        }
    }
}

fn body_of(chat: u8, number: &mut usize) -> String {
    *number += 1;
    format!("{chat} {number}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_happens_an_answer_is_told_or_sent_and_never_both(steps in prop::collection::vec(step(), 1..100)) {
        run(async {
            let (store, clock, gate, seen) = (MemoryStore::default(), TestClock::default(), gate(), Tries::default());
            let platform = Arc::new(crate::testing::TestPlatform::default());
            let limits = Limits { turns: 3, ..Limits::default() };
            let start = || Rig::start_on(&store, &clock, platform.clone(), fast(), limits.clone(), moody(&gate, &seen));
            let mut rig = start().await;
            let mut askers: Vec<Asker> = Vec::new();
            let (mut bodies, mut number) = (BTreeMap::<String, u8>::new(), 0);
            for step in steps {
                match step {
                    Step::Ask { chat, patience, again } => {
                        let old = bodies.iter().next_back().filter(|_| again).map(|(body, chat)| (body.clone(), *chat));
                        let (body, chat) = old.unwrap_or_else(|| (body_of(chat, &mut number), chat));
                        bodies.insert(body.clone(), chat);
                        let event = text(&chat.to_string(), &body, &body);
                        askers.push(Asker::new(&rig, &body, event, Duration::from_millis(u64::from(patience))));
                    }
                    Step::Arrive(chat) => {
                        let body = body_of(chat, &mut number);
                        let intake = rig.host.inbox().of(CONNECTION.into());
                        if intake.take(vec![text(&chat.to_string(), &body, &body)]).await.is_ok() {
                            bodies.insert(body, chat);
                        }
                    }
                    Step::Leave(which) => {
                        let waiting: Vec<usize> = (0..askers.len()).filter(|at| askers[*at].waiting.is_some()).collect();
                        if let Some(at) = waiting.get(usize::from(which) % waiting.len().max(1)) {
                            askers[*at].leave(&rig);
                        }
                    }
                    Step::Open(turns) => gate.add_permits(usize::from(turns)),
                    Step::Run(times) => for _ in 0..times { yield_now().await; },
                    Step::Pass(ms) => {
                        clock.advance(Duration::from_millis(u64::from(ms)));
                        let late = |asker: &&mut Asker| asker.waiting.is_some() && clock.now() >= asker.last;
                        askers.iter_mut().filter(late).for_each(|asker| asker.leave(&rig));
                    }
                    Step::Fail(commit) => store.fail([if commit { Failpoint::Commit } else { Failpoint::Append }]),
                    Step::Crash => {
                        askers.iter_mut().for_each(|asker| asker.leave(&rig));
                        rig.crash();
                        yield_now().await;
                        store.heal();
                        rig = start().await;
                    }
                }
                askers.iter_mut().for_each(Asker::look);
            }
            store.heal();
            gate.add_permits(10_000);
            let waiting = || { let t = store.totals().now_or_never().unwrap().unwrap(); t.waiting_events + t.waiting_sends };
            rig.until(|| {
                askers.iter_mut().for_each(Asker::look);
                waiting() == 0 && askers.iter().all(|asker| asker.waiting.is_none())
            })
            .await;
            prop_assert_eq!(rig.host.turns().asks().len(), 0);
            let totals = store.totals().await.unwrap();
            prop_assert_eq!(totals.dead, 0);
            prop_assert_eq!(&store.values().get("bot/n").cloned().unwrap_or("0".to_owned()), &totals.handled.to_string());

            for (body, chat) in &bodies {
                let mut sent: Vec<_> = rig.sent_to(&chat.to_string());
                // What a crash left in doubt goes again.
                sent.dedup();
                let sent = sent.iter().filter(|text| *text == body).count();
                let askers = || askers.iter().filter(|asker| asker.body == *body);
                let heard: Vec<_> = askers().filter_map(|asker| asker.told.clone()?).collect();
                prop_assert!(heard.iter().all(|answer| *answer == Answer::Notice(body.clone())));
                let told = usize::from(!heard.is_empty());
                prop_assert!(told + sent <= 1, "{} was told {} times and sent {} times", body, told, sent);
                let was_stored = askers().next().is_none() || askers().any(|asker| asker.told.is_some());
                if was_stored && !askers().any(|asker| asker.may_have_missed_it) {
                    prop_assert_eq!(told + sent, 1, "{} is lost", body);
                }
            }
            rig.stop().await;
            Ok(())
        })?;
    }
}
