//! A send stays until its end is recorded, and its end is recorded once.

use hodhod_core::ids::InboxSeq;
use hodhod_core::store::{SendOutcome, Settled, Settlement, Store};
use hodhod_core::time::Millis;

use crate::kit::{Kit, arrival, settled};

const AGAIN: SendOutcome = SendOutcome::Again { attempts: 2, not_before: Millis(9000), in_doubt: false };

#[tokio::test]
async fn a_recorded_try_without_an_end_is_in_doubt_after_reopening() {
    let mut kit = Kit::new();
    let rows = kit.sends(&["a", "b"]).await;
    kit.attempt(vec![rows[0]]).await.unwrap();
    kit.reopen().await;
    let outbox = kit.outbox().await;
    assert_eq!(outbox.iter().map(|send| send.attempted).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test]
async fn a_send_to_be_tried_again_waits_and_is_not_in_doubt() {
    let mut kit = Kit::new();
    let rows = kit.sends(&["a"]).await;
    kit.attempt(rows.clone()).await.unwrap();
    kit.settle(vec![settled(rows[0], AGAIN)]).await.unwrap();
    kit.reopen().await;
    let outbox = kit.outbox().await;
    assert_eq!((outbox[0].attempts, outbox[0].not_before, outbox[0].attempted), (2, Millis(9000), false));
    assert_eq!(kit.counted().await.in_doubt_resent, 0);
}

#[tokio::test]
async fn each_end_is_counted_once() {
    let kit = Kit::new();
    let rows = kit.sends(&["a", "b", "c", "d"]).await;
    let in_doubt = SendOutcome::Again { attempts: 1, not_before: Millis(0), in_doubt: true };
    let ends = [SendOutcome::Delivered, SendOutcome::Failed, SendOutcome::DroppedInDoubt, in_doubt];
    let ends: Vec<_> = rows.iter().zip(ends).map(|(row, outcome)| settled(*row, outcome)).collect();
    kit.settle(ends.clone()).await.unwrap();
    kit.settle(ends[..3].to_vec()).await.unwrap();
    let totals = kit.counted().await;
    assert_eq!((totals.delivered, totals.failed, totals.in_doubt_dropped, totals.in_doubt_resent), (1, 1, 1, 1));
    assert_eq!(totals.waiting_sends, 1);
    assert_eq!(kit.outbox().await.len(), 1);
}

#[tokio::test]
async fn a_report_comes_with_the_end_of_its_send_and_once() {
    let kit = Kit::new();
    let rows = kit.sends(&["a", "b"]).await;
    let end = |row| Settlement { report: Some(arrival("report")), ..settled(row, SendOutcome::Failed) };
    let answer = kit.settle(vec![end(rows[0]), end(rows[0]), end(rows[1])]).await.unwrap();
    let expected = [Settled::Stood(Some(InboxSeq(2))), Settled::Gone, Settled::Stood(None)];
    assert_eq!(answer, expected, "its row, the send is gone, the report is a duplicate");
    assert_eq!(kit.event_rows().await, [InboxSeq(2)]);
    assert!(kit.outbox().await.is_empty());
}

#[tokio::test]
async fn a_try_of_a_send_that_is_gone_changes_nothing_and_says_so() {
    let kit = Kit::new();
    let rows = kit.sends(&["a"]).await;
    assert_eq!(kit.attempt(rows.clone()).await.unwrap(), [true]);
    kit.settle(vec![settled(rows[0], SendOutcome::Delivered)]).await.unwrap();
    assert_eq!(kit.attempt(rows.clone()).await.unwrap(), [false]);
    assert_eq!(kit.settle(vec![settled(rows[0], AGAIN)]).await.unwrap(), [Settled::Gone]);
    assert!(kit.outbox().await.is_empty());
    assert_eq!(kit.attempt(kit.sends(&["b", "c"]).await).await.unwrap(), [true, true]);
}
