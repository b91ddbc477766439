//! What an operator does with dead letters.

use std::sync::Mutex;

use futures::future::{Either, select};

use super::*;
use crate::dead::Doomed;
use crate::store::Upkeep;
use crate::testing::TestPlatform;

/// Rejects what is said until it may be handled.
struct Moody(Arc<Mutex<bool>>);

impl Moody {
    fn bot(&self) -> impl Fn(&mut Turn) -> BoxFuture<'_, TurnResult> + Send + Sync + 'static {
        let good = self.0.clone();
        move |turn: &mut Turn| {
            let text = said(turn);
            let good = *good.lock().unwrap();
            if good {
                answer(turn, &text);
            }
            async move { if good { TurnResult::Done } else { TurnResult::Reject("not now".to_owned()) } }.boxed()
        }
    }

    fn cheer_up(&self) {
        *self.0.lock().unwrap() = true;
    }
}

/// A rig whose bot has rejected `texts`, and is in a good mood now.
async fn after_rejecting(store: &MemoryStore, texts: &[&str], limits: Limits) -> (Rig, Vec<InboxSeq>) {
    let moody = Moody(Arc::default());
    let rig = Rig::start(store, &TestClock::default(), fast(), limits, moody.bot()).await;
    for said in texts {
        rig.arrive(vec![text("chat", said, said)]).await;
    }
    rig.settle().await;
    moody.cheer_up();
    let letters = rig.host.dead_letters(None, None, 100).await.unwrap();
    assert_eq!(letters.len(), texts.len());
    let rows = letters.into_iter().rev().map(|letter| letter.seq).collect();
    (rig, rows)
}

#[test]
fn a_letter_that_is_tried_again_is_handled_at_once_and_gone() {
    run(async {
        let store = MemoryStore::default();
        let (rig, rows) = after_rejecting(&store, &["a", "b"], Limits::default()).await;
        let opened = rig.host.dead_letter(rows[1]).await.unwrap().unwrap();
        assert_eq!((opened.letter.reason.as_str(), opened.unreadable), ("rejected: not now", None));
        assert!(format!("{:?}", opened.event.unwrap()).contains("Text(\"b\")"));

        let again = rig.host.retry_dead(rows[1]).await.unwrap();
        assert!(again > rows[1]);
        rig.until(|| rig.sent_to("chat") == ["b"]).await;
        assert_eq!(rig.host.dead_letters(None, None, 100).await.unwrap().len(), 1);
        assert!(matches!(rig.host.retry_dead(rows[1]).await, Err(RetryError::Unknown(_))));
        rig.stop().await;
    });
}

/// The administrator's browser hangs up as soon as it has asked.
#[test]
fn a_retry_goes_on_when_who_asked_for_it_is_gone() {
    run(async {
        let store = MemoryStore::default();
        let (rig, rows) = after_rejecting(&store, &["a"], Limits::default()).await;
        let asked = rig.host.retry_dead(rows[0]);
        assert!(asked.now_or_never().is_none(), "it has been asked, and nobody waits for the answer");
        rig.until(|| rig.sent_to("chat") == ["a"]).await;
        rig.stop().await;
    });
}

#[test]
fn a_letter_whose_bot_is_gone_is_refused_and_stays() {
    run(async {
        let store = MemoryStore::default();
        let (rig, rows) = after_rejecting(&store, &["a"], Limits::default()).await;
        rig.crash();
        let host = Host::new(Arc::new(store.clone()), Arc::new(TestClock::default()), 1, 100);
        let (retry, serve) = (std::pin::pin!(host.retry_dead(rows[0])), std::pin::pin!(host.serve()));
        let Either::Left((retried, _)) = select(retry, serve).await else { panic!("the host ended by itself") };
        let error = retried.unwrap_err();
        assert!(matches!(error, RetryError::NoBot { .. }), "{error}");
        assert!(error.to_string().contains("not configured"), "{error}");
        assert_eq!(store.dead_letters(9).await.unwrap().len(), 1);
    });
}

