//! A person is shown what is stored of them, and is forgotten.

mod anything;
mod wishes;

use std::collections::BTreeSet;

use tokio::sync::Notify;
use tokio::task::{JoinHandle, spawn_local};

use super::*;
use crate::event::{Content, Event, Timer};
use crate::health::Order;
use crate::ids::SenderId;
use crate::people::{Item, Person, Stored};
use crate::platform::Incoming;
use crate::store::{Erased, Store};
use crate::testing::TestPlatform;
use crate::testing::rig::BOT;
use crate::timers::Missed;
use crate::vault::{Change, Record, Vault, VaultKey};

/// Does what the text says, and keeps the text under itself in the buckets of chat and person.
fn keeping(turn: &mut Turn) -> BoxFuture<'_, TurnResult> {
    let text = said(turn);
    if text == "reject" {
        return async { TurnResult::Reject("it does not want to".to_owned()) }.boxed();
    }
    if !text.is_empty() {
        for bucket in ["chat", "user"] {
            let bucket = turn.bucket(bucket).expect("a message has both");
            turn.set(&bucket, &text, text.clone().into_bytes()).expect("writable");
        }
        answer(turn, &text);
    }
    if text == "later" {
        let chat = turn.event().chat().cloned();
        let due = turn.began() + Duration::from_secs(60);
        turn.set_timer(Timer { id: "t".to_owned(), chat, due, payload: "later".to_owned() }, Missed::Fire)
            .expect("it can be set");
    }
    async { TurnResult::Done }.boxed()
}

/// The same, and what is "slow" waits until it may go on.
fn gated(go_on: &Arc<Notify>) -> impl Fn(&mut Turn) -> BoxFuture<'_, TurnResult> + Send + Sync + 'static {
    let gate = go_on.clone();
    move |turn: &mut Turn| {
        let gate = gate.clone();
        async move {
            if said(turn) == "slow" {
                gate.notified().await;
            }
            keeping(turn).await
        }
        .boxed()
    }
}

fn sara() -> Person {
    Person::known_as(CONNECTION.into(), "sara".into())
}

async fn export(rig: &Rig, person: &Person) -> Vec<Item> {
    let (mut items, mut from) = (Vec::new(), None);
    loop {
        let page = rig.host.export_person(person.clone(), from).await.unwrap();
        items.extend(page.items);
        let Some(next) = page.next else { return items };
        // As it goes through a query.
        from = Some(serde_json::from_str(&serde_json::to_string(&next).unwrap()).unwrap());
    }
}

/// Asks for it, and does not wait.
fn erase(rig: &Rig, person: Person) -> JoinHandle<Result<Erasure, EraseError>> {
    let host = rig.host.clone();
    spawn_local(async move { host.erase_person(person).await })
}

async fn erased(rig: &Rig, person: Person) -> Erased {
    let mut erasing = erase(rig, person);
    rig.until(|| erasing.is_finished()).await;
    (&mut erasing).await.unwrap().unwrap().erased
}

/// A rig with something of every kind of two persons, who are each in a chat of their own.
async fn full(store: &MemoryStore, clock: &TestClock, platform: Arc<TestPlatform>) -> Rig {
    let mut host = Host::new(Arc::new(store.clone()), Arc::new(clock.clone()), 1, 100);
    let vaults = Vaults::default();
    vaults.open(Arc::new(store.clone()), Arc::new(clock.clone()), VaultKey::new([7; 32]));
    host.set_vaults(vaults);
    let rig = Rig::start_host(host, store, clock, platform, fast(), Limits::default(), keeping).await;
    rig.host.pause_sends(&CONNECTION.into()).await.unwrap();
    for name in ["sara", "omid"] {
        let record = Record { person: Some(name.into()), expires: None, value: "a token".into() };
        let change = Change { kind: "grant", name: name.to_owned(), record: Some(record) };
        rig.host.vaults().of(CONNECTION.into()).change(vec![change]).await.unwrap();
        rig.arrive(["later", "reject"].map(|said| text(name, &format!("{name} {said}"), said)).into()).await;
    }
    rig.settle().await;
    rig.host.turns().order(&BOT.into(), Order::Pause).await.unwrap();
    for name in ["sara", "omid"] {
        rig.arrive(vec![text(name, &format!("{name} waits"), "waits")]).await;
    }
    rig.settle().await;
    rig
}

