//! A turn ends whole: its mark, its values and its sends.

use hodhod_core::ids::InboxSeq;
use hodhod_core::store::{Mark, Store, TurnCommit, WaitingEvent};
use hodhod_core::time::Millis;

use crate::kit::{Kit, chat, done, event, key, send};

#[tokio::test]
async fn a_turn_that_is_done_leaves_its_values_and_sends_and_no_event() {
    let mut kit = Kit::new();
    let seq = kit.one("a").await;
    let sends = vec![send(seq, 0, "first"), send(seq, 1, "second")];
    let values = vec![
        (key("k"), Some(b"v".as_slice().into())),
        (key("gone"), Some(b"v".as_slice().into())),
        (key("gone"), None),
    ];
    let rows = kit.commit(vec![TurnCommit { sends: sends.clone(), values, ..done(seq) }]).await.unwrap().remove(0);
    kit.reopen().await;

    assert_eq!(kit.event(seq).await.unwrap(), None);
    assert_eq!(kit.value(&key("k")).unwrap().unwrap(), b"v");
    assert_eq!(kit.value(&key("gone")).unwrap(), None);
    for (row, sent) in rows.into_iter().zip(sends) {
        assert_eq!(kit.send(row).await.unwrap(), Some(sent));
    }
    let totals = kit.counted().await;
    assert_eq!((totals.handled, totals.waiting_events, totals.waiting_sends), (1, 0, 2));
}

#[tokio::test]
async fn a_turn_to_be_retried_keeps_its_event_and_has_no_effects() {
    let mut kit = Kit::new();
    let seq = kit.one("a").await;
    let mark = Mark::Retry { attempts: 3, not_before: Millis(5000) };
    let values = vec![(key("k"), Some(b"v".as_slice().into()))];
    let sends = vec![send(seq, 0, "text")];
    let answer = kit.commit(vec![TurnCommit { mark, values, sends, ..done(seq) }]).await.unwrap();
    assert_eq!(answer, [[]]);
    kit.reopen().await;
    let waiting = WaitingEvent { seq, bot: "bot".into(), chat: chat(), attempts: 3, not_before: Millis(5000) };
    assert_eq!(kit.events().await, [waiting]);
    assert_eq!(kit.event(seq).await.unwrap().unwrap(), event("a"));
    assert_eq!(kit.value(&key("k")).unwrap(), None);
    assert!(kit.outbox().await.is_empty());
}

#[tokio::test]
async fn a_turn_whose_event_is_gone_has_no_effects_and_harms_no_other() {
    let kit = Kit::new();
    let (first, second) = (kit.one("a").await, kit.one("b").await);
    let turn = |seq, text: &str| TurnCommit {
        values: vec![(key("k"), Some(text.as_bytes().into()))],
        sends: vec![send(seq, 0, text)],
        ..done(seq)
    };
    kit.commit(vec![turn(first, "once")]).await.unwrap();
    let never = InboxSeq(77);
    let answer = kit.commit(vec![turn(second, "other"), turn(first, "twice"), turn(never, "never")]).await.unwrap();
    assert_eq!(answer.iter().map(Vec::len).collect::<Vec<_>>(), [1, 0, 0]);
    assert_eq!(kit.value(&key("k")).unwrap().unwrap(), b"other");
    assert_eq!(kit.outbox().await.len(), 2);
    assert_eq!(kit.counted().await.handled, 2);
}

#[tokio::test]
async fn text_comes_back_as_it_was() {
    let mut kit = Kit::new();
    for text in ["می‌خواهم کتاب‌ها را", "👩‍👩‍👧‍👦 🏳️‍🌈", "a\0b\u{feff}\r\n\u{202e}", "", "\u{10ffff}'\"; DROP TABLE inbox; --"]
    {
        let seq = kit.one(text).await;
        let row = kit.sends(&[text]).await[0];
        kit.reopen().await;
        assert_eq!(kit.event(seq).await.unwrap().unwrap(), event(text));
        assert_eq!(*kit.send(row).await.unwrap().unwrap().message, hodhod_core::outgoing::Outgoing::text(text));
    }
}
