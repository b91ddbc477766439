//! What holds of a host whatever happens to it, in any order.

use proptest::prelude::*;

use super::*;

/// What may happen to a host.
#[derive(Clone, Debug)]
enum Step {
    Arrive { chat: u8, again: bool },
    Run(u8),
    Pass(u16),
    Fail(u8),
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4u8, prop::bool::weighted(0.1)).prop_map(|(chat, again)| Step::Arrive { chat, again }),
        5 => (1..30u8).prop_map(Step::Run),
        2 => (1..3000u16).prop_map(Step::Pass),
        1 => (0..3u8).prop_map(Step::Fail),
        1 => Just(Step::Crash),
    ]
}

/// Fails the first time it sees every fifth message.
fn moody(seen: Tries) -> impl Fn(&mut Turn) -> BoxFuture<'_, TurnResult> {
    move |turn: &mut Turn| {
        let text = said(turn);
        let tries = try_of(&seen, &text);
        let number: usize = text.rsplit(' ').next().unwrap().parse().unwrap();
        if number % 5 == 3 && tries == 1 {
            answer(turn, "never seen");
            return async { failing() }.boxed();
        }
        counting(turn)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Arrivals, turns, failures of bot and store, time and crashes in any order: every message is
    /// answered once (twice only where a crash left its send in doubt), in the order of its chat, and
    /// the counters are exact.
    #[test]
    fn whatever_happens_each_message_counts_once_and_order_holds(steps in prop::collection::vec(step(), 1..120)) {
        run(async {
            let (store, clock) = (MemoryStore::default(), TestClock::default());
            let platform = Arc::new(crate::testing::TestPlatform::default());
            let seen = Tries::default();
            let start = || Rig::start_on(&store, &clock, platform.clone(), fast(), Limits { turns: 3, ..Limits::default() }, moody(seen.clone()));
            let mut rig = start().await;
            let mut expected: BTreeMap<u8, Vec<String>> = BTreeMap::new();
            let mut number = 0;
            for step in steps {
                match step {
                    Step::Arrive { chat, again } => {
                        let old = expected.get(&chat).and_then(|all| all.last()).filter(|_| again).cloned();
                        let body = old.unwrap_or_else(|| {
                            let body = format!("{chat} {number}");
                            number += 1;
                            expected.entry(chat).or_default().push(body.clone());
                            body
                        });
                        rig.arrive(vec![text(&chat.to_string(), &body, &body)]).await;
                    }
                    Step::Run(times) => for _ in 0..times { yield_now().await; },
                    Step::Pass(ms) => clock.advance(Duration::from_millis(u64::from(ms))),
                    Step::Fail(which) => store.fail([[Failpoint::Commit, Failpoint::Attempt, Failpoint::Settle][usize::from(which)]]),
                    Step::Crash => {
                        rig.crash();
                        yield_now().await;
                        store.heal();
                        rig = start().await;
                    }
                }
            }
            let all: usize = expected.values().map(Vec::len).sum();
            let waiting = || { let t = store.totals().now_or_never().unwrap().unwrap(); t.waiting_events + t.waiting_sends };
            rig.until(|| waiting() == 0).await;
            let totals = store.totals().await.unwrap();
            prop_assert_eq!(totals.handled, all as u64);
            prop_assert_eq!(totals.dead, 0);
            let mut extra = 0;
            for (chat, bodies) in &expected {
                let mut sent = rig.sent_to(&chat.to_string());
                let before = sent.len();
                // In a lane a send in doubt goes again before anything else does.
                sent.dedup();
                extra += before - sent.len();
                prop_assert_eq!(&sent, bodies);
            }
            prop_assert!(extra as u64 <= totals.in_doubt_resent, "{} extra, {} in doubt", extra, totals.in_doubt_resent);
            if all > 0 { prop_assert_eq!(&store.values()["bot/n"], &all.to_string()); }
            prop_assert!(rig.host.turns().held() == (0, 0));
            rig.stop().await;
            Ok(())
        })?;
    }
}
