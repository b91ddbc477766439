//! What is bounded, and what happens at the bound.

use super::*;

#[test]
fn a_turn_that_has_ended_leaves_its_place_before_it_is_on_disk() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let limits = Limits { turns: 1, ..Limits::default() };
        let rig = Rig::start(&store, &clock, fast(), limits, obedient).await;
        store.fail([Failpoint::Commit]);
        rig.arrive(vec![text("a", "1", "one"), text("b", "2", "two"), text("a", "3", "three")]).await;
        rig.settle().await;
        assert_eq!(rig.host.turns().held().0, 2, "one of each chat, and the next of `a` waits for its first");
        assert_eq!(store.totals().await.unwrap().handled, 0);
        rig.until(|| rig.sent_to("a") == ["one", "three"] && rig.sent_to("b") == ["two"]).await;
        rig.stop().await;
    });
}

#[test]
fn no_turn_begins_while_too_much_waits_for_the_disk() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), |turn: &mut Turn| {
            let bucket = turn.bucket("chat").expect("a chat");
            for key in ["1", "2", "3", "4", "5", "6", "7", "8"] {
                turn.set(&bucket, key, vec![b'x'; 64 << 10]).expect("writable");
            }
            async { TurnResult::Done }.boxed()
        })
        .await;
        store.fail([Failpoint::Commit, Failpoint::Commit]);
        rig.arrive((0..300).map(|n| text(&format!("c{n}"), &n.to_string(), "keep")).collect()).await;
        rig.settle().await;
        // Half a MiB each; what one worker had taken when it was full still runs.
        let held = rig.host.turns().held().0;
        assert!((32..120).contains(&held), "{held} turns are held in memory");
        rig.until(|| rig.bot.stats.handled() == 300 && rig.host.turns().held() == (0, 0)).await;
        rig.stop().await;
    });
}

#[test]
fn limit_waiting_chat_makes_dead_letters_and_holds_nobody_up() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let limits = Limits { waiting_chat: 2, ..Limits::default() };
        let rig = Rig::start(&store, &clock, fast(), limits, staying(|said| said == "stuck")).await;
        rig.arrive(vec![text("a", "0", "stuck")]).await;
        rig.settle().await;
        for id in ["1", "2", "3"] {
            rig.arrive(vec![text("a", id, "more")]).await;
        }
        rig.arrive(vec![text("b", "4", "hello")]).await;
        rig.settle().await;
        assert_eq!(rig.sent_to("b"), ["hello"]);
        let dead = store.dead_letters(10).await.unwrap();
        assert_eq!((dead.len(), dead[0].reason.as_str()), (1, "2 events were waiting in this chat"));
        rig.crash();
    });
}

#[test]
fn no_more_turns_are_under_way_than_the_host_has_room_for() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let limits = Limits { turns: 1000, ..Limits::default() };
        let rig = Rig::start(&store, &clock, fast(), limits, |turn: &mut Turn| {
            let text = said(turn);
            answer(turn, &text);
            async {
                yield_now().await;
                TurnResult::Done
            }
            .boxed()
        })
        .await;
        rig.arrive((0..300).map(|n| text(&format!("c{n}"), &n.to_string(), "hello")).collect()).await;
        let mut most = 0;
        rig.until(|| {
            most = most.max(rig.host.turns().under_way());
            rig.platform.tried().len() == 300
        })
        .await;
        assert!(most <= 100, "{most} were under way");
        assert_eq!(rig.host.turns().under_way(), 0);
        rig.stop().await;
    });
}

#[test]
fn a_chat_whose_messages_pile_up_gets_no_turns_until_they_have_gone() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let second = std::num::NonZeroU32::MIN;
        let slow = Policy { chat: crate::pace::Rate::per_second(second), ..fast() };
        let rig = Rig::start(&store, &clock, slow, Limits::default(), obedient).await;
        rig.arrive((0..300).map(|n| text("flood", &n.to_string(), &n.to_string())).collect()).await;
        rig.arrive(vec![text("b", "b", "hello")]).await;
        for _ in 0..20 {
            rig.settle().await;
        }
        assert_eq!(rig.sent_to("b"), ["hello"], "another chat does not wait");
        let totals = store.totals().await.unwrap();
        assert!(totals.waiting_sends <= 101, "{} messages wait", totals.waiting_sends);
        assert!(totals.waiting_events >= 190);
        rig.until(|| rig.sent_to("flood").len() == 300).await;
        assert_eq!(rig.sent_to("flood"), (0..300).map(|n| n.to_string()).collect::<Vec<_>>());
        rig.stop().await;
    });
}

#[test]
fn limit_turns_makes_the_next_ones_wait() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let limits = Limits { turns: 3, ..Limits::default() };
        let rig = Rig::start(&store, &clock, fast(), limits, staying(|_| true)).await;
        rig.arrive((0..10).map(|n| text(&format!("c{n}"), &n.to_string(), "hello")).collect()).await;
        rig.settle().await;
        assert_eq!(rig.host.turns().under_way(), 3);
        assert_eq!(store.totals().await.unwrap().dead, 0, "none of them is lost");
        rig.crash();
    });
}

#[test]
fn limit_waiting_is_for_all_chats_together() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let limits = Limits { waiting: 4, turns: 1, ..Limits::default() };
        let rig = Rig::start(&store, &clock, fast(), limits, staying(|_| true)).await;
        for n in 0..8 {
            rig.arrive(vec![text(&format!("c{n}"), &n.to_string(), "hello")]).await;
            rig.settle().await;
        }
        let totals = store.totals().await.unwrap();
        assert!((4..=5).contains(&totals.waiting_events), "one runs beside those that wait: {totals:?}");
        assert_eq!(totals.dead + totals.waiting_events, 8);
        rig.crash();
    });
}

#[test]
fn limit_backoff_is_the_first_wait_and_doubles() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let limits = Limits { backoff: Duration::from_secs(10), attempts: 3, ..Limits::default() };
        let rig = Rig::start(&store, &clock, fast(), limits, obedient).await;
        let began = clock.now();
        rig.arrive(vec![text("a", "1", "fail"), text("a", "2", "hello")]).await;
        rig.until(|| rig.sent_to("a") == ["hello"]).await;
        let waited = clock.now().since(began);
        let (least, most) = (Duration::from_secs(5 + 10), Duration::from_secs(10 + 20 + 1));
        assert!((least..=most).contains(&waited), "{waited:?}: half of it at least, since waits are jittered");
        rig.stop().await;
    });
}
