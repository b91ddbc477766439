//! When whoever waits is told that nothing comes, and who may ask again.

use super::*;
use crate::event::Event;
use crate::health::Order;
use crate::people::Person;
use crate::store::{Appended, Arrival, Route, Store};
use crate::time::Clock;

/// Who asks is told so before any time passes.
async fn is_told_at_once(rig: &Rig, event: Incoming, why: &str) {
    let waiting = ask_with(rig, event, PATIENCE);
    rig.settle().await;
    assert_eq!(told(waiting), Some(None), "{why}");
    all_is_over(rig).await;
}

fn silent(_: &mut Turn) -> BoxFuture<'_, TurnResult> {
    async { TurnResult::Done }.boxed()
}

#[test]
fn where_no_bot_will_answer_who_waits_is_told_at_once() {
    run(async {
        let limits = Limits { waiting_chat: 1, ..Limits::default() };
        let gate = gate();
        let rig = Rig::start(&MemoryStore::default(), &TestClock::default(), fast(), limits, bot(&gate)).await;
        is_told_at_once(&rig, text("a", "1", "nothing"), "it is done").await;
        is_told_at_once(&rig, text("a", "2", "reject"), "it is dead").await;
        is_told_at_once(&rig, text("a", "2", "reject"), "it was there before").await;
        let nobody = Incoming { only: Some("nobody".into()), ..text("a", "3", "answer") };
        is_told_at_once(&rig, nobody, "it is for a bot that is not here").await;
        rig.arrive(vec![text("a", "4", "wait"), text("a", "5", "nothing")]).await;
        rig.settle().await;
        is_told_at_once(&rig, text("a", "6", "answer"), "the bot has no room for it").await;
        gate.add_permits(1);
        rig.stop().await;
    });
}

#[test]
fn an_event_that_cannot_be_read_any_more_is_waited_for_by_nobody() {
    run(async {
        let rig = start(&gate()).await;
        rig.host.turns().order(&BOT.into(), Order::Pause).await.unwrap();
        // So large that it is read from the store when its turn comes.
        let words = "answer ".repeat(3 << 20);
        let waiting = ask(&rig, &words);
        rig.settle().await;
        rig.store.spoil();
        rig.host.turns().order(&BOT.into(), Order::Resume).await.unwrap();
        rig.settle().await;
        assert_eq!(told(waiting), Some(None));
        all_is_over(&rig).await;
        rig.stop().await;
    });
}

#[test]
fn who_waits_for_an_event_that_is_erased_is_told_at_once() {
    run(async {
        let rig = start(&gate()).await;
        let sara = || Person::known_as(CONNECTION.into(), "a".into());
        let erase = async || {
            let host = rig.host.clone();
            let erasing = spawn_local(async move { host.erase_person(sara()).await });
            rig.settle().await;
            assert!(erasing.now_or_never().expect("no time passes").unwrap().is_ok());
        };
        rig.host.turns().order(&BOT.into(), Order::Pause).await.unwrap();
        let (waiting, other) = (ask(&rig, "answer"), ask_with(&rig, text("b", "2", "answer other"), PATIENCE));
        rig.settle().await;
        erase().await;
        assert_eq!(told(waiting), Some(None));
        assert!(!other.is_finished(), "it is another's");
        rig.host.turns().order(&BOT.into(), Order::Resume).await.unwrap();
        rig.settle().await;
        assert_eq!(told(other), Some(Some("answer other".to_owned())));

        // One that was stored, erased, and only then known to be waited for and put into its lane.
        let Incoming { key, event, .. } = text("a", "late", "answer");
        let mut asker = rig.host.turns().asks().announce(&CONNECTION.into(), &key, None, rig.clock.now());
        let (chat, routes) = (Chat::new(CONNECTION, "a"), vec![Route { bot: BOT.into(), overflow: None }]);
        let arrival = Arrival {
            chat: chat.clone(),
            key,
            within: None,
            asked: true,
            received: rig.clock.now(),
            routes,
            event: event.clone(),
        };
        let stored = rig.store.append(vec![arrival]).await.unwrap();
        let [Appended::Stored(rows)] = &stored[..] else { panic!("{stored:?}") };
        erase().await;
        asker.stored([rows[0].unwrap()]);
        let until = rig.clock.now() + PATIENCE;
        rig.host.turns().push([(BOT.into(), chat, rows[0].unwrap(), event)]);
        rig.settle().await;
        assert_eq!(asker.answer(&rig.clock, until).now_or_never(), Some(None));
        all_is_over(&rig).await;
        rig.stop().await;
    });
}

