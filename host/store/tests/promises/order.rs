//! Rows are numbered in the order of the calls, and no number is used twice.

use std::collections::BTreeSet;

use hodhod_core::ids::{InboxSeq, OutboxSeq};
use hodhod_core::store::{SendOutcome, Store, TurnCommit};

use crate::kit::{Kit, arrival, done, key, row, send, settled};

#[tokio::test]
async fn calls_are_applied_in_their_order_without_waiting_between_them() {
    let kit = Kit::quick();
    let calls: Vec<_> = (0..3000).map(|n| kit.append(vec![arrival(&n.to_string())])).collect();
    let mut rows = Vec::new();
    // Polled from the last to the first: the order of waiting does not matter.
    for call in calls.into_iter().rev() {
        rows.push(row(&call.await.unwrap()[0]).0);
    }
    assert!(rows.is_sorted_by(|later, earlier| later > earlier));
    let texts = kit.events().await;
    assert!(texts.is_sorted_by_key(|event| event.seq));
    assert_eq!(*kit.event(InboxSeq(1)).await.unwrap().unwrap(), *crate::kit::event("0"));
    assert_eq!(*kit.event(InboxSeq(3000)).await.unwrap().unwrap(), *crate::kit::event("2999"));
}

#[tokio::test]
async fn calls_of_different_kinds_keep_their_order_too() {
    let kit = Kit::quick();
    let mut calls = Vec::new();
    for n in 1..=500_u64 {
        drop(kit.append(vec![arrival(&n.to_string())]));
        let values = vec![(key("last"), Some(n.to_string().into_bytes().into()))];
        calls.push(kit.commit(vec![TurnCommit { values, ..done(InboxSeq(n)) }]));
    }
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(kit.counted().await.handled, 500);
    assert_eq!(kit.value(&key("last")).unwrap().unwrap(), b"500");
}

#[tokio::test]
async fn no_number_is_used_twice_after_deletes_and_reopening() {
    let mut kit = Kit::new();
    let (mut inbox, mut outbox) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..5 {
        for n in 0..3 {
            let seq = kit.one(&format!("{round} {n}")).await;
            assert!(inbox.insert(seq), "{seq} twice");
            let sends = vec![send(seq, 0, "a"), send(seq, 1, "b")];
            let rows = kit.commit(vec![TurnCommit { sends, ..done(seq) }]).await.unwrap().remove(0);
            for row in rows {
                assert!(outbox.insert(row), "{row} twice");
                kit.settle(vec![settled(row, SendOutcome::Delivered)]).await.unwrap();
            }
        }
        kit.reopen().await;
    }
    assert_eq!((inbox.len(), outbox.len()), (15, 30));
}

#[tokio::test]
async fn waiting_rows_come_in_order_and_in_pages() {
    let kit = Kit::new();
    let batch = (0..10).map(|n| arrival(&n.to_string())).collect();
    kit.append(batch).await.unwrap();
    let page = kit.waiting_events(InboxSeq(3), 4).await.unwrap();
    assert_eq!(page.iter().map(|event| event.seq.0).collect::<Vec<_>>(), [4, 5, 6, 7]);
    assert!(kit.waiting_events(InboxSeq(u64::MAX), 4).await.unwrap().is_empty());

    kit.sends(&["a", "b", "c"]).await;
    let page = kit.waiting_sends(OutboxSeq(1), 1).await.unwrap();
    assert_eq!(page.iter().map(|send| send.seq.0).collect::<Vec<_>>(), [2]);
}
