//! What the operator orders holds, whatever the bot does meanwhile.

use proptest::prelude::*;

use super::*;
use crate::turns::OrderError;

#[test]
fn what_is_killed_ends_at_once_without_a_trace_and_runs_again_when_it_is_resumed() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let stuck = Arc::new(AtomicBool::new(true));
        let sticks = stuck.clone();
        let bot = staying(move |_| sticks.load(Ordering::Relaxed));
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), bot).await;
        add_neighbour(&rig);
        rig.arrive(vec![text("a", "1", "one"), text("a", "2", "two"), text("b", "3", "three")]).await;
        rig.settle().await;
        assert_eq!(rig.host.turns().running(&BOT.into()), 2);
        let obeyed = rig.host.turns().order(&BOT.into(), Order::Kill).await.unwrap();
        assert_eq!((obeyed.changed, obeyed.running, obeyed.health.state), (true, 2, State::Paused));
        rig.settle().await;
        assert_eq!((rig.host.turns().running(&BOT.into()), rig.host.turns().under_way()), (0, 0));
        let waiting = store.waiting_events(InboxSeq(0), 10).await.unwrap();
        assert_eq!(waiting.iter().map(|row| row.attempts).collect::<Vec<_>>(), [0, 0, 0], "no try is counted");
        assert_eq!(rig.sent_to("b"), ["neighbour: three"], "and the neighbour goes on");

        stuck.store(false, Ordering::Relaxed);
        clock.advance(Duration::from_secs(60));
        rig.arrive(vec![text("b", "4", "four")]).await;
        rig.settle().await;
        assert_eq!(rig.host.turns().running(&BOT.into()), 0, "it is paused");
        order(&rig, Order::Resume).await;
        let own = |chat: &str| -> Vec<String> {
            rig.sent_to(chat).into_iter().filter(|text| !text.starts_with("neighbour")).collect()
        };
        rig.until(|| own("a") == ["one", "two"] && own("b") == ["three", "four"]).await;
        rig.stop().await;
    });
}

#[test]
fn a_pause_lets_what_is_under_way_end_and_outlives_the_host() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let patient = Patient::broken();
        patient.heal();
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), patient.bot()).await;
        order(&rig, Order::Pause).await;
        rig.arrive(vec![text("a", "1", "one"), text("a", "2", "two")]).await;
        rig.settle().await;
        assert_eq!(patient.runs(), 0);
        rig.crash();
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), patient.bot()).await;
        rig.settle().await;
        assert_eq!((patient.runs(), state(&rig)), (0, State::Paused));
        order(&rig, Order::Resume).await;
        rig.until(|| rig.sent_to("a") == ["one", "two"]).await;
        rig.stop().await;
    });
}

#[test]
fn an_order_that_cannot_be_recorded_says_so_and_is_recorded_when_it_is_given_again() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), obedient).await;
        store.fail([Failpoint::BotState]);
        let error = rig.host.turns().order(&BOT.into(), Order::Pause).await.unwrap_err();
        assert!(matches!(error, OrderError::NotRecorded(_)), "{error}");
        assert_eq!((state(&rig), store.bot_states().await.unwrap().len()), (State::Paused, 0));
        let again = rig.host.turns().order(&BOT.into(), Order::Pause).await.unwrap();
        assert_eq!((again.changed, store.bot_states().await.unwrap().len()), (false, 1));
        let error = rig.host.turns().order(&"nobody".into(), Order::Pause).await.unwrap_err();
        assert!(matches!(error, OrderError::Unknown(_)), "{error}");
        rig.stop().await;
    });
}

/// What may happen to a host with an operator.
#[derive(Clone, Debug)]
enum Step {
    Arrive(u8),
    Run(u8),
    Pass(u16),
    Order(usize),
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4u8).prop_map(Step::Arrive),
        5 => (1..30u8).prop_map(Step::Run),
        3 => (1..3000u16).prop_map(Step::Pass),
        4 => (0..Order::ALL.len()).prop_map(Step::Order),
        1 => Just(Step::Crash),
    ]
}

/// Takes half a second for each message, and fails the first two times that it sees every third one.
fn slow_and_moody(clock: TestClock, seen: Tries) -> impl Fn(&mut Turn) -> BoxFuture<'_, TurnResult> {
    move |turn: &mut Turn| {
        let text = said(turn);
        let number: usize = text.rsplit(' ').next().unwrap().parse().unwrap();
        let tries = try_of(&seen, &text);
        let sleeping = clock.sleep_until(clock.now() + Duration::from_millis(500));
        answer(turn, &text);
        async move {
            sleeping.await;
            if number % 3 == 1 && tries <= 2 { failing() } else { TurnResult::Done }
        }
        .boxed()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Arrivals, turns, failures, orders, time and crashes in any order: once the operator lets the bot
    /// go on, every message is answered, in the order of its chat.
    #[test]
    fn whatever_is_ordered_nothing_is_lost_and_order_holds(steps in prop::collection::vec(step(), 1..80)) {
        run(async {
            let (store, clock) = (MemoryStore::default(), TestClock::default());
            let platform = Arc::new(crate::testing::TestPlatform::default());
            let seen = Tries::default();
            let limits = || Limits { turns: 3, failures: 2, rests: 2, attempts: 1000, ..Limits::default() };
            let start = || Rig::start_on(&store, &clock, platform.clone(), fast(), limits(), slow_and_moody(clock.clone(), seen.clone()));
            let mut rig = start().await;
            let mut expected: BTreeMap<u8, Vec<String>> = BTreeMap::new();
            let mut number = 0;
            for step in steps {
                match step {
                    Step::Arrive(chat) => {
                        let body = format!("{chat} {number}");
                        number += 1;
                        rig.arrive(vec![text(&chat.to_string(), &body, &body)]).await;
                        expected.entry(chat).or_default().push(body);
                    }
                    Step::Run(times) => for _ in 0..times { yield_now().await; },
                    Step::Pass(ms) => clock.advance(Duration::from_millis(u64::from(ms))),
                    Step::Order(which) => drop(rig.host.turns().order(&BOT.into(), Order::ALL[which]).await),
                    Step::Crash => {
                        let held = matches!(state(&rig), State::Paused | State::Quarantined);
                        let before = state(&rig);
                        rig.crash();
                        yield_now().await;
                        rig = start().await;
                        if held { prop_assert_eq!(state(&rig), before); }
                    }
                }
                if matches!(state(&rig), State::Degraded) {
                    prop_assert!(rig.bot.health().rests <= 2);
                }
            }
            let waiting = || { let t = store.totals().now_or_never().unwrap().unwrap(); t.waiting_events + t.waiting_sends };
            // Whoever is held back is let go, as often as it takes: each message fails twice at most.
            for _ in 0..100 {
                for order in [Order::Resume, Order::Release] {
                    drop(rig.host.turns().order(&BOT.into(), order).await);
                }
                rig.until(|| waiting() == 0 || state(&rig) == State::Quarantined).await;
                if waiting() == 0 { break; }
            }
            prop_assert_eq!(waiting(), 0);
            let totals = store.totals().await.unwrap();
            prop_assert_eq!((totals.handled, totals.dead), (number, 0));
            for (chat, bodies) in &expected {
                let mut sent = rig.sent_to(&chat.to_string());
                // What a crash left in doubt goes again before anything else does.
                sent.dedup();
                prop_assert_eq!(&sent, bodies);
            }
            prop_assert_eq!(rig.host.turns().running(&BOT.into()), 0);
            prop_assert_eq!(rig.host.turns().held(), (0, 0));
            rig.stop().await;
            Ok(())
        })?;
    }
}
