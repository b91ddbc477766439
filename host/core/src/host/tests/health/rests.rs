//! Bots that fail rest, are quarantined if that does not help, and come back.

use super::*;
use crate::turns::OrderError;

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
fn a_new_generation_ends_a_rest_and_a_quarantine_that_the_old_one_brought() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let patient = Patient::broken();
        let limits = Limits { failures: 1, rests: 1, attempts: 100, ..Limits::default() };
        let rig = Rig::start(&store, &clock, fast(), limits, patient.bot()).await;
        rig.arrive(vec![text("a", "1", "one")]).await;
        rig.until(|| state(&rig) == State::Quarantined).await;
        patient.heal();
        rig.bot.generations.replace(Arc::new(Native(patient.bot())), clock.now());
        rig.host.turns().renew(&rig.bot).await.unwrap();
        rig.until(|| rig.sent_to("a") == ["one"]).await;
        assert_eq!((state(&rig), store.bot_states().await.unwrap().len()), (State::Active, 0));
        rig.stop().await;
    });
}