#[test]
fn all_that_is_stored_of_a_person_is_shown_and_then_gone_and_of_others_nothing() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let platform = Arc::new(TestPlatform::default());
        platform.set_private_chats();
        let rig = full(&store, &clock, platform).await;
        let items = export(&rig, &sara()).await;
        let written = serde_json::to_string(&items).unwrap();
        assert!(!written.contains("omid") && !written.contains("a token"), "{written}");
        assert_eq!(serde_json::from_str::<Vec<Item>>(&written).unwrap(), items);
        let mut kinds: Vec<_> =
            items.iter().map(|item| serde_json::to_value(item).unwrap()["what"].to_string()).collect();
        kinds.sort_unstable();
        assert_eq!(kinds.join(" ").replace('"', ""), "dead-letter event record send timer value value");
        for item in &items {
            match item {
                Item::Timer { payload, .. } => assert_eq!(payload, "later"),
                Item::Value { value, id, .. } => {
                    assert_eq!((value, id.as_str()), (&Stored::Text("later".into()), "sara"))
                }
                Item::Send { message, .. } => assert!(message.is_some()),
                Item::Event { event, .. } => assert!(format!("{event:?}").contains("waits")),
                Item::DeadLetter(letter) => assert!(format!("{letter:?}").contains("reject")),
                Item::Record { kind, purpose, .. } => assert!(kind == "grant" && purpose.contains("allowed")),
            }
        }

        let others = export(&rig, &Person::known_as(CONNECTION.into(), "omid".into())).await;
        let expected = Erased { values: 2, timers: 1, letters: 1, events: 1, sends: 1, records: 1 };
        assert_eq!(erased(&rig, sara()).await, expected);
        assert_eq!(export(&rig, &sara()).await, []);
        assert_eq!(erased(&rig, sara()).await, Erased::default());
        assert_eq!(export(&rig, &Person::known_as(CONNECTION.into(), "omid".into())).await, others);
        assert_eq!(rig.platform.forgotten(), ["sara", "sara"].map(SenderId::from));

        // What is left goes on; what was erased does nothing any more.
        rig.host.turns().order(&BOT.into(), Order::Resume).await.unwrap();
        rig.host.resume_sends(&CONNECTION.into()).await.unwrap();
        rig.until(|| rig.sent_to("omid") == ["later", "waits"]).await;
        clock.advance(Duration::from_secs(120));
        rig.settle().await;
        assert!(rig.sent_to("sara").is_empty());
        let totals = store.totals().await.unwrap();
        assert_eq!((totals.waiting_events, totals.waiting_sends, totals.dead_letters), (0, 0, 1));
        rig.stop().await;
    });
}

#[test]
fn a_chat_alone_is_not_the_person_and_the_person_is_not_every_chat() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = full(&store, &clock, Arc::default()).await;
        let chat = Person::in_chat(CONNECTION.into(), "sara".into());
        let expected = Erased { values: 1, timers: 1, letters: 1, events: 1, sends: 1, records: 0 };
        assert_eq!(erased(&rig, chat).await, expected, "not the bucket of the person, and not the vault");
        assert_eq!(erased(&rig, sara()).await, Erased { values: 1, records: 1, ..Erased::default() });
        let elsewhere = Person::known_as("another".into(), "omid".into()).with_chat("omid".into());
        assert_eq!(erased(&rig, elsewhere).await, Erased::default(), "on another connection it is somebody else");
        rig.stop().await;
    });
}

/// The bot is in the middle of a turn, has read what is there, and writes it again.
#[test]
fn a_turn_under_way_ends_first_and_what_it_leaves_is_erased_with_the_rest() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let go_on = Arc::new(Notify::new());
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), gated(&go_on)).await;
        rig.host.pause_sends(&CONNECTION.into()).await.unwrap();
        rig.arrive(vec![text("sara", "1", "slow"), text("sara", "2", "behind"), text("omid", "3", "beside")]).await;
        rig.settle().await;
        let erasing = erase(&rig, sara().with_chat("sara".into()));
        rig.arrive(vec![text("omid", "4", "goes on")]).await;
        rig.settle().await;
        assert!(!erasing.is_finished(), "it waits for the turn");
        assert_eq!(store.values().len(), 4, "and holds nobody else up: {:?}", store.values());

        go_on.notify_one();
        rig.until(|| erasing.is_finished()).await;
        let erased = erasing.await.unwrap().unwrap().erased;
        assert_eq!((erased.values, erased.sends, erased.events), (2, 1, 1));
        assert!(store.values().values().all(|value| value != "slow" && value != "behind"), "{:?}", store.values());

        // Whoever writes again is somebody new.
        rig.host.resume_sends(&CONNECTION.into()).await.unwrap();
        rig.arrive(vec![text("sara", "5", "new")]).await;
        rig.until(|| rig.sent_to("sara") == ["new"]).await;
        assert_eq!(rig.host.turns().held(), (0, 0));
        rig.stop().await;
    });
}

