//! The promises of the outbox, over the doubles.

mod pause;

use std::num::NonZeroU32;
use std::pin::pin;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::*;
use crate::event::{Content, Message};
use crate::ids::{Chat, SendId};
use crate::outgoing::{Body, Outgoing};
use crate::pace::Rate;
use crate::platform::{SendError, Sent};
use crate::runtime::{Limits, TurnResult};
use crate::store::{Build, Migration, Rows, Upkeep};
use crate::testing::rig::{BOT, Rig, fast, run, text};
use crate::testing::{Failpoint, MemoryStore, TestClock, TestPlatform};
use crate::turn::Turn;

/// Sends each word of a text; tells a `delivery` in its chat's values; asks for a report of "report".
fn words(turn: &mut Turn) -> BoxFuture<'_, TurnResult> {
    let chat = turn.event().chat().unwrap().clone();
    match &*turn.event().clone() {
        Event::Message(Message { content: Content::Text(text), .. }) => {
            for word in text.split(' ') {
                let message = Outgoing { report: word == "report", ..Outgoing::text(word) };
                turn.send(chat.clone(), message).unwrap();
            }
        }
        Event::Delivery(delivery) => {
            let bucket = turn.bucket("chat").unwrap();
            let outcome = format!("{} {:?}", delivery.message, delivery.outcome);
            turn.set(&bucket, "delivery", outcome.into_bytes()).unwrap();
        }
        _ => {}
    }
    async { TurnResult::Done }.boxed()
}

async fn rig(policy: Policy) -> Rig {
    Rig::start(&MemoryStore::default(), &TestClock::default(), policy, Limits::default(), words).await
}

/// Puts sends on disk, and into no lane.
async fn stored(store: &MemoryStore, sends: &[QueuedSend]) -> Vec<OutboxSeq> {
    let build = Build { digest: "any".to_owned(), version: String::new() };
    let (values, timers) = (Vec::new(), Vec::new());
    let migration = Migration { bot: BOT.into(), build, at: Millis(0), values, sends: sends.to_vec(), timers };
    store.migrate(vec![migration]).await.unwrap().concat()
}

#[test]
fn a_chat_gets_its_messages_in_order_and_one_at_a_time() {
    run(async {
        let rig = rig(fast()).await;
        rig.platform.answer([Err(SendError::NotSent("no".to_owned()))]);
        rig.arrive(vec![text("a", "1", "1 2 3 4"), text("b", "2", "x y")]).await;
        rig.until(|| rig.platform.tried().len() == 7).await;
        let (mut a, mut b) = (rig.sent_to("a"), rig.sent_to("b"));
        a.dedup();
        b.dedup();
        assert_eq!((a.join(""), b.join("")), ("1234".to_owned(), "xy".to_owned()));
        assert!(rig.platform.most_under_way() <= 2);
        rig.stop().await;
    });
}

/// Its row went while the turn that sent it was told to be on disk.
#[test]
fn a_send_that_was_erased_is_not_tried_however_late_it_comes_into_its_lane() {
    run(async {
        let rig = rig(fast()).await;
        let send = |index, text: &str| QueuedSend {
            id: SendId { turn: InboxSeq(7), index },
            bot: BOT.into(),
            chat: Chat::new("shop", "sara"),
            message: Arc::new(Outgoing { report: true, ..Outgoing::text(text) }),
            queued: rig.clock.now(),
        };
        let sends = vec![send(0, "erased"), send(1, "stays")];
        let rows = stored(&rig.store, &sends).await;
        rig.store.erase(Rows { sends: vec![rows[0]], ..Rows::default() }).await.unwrap();
        rig.host.outboxes().push_all(rows.into_iter().zip(sends).collect());
        rig.settle().await;
        assert_eq!(rig.sent_to("sara"), ["stays"]);
        let counts = rig.host.outboxes().get(&"shop".into()).unwrap().stats.counts();
        assert_eq!((counts.delivered, counts.failed), (1, 0));
        rig.stop().await;
    });
}