#[test]
fn a_bot_without_room_gets_no_letter_back() {
    run(async {
        let store = MemoryStore::default();
        let limits = Limits { waiting_chat: 2, ..Limits::default() };
        let (rig, rows) = after_rejecting(&store, &["a"], limits).await;
        rig.host.turns().order(rig.bot.name(), crate::health::Order::Pause).await.unwrap();
        rig.arrive(vec![text("chat", "1", "1"), text("chat", "2", "2")]).await;
        let error = rig.host.retry_dead(rows[0]).await.unwrap_err();
        assert!(matches!(error, RetryError::NoRoom { .. }), "{error}");
        assert_eq!(rig.host.dead_letters(None, None, 9).await.unwrap().len(), 1);
        rig.host.turns().order(rig.bot.name(), crate::health::Order::Resume).await.unwrap();
        rig.until(|| rig.sent_to("chat").len() == 2).await;
        rig.host.retry_dead(rows[0]).await.unwrap();
        rig.until(|| rig.sent_to("chat") == ["1", "2", "a"]).await;
        rig.stop().await;
    });
}

#[test]
fn a_store_that_refuses_leaves_the_letter_to_be_tried_later() {
    run(async {
        let store = MemoryStore::default();
        let (rig, rows) = after_rejecting(&store, &["a"], Limits::default()).await;
        store.fail([Failpoint::RetryDead]);
        assert!(matches!(rig.host.retry_dead(rows[0]).await, Err(RetryError::Store(_))));
        assert_eq!(rig.sent_to("chat"), [""; 0]);
        rig.host.retry_dead(rows[0]).await.unwrap();
        rig.until(|| rig.sent_to("chat") == ["a"]).await;
        rig.stop().await;
    });
}

/// The host dies after the store moved the letter, before anybody was told.
#[test]
fn a_letter_that_went_back_before_a_crash_is_handled_after_it_once() {
    run(async {
        let store = MemoryStore::default();
        let (rig, rows) = after_rejecting(&store, &["a"], Limits::default()).await;
        rig.crash();
        store.retry_dead(rows[0]).await.unwrap().unwrap();
        let moody = Moody(Arc::new(Mutex::new(true)));
        let platform = Arc::new(TestPlatform::default());
        let clock = TestClock::default();
        let rig = Rig::start_on(&store, &clock, platform, fast(), Limits::default(), moody.bot()).await;
        assert_eq!(rig.restored.events, 1);
        rig.until(|| rig.sent_to("chat") == ["a"]).await;
        rig.stop().await;
    });
}

#[test]
fn letters_that_are_too_old_go_by_themselves() {
    run(async {
        let store = MemoryStore::default();
        let (rig, rows) = after_rejecting(&store, &["a"], Limits::default()).await;
        rig.clock.advance(Retention::default().keep_dead);
        rig.settle().await;
        assert_eq!(rig.host.dead_letters(None, None, 9).await.unwrap()[0].seq, rows[0]);
        rig.clock.advance(Duration::from_secs(3601));
        rig.settle().await;
        assert_eq!(rig.host.dead_letters(None, None, 9).await.unwrap(), []);
        rig.stop().await;
    });
}

#[test]
fn letters_are_dropped_one_by_one_and_all_of_a_bot() {
    run(async {
        let store = MemoryStore::default();
        let (rig, rows) = after_rejecting(&store, &["a", "b", "c"], Limits::default()).await;
        assert_eq!(rig.host.drop_dead(Doomed::One(rows[0])).await.unwrap(), 1);
        assert_eq!(rig.host.drop_dead(Doomed::One(rows[0])).await.unwrap(), 0);
        assert_eq!(rig.host.drop_dead(Doomed::Of("another".into())).await.unwrap(), 0);
        assert_eq!(rig.host.drop_dead(Doomed::Of(rig.bot.name().clone())).await.unwrap(), 2);
        assert_eq!(rig.host.dead_letters(None, None, 9).await.unwrap(), []);
        rig.stop().await;
    });
}
