//! An arrival is stored once per connection and key.

use std::task::{Context, Waker};
use std::time::Duration;

use hodhod_core::ids::{Chat, InboxSeq};
use hodhod_core::store::{Appended, Arrival, Mark, Route, Store, TurnCommit};
use hodhod_core::testing::MemoryStore;
use hodhod_core::time::Millis;

use crate::kit::{Kit, arrival, chat, overflow, route};

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
async fn the_store_in_memory_goes_by_the_same_rule() {
    let kit = Kit::new();
    let memory = MemoryStore::default();
    let stores: [&dyn Store; 2] = [&*kit, &memory];
    let window = Some(Duration::from_secs(1));
    // What is new, and what is not, of keys of every kind that come in this order.
    let arrivals = [
        ("a", 5000, window, true),
        ("a", 5999, window, false),
        ("a", 4001, window, false),
        ("a", 6000, window, true),
        ("a", 9000, None, false),
        ("a", 6999, window, false),
        ("b", 5000, None, true),
        ("b", 9000, None, false),
        ("b", 6000, window, true),
        ("c", 5000, Some(Duration::ZERO), true),
        ("c", 5000, Some(Duration::ZERO), true),
        ("a", 500, window, true),
    ];
    for store in stores {
        for (key, received, within, new) in arrivals {
            let arrival = Arrival { within, asked: true, ..at(key, received) };
            let appended = store.append(vec![arrival]).await.unwrap();
            assert_eq!(appended != [Appended::Duplicate], new, "{key} {received}");
        }
        let found = store.asked_events(chat().connection, "a".into()).await.unwrap();
        assert_eq!(found.iter().map(|(_, at)| at.0).collect::<Vec<_>>(), [5000, 6000, 500]);
    }
}

/// An arrival whose key stands for one event for a second.
fn briefly(key: &str, received: u64) -> Arrival {
    Arrival { within: Some(Duration::from_secs(1)), ..at(key, received) }
}

async fn is_another(kit: &Kit, key: &str, received: u64) -> bool {
    kit.append(vec![briefly(key, received)]).await.unwrap() != [Appended::Duplicate]
}

#[tokio::test]
async fn a_key_with_a_window_stands_for_one_event_in_it_and_for_another_behind_it_over_any_restart() {
    let mut kit = Kit::new();
    assert!(is_another(&kit, "a", 5000).await);
    assert!(!is_another(&kit, "a", 5000).await, "in the same moment");
    kit.reopen().await;
    assert!(!is_another(&kit, "a", 5999).await, "at the end of the window, which begins with the first");
    kit.reopen().await;
    assert!(is_another(&kit, "a", 6000).await);
    kit.reopen().await;
    assert!(!is_another(&kit, "a", 6999).await, "the second has a window of its own");
    assert!(is_another(&kit, "a", 7000).await);
    assert_eq!((kit.counted().await.arrivals, kit.counted().await.duplicates), (3, 3));
}

#[tokio::test]
async fn two_of_one_batch_are_one_and_what_a_batch_that_fails_brought_is_forgotten() {
    let mut kit = Kit::new();
    let appended = kit.append(vec![briefly("a", 5000), briefly("a", 5000), briefly("a", 6000)]).await.unwrap();
    assert!(matches!(appended[..], [Appended::Stored(_), Appended::Duplicate, Appended::Stored(_)]), "{appended:?}");
    kit.sqlite().execute_batch("CREATE TRIGGER t BEFORE INSERT ON inbox BEGIN SELECT RAISE(ABORT, 'no'); END").unwrap();
    assert!(kit.append(vec![briefly("a", 9000)]).await.is_err());
    kit.sqlite().execute_batch("DROP TRIGGER t").unwrap();
    assert!(!is_another(&kit, "a", 6500).await, "the one before counts again");
    assert!(is_another(&kit, "a", 9000).await, "nobody has it");
    kit.reopen().await;
    assert!(!is_another(&kit, "a", 9000).await);
}

#[tokio::test]
async fn a_clock_that_was_set_back_makes_no_duplicate_of_what_comes_long_before_or_behind() {
    let mut kit = Kit::new();
    assert!(is_another(&kit, "a", 50_000).await);
    kit.reopen().await;
    assert!(!is_another(&kit, "a", 49_001).await, "by less than the window it makes no difference");
    assert!(is_another(&kit, "a", 10_000).await, "a press is not lost until the clock is where it was");
    kit.reopen().await;
    assert!(!is_another(&kit, "a", 10_999).await);
    assert!(is_another(&kit, "a", 50_000).await);
}

#[tokio::test]
async fn what_was_asked_for_is_found_by_its_key_while_it_waits() {
    let mut kit = Kit::new();
    let asked = |key: &str, received: u64| Arrival { asked: true, ..briefly(key, received) };
    let two = vec![route(), Route { bot: "other".into(), overflow: None }, overflow("full")];
    kit.append(vec![briefly("a", 100), Arrival { routes: two, ..asked("a", 5000) }, asked("a", 9000)]).await.unwrap();
    kit.append(vec![asked("b", 5000)]).await.unwrap();
    let find = async |kit: &Kit, connection: &str| {
        let found = kit.asked_events(connection.into(), "a".into()).await.unwrap();
        found.into_iter().map(|(row, at)| (row.0, at.0)).collect::<Vec<_>>()
    };
    let connection = chat().connection;
    assert_eq!(find(&kit, connection.as_str()).await, [(2, 5000), (3, 5000), (5, 9000)]);
    assert_eq!(find(&kit, "another").await, []);
    kit.reopen().await;
    kit.commit(vec![crate::kit::done(InboxSeq(2))]).await.unwrap();
    let again = Mark::Retry { attempts: 1, not_before: Millis(7) };
    kit.commit(vec![TurnCommit { mark: again, ..crate::kit::done(InboxSeq(3)) }]).await.unwrap();
    assert_eq!(find(&kit, connection.as_str()).await, [(3, 5000), (5, 9000)]);
    let dead = Mark::Dead { attempts: 1, reason: "no".into() };
    kit.commit(vec![TurnCommit { mark: dead, ..crate::kit::done(InboxSeq(5)) }]).await.unwrap();
    assert_eq!(find(&kit, connection.as_str()).await, [(3, 5000)]);
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