#[test]
fn of_a_send_that_is_erased_while_it_is_tried_nobody_is_told_and_no_bot_lacked_room() {
    run(async {
        let rig = rig(fast()).await;
        rig.host.pause_sends(&"shop".into()).await.unwrap();
        rig.arrive(vec![text("a", "1", "report")]).await;
        rig.settle().await;
        let of = SendsOf { connection: Some("shop".into()), chat: None };
        let row = rig.host.list_sends(of, OutboxSeq(0), 9).await.unwrap()[0].seq;
        // The platform has it, and the store does not take the end yet.
        rig.store.fail([Failpoint::Settle]);
        rig.host.resume_sends(&"shop".into()).await.unwrap();
        rig.settle().await;
        assert_eq!(rig.sent_to("a"), ["report"]);
        rig.store.erase(Rows { sends: vec![row], ..Rows::default() }).await.unwrap();
        rig.arrive(vec![text("a", "2", "next")]).await;
        rig.until(|| rig.sent_to("a") == ["report", "next"]).await;
        rig.settle().await;
        assert!(!rig.store.values().contains_key("chat/delivery"));
        assert_eq!(rig.bot.stats.dead(), 0);
        rig.stop().await;
    });
}

#[test]
fn a_bot_that_writes_to_many_chats_holds_up_no_other_bot() {
    let queued = |bot: &str, chat: &str| QueuedSend {
        id: SendId { turn: InboxSeq(1), index: 0 },
        bot: bot.into(),
        chat: Chat::new("shop", chat),
        message: Arc::new(Outgoing::text(bot)),
        queued: Millis(0),
    };
    run(async {
        let (store, clock) = (Arc::new(MemoryStore::default()), Arc::new(TestClock::default()));
        let platform = Arc::new(TestPlatform::default());
        let policy = Policy { at_once: 1, waiting: 100, ..fast() };
        let outbox = Arc::new(Outbox::new("shop".into(), platform.clone(), policy, store.clone(), clock));
        let outboxes = Outboxes::default();
        outboxes.add(outbox.clone());
        let mut sends: Vec<_> = (0..100).map(|chat| queued("loud", &chat.to_string())).collect();
        sends.push(queued("quiet", "0"));
        let rows = stored(&store, &sends).await;
        outboxes.push_all(rows.into_iter().zip(sends).collect());
        assert!(outboxes.is_crowded(&"loud".into(), &Chat::new("shop", "new")).is_some());
        assert!(outboxes.is_crowded(&"quiet".into(), &Chat::new("shop", "new")).is_none());
        let three = async {
            while platform.tried().len() < 3 {
                tokio::task::yield_now().await;
            }
        };
        select(pin!(outbox.run()), pin!(three)).await;
        let first: Vec<_> = platform.tried().into_iter().take(3).map(|(_, message)| message.body).collect();
        assert!(first.contains(&Body::Text("quiet".to_owned())), "{first:?}");
    });
}

#[test]
fn a_connection_keeps_its_pace_and_a_chat_keeps_its_own() {
    run(async {
        let per_second = |n| Rate::per_second(NonZeroU32::new(n).unwrap());
        let rig = rig(Policy { connection: per_second(4), chat: per_second(1), ..fast() }).await;
        let clock = rig.clock.clone();
        let events = (0..6).map(|n| text(&format!("c{n}"), &n.to_string(), "hello again"));
        rig.arrive(events.collect()).await;
        rig.settle().await;
        assert_eq!(rig.platform.tried().len(), 4, "as many at once as the connection may");
        let began = clock.now();
        rig.until(|| rig.platform.tried().len() == 12).await;
        let took = clock.now().since(began);
        assert!((Duration::from_millis(1900)..=Duration::from_millis(2300)).contains(&took), "{took:?}");
        rig.stop().await;
    });
}

#[test]
fn a_platform_that_asks_to_wait_is_left_alone_by_the_whole_connection() {
    run(async {
        let rig = rig(fast()).await;
        rig.platform.answer([Err(SendError::Wait(Duration::from_secs(30)))]);
        rig.arrive(vec![text("a", "1", "one")]).await;
        rig.settle().await;
        rig.arrive(vec![text("b", "2", "two")]).await;
        rig.settle().await;
        assert_eq!(rig.platform.tried().len(), 1);
        let began = rig.clock.now();
        rig.until(|| rig.platform.tried().len() == 3).await;
        assert!(rig.clock.now().since(began) >= Duration::from_secs(30));
        rig.stop().await;
    });
}

#[test]
fn a_refused_message_is_told_to_the_bot_and_the_next_one_goes() {
    run(async {
        let rig = rig(fast()).await;
        rig.platform.answer([Err(SendError::Refused("blocked".to_owned()))]);
        rig.arrive(vec![text("a", "1", "one two")]).await;
        rig.settle().await;
        assert_eq!(rig.sent_to("a"), ["one", "two"]);
        assert_eq!(rig.store.values()["chat/delivery"], "1.0 Failed(\"blocked\")");
        assert_eq!(rig.store.totals().await.unwrap().failed, 1);
        rig.stop().await;
    });
}

