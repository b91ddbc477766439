//! Dead letters are kept with their reason, at most so many per bot.

use std::task::{Context, Waker};

use hodhod_core::dead::{DeadLetter, Doomed};
use hodhod_core::ids::InboxSeq;
use hodhod_core::store::{Appended, Arrival, Route, Store, StoreError, Upkeep};
use hodhod_core::time::Millis;
use hodhod_store::Options;

use crate::kit::{Kit, arrival, chat, dead, done, event, overflow, route, text};

fn three_per_bot() -> Kit {
    Kit::with(Options { dead_letters_per_bot: 3, ..Options::default() })
}

async fn reasons(kit: &Kit) -> Vec<String> {
    kit.dead_letters(100).await.unwrap().into_iter().map(|letter| letter.reason).collect()
}

#[tokio::test]
async fn an_event_that_died_is_no_longer_waiting_and_keeps_its_body() {
    let mut kit = Kit::new();
    let seq = kit.one("body").await;
    kit.commit(vec![dead(seq, "trapped")]).await.unwrap();
    kit.reopen().await;
    let (bot, reason) = ("bot".into(), "trapped".into());
    let letter = DeadLetter { seq, bot, chat: chat(), attempts: 5, died: Millis(2000), reason, place: 1 };
    assert_eq!(kit.dead_letters(10).await.unwrap(), [letter]);
    assert_eq!(kit.event(seq).await.unwrap(), None);
    let body: Vec<u8> = kit.sqlite().query_row("SELECT event FROM dead", [], |row| row.get(0)).unwrap();
    assert!(String::from_utf8(body).unwrap().contains("body"));
    let totals = kit.counted().await;
    assert_eq!((totals.dead, totals.dead_letters, totals.waiting_events), (1, 1, 0));
}

#[tokio::test]
async fn an_event_dies_once() {
    let kit = Kit::new();
    let seq = kit.one("a").await;
    kit.commit(vec![dead(seq, "first"), dead(seq, "second")]).await.unwrap();
    assert_eq!(reasons(&kit).await, ["first"]);
    assert_eq!(kit.counted().await.dead, 1);
}

#[tokio::test]
async fn an_event_without_room_is_dead_on_arrival_for_that_bot_only() {
    let kit = Kit::new();
    let other = Route { bot: "other".into(), overflow: None };
    let routes = vec![overflow("full"), other];
    let appended = kit.append(vec![Arrival { routes, ..arrival("a") }]).await.unwrap();
    assert_eq!(appended, [Appended::Stored(vec![None, Some(InboxSeq(2))])]);
    let letters = kit.dead_letters(10).await.unwrap();
    assert_eq!((letters[0].seq, letters[0].attempts, letters[0].died), (InboxSeq(1), 0, Millis(1000)));
    assert_eq!(kit.event_rows().await, [InboxSeq(2)]);
}

#[tokio::test]
async fn the_oldest_go_when_there_are_too_many() {
    let mut kit = three_per_bot();
    for n in 0..5 {
        kit.append(vec![Arrival { routes: vec![overflow(&n.to_string())], ..arrival(&n.to_string()) }]).await.unwrap();
    }
    assert_eq!(reasons(&kit).await, ["4", "3", "2"]);
    kit.reopen().await;
    let batch = (5..12).map(|n| Arrival { routes: vec![overflow(&n.to_string())], ..arrival(&n.to_string()) });
    kit.append(batch.collect()).await.unwrap();
    assert_eq!(reasons(&kit).await, ["11", "10", "9"]);
    let totals = kit.counted().await;
    assert_eq!((totals.dead, totals.dead_dropped, totals.dead_letters), (12, 9, 3));
}

#[tokio::test]
async fn one_bot_does_not_push_out_the_dead_of_another() {
    let kit = three_per_bot();
    let quiet = Route { bot: "quiet".into(), overflow: Some("quiet".into()) };
    kit.append(vec![Arrival { routes: vec![quiet], ..arrival("a") }]).await.unwrap();
    for n in 0..5 {
        kit.append(vec![Arrival { routes: vec![overflow("loud")], ..arrival(&n.to_string()) }]).await.unwrap();
    }
    assert_eq!(reasons(&kit).await, ["loud", "loud", "loud", "quiet"]);
}