#[test]
fn when_the_host_ends_who_waits_for_what_is_not_begun_any_more_is_told_at_once() {
    run(async {
        let gate = gate();
        let rig = start(&gate).await;
        let ask = |chat: &str, words: &str| ask_with(&rig, text(chat, words, words), PATIENCE);
        let (begun, behind) = (ask("a", "wait answer"), ask("a", "answer"));
        let (fails, paused) = (ask("b", "wait fail"), ask("c", "again answer"));
        rig.settle().await;
        assert!([&begun, &behind, &fails, &paused].iter().all(|waiting| !waiting.is_finished()));
        rig.host.drain();
        rig.settle().await;
        assert_eq!([told(behind), told(paused)], [Some(None), Some(None)]);
        assert!(!begun.is_finished() && !fails.is_finished(), "their turns go on");
        let late = ask("d", "answer late");
        rig.settle().await;
        assert_eq!(told(late), Some(None));
        gate.add_permits(2);
        rig.settle().await;
        assert_eq!(told(begun), Some(Some("wait answer".to_owned())));
        assert_eq!(told(fails), Some(None), "it is not tried again by this host");
        assert_eq!(rig.host.turns().asks().len(), 0);
        assert_eq!(rig.store.totals().await.unwrap().waiting_events, 4, "none is lost");
        rig.stop().await;
    });
}

#[test]
fn the_last_of_several_bots_ends_the_waiting() {
    run(async {
        let (first, second) = (gate(), gate());
        let rig = start(&first).await;
        add_bot(&rig, "other", &second);
        let waiting = ask(&rig, "wait nothing");
        let other = ask_with(&rig, text("b", "2", "wait fail"), PATIENCE);
        rig.settle().await;
        first.add_permits(2);
        rig.settle().await;
        assert!(!waiting.is_finished(), "one is done, and the other may answer");
        second.add_permits(2);
        rig.settle().await;
        assert_eq!(told(waiting), Some(None));
        assert!(!other.is_finished(), "it is tried again");
        other.abort();
        all_is_over(&rig).await;
        rig.stop().await;
    });
}

#[test]
fn one_bot_that_is_done_does_not_keep_another_from_answering() {
    run(async {
        let gates = [gate(), gate()];
        let rig = start(&gates[0]).await;
        let connections = [(CONNECTION.into(), rig.platform.clone() as Arc<_>)].into();
        let actor = Actor::new("quiet".into(), connections, Limits::default(), rig.host.outboxes().clone());
        drop(rig.host.add_bot(Bot::new(actor, Arc::new(Native(silent)))));
        let waiting = ask(&rig, "wait answer");
        rig.settle().await;
        assert!(!waiting.is_finished());
        gates[0].add_permits(1);
        rig.settle().await;
        assert_eq!(told(waiting), Some(Some("wait answer".to_owned())));
        all_is_over(&rig).await;
        rig.stop().await;
    });
}

#[test]
fn who_asks_again_while_the_first_is_waited_for_is_told_the_same() {
    run(async {
        let gate = gate();
        let rig = start(&gate).await;
        let waiting = [ask(&rig, "wait answer"), ask(&rig, "wait answer"), ask(&rig, "wait answer")];
        rig.settle().await;
        let seen = rig.host.inbox().arrivals(&CONNECTION.into());
        assert_eq!((seen.new, seen.duplicates), (1, 2));
        assert_eq!(rig.host.turns().asks().len(), 1, "one entry for all of them");
        // The first gives up, as a platform does that tries again.
        waiting[0].abort();
        gate.add_permits(1);
        rig.settle().await;
        let [_, second, third] = waiting;
        assert_eq!(
            [second, third].map(told),
            [Some(Some("wait answer".to_owned())), Some(Some("wait answer".to_owned()))]
        );
        assert!(rig.sent_to("a").is_empty());
        all_is_over(&rig).await;
        rig.stop().await;
    });
}

#[test]
fn each_of_those_who_wait_together_has_a_patience_of_their_own() {
    run(async {
        let gate = gate();
        let rig = start(&gate).await;
        let first = ask(&rig, "wait answer");
        rig.settle().await;
        rig.clock.advance(Duration::from_secs(1));
        let second = ask(&rig, "wait answer");
        rig.settle().await;
        rig.clock.advance(Duration::from_secs(1));
        rig.settle().await;
        assert_eq!(told(first), Some(None));
        gate.add_permits(1);
        rig.settle().await;
        assert_eq!(told(second), Some(Some("wait answer".to_owned())));
        rig.stop().await;
    });
}

