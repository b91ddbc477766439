//! What bots are told later, and how much they may keep.

use super::*;
use crate::event::{Event, Timer};
use crate::time::Millis;
use crate::timers::Missed;
use crate::turn::Refusal;

/// `set ID MS [skip]` and `cancel ID` in the chat; a timer that fires sends its payload.
fn remembering(turn: &mut Turn) -> BoxFuture<'_, TurnResult> {
    if let Event::Timer(timer) = &**turn.event() {
        let (chat, payload) = (timer.chat.clone().expect("set in a chat"), timer.payload.clone());
        turn.send(chat, Outgoing::text(payload)).expect("served");
        return async { TurnResult::Done }.boxed();
    }
    let chat = turn.event().chat().cloned();
    let text = said(turn);
    let words: Vec<_> = text.split(' ').collect();
    match words.as_slice() {
        ["set", id, due, rest @ ..] => {
            let missed = if rest.is_empty() { Missed::Fire } else { Missed::Skip };
            let due = Millis(due.parse().unwrap());
            let timer = Timer { id: (*id).to_owned(), chat, due, payload: format!("{id} fired") };
            turn.set_timer(timer, missed).expect("room for it");
        }
        ["cancel", id] => turn.cancel_timer((*id).to_owned(), chat).expect("allowed"),
        _ => return async { failing() }.boxed(),
    }
    async { TurnResult::Done }.boxed()
}

#[test]
fn a_timer_fires_when_it_is_due_and_not_before() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), remembering).await;
        let due = clock.now().0 + 60_000;
        rig.arrive(vec![
            text("a", "1", &format!("set late {}", due + 5000)),
            text("b", "2", &format!("set soon {due}")),
            text("a", "3", "set past 1"),
        ])
        .await;
        rig.settle().await;
        assert_eq!(rig.sent_to("a"), ["past fired"], "what is due already fires at once");
        clock.advance(Duration::from_millis(59_999));
        rig.settle().await;
        assert!(rig.sent_to("b").is_empty());
        clock.advance(Duration::from_millis(1));
        rig.settle().await;
        assert_eq!(rig.sent_to("b"), ["soon fired"]);
        rig.arrive(vec![text("a", "4", "cancel late")]).await;
        rig.settle().await;
        clock.advance(Duration::from_secs(10));
        rig.settle().await;
        assert_eq!(rig.sent_to("a"), ["past fired"], "a cancelled one does not fire");
        rig.stop().await;
    });
}

#[test]
fn timers_of_a_bot_that_has_enough_to_do_wait_and_make_no_dead_letters() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let limits = Limits { waiting: 4, ..Limits::default() };
        let rig = Rig::start(&store, &clock, fast(), limits, remembering).await;
        let due = clock.now().0 + 1000;
        for n in 0..20 {
            rig.arrive(vec![text("a", &format!("{n}"), &format!("set t{n} {due}"))]).await;
            rig.settle().await;
        }
        clock.advance(Duration::from_secs(1));
        for _ in 0..20 {
            rig.settle().await;
            clock.advance(Duration::from_millis(100));
        }
        assert_eq!(rig.sent_to("a").len(), 20);
        assert_eq!(store.dead_letters(10).await.unwrap(), []);
        rig.stop().await;
    });
}

#[test]
fn a_timer_outlives_a_crash_and_one_that_was_missed_fires_late_or_is_skipped() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), remembering).await;
        let due = clock.now().0 + 1000;
        rig.arrive(vec![
            text("a", "1", &format!("set kept {due}")),
            text("a", "2", &format!("set dropped {due} skip")),
        ])
        .await;
        rig.settle().await;
        rig.crash();
        clock.advance(Duration::from_secs(3600));

        let rig = Rig::start(&store, &clock, fast(), Limits::default(), remembering).await;
        assert_eq!(rig.restored.skipped_timers, 1);
        rig.settle().await;
        assert_eq!(rig.sent_to("a"), ["kept fired"]);
        rig.stop().await;
    });
}

#[test]
fn a_store_that_fails_delays_timers_and_fires_each_once() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), remembering).await;
        store.fail([Failpoint::Fire, Failpoint::Fire]);
        rig.arrive(vec![text("a", "1", "set t 1")]).await;
        rig.until(|| !rig.sent_to("a").is_empty()).await;
        clock.advance(Duration::from_secs(60));
        rig.settle().await;
        assert_eq!(rig.sent_to("a"), ["t fired"]);
        rig.stop().await;
    });
}