#[test]
fn a_turn_that_does_not_end_keeps_a_person_from_being_erased_and_nothing_is() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), staying(|said| said == "stays")).await;
        rig.arrive(vec![text("sara", "1", "stays"), text("sara", "2", "waits")]).await;
        rig.settle().await;
        let erasing = erase(&rig, sara());
        rig.settle().await;
        clock.advance(Duration::from_secs(30));
        rig.until(|| erasing.is_finished()).await;
        let error = erasing.await.unwrap().unwrap_err();
        assert!(matches!(error, EraseError::Busy) && error.to_string().contains("nothing was erased"), "{error}");
        assert_eq!(store.totals().await.unwrap().waiting_events, 2);
        rig.crash();
    });
}

/// Its row was stored before the erasure, and it comes into its lane after.
#[test]
fn an_event_that_was_on_its_way_into_its_lane_is_not_handled() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let seen = Tries::default();
        let handled = seen.clone();
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), move |turn: &mut Turn| {
            let chat = turn.event().chat().expect("a message has a chat").id.to_string();
            try_of(&handled, &chat);
            keeping(turn)
        })
        .await;
        let arrival = |name: &str, key: &str| {
            let Incoming { event, .. } = text(name, key, "late");
            let routes = vec![crate::store::Route { bot: BOT.into(), overflow: None }];
            crate::store::Arrival {
                chat: Chat::new(CONNECTION, name),
                key: key.into(),
                within: None,
                asked: false,
                received: clock.now(),
                routes,
                event,
            }
        };
        let arrivals = vec![arrival("sara", "1"), arrival("omid", "2")];
        let events: Vec<_> = arrivals.iter().map(|arrival| (arrival.chat.clone(), arrival.event.clone())).collect();
        let rows = store.append(arrivals).await.unwrap();
        assert_eq!(erased(&rig, sara()).await.events, 1);
        let late = events.into_iter().zip(rows).map(|((chat, event), row)| match row {
            crate::store::Appended::Stored(rows) => (BOT.into(), chat, rows[0].unwrap(), event),
            crate::store::Appended::Duplicate => panic!("it is new"),
        });
        rig.host.turns().push(late.collect::<Vec<_>>());
        rig.until(|| rig.sent_to("omid") == ["late"]).await;
        rig.settle().await;
        assert_eq!(seen.lock().unwrap().keys().collect::<Vec<_>>(), ["omid"], "its bot has not seen it");
        assert_eq!(rig.host.turns().waiting(&BOT.into()), (0, 0));
        // Who was erased is not remembered for ever either.
        assert!(rig.host.turns().is_anybody_erased());
        rig.until(|| !rig.host.turns().is_anybody_erased()).await;
        rig.stop().await;
    });
}

#[test]
fn a_dead_letter_is_not_tried_again_while_its_person_is_erased() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let go_on = Arc::new(Notify::new());
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), gated(&go_on)).await;
        rig.arrive(vec![text("sara", "1", "reject"), text("omid", "2", "slow")]).await;
        rig.settle().await;
        let (host, seq) = (rig.host.clone(), rig.host.dead_letters(None, None, 9).await.unwrap()[0].seq);
        let erasing = erase(&rig, sara());
        rig.settle().await;
        let retrying = spawn_local(async move { host.retry_dead(seq).await });
        rig.settle().await;
        assert!(!erasing.is_finished() && !retrying.is_finished(), "one after the other");
        go_on.notify_one();
        rig.until(|| erasing.is_finished() && retrying.is_finished()).await;
        assert!(matches!(retrying.await.unwrap(), Err(RetryError::Unknown(_))));
        rig.stop().await;
    });
}

