//! Dead letters are kept with their reason, at most so many per bot.

use hodhod_core::dead::DeadLetter;
use hodhod_core::ids::InboxSeq;
use hodhod_core::store::{Appended, Arrival, Route, Store};
use hodhod_core::time::Millis;
use hodhod_store::Options;

use crate::kit::{Kit, arrival, chat, dead, overflow, route};

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
    let letter =
        DeadLetter { seq, bot: "bot".into(), chat: chat(), attempts: 5, died: Millis(2000), reason: "trapped".into() };
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