#[tokio::test]
async fn the_newest_are_those_that_died_last() {
    let kit = Kit::new();
    let (first, second) = (kit.one("a").await, kit.one("b").await);
    kit.append(vec![Arrival { routes: vec![route()], ..arrival("c") }]).await.unwrap();
    kit.commit(vec![dead(second, "second")]).await.unwrap();
    kit.commit(vec![dead(first, "first, but later")]).await.unwrap();
    assert_eq!(reasons(&kit).await, ["first, but later", "second"]);
    assert_eq!(kit.dead_letters(1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_letter_that_is_tried_again_waits_as_a_new_event_and_is_dead_no_more() {
    let mut kit = Kit::new();
    let seq = kit.one("body").await;
    kit.commit(vec![dead(seq, "trapped")]).await.unwrap();
    assert_eq!(kit.dead_event(seq).await.unwrap(), Some(event("body")));
    let row = kit.retry_dead(seq).await.unwrap().unwrap();
    assert!(row.seq > seq, "no number is used twice");
    kit.reopen().await;
    assert_eq!(kit.events().await, std::slice::from_ref(&row));
    assert_eq!((row.attempts, row.bot.as_str(), &row.chat), (0, "bot", &chat()));
    assert_eq!(kit.event(row.seq).await.unwrap(), Some(event("body")));
    assert_eq!(kit.dead_letter(seq).await.unwrap(), None);
    assert_eq!(kit.retry_dead(seq).await.unwrap(), None, "it is put back once");
    kit.commit(vec![done(row.seq)]).await.unwrap();
    let totals = kit.counted().await;
    assert_eq!((totals.waiting_events, totals.dead_letters, totals.dead_retried, totals.handled), (0, 0, 1, 1));
}

/// The store refuses the second half of the move: of the first half nothing is left.
#[tokio::test]
async fn a_retry_that_fails_midway_leaves_the_letter_where_it_was() {
    let kit = Kit::new();
    let seq = kit.one("body").await;
    kit.commit(vec![dead(seq, "trapped")]).await.unwrap();
    kit.sqlite()
        .execute_batch("CREATE TRIGGER mine BEFORE DELETE ON dead BEGIN SELECT RAISE(ABORT, 'stepped on a mine'); END")
        .unwrap();
    let error = text(kit.retry_dead(seq).await.unwrap_err());
    assert!(error.contains("retry a dead letter") && error.contains("mine"), "{error}");
    assert!(kit.events().await.is_empty());
    assert_eq!(kit.dead_letter(seq).await.unwrap().unwrap().reason, "trapped");
    assert_eq!((kit.counted().await.waiting_events, kit.counted().await.dead_letters), (0, 1));
    kit.sqlite().execute_batch("DROP TRIGGER mine").unwrap();
    assert!(kit.retry_dead(seq).await.unwrap().is_some());
}

#[tokio::test]
async fn pages_go_from_the_newest_to_the_oldest_of_a_bot_whatever_goes_meanwhile() {
    let kit = Kit::new();
    for n in 0..7 {
        let other = Route { bot: "other".into(), overflow: Some(format!("other {n}")) };
        let routes = vec![overflow(&n.to_string()), other];
        kit.append(vec![Arrival { routes, ..arrival(&n.to_string()) }]).await.unwrap();
    }
    let page = async |before| kit.list_dead(Some("bot".into()), before, 3).await.unwrap();
    let told = |page: &[DeadLetter]| page.iter().map(|letter| letter.reason.clone()).collect::<Vec<_>>();
    let first = page(None).await;
    assert_eq!(told(&first), ["6", "5", "4"]);
    // The cursor itself goes, and so does the next one.
    let next = page(Some(first[2].place)).await;
    kit.drop_dead(Doomed::One(first[2].seq)).await.unwrap();
    kit.drop_dead(Doomed::One(next[0].seq)).await.unwrap();
    assert_eq!(told(&page(Some(first[2].place)).await), ["2", "1", "0"]);
    assert_eq!(kit.list_dead(None, None, 100).await.unwrap().len(), 12);
}

#[tokio::test]
async fn all_letters_of_a_bot_go_and_make_room_for_new_ones() {
    let mut kit = three_per_bot();
    let quiet = Route { bot: "quiet".into(), overflow: Some("quiet".into()) };
    kit.append(vec![Arrival { routes: vec![quiet], ..arrival("quiet") }]).await.unwrap();
    for n in 0..3 {
        kit.append(vec![Arrival { routes: vec![overflow("loud")], ..arrival(&n.to_string()) }]).await.unwrap();
    }
    assert_eq!(kit.drop_dead(Doomed::Of("bot".into())).await.unwrap(), 3);
    assert_eq!(kit.drop_dead(Doomed::Of("bot".into())).await.unwrap(), 0);
    for n in 3..6 {
        kit.append(vec![Arrival { routes: vec![overflow("new")], ..arrival(&n.to_string()) }]).await.unwrap();
    }
    assert_eq!(reasons(&kit).await, ["new", "new", "new", "quiet"], "none was pushed out");
    kit.reopen().await;
    let totals = kit.counted().await;
    assert_eq!((totals.dead_letters, totals.dead_dropped), (4, 3));
}

#[tokio::test]
async fn many_letters_go_in_steps_that_let_others_write() {
    let kit = Kit::quick();
    let letters = |n: u32| Arrival { routes: vec![overflow("full"); 1250], ..arrival(&n.to_string()) };
    kit.append((0..8).map(letters).collect()).await.unwrap();
    let mut dropping = kit.drop_dead(Doomed::Before(Millis(1001)));
    kit.append(vec![arrival("between")]).await.unwrap();
    let now = dropping.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(now.is_pending(), "it took all its steps before a call that was made after it");
    assert_eq!(dropping.await.unwrap(), 10_000);
    assert_eq!(kit.counted().await.dead_letters, 0);
}

#[tokio::test]
async fn letters_that_are_too_old_go_and_young_ones_stay() {
    let kit = Kit::new();
    let (old, young) = (kit.one("a").await, kit.one("b").await);
    kit.commit(vec![dead(old, "old")]).await.unwrap();
    kit.commit(vec![hodhod_core::store::TurnCommit { at: Millis(9000), ..dead(young, "young") }]).await.unwrap();
    assert_eq!(kit.drop_dead(Doomed::Before(Millis(2000))).await.unwrap(), 0);
    assert_eq!(kit.drop_dead(Doomed::Before(Millis(2001))).await.unwrap(), 1);
    assert_eq!(reasons(&kit).await, ["young"]);
}

#[tokio::test]
async fn a_letter_whose_event_nobody_can_read_is_still_listed_and_dropped() {
    let kit = Kit::new();
    let seq = kit.one("body").await;
    kit.commit(vec![dead(seq, "trapped")]).await.unwrap();
    kit.sqlite().execute_batch("UPDATE dead SET event = x'7b'").unwrap();
    assert!(matches!(kit.dead_event(seq).await, Err(StoreError::Unreadable(_))));
    assert!(kit.dead_letter(seq).await.unwrap().is_some());
    assert_eq!(kit.drop_dead(Doomed::One(seq)).await.unwrap(), 1);
}
