//! The promises of the whole host, over the doubles.

mod any_order;
mod asks;
mod bounds;
mod builds;
mod counts;
mod health;
mod letters;
mod members;
mod people;
mod timers;
mod workers;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::task::yield_now;

use super::*;
use crate::bot::Bot;
use crate::ids::{Chat, InboxSeq};
use crate::outbox::Policy;
use crate::outgoing::Outgoing;
use crate::runtime::{Failure, Limits, Reason, TurnResult};
use crate::testing::rig::{CONNECTION, Rig, fast, run, said, text};
use crate::testing::{Failpoint, MemoryStore, TestClock};
use crate::turn::Turn;

/// Answers with what was said, after counting it in all three buckets.
fn counting(turn: &mut Turn) -> BoxFuture<'_, TurnResult> {
    async move {
        let text = said(turn);
        for bucket in ["bot", "chat", "user"] {
            let bucket = turn.bucket(bucket).expect("a message has all three");
            let old = turn.get(&bucket, "n").expect("readable");
            let old: u64 = old.map_or(0, |bytes| String::from_utf8(bytes).unwrap().parse().unwrap());
            // Others run between the read and the write.
            yield_now().await;
            turn.set(&bucket, "n", (old + 1).to_string().into_bytes()).expect("writable");
        }
        answer(turn, &text);
        TurnResult::Done
    }
    .boxed()
}

fn answer(turn: &mut Turn, text: &str) {
    let chat = turn.event().chat().expect("a message has a chat").clone();
    turn.send(chat, Outgoing::text(text)).expect("the connection is served");
}

/// Answers, and never ends its turn where `stays` says so of what was said.
fn staying(
    stays: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> impl Fn(&mut Turn) -> BoxFuture<'_, TurnResult> + Send + Sync + 'static {
    move |turn: &mut Turn| {
        let text = said(turn);
        answer(turn, &text);
        let stays = stays(&text);
        async move {
            if stays {
                std::future::pending::<()>().await;
            }
            TurnResult::Done
        }
        .boxed()
    }
}

fn failing() -> TurnResult {
    TurnResult::Failed(Failure { reason: Reason::Panic, detail: "oh".to_owned() })
}

/// How often each message was seen, which is no part of the durable state.
type Tries = Arc<Mutex<BTreeMap<String, usize>>>;

/// Counts a try of a message: 1 is the first.
fn try_of(seen: &Tries, text: &str) -> usize {
    let mut seen = seen.lock().unwrap();
    let tries = seen.entry(text.to_owned()).or_default();
    *tries += 1;
    *tries
}

/// Does what the text says: `fail`, `retry`, `reject`, or answers. Effects come first in any case.
fn obedient(turn: &mut Turn) -> BoxFuture<'_, TurnResult> {
    let text = said(turn);
    answer(turn, &text);
    let bucket = turn.bucket("chat").expect("a chat");
    turn.set(&bucket, "last", text.clone().into_bytes()).expect("writable");
    let result = match text.as_str() {
        "fail" => failing(),
        "retry" => TurnResult::Retry(Duration::from_secs(7)),
        "reject" => TurnResult::Reject("I do not want it".to_owned()),
        _ => TurnResult::Done,
    };
    async { result }.boxed()
}

#[test]
fn limit_attempts_ends_an_event_that_fails_without_effects_and_its_chat_goes_on() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let limits = Limits { attempts: 3, ..Limits::default() };
        let rig = Rig::start(&store, &clock, fast(), limits, obedient).await;
        rig.arrive(vec![text("a", "1", "fail"), text("a", "2", "hello"), text("b", "3", "other")]).await;
        rig.settle().await;
        assert_eq!(rig.sent_to("b"), ["other"], "another chat does not wait");
        assert!(rig.sent_to("a").is_empty());
        assert_eq!(store.values()["chat/last"], "other", "the failed turn stored nothing");

        let began = clock.now();
        rig.until(|| rig.sent_to("a") == ["hello"]).await;
        assert!(clock.now().since(began) >= Duration::from_millis(500 + 1000), "two waits that double");
        let dead = store.dead_letters(10).await.unwrap();
        assert_eq!((dead.len(), dead[0].attempts, dead[0].reason.as_str()), (1, 3, "panic: oh"));
        rig.stop().await;
    });
}

#[test]
fn an_event_that_is_asked_for_again_comes_again_in_its_place() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let tries = Arc::new(AtomicUsize::new(0));
        let counter = tries.clone();
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), move |turn: &mut Turn| {
            let first = said(turn) == "wait" && counter.fetch_add(1, Ordering::Relaxed) == 0;
            let text = said(turn);
            answer(turn, &text);
            let result = if first { TurnResult::Retry(Duration::from_secs(7)) } else { TurnResult::Done };
            async { result }.boxed()
        })
        .await;
        rig.arrive(vec![text("a", "1", "wait"), text("a", "2", "after")]).await;
        let began = clock.now();
        rig.until(|| rig.sent_to("a") == ["wait", "after"]).await;
        assert_eq!(clock.now().since(began), Duration::from_secs(7));
        rig.stop().await;
    });
}