#[test]
fn what_a_connection_writes_of_a_person_while_it_forgets_them_goes_too() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let platform = Arc::new(TestPlatform::default());
        let rig = full(&store, &clock, platform.clone()).await;
        let vault = rig.host.vaults().of(CONNECTION.into());
        platform.when_forgetting(move |user| {
            let record = Record { person: Some(user.clone()), expires: None, value: "refreshed".into() };
            let change = Change { kind: "grant", name: user.to_string(), record: Some(record) };
            vault.change(vec![change]).now_or_never().unwrap().unwrap();
        });
        assert_eq!(erased(&rig, sara()).await.records, 2);
        assert!(rig.host.vaults().of(CONNECTION.into()).get("grant", "sara").await.unwrap().is_none());
        assert!(rig.host.vaults().of(CONNECTION.into()).get("grant", "omid").await.unwrap().is_some());
        rig.stop().await;
    });
}

#[test]
fn where_the_store_refuses_the_rest_is_there_and_goes_when_it_is_asked_again() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = full(&store, &clock, Arc::default()).await;
        let before = export(&rig, &sara()).await.len();
        store.fail([Failpoint::Erase]);
        let erasing = erase(&rig, sara());
        rig.until(|| erasing.is_finished()).await;
        let error = erasing.await.unwrap().unwrap_err().to_string();
        assert!(error.contains("ask again"), "{error}");
        assert_eq!(export(&rig, &sara()).await.len(), before);
        assert_eq!(erased(&rig, sara()).await.events, 1);
        assert_eq!(export(&rig, &sara()).await, []);
        rig.stop().await;
    });
}

#[test]
fn an_event_that_is_no_message_is_of_whom_it_names() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = full(&store, &clock, Arc::default()).await;
        let other = |key: &str, json: &str| Incoming::new(key, Event::Other("test.granted".into(), json.into()));
        let theirs = other("1", r#"{"scopes": [], "user": "sara"}"#);
        rig.arrive(vec![theirs, other("2", r#"{"user": "omid", "post": "sara"}"#), other("3", "no JSON")]).await;
        rig.settle().await;
        assert_eq!(erased(&rig, sara()).await.events, 2);
        assert_eq!(store.totals().await.unwrap().waiting_events, 3);
        rig.stop().await;
    });
}

#[test]
fn much_that_is_stored_is_shown_in_parts_and_goes_in_steps() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig =
            Rig::start(&store, &clock, fast(), Limits { writes: 2000, ..Limits::default() }, |turn: &mut Turn| {
                let bucket = turn.bucket("user").expect("a message has one");
                for n in 0..700 {
                    turn.set(&bucket, &n.to_string(), vec![if n == 0 { 0xff } else { b'x' }; 1000]).expect("writable");
                }
                async { TurnResult::Done }.boxed()
            })
            .await;
        rig.arrive(["sara", "omid"].map(|name| text(name, name, "go")).into()).await;
        rig.settle().await;
        rig.host.turns().order(&BOT.into(), Order::Pause).await.unwrap();
        rig.arrive(
            (0..1300).map(|n| text(if n % 2 == 0 { "sara" } else { "omid" }, &n.to_string(), "waits")).collect(),
        )
        .await;
        let first = rig.host.export_person(sara(), None).await.unwrap();
        assert!(first.next.is_some() && first.items.len() < 1350, "{}", first.items.len());
        let items = export(&rig, &sara()).await;
        assert_eq!(items.len(), 700 + 650);
        let hex = items
            .iter()
            .any(|item| matches!(item, Item::Value { value: Stored::Hex(hex), .. } if hex == &"ff".repeat(1000)));
        assert!(hex, "what is no text is shown too");
        let keys: BTreeSet<_> = items.iter().map(|item| format!("{item:?}")).collect();
        assert_eq!(keys.len(), items.len(), "each once");
        let expected = Erased { values: 700, events: 650, ..Erased::default() };
        assert_eq!(erased(&rig, sara()).await, expected);
        assert_eq!((export(&rig, &sara()).await.len(), rig.host.turns().waiting(&BOT.into()).0), (0, 650));
        rig.stop().await;
    });
}

#[test]
fn the_words_of_a_person_are_their_own() {
    let event = |name: &str| text(name, "1", "x").event;
    let (chat, sara) = (Chat::new(CONNECTION, "group"), sara());
    assert!(sara.is_behind(&chat, &event("sara")) && !sara.is_behind(&chat, &event("omid")));
    assert!(!sara.is_behind(&Chat::new("another", "group"), &event("sara")));
    let group = Person::in_chat(CONNECTION.into(), "group".into());
    assert!(group.is_behind(&chat, &event("omid")) && !group.is_behind(&Chat::new(CONNECTION, "sara"), &event("sara")));
    assert!(matches!(&*event("sara"), Event::Message(message) if matches!(message.content, Content::Text(_))));
}
