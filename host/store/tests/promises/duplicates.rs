//! An arrival is stored once per connection and key.

use std::task::{Context, Waker};

use hodhod_core::ids::Chat;
use hodhod_core::store::{Appended, Arrival, Route, Store};
use hodhod_core::time::Millis;

use crate::kit::{Kit, arrival};

fn at(key: &str, received: u64) -> Arrival {
    Arrival { received: Millis(received), ..arrival(key) }
}

async fn is_new(kit: &Kit, key: &str) -> bool {
    kit.append(vec![arrival(key)]).await.unwrap() != [Appended::Duplicate]
}

#[tokio::test]
async fn a_key_is_stored_once_also_after_its_event_is_gone_and_the_store_was_reopened() {
    let mut kit = Kit::new();
    let seq = kit.one("a").await;
    assert!(!is_new(&kit, "a").await);
    kit.commit(vec![crate::kit::done(seq)]).await.unwrap();
    assert!(!is_new(&kit, "a").await);
    kit.reopen().await;
    assert!(!is_new(&kit, "a").await);
    assert_eq!((kit.counted().await.arrivals, kit.counted().await.duplicates), (1, 3));
}

#[tokio::test]
async fn a_key_twice_in_one_batch_is_stored_once() {
    let kit = Kit::new();
    let appended = kit.append(vec![arrival("a"), arrival("b"), arrival("a")]).await.unwrap();
    assert_eq!(appended[2], Appended::Duplicate);
    assert_eq!(kit.events().await.len(), 2);
}

#[tokio::test]
async fn connections_and_hostile_names_have_keys_of_their_own() {
    let kit = Kit::new();
    for (connection, key) in [("c", "k"), ("d", "k"), ("ck", ""), ("", "ck"), ("c\0", "k"), ("c", "\0k"), ("c", "k\0")]
    {
        let arrival = Arrival { chat: Chat::new(connection, "chat"), ..arrival(key) };
        let appended = kit.append(vec![arrival]).await.unwrap();
        assert_ne!(appended[0], Appended::Duplicate, "{connection:?} {key:?}");
    }
}

#[tokio::test]
async fn an_arrival_for_several_bots_has_a_row_for_each() {
    let kit = Kit::new();
    let route = |bot: &str| Route { bot: bot.into(), overflow: None };
    let routes = vec![route("one"), route("two")];
    let appended = kit.append(vec![Arrival { routes, ..arrival("a") }]).await.unwrap();
    let Appended::Stored(rows) = &appended[0] else { panic!("a duplicate") };
    let events = kit.events().await;
    assert_eq!(events.iter().map(|event| Some(event.seq)).collect::<Vec<_>>(), *rows);
    assert_eq!(events.iter().map(|event| event.bot.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(kit.counted().await.arrivals, 1);
}

#[tokio::test]
async fn an_arrival_that_nobody_wants_is_remembered_too() {
    let kit = Kit::new();
    let nobody = Arrival { routes: Vec::new(), ..arrival("a") };
    assert_eq!(kit.append(vec![nobody]).await.unwrap(), [Appended::Stored(Vec::new())]);
    assert!(!is_new(&kit, "a").await);
}

#[tokio::test]
async fn old_keys_are_forgotten_and_young_ones_are_not() {
    let mut kit = Kit::new();
    kit.append(vec![at("old", 1000), at("young", 2000)]).await.unwrap();
    kit.forget_seen(Millis(2000)).await.unwrap();
    kit.reopen().await;
    assert!(!is_new(&kit, "young").await);
    assert!(is_new(&kit, "old").await);
}

/// Enough keys that most of them have been sorted into the index.
#[tokio::test]
async fn many_keys_are_found_and_forgotten() {
    const KEYS: u64 = 100_000;
    let mut kit = Kit::quick();
    let keys = |range: std::ops::Range<u64>| range.map(|n| Arrival { routes: Vec::new(), ..at(&n.to_string(), n) });
    for from in (0..KEYS).step_by(1000) {
        let appended = kit.append(keys(from..from + 1000).collect()).await.unwrap();
        assert!(appended.iter().all(|appended| *appended == Appended::Stored(Vec::new())));
    }
    let sorted = kit.number("SELECT count(*) FROM seen");
    assert!(sorted > KEYS / 4, "{sorted}");
    kit.reopen().await;
    let all = kit.append(keys(0..KEYS).collect()).await.unwrap();
    assert!(all.iter().all(|appended| *appended == Appended::Duplicate));

    kit.forget_seen(Millis(KEYS / 2)).await.unwrap();
    let again = kit.append(keys(0..KEYS).collect()).await.unwrap();
    let forgotten = again.iter().take_while(|appended| **appended != Appended::Duplicate).count();
    assert_eq!(forgotten as u64, KEYS / 2);
    assert!(again[forgotten..].iter().all(|appended| *appended == Appended::Duplicate));
}

#[tokio::test]
async fn forgetting_lets_others_write_between_its_steps() {
    let kit = Kit::quick();
    let old = (0..120_000).map(|n| Arrival { routes: Vec::new(), ..at(&n.to_string(), 1) });
    kit.append(old.collect()).await.unwrap();
    for n in 0..50 {
        kit.append(vec![at(&format!("more {n}"), 9)]).await.unwrap();
    }
    let mut forget = kit.forget_seen(Millis(5));
    kit.append(vec![at("between", 9)]).await.unwrap();
    let now = forget.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(now.is_pending(), "it took all its steps before a call that was made after it");
    forget.await.unwrap();
    assert_eq!(kit.number("SELECT count(*) FROM seen WHERE at < 5"), 0);
    assert_eq!(kit.number("SELECT count(*) FROM seen_lately WHERE at < 5"), 0);
}
