//! A timer stands until it fires, and fires once; what is stored is counted.

use std::sync::Arc;

use hodhod_core::event::{Event, Timer};
use hodhod_core::ids::Chat;
use hodhod_core::quota::Usage;
use hodhod_core::store::{Arrival, Route, Store, TurnCommit};
use hodhod_core::time::Millis;
use hodhod_core::timers::{Firing, Missed, Standing, TimerKey};
use hodhod_core::values::{Bucket, ValueKey};

use crate::kit::{Kit, done, key};

fn timer(id: &str, chat: Option<&str>) -> TimerKey {
    TimerKey { bot: "bot".into(), chat: chat.map(|chat| Chat::new("shop", chat)), id: id.to_owned() }
}

fn standing(due: u64, missed: Missed) -> Standing {
    Standing { due: Millis(due), payload: "نمی‌دانم".to_owned(), missed }
}

async fn set(kit: &Kit, timers: Vec<(TimerKey, Option<Standing>)>) {
    let seq = kit.one(&format!("{timers:?}")).await;
    kit.commit(vec![TurnCommit { timers, ..done(seq) }]).await.unwrap();
}

fn firing(key: &TimerKey, standing: Standing) -> Firing {
    let chat = key.chat.clone().unwrap_or_else(|| Chat::new("", ""));
    let event =
        Timer { id: key.id.clone(), chat: key.chat.clone(), due: standing.due, payload: standing.payload.clone() };
    let routes = vec![Route { bot: key.bot.clone(), overflow: None }];
    let event = Arc::new(Event::Timer(event));
    let arrival = Arrival { chat, key: String::new(), within: None, asked: false, received: Millis(9), routes, event };
    Firing { key: key.clone(), standing, arrival }
}

#[tokio::test]
async fn a_timer_fires_once_and_only_at_its_last_moment() {
    let mut kit = Kit::new();
    let (a, b) = (timer("t", Some("a")), timer("t", None));
    set(&kit, vec![(a.clone(), Some(standing(100, Missed::Fire))), (b.clone(), Some(standing(200, Missed::Fire)))])
        .await;
    set(&kit, vec![(a.clone(), Some(standing(300, Missed::Fire)))]).await;
    kit.reopen().await;

    let bots = || vec!["bot".into()];
    assert_eq!(kit.next_timer(bots()).await.unwrap(), Some(Millis(200)));
    assert_eq!(kit.next_timer(vec!["other".into()]).await.unwrap(), None, "of bots that are there");
    let due = kit.due_timers(bots(), Millis(300), 10).await.unwrap();
    assert_eq!(due, [(b.clone(), standing(200, Missed::Fire)), (a.clone(), standing(300, Missed::Fire))]);

    let at = |due| standing(due, Missed::Fire);
    let firings = vec![firing(&a, at(100)), firing(&a, at(300)), firing(&a, at(300)), firing(&b, at(200))];
    let rows = kit.fire(firings).await.unwrap();
    assert_eq!(rows.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false, true]);
    let waiting = kit.waiting_events(hodhod_core::ids::InboxSeq(0), 10).await.unwrap();
    assert_eq!(waiting.len(), 2);
    assert!(kit.due_timers(bots(), Millis(u64::MAX), 10).await.unwrap().is_empty());

    // The same name at the same moment is a timer of its own.
    set(&kit, vec![(a.clone(), Some(standing(300, Missed::Skip)))]).await;
    assert!(kit.has_timer(&a).unwrap() && !kit.has_timer(&b).unwrap());
    assert!(kit.fire(vec![firing(&a, standing(300, Missed::Skip))]).await.unwrap()[0].is_some());
}

#[tokio::test]
async fn a_timer_that_is_set_anew_for_the_same_moment_while_it_fires_brings_what_is_new() {
    let kit = Kit::new();
    let key = timer("t", Some("a"));
    let old = standing(100, Missed::Fire);
    let new = Standing { payload: "یادآوری".to_owned(), ..old.clone() };
    set(&kit, vec![(key.clone(), Some(old.clone()))]).await;
    // It was read as due, and then a turn was committed that sets it.
    set(&kit, vec![(key.clone(), Some(new.clone()))]).await;
    assert_eq!(kit.fire(vec![firing(&key, old)]).await.unwrap(), [None]);
    let due = kit.due_timers(vec!["bot".into()], Millis(100), 10).await.unwrap();
    assert_eq!(due, [(key.clone(), new.clone())]);
    assert!(kit.fire(vec![firing(&key, new)]).await.unwrap()[0].is_some());
}

