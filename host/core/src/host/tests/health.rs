//! Bots that fail rest and come back, the operator's orders hold, and nothing is lost by either.

use std::sync::atomic::AtomicBool;

use super::*;
use crate::health::{Order, State};
use crate::testing::Native;
use crate::testing::rig::BOT;
use crate::turn::Actor;
use crate::turns::OrderError;

/// A bot that fails while it is broken, and what is seen of it from outside.
#[derive(Clone)]
struct Patient {
    broken: Arc<AtomicBool>,
    runs: Arc<AtomicUsize>,
}

impl Patient {
    fn broken() -> Self {
        Self { broken: Arc::new(AtomicBool::new(true)), runs: Arc::default() }
    }

    fn bot(&self) -> impl Fn(&mut Turn) -> BoxFuture<'_, TurnResult> + Send + Sync + 'static {
        let Self { broken, runs } = self.clone();
        move |turn: &mut Turn| {
            runs.fetch_add(1, Ordering::Relaxed);
            let text = said(turn);
            answer(turn, &text);
            let result = if broken.load(Ordering::Relaxed) { failing() } else { TurnResult::Done };
            async { result }.boxed()
        }
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::Relaxed)
    }

    fn heal(&self) {
        self.broken.store(false, Ordering::Relaxed);
    }
}

fn state(rig: &Rig) -> State {
    rig.bot.health().state
}

async fn order(rig: &Rig, order: Order) {
    rig.host.turns().order(&BOT.into(), order).await.expect("the order is followed");
}

fn add_neighbour(rig: &Rig) {
    let connections = [(CONNECTION.into(), rig.platform.clone() as Arc<_>)].into();
    let actor = Actor::new("neighbour".into(), connections, Limits::default(), rig.host.outboxes().clone());
    rig.host.turns().add_bot(Arc::new(Bot::new(actor, Arc::new(Native(neighbourly)))));
}

fn neighbourly(turn: &mut Turn) -> BoxFuture<'_, TurnResult> {
    let text = format!("neighbour: {}", said(turn));
    answer(turn, &text);
    async { TurnResult::Done }.boxed()
}

#[test]
fn limit_failures_make_a_bot_rest_and_a_probe_brings_it_back_while_its_neighbour_answers() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let patient = Patient::broken();
        let limits = Limits { failures: 3, attempts: 100, ..Limits::default() };
        let rig = Rig::start(&store, &clock, fast(), limits, patient.bot()).await;
        add_neighbour(&rig);
        let chats: Vec<String> = (0..10).map(|n| format!("c{n}")).collect();
        let events = |round: &str| chats.iter().map(|c| text(c, &format!("{c} {round}"), round)).collect::<Vec<_>>();
        rig.arrive(events("one")).await;
        rig.settle().await;
        assert_eq!((patient.runs(), state(&rig)), (3, State::Degraded), "no more than it takes");
        assert!(chats.iter().all(|chat| rig.sent_to(chat) == ["neighbour: one"]));
        assert_eq!(rig.bot.health().reason.unwrap(), "3 failures in a row, last by panic: oh");

        // Each rest ends in exactly one turn.
        for rests in 2..5 {
            rig.until(|| rig.bot.health().rests == rests).await;
            assert_eq!(patient.runs(), 2 + rests as usize);
        }
        rig.arrive(events("two")).await;
        rig.settle().await;
        assert!(chats.iter().all(|chat| rig.sent_to(chat) == ["neighbour: one", "neighbour: two"]));
        assert_eq!(patient.runs(), 6, "what arrives waits");

        patient.heal();
        rig.until(|| rig.bot.stats.handled() == 20).await;
        rig.settle().await;
        assert_eq!(state(&rig), State::Active);
        for chat in &chats {
            let own: Vec<_> = rig.sent_to(chat).into_iter().filter(|text| !text.starts_with("neighbour")).collect();
            assert_eq!(own, ["one", "two"]);
        }
        assert_eq!(store.totals().await.unwrap().dead, 0);
        rig.stop().await;
    });
}

#[test]
fn limit_rests_quarantine_a_bot_until_it_is_released_also_across_a_restart() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let patient = Patient::broken();
        let limits = || Limits { failures: 2, rests: 3, attempts: 100, ..Limits::default() };
        let rig = Rig::start(&store, &clock, fast(), limits(), patient.bot()).await;
        rig.arrive(vec![text("a", "1", "one"), text("a", "2", "two")]).await;
        rig.until(|| state(&rig) == State::Quarantined).await;
        assert_eq!(patient.runs(), 2 + 3);
        patient.heal();
        clock.advance(Duration::from_secs(24 * 3600));
        rig.settle().await;
        assert_eq!((patient.runs(), state(&rig)), (5, State::Quarantined), "time does not end it");
        let told = rig.bot.health();
        rig.crash();

        let rig = Rig::start(&store, &clock, fast(), limits(), patient.bot()).await;
        rig.settle().await;
        assert_eq!((patient.runs(), rig.restored.events), (5, 2));
        let kept = rig.bot.health();
        assert_eq!((kept.state, kept.since, kept.reason), (told.state, told.since, told.reason));
        let error = rig.host.turns().order(&BOT.into(), Order::Resume).await.unwrap_err();
        assert!(matches!(error, OrderError::Refused(_)), "{error}");
        order(&rig, Order::Release).await;
        rig.until(|| rig.sent_to("a") == ["one", "two"]).await;
        rig.crash();
        let rig = Rig::start(&store, &clock, fast(), limits(), patient.bot()).await;
        assert_eq!(state(&rig), State::Active);
        rig.stop().await;
    });
}