#[test]
fn an_event_that_the_store_does_not_take_is_waited_for_by_nobody_and_can_be_asked_for_again() {
    run(async {
        let rig = start(&gate()).await;
        rig.store.fail([Failpoint::Append]);
        let refused = ask(&rig, "answer");
        rig.settle().await;
        assert!(refused.await.unwrap().is_err());
        assert_eq!(rig.host.turns().asks().len(), 0);
        let waiting = ask(&rig, "answer");
        rig.settle().await;
        assert_eq!(told(waiting), Some(Some("answer".to_owned())));
        rig.stop().await;
    });
}

#[test]
fn of_two_who_ask_at_once_the_second_is_told_also_where_the_store_fails_the_first() {
    run(async {
        let rig = start(&gate()).await;
        rig.store.fail([Failpoint::Append]);
        let (first, second) = (ask(&rig, "answer"), ask(&rig, "answer"));
        rig.settle().await;
        assert!(first.await.unwrap().is_err());
        assert_eq!(told(second), Some(Some("answer".to_owned())));
        all_is_over(&rig).await;
        rig.stop().await;
    });
}

#[test]
fn nothing_that_is_done_to_a_bot_keeps_anybody_waiting_beyond_their_patience() {
    run(async {
        type Deed = fn(&Rig);
        let deeds: [(&str, Deed); 6] = [
            ("pause", |rig| order(rig, Order::Pause)),
            ("kill", |rig| order(rig, Order::Kill)),
            ("quarantine", |rig| order(rig, Order::Quarantine)),
            ("removal", |rig| assert!(rig.host.turns().remove_bot(&BOT.into()))),
            ("removal of the connection", |rig| assert!(rig.host.remove_connection(&CONNECTION.into()))),
            ("drain", |rig| rig.host.drain()),
        ];
        for (what, deed) in deeds {
            let gate = gate();
            let rig = start(&gate).await;
            // One that runs, one that waits behind it, and one that comes after it.
            let mut waiting = vec![ask(&rig, "answer wait 1"), ask(&rig, "answer wait 2")];
            rig.settle().await;
            deed(&rig);
            waiting.push(ask(&rig, "answer wait 3"));
            rig.settle().await;
            let began = rig.clock.now();
            rig.until(|| waiting.iter().all(JoinHandle::is_finished)).await;
            assert!(rig.clock.now().since(began) <= PATIENCE, "{what}");
            assert!(waiting.into_iter().map(told).all(|told| told == Some(None)), "{what}");
            all_is_over(&rig).await;
            gate.add_permits(9);
            rig.stop().await;
        }
    });
}

fn order(rig: &Rig, order: Order) {
    let obeyed = rig.host.turns().order(&BOT.into(), order).now_or_never();
    assert!(obeyed.expect("a store in memory does not wait").expect("it is followed").changed);
}

#[test]
fn a_host_that_closes_tells_who_waits_and_first_writes_what_is_claimed() {
    run(async {
        let gate = gate();
        let rig = start(&gate).await;
        let (ends, hopeless) = (ask(&rig, "answer wait"), ask(&rig, "answer"));
        rig.settle().await;
        rig.host.drain();
        gate.add_permits(1);
        rig.stop().await;
        let [ends, hopeless] = [ends.await, hopeless.await].map(|told| told.unwrap().unwrap());
        assert_eq!(ends, Some(Answer::Notice("answer wait".to_owned())), "its turn was under way");
        assert_eq!(hopeless, None, "its turn begins after the next start, and its patience is not over");
    });
}

#[test]
fn an_answer_to_an_event_of_no_chat_reaches_who_waits() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), |turn: &mut Turn| {
            let answered = turn.respond(Answer::Url("https://example.com".to_owned()));
            async move { answered.map_or_else(|_| failing(), |()| TurnResult::Done) }.boxed()
        })
        .await;
        let event = Event::Other("test.opening".to_owned(), "{}".to_owned());
        let waiting = ask_with(&rig, Incoming::new("1", event), PATIENCE);
        rig.settle().await;
        assert_eq!(told(waiting), Some(Some("https://example.com".to_owned())));
        rig.stop().await;
    });
}