#[tokio::test]
async fn a_missed_timer_is_skipped_only_where_its_bot_wants_it() {
    let kit = Kit::new();
    let timers = [("late", 100, Missed::Skip), ("kept", 100, Missed::Fire), ("later", 900, Missed::Skip)];
    let timers = timers.map(|(id, due, missed)| (timer(id, None), Some(standing(due, missed))));
    set(&kit, timers.to_vec()).await;
    assert_eq!(kit.skip_timers(Millis(500)).await.unwrap(), 1);
    let left = kit.due_timers(vec!["bot".into()], Millis(1000), 10).await.unwrap();
    assert_eq!(left.iter().map(|(key, _)| key.id.as_str()).collect::<Vec<_>>(), ["kept", "later"]);
    assert_eq!(kit.usage(&"bot".into(), &Bucket::Bot).unwrap().timers, 2);
}

#[tokio::test]
async fn a_bucket_that_is_empty_again_leaves_nothing() {
    let kit = Kit::new();
    let own = |chat: &str| ValueKey { bucket: Bucket::Chat(Chat::new("shop", chat)), ..key("k") };
    let turn = |seq, chat: &str, value: Option<&str>| {
        let value = value.map(|value| value.as_bytes().into());
        TurnCommit { values: vec![(own(chat), value)], ..done(seq) }
    };
    let [a, b, c, d] = [kit.one("1").await, kit.one("2").await, kit.one("3").await, kit.one("4").await];
    // One after the other, and both in one transaction.
    kit.commit(vec![turn(a, "a", Some("1"))]).await.unwrap();
    kit.commit(vec![turn(b, "a", None)]).await.unwrap();
    kit.commit(vec![turn(c, "b", Some("1")), turn(d, "b", None)]).await.unwrap();
    set(&kit, vec![(timer("t", None), Some(standing(1, Missed::Fire)))]).await;
    assert_eq!(kit.number("SELECT count(*) FROM usage"), 1);
    set(&kit, vec![(timer("t", None), None)]).await;
    assert_eq!(kit.number("SELECT count(*) FROM usage"), 0);
}

#[tokio::test]
async fn what_is_stored_is_counted_through_every_change() {
    let mut kit = Kit::new();
    let put = async |kit: &Kit, values: Vec<(ValueKey, Option<&str>)>| {
        let seq = kit.one(&format!("{values:?}")).await;
        let values = values.into_iter().map(|(key, value)| (key, value.map(|value| value.as_bytes().into()))).collect();
        kit.commit(vec![TurnCommit { values, ..done(seq) }]).await.unwrap();
    };
    let chat = Bucket::Chat(Chat::new("shop", "a"));
    let in_chat = |name: &str| ValueKey { bucket: chat.clone(), ..key(name) };
    put(&kit, vec![(key("k"), Some("12345")), (in_chat("ی"), Some("1")), (in_chat("l"), Some("22"))]).await;
    let usage = |kit: &Kit, bucket: &Bucket| kit.usage(&"bot".into(), bucket).unwrap();
    let of = |bucket_keys, bucket_bytes, bot_keys, bot_bytes| Usage {
        bucket_keys,
        bucket_bytes,
        bot_keys,
        bot_bytes,
        timers: 0,
    };
    assert_eq!(usage(&kit, &chat), of(2, 6, 3, 12));
    assert_eq!(usage(&kit, &Bucket::Bot), of(1, 6, 3, 12));

    put(&kit, vec![(key("k"), Some("1")), (in_chat("ی"), None), (in_chat("gone"), None)]).await;
    kit.reopen().await;
    assert_eq!(usage(&kit, &chat), of(1, 3, 2, 5));
    let counted = kit.number("SELECT sum(length(CAST(key AS BLOB)) + length(value)) FROM value");
    assert_eq!(counted, usage(&kit, &chat).bot_bytes);
    assert_eq!(kit.usage(&"other".into(), &chat).unwrap(), Usage::default());
}
