//! Whatever happens, in any order: what a bot answers is told to who waits or is a message, and not both.

use proptest::prelude::*;

use super::*;

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

/// Answers, waits for the gate, and fails at the first try of every fourth; all read and write the same value.
fn moody(gate: &Gate, seen: &Tries) -> impl Fn(&mut Turn) -> BoxFuture<'_, TurnResult> + Send + Sync + 'static {
    let (gate, seen) = (gate.clone(), seen.clone());
    move |turn: &mut Turn| {
        let gate = gate.clone();
        let text = said(turn);
        let fails =
            try_of(&seen, &text) == 1 && text.rsplit(' ').next().is_some_and(|number| number.ends_with(['3', '7']));
        async move {
            let bucket = turn.bucket("bot").expect("there is one");
            let count = turn.increment(&bucket, "n", 1).expect("a number");
            gate.acquire().await.expect("never closed").forget();
            match turn.respond(Answer::Notice(text)) {
                Ok(()) => {}
                Err(refusal) => return TurnResult::Reject(format!("{count}: {refusal}")),
            }
            if fails { failing() } else { TurnResult::Done }
        }
        .boxed()
    }
}

/// Somebody who asked, and what they heard.
struct Asker {
    body: String,
    waiting: Waiting,
    /// They went while the turn may have been on its way to the disk, so what they were to be told may be lost.
    left: bool,
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
                        let waiting = ask_with(&rig, event, Duration::from_millis(u64::from(patience)));
                        askers.push(Asker { body, waiting, left: false });
                    }
                    Step::Arrive(chat) => {
                        let body = body_of(chat, &mut number);
                        let intake = rig.host.inbox().of(CONNECTION.into());
                        if intake.take(vec![text(&chat.to_string(), &body, &body)]).await.is_ok() {
                            bodies.insert(body, chat);
                        }
                    }
                    Step::Leave(which) => {
                        let waiting: Vec<usize> = (0..askers.len()).filter(|at| !askers[*at].waiting.is_finished()).collect();
                        if let Some(at) = waiting.get(usize::from(which) % waiting.len().max(1)) {
                            askers[*at].waiting.abort();
                            askers[*at].left = true;
                        }
                    }
                    Step::Open(turns) => gate.add_permits(usize::from(turns)),
                    Step::Run(times) => for _ in 0..times { yield_now().await; },
                    Step::Pass(ms) => clock.advance(Duration::from_millis(u64::from(ms))),
                    Step::Fail(commit) => store.fail([if commit { Failpoint::Commit } else { Failpoint::Append }]),
                    Step::Crash => {
                        rig.crash();
                        for asker in askers.iter_mut().filter(|asker| !asker.waiting.is_finished()) {
                            asker.waiting.abort();
                            asker.left = true;
                        }
                        yield_now().await;
                        store.heal();
                        rig = start().await;
                    }
                }
            }
            store.heal();
            gate.add_permits(10_000);
            let waiting = || { let t = store.totals().now_or_never().unwrap().unwrap(); t.waiting_events + t.waiting_sends };
            rig.until(|| waiting() == 0 && askers.iter().all(|asker| asker.waiting.is_finished())).await;
            prop_assert_eq!(rig.host.turns().asks().len(), 0);
            let totals = store.totals().await.unwrap();
            prop_assert_eq!(totals.dead, 0);
            prop_assert_eq!(&store.values().get("bot/n").cloned().unwrap_or("0".to_owned()), &totals.handled.to_string());

            let (mut heard, mut lost) = (BTreeMap::<String, usize>::new(), BTreeMap::<String, bool>::new());
            let mut stored: BTreeMap<String, bool> = BTreeMap::new();
            for Asker { body, waiting, left } in askers {
                *lost.entry(body.clone()).or_default() |= left;
                match waiting.await {
                    Ok(Ok(Some(answer))) => {
                        prop_assert_eq!(answer, Answer::Notice(body.clone()));
                        *heard.entry(body).or_default() += 1;
                    }
                    Ok(Ok(None)) => drop(stored.insert(body, true)),
                    Ok(Err(_refused)) => {}
                    Err(_left) => {}
                }
            }
            for (body, chat) in &bodies {
                let mut sent: Vec<_> = rig.sent_to(&chat.to_string());
                // What a crash left in doubt goes again.
                sent.dedup();
                let sent = sent.iter().filter(|text| *text == body).count();
                let told = usize::from(heard.contains_key(body));
                prop_assert!(told + sent <= 1, "{} was told {} times and sent {} times", body, told, sent);
                if lost.get(body) != Some(&true) && (stored.contains_key(body) || !lost.contains_key(body)) {
                    prop_assert_eq!(told + sent, 1, "{} is lost", body);
                }
            }
            rig.stop().await;
            Ok(())
        })?;
    }
}