#[test]
fn a_rejected_event_is_a_dead_letter_at_once() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), obedient).await;
        rig.arrive(vec![text("a", "1", "reject"), text("a", "2", "next")]).await;
        rig.settle().await;
        assert_eq!(rig.sent_to("a"), ["next"]);
        assert_eq!(store.dead_letters(10).await.unwrap()[0].reason, "rejected: I do not want it");
        rig.stop().await;
    });
}

#[test]
fn an_event_that_arrives_twice_is_handled_once() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), obedient).await;
        assert_eq!(rig.arrive(vec![text("a", "1", "x"), text("a", "1", "x")]).await, 1);
        rig.settle().await;
        rig.crash();
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), obedient).await;
        assert_eq!(rig.arrive(vec![text("a", "1", "x")]).await, 0, "also across a restart");
        rig.settle().await;
        assert!(rig.sent_to("a").is_empty());
        rig.stop().await;
    });
}

#[test]
fn turns_side_by_side_never_lose_each_others_writes() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), counting).await;
        let events: Vec<_> = (0..300).map(|n| text(&format!("c{}", n % 40), &n.to_string(), &n.to_string())).collect();
        rig.arrive(events).await;
        rig.until(|| rig.platform.tried().len() == 300).await;
        assert_eq!(store.values()["bot/n"], "300");
        assert!(rig.bot.stats.conflicts() > 0, "they did run side by side");
        assert_eq!(rig.host.turns().held(), (0, 0), "nothing is kept once it is on disk");
        rig.stop().await;
    });
}

#[test]
fn a_store_that_fails_holds_chats_up_and_loses_nothing() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), counting).await;
        store.fail([Failpoint::Commit, Failpoint::Commit, Failpoint::Attempt, Failpoint::Settle]);
        rig.arrive(vec![text("a", "1", "one"), text("a", "2", "two")]).await;
        rig.settle().await;
        assert!(rig.sent_to("a").is_empty());
        rig.until(|| rig.sent_to("a") == ["one", "two"]).await;
        assert_eq!(store.values()["bot/n"], "2");
        rig.stop().await;
    });
}

#[test]
fn what_cannot_be_read_any_more_ends_and_holds_nobody_up() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), obedient).await;
        store.fail(vec![Failpoint::Attempt; 50]);
        rig.arrive(vec![text("a", "1", "a send that waits"), text("b", "2", "fail"), text("b", "3", "an event")]).await;
        rig.settle().await;
        rig.crash();
        store.heal();
        store.spoil();

        let rig = Rig::start(&store, &clock, fast(), Limits::default(), obedient).await;
        rig.arrive(vec![text("a", "4", "next in a"), text("b", "5", "next in b")]).await;
        rig.until(|| rig.platform.tried().len() == 2).await;
        assert_eq!((rig.sent_to("a"), rig.sent_to("b")), (vec!["next in a".to_owned()], vec!["next in b".to_owned()]));
        let dead = store.dead_letters(10).await.unwrap();
        assert_eq!(dead.len(), 2);
        assert!(dead.iter().all(|letter| letter.reason == "the test wants it so"), "{dead:?}");
        let totals = store.totals().await.unwrap();
        assert_eq!((totals.failed, totals.waiting_events, totals.waiting_sends), (1, 0, 0));
        rig.stop().await;
    });
}

#[test]
fn a_host_that_drains_ends_what_it_began_and_begins_nothing() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let sleeper = clock.clone();
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), move |turn: &mut Turn| {
            let text = said(turn);
            answer(turn, &text);
            let sleeping = sleeper.sleep_until(sleeper.now() + Duration::from_secs(1));
            async {
                sleeping.await;
                TurnResult::Done
            }
            .boxed()
        })
        .await;
        rig.arrive(vec![text("a", "1", "begun"), text("a", "2", "waiting")]).await;
        rig.settle().await;
        assert_eq!(rig.host.turns().under_way(), 1);
        rig.host.drain();
        rig.settle().await;
        clock.advance(Duration::from_secs(1));
        rig.stop().await;
        let totals = store.totals().await.unwrap();
        assert_eq!((totals.handled, totals.waiting_events, totals.waiting_sends), (1, 1, 1));
    });
}

#[test]
fn a_bot_sends_only_through_its_own_connections() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), |turn: &mut Turn| {
            let refused = turn.send(Chat::new("other", "x"), Outgoing::text("psst")).unwrap_err();
            answer(turn, &refused.to_string());
            async { TurnResult::Done }.boxed()
        })
        .await;
        rig.arrive(vec![text("a", "1", "go")]).await;
        rig.settle().await;
        assert_eq!(rig.sent_to("a"), ["denied: the bot does not serve the connection \"other\""]);
        assert_eq!(CONNECTION, "shop");
        rig.stop().await;
    });
}
