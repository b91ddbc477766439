//! Who asks again for what was stored before, also before a restart.

use super::*;
use crate::health::Order;

/// How long a key stands for one event here.
const WINDOW: Duration = Duration::from_secs(60);

/// A press without an id of its own: the same words again are the same press for a while.
fn press(words: &str) -> Incoming {
    text("a", words, words).within(WINDOW)
}

/// What is left of a host that died after it stored presses, whose bot is at the gate; and the clock.
async fn died_with(gate: &Gate, presses: &[&str]) -> (MemoryStore, TestClock) {
    let (store, clock) = (MemoryStore::default(), TestClock::default());
    let rig = Rig::start(&store, &clock, fast(), Limits::default(), bot(gate)).await;
    for words in presses {
        drop(ask_with(&rig, press(words), PATIENCE));
        rig.settle().await;
    }
    rig.crash();
    (store, clock)
}

async fn started(store: &MemoryStore, clock: &TestClock, gate: &Gate) -> Rig {
    Rig::start(store, clock, fast(), Limits::default(), bot(gate)).await
}

async fn order(rig: &Rig, order: Order) {
    rig.host.turns().order(&BOT.into(), order).await.unwrap();
}

#[test]
fn what_is_done_is_answered_at_once_and_empty_also_after_a_restart() {
    run(async {
        let gate = gate();
        let (store, clock) = died_with(&gate, &["answer"]).await;
        let rig = started(&store, &clock, &gate).await;
        let waiting = ask_with(&rig, press("answer"), PATIENCE);
        rig.settle().await;
        assert_eq!(told(waiting), Some(None), "no time has passed");
        let totals = store.totals().await.unwrap();
        assert_eq!((totals.arrivals, totals.duplicates, totals.handled), (1, 1, 1));
        all_is_over(&rig).await;
        rig.stop().await;
    });
}

#[test]
fn what_still_waits_after_a_restart_is_waited_for_and_its_answer_told() {
    run(async {
        let gate = gate();
        let (store, clock) = died_with(&gate, &["wait", "answer"]).await;
        let rig = started(&store, &clock, &gate).await;
        rig.settle().await;
        // In the lane behind one that is at the gate.
        let waiting = [(); 2].map(|()| ask_with(&rig, press("answer"), PATIENCE));
        rig.settle().await;
        assert!(waiting.iter().all(|waiting| !waiting.is_finished()));
        assert_eq!(rig.host.turns().asks().len(), 1, "they wait together");
        gate.add_permits(1);
        rig.settle().await;
        assert_eq!(waiting.map(told), [Some(Some("answer".to_owned())), Some(Some("answer".to_owned()))]);
        assert!(rig.sent_to("a").is_empty());
        assert_eq!(store.totals().await.unwrap().handled, 2);
        all_is_over(&rig).await;
        rig.stop().await;
    });
}

#[test]
fn of_a_turn_that_runs_already_who_asks_again_is_told_when_it_is_on_disk() {
    run(async {
        let gate = gate();
        let (store, clock) = died_with(&gate, &["wait answer"]).await;
        let rig = started(&store, &clock, &gate).await;
        rig.settle().await;
        assert_eq!(rig.host.turns().under_way(), 1);
        let waiting = ask_with(&rig, press("wait answer"), PATIENCE);
        rig.settle().await;
        assert!(!waiting.is_finished());
        gate.add_permits(1);
        rig.settle().await;
        assert_eq!(told(waiting), Some(None), "the turn knew of nobody");
        assert_eq!(rig.sent_to("a"), ["wait answer"]);
        all_is_over(&rig).await;
        rig.stop().await;
    });
}

#[test]
fn a_key_finds_the_event_that_it_stands_for_now_and_not_one_of_before() {
    run(async {
        let gate = gate();
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = started(&store, &clock, &gate).await;
        order(&rig, Order::Pause).await;
        let first = ask_with(&rig, press("answer"), PATIENCE);
        rig.settle().await;
        clock.advance(WINDOW);
        rig.settle().await;
        assert_eq!(told(first), Some(None), "its patience is over, and it waits still");
        let later = Incoming { event: text("a", "answer", "answer later").event, ..press("answer") };
        drop(ask_with(&rig, later.clone(), PATIENCE));
        rig.settle().await;
        rig.crash();

        let rig = started(&store, &clock, &gate).await;
        rig.settle().await;
        let waiting = ask_with(&rig, later, PATIENCE);
        rig.settle().await;
        order(&rig, Order::Resume).await;
        rig.settle().await;
        assert_eq!(told(waiting), Some(Some("answer later".to_owned())));
        assert_eq!(rig.sent_to("a"), ["answer"], "for the first nobody waited");
        all_is_over(&rig).await;
        rig.stop().await;
    });
}

#[test]
fn another_press_behind_the_window_is_waited_for_beside_the_first() {
    run(async {
        let gate = gate();
        let rig = start(&gate).await;
        let first = ask_with(&rig, press("wait answer"), WINDOW * 2);
        rig.settle().await;
        rig.clock.advance(WINDOW - Duration::from_millis(1));
        let again = ask_with(&rig, press("wait answer"), WINDOW * 2);
        rig.settle().await;
        rig.clock.advance(Duration::from_millis(1));
        let second = ask_with(&rig, press("wait answer"), WINDOW * 2);
        rig.settle().await;
        assert_eq!(rig.host.turns().asks().len(), 2);
        gate.add_permits(1);
        rig.settle().await;
        assert_eq!(
            [first, again].map(told),
            [Some(Some("wait answer".to_owned())), Some(Some("wait answer".to_owned()))]
        );
        assert!(!second.is_finished());
        gate.add_permits(1);
        rig.settle().await;
        assert_eq!(told(second), Some(Some("wait answer".to_owned())));
        all_is_over(&rig).await;
        rig.stop().await;
    });
}

#[test]
fn a_store_that_cannot_say_what_waits_leaves_who_asks_again_without_an_answer_at_once() {
    run(async {
        let gate = gate();
        let (store, clock) = died_with(&gate, &["wait", "answer"]).await;
        let rig = started(&store, &clock, &gate).await;
        rig.settle().await;
        store.fail([Failpoint::AskedEvents]);
        let waiting = ask_with(&rig, press("answer"), PATIENCE);
        rig.settle().await;
        assert_eq!(told(waiting), Some(None));
        gate.add_permits(1);
        rig.settle().await;
        assert_eq!(rig.sent_to("a"), ["answer"], "it is a message");
        all_is_over(&rig).await;
        rig.stop().await;
    });
}