#[test]
fn a_bot_whose_only_event_sleeps_longer_than_its_rest_tries_when_it_wakes() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let patient = Patient::broken();
        let limits = Limits { failures: 1, attempts: 100, backoff: Duration::from_secs(60), ..Limits::default() };
        let rig = Rig::start(&store, &clock, fast(), limits, patient.bot()).await;
        rig.arrive(vec![text("a", "1", "one")]).await;
        rig.settle().await;
        clock.advance(Duration::from_secs(2));
        rig.settle().await;
        let told = rig.bot.health();
        assert_eq!((told.state, told.next_probe, patient.runs()), (State::Degraded, None, 1), "its rest is over");
        patient.heal();
        let began = clock.now();
        rig.until(|| rig.sent_to("a") == ["one"]).await;
        assert!(clock.now().since(began) > Duration::from_secs(20), "its event slept on");
        assert_eq!(state(&rig), State::Active);
        rig.stop().await;
    });
}

#[test]
fn a_bot_that_rests_with_nothing_to_do_tries_with_what_comes_next() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let patient = Patient::broken();
        let limits = Limits { failures: 1, attempts: 1, ..Limits::default() };
        let rig = Rig::start(&store, &clock, fast(), limits, patient.bot()).await;
        rig.arrive(vec![text("a", "1", "dies at once")]).await;
        rig.settle().await;
        assert_eq!((state(&rig), store.totals().await.unwrap().dead), (State::Degraded, 1));
        clock.advance(Duration::from_secs(1));
        patient.heal();
        rig.settle().await;
        assert_eq!(state(&rig), State::Degraded);
        rig.arrive(vec![text("a", "2", "two")]).await;
        rig.settle().await;
        assert_eq!((state(&rig), rig.sent_to("a")), (State::Active, vec!["two".to_owned()]));
        rig.stop().await;
    });
}

#[test]
fn the_event_that_a_bot_fails_at_dies_after_its_attempts_and_its_chat_goes_on() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let limits = Limits { failures: 2, attempts: 5, ..Limits::default() };
        let rig = Rig::start(&store, &clock, fast(), limits, obedient).await;
        rig.arrive(vec![text("a", "1", "fail"), text("a", "2", "hello")]).await;
        rig.until(|| rig.sent_to("a") == ["hello"]).await;
        let dead = store.dead_letters(10).await.unwrap();
        assert_eq!((dead.len(), dead[0].attempts), (1, 5));
        assert_eq!(state(&rig), State::Active, "what came after it ended well");
        rig.stop().await;
    });
}

#[test]
fn a_probe_that_has_to_run_again_because_of_anothers_writes_is_still_the_probe() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let tries = Arc::new(AtomicUsize::new(0));
        let (counter, sleeper) = (tries.clone(), clock.clone());
        let limits = Limits { failures: 1, attempts: 100, ..Limits::default() };
        // The first turn is slow and reads what the second, which fails it into a rest, cannot write.
        let rig = Rig::start(&store, &clock, fast(), limits, move |turn: &mut Turn| {
            let first = counter.fetch_add(1, Ordering::Relaxed) == 0;
            let slow = said(turn) == "slow";
            let sleeping = sleeper.sleep_until(sleeper.now() + Duration::from_secs(if slow { 10 } else { 0 }));
            let bucket = turn.bucket("bot").expect("there is one");
            turn.get(&bucket, "n").expect("readable");
            turn.set(&bucket, "n", b"1".to_vec()).expect("writable");
            async move {
                sleeping.await;
                if slow && first { failing() } else { TurnResult::Done }
            }
            .boxed()
        })
        .await;
        rig.arrive(vec![text("a", "1", "slow")]).await;
        rig.until(|| state(&rig) == State::Degraded).await;
        rig.arrive((0..5).map(|n| text(&format!("b{n}"), &format!("b{n}"), "quick")).collect()).await;
        rig.until(|| rig.bot.stats.handled() == 6).await;
        assert_eq!(state(&rig), State::Active);
        rig.stop().await;
    });
}

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

#[test]
fn a_new_generation_ends_a_rest_and_a_quarantine_that_the_old_one_brought() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let patient = Patient::broken();
        let limits = Limits { failures: 1, rests: 1, attempts: 100, ..Limits::default() };
        let rig = Rig::start(&store, &clock, fast(), limits, patient.bot()).await;
        rig.arrive(vec![text("a", "1", "one")]).await;
        rig.until(|| state(&rig) == State::Quarantined).await;
        patient.heal();
        rig.bot.replace(Arc::new(Native(patient.bot())));
        rig.host.turns().renew(&rig.bot).await.unwrap();
        rig.until(|| rig.sent_to("a") == ["one"]).await;
        assert_eq!((state(&rig), store.bot_states().await.unwrap().len()), (State::Active, 0));
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
        let body = said(turn);
        let number: usize = body.rsplit(' ').next().unwrap().parse().unwrap();
        let tries = {
            let mut seen = seen.lock().unwrap();
            let tries = seen.entry(body).or_default();
            *tries += 1;
            *tries
        };
        let sleeping = clock.sleep_until(clock.now() + Duration::from_millis(500));
        let text = said(turn);
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