#[test]
fn an_arrival_is_told_only_where_it_was_asked_for() {
    run(async {
        let rig = rig(fast()).await;
        rig.platform.answer([Ok(Sent { id: Some("m1".to_owned()) }), Ok(Sent { id: Some("m2".to_owned()) })]);
        rig.arrive(vec![text("a", "1", "quiet report")]).await;
        rig.settle().await;
        assert_eq!(rig.store.values()["chat/delivery"], "1.1 Delivered(Some(\"m2\"))");
        rig.stop().await;
    });
}

#[test]
fn a_send_in_doubt_goes_again_and_is_counted() {
    run(async {
        let rig = rig(fast()).await;
        rig.platform.answer([Err(SendError::InDoubt("the line broke".to_owned()))]);
        rig.arrive(vec![text("a", "1", "one")]).await;
        rig.until(|| rig.sent_to("a").len() == 2).await;
        rig.settle().await;
        let totals = rig.store.totals().await.unwrap();
        assert_eq!((totals.in_doubt_resent, totals.delivered, totals.waiting_sends), (1, 1, 0));
        rig.stop().await;
    });
}

#[test]
fn a_send_in_doubt_is_dropped_and_told_where_the_operator_wants_it() {
    run(async {
        let rig = rig(Policy { on_doubt: OnDoubt::Drop, ..fast() }).await;
        rig.platform.answer([Err(SendError::InDoubt("the line broke".to_owned()))]);
        rig.arrive(vec![text("a", "1", "one")]).await;
        rig.settle().await;
        assert_eq!(rig.sent_to("a").len(), 1);
        assert_eq!(rig.store.values()["chat/delivery"], "1.0 InDoubt(\"the line broke\")");
        assert_eq!(rig.store.totals().await.unwrap().in_doubt_dropped, 1);
        rig.stop().await;
    });
}

#[test]
fn a_send_that_was_under_way_in_a_crash_is_in_doubt_after_it() {
    for on_doubt in [OnDoubt::Resend, OnDoubt::Drop] {
        run(async move {
            let (store, clock) = (MemoryStore::default(), TestClock::default());
            let platform = Arc::new(TestPlatform::default());
            platform.hang();
            let start = || {
                Rig::start_on(&store, &clock, platform.clone(), Policy { on_doubt, ..fast() }, Limits::default(), words)
            };
            let rig = start().await;
            rig.arrive(vec![text("a", "1", "one two")]).await;
            rig.settle().await;
            assert_eq!(rig.sent_to("a"), ["one"]);
            rig.crash();
            tokio::task::yield_now().await;

            platform.answer_again();
            let rig = start().await;
            assert_eq!((rig.restored.sends, rig.restored.in_doubt), (2, 1));
            rig.until(|| rig.sent_to("a").last().is_some_and(|last| last == "two")).await;
            rig.settle().await;
            let totals = store.totals().await.unwrap();
            match on_doubt {
                OnDoubt::Resend => {
                    assert_eq!(rig.sent_to("a"), ["one", "one", "two"]);
                    assert_eq!((totals.in_doubt_resent, totals.delivered), (1, 2));
                }
                OnDoubt::Drop => {
                    assert_eq!(rig.sent_to("a"), ["one", "two"]);
                    assert_eq!((totals.in_doubt_dropped, totals.delivered), (1, 1));
                }
            }
            rig.stop().await;
        });
    }
}

#[test]
fn a_send_is_given_up_after_its_time_and_the_bot_is_told() {
    run(async {
        let rig = rig(Policy { give_up: Duration::from_secs(100), ..fast() }).await;
        rig.platform.answer((0..1000).map(|_| Err(SendError::NotSent("no route".to_owned()))));
        rig.arrive(vec![text("a", "1", "one")]).await;
        let began = rig.clock.now();
        rig.until(|| rig.store.values().contains_key("chat/delivery")).await;
        let took = rig.clock.now().since(began);
        assert!((Duration::from_secs(100)..Duration::from_secs(200)).contains(&took), "{took:?}");
        assert!(rig.store.values()["chat/delivery"].contains("given up after"));
        assert!(rig.sent_to("a").len() < 12, "the waits double: {}", rig.sent_to("a").len());
        rig.stop().await;
    });
}