/// Stores or sets what the text says, and keeps the refusal for the test.
fn hoarding(turn: &mut Turn) -> BoxFuture<'_, TurnResult> {
    let text = said(turn);
    let chat = turn.event().chat().cloned();
    let words: Vec<_> = text.split(' ').collect();
    let done = match words.as_slice() {
        ["put", bucket, key, bytes] => {
            let bucket = turn.bucket(bucket).expect("a bucket");
            turn.set(&bucket, key, vec![b'x'; bytes.parse().unwrap()])
        }
        ["delete", bucket, key] => {
            let bucket = turn.bucket(bucket).expect("a bucket");
            turn.delete(&bucket, key)
        }
        ["timer", id, bytes] => {
            let payload = "x".repeat(bytes.parse().unwrap());
            let timer = Timer { id: (*id).to_owned(), chat, due: Millis(u64::MAX), payload };
            turn.set_timer(timer, Missed::Fire)
        }
        ["swap", old, new] => turn.cancel_timer((*old).to_owned(), chat.clone()).and_then(|()| {
            // Taking it back first must not hide that it is set after all.
            turn.cancel_timer((*new).to_owned(), chat.clone())?;
            let timer = Timer { id: (*new).to_owned(), chat, due: Millis(u64::MAX), payload: String::new() };
            turn.set_timer(timer, Missed::Fire)
        }),
        _ => return async { failing() }.boxed(),
    };
    answer(turn, &done.map_or_else(|refusal: Refusal| refusal.to_string(), |()| "ok".to_owned()));
    async { TurnResult::Done }.boxed()
}

async fn tell(rig: &Rig, number: &mut u32, words: &str) -> String {
    *number += 1;
    rig.arrive(vec![text("a", &number.to_string(), words)]).await;
    rig.settle().await;
    rig.sent_to("a").pop().expect("an answer")
}

fn hoard(limits: Limits, says: &'static [(&'static str, &'static str)]) {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = Rig::start(&store, &clock, fast(), limits, hoarding).await;
        let mut number = 0;
        for (words, answer) in says {
            assert_eq!(tell(&rig, &mut number, words).await, *answer, "{words}");
        }
        rig.stop().await;
    });
}

#[test]
fn limit_bucket_keys_is_an_answer_and_what_is_there_can_still_be_written() {
    hoard(
        Limits { bucket_keys: 2, ..Limits::default() },
        &[
            ("put chat a 1", "ok"),
            ("put chat b 1", "ok"),
            ("put chat c 1", "quota exceeded: bucket_keys: 2"),
            ("put chat a 9", "ok"),
            ("put bot c 1", "ok"),
            ("delete chat a", "ok"),
            ("put chat c 1", "ok"),
        ],
    );
}

#[test]
fn limit_bucket_bytes_counts_keys_and_values() {
    hoard(
        Limits { bucket_bytes: 100, ..Limits::default() },
        &[
            ("put chat a 99", "ok"),
            ("put chat a 100", "quota exceeded: bucket_bytes: 100"),
            ("put chat b 0", "quota exceeded: bucket_bytes: 100"),
            ("put chat a 98", "ok"),
            ("put chat b 0", "ok"),
            ("put bot a 99", "ok"),
        ],
    );
}

#[test]
fn limit_bot_keys_is_for_all_buckets_together() {
    hoard(
        Limits { bot_keys: 2, ..Limits::default() },
        &[
            ("put chat a 1", "ok"),
            ("put bot a 1", "ok"),
            ("put user a 1", "quota exceeded: bot_keys: 2"),
            ("delete bot a", "ok"),
            ("put user a 1", "ok"),
        ],
    );
}

#[test]
fn limit_bot_bytes_is_for_all_buckets_together() {
    hoard(
        Limits { bot_bytes: 100, ..Limits::default() },
        &[
            ("put chat a 49", "ok"),
            ("put bot a 49", "ok"),
            ("put user a 0", "quota exceeded: bot_bytes: 100"),
            ("put bot a 48", "ok"),
            ("put user a 0", "ok"),
        ],
    );
}

#[test]
fn limit_timers_is_an_answer_and_one_that_stands_can_be_moved() {
    hoard(
        Limits { timers: 2, ..Limits::default() },
        &[
            ("timer a 0", "ok"),
            ("timer b 0", "ok"),
            ("timer c 0", "quota exceeded: timers: 2"),
            ("timer a 0", "ok"),
            ("swap nothing c", "quota exceeded: timers: 2"),
            ("swap a c", "ok"),
        ],
    );
}

#[test]
fn limit_payload_is_the_most_that_a_timer_brings() {
    hoard(
        Limits { payload: 10, ..Limits::default() },
        &[("timer a 10", "ok"), ("timer a 11", "too large: at most 10 bytes")],
    );
}
