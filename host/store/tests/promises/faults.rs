//! What fails leaves nothing, and harms nobody else.

use hodhod_core::ids::InboxSeq;
use hodhod_core::store::{Appended, Arrival, Store, StoreError, TurnCommit};
use hodhod_store::Options;

use crate::kit::{Kit, arrival, dead, done, event, key, overflow, row, send, text};

/// Makes every write of a row fail whose body has "boom" in it.
fn mine(kit: &Kit) {
    for (table, body) in [("inbox", "event"), ("outbox", "message"), ("dead", "event")] {
        kit.sqlite()
            .execute_batch(&format!(
                "CREATE TRIGGER mine_{table} BEFORE INSERT ON {table} WHEN CAST(NEW.{body} AS TEXT) LIKE '%boom%'
                 BEGIN SELECT RAISE(ABORT, 'stepped on a mine'); END"
            ))
            .unwrap();
    }
}

fn clear(kit: &Kit) {
    kit.sqlite().execute_batch("DROP TRIGGER mine_inbox; DROP TRIGGER mine_outbox; DROP TRIGGER mine_dead").unwrap();
}

fn turn(seq: InboxSeq, name: &str) -> TurnCommit {
    TurnCommit {
        values: vec![(key(name), Some(b"v".as_slice().into()))],
        sends: vec![send(seq, 0, "first"), send(seq, 1, name)],
        ..done(seq)
    }
}

#[tokio::test]
async fn a_turn_that_fails_midway_leaves_nothing_of_itself_or_its_batch() {
    let mut kit = Kit::new();
    let (good, bad) = (kit.one("a").await, kit.one("b").await);
    mine(&kit);
    let error = text(kit.commit(vec![turn(good, "fine"), turn(bad, "boom")]).await.unwrap_err());
    assert!(error.contains("commit turns") && error.contains("hodhod.db") && error.contains("mine"), "{error}");
    let nothing = async |kit: &Kit| {
        assert_eq!(kit.event_rows().await, [good, bad]);
        assert_eq!(kit.value(&key("fine")).unwrap(), None);
        assert!(kit.outbox().await.is_empty());
        assert_eq!((kit.counted().await.handled, kit.counted().await.waiting_sends), (0, 0));
    };
    nothing(&kit).await;
    kit.reopen().await;
    nothing(&kit).await;

    clear(&kit);
    let rows = kit.commit(vec![turn(good, "fine"), turn(bad, "boom")]).await.unwrap();
    assert_eq!(rows.concat().len(), 4);
    assert_eq!(kit.counted().await.waiting_sends, 4);
}

#[tokio::test]
async fn what_gets_to_the_disk_is_measured_and_what_does_not_is_counted() {
    let kit = Kit::new();
    mine(&kit);
    kit.append(vec![arrival("a"), arrival("b")]).await.unwrap();
    kit.append(vec![arrival("boom")]).await.unwrap_err();
    let work = kit.work();
    assert_eq!((work.commits.count(), work.failed), (1, 1));
    assert_eq!((work.groups.count(), work.groups.sum), (1, 1), "one call, however many arrivals it has");
    assert!(work.commits.sum > 1000, "{} ns", work.commits.sum);
}

#[tokio::test]
async fn a_call_that_fails_does_not_harm_those_committed_with_it() {
    let kit = Kit::quick();
    mine(&kit);
    let name = |n: usize| if n % 10 == 3 { format!("boom {n}") } else { n.to_string() };
    let calls: Vec<_> = (0..200).map(|n| kit.append(vec![arrival(&name(n))])).collect();
    let mut rows = Vec::new();
    for (n, call) in calls.into_iter().enumerate() {
        match call.await {
            Ok(appended) => rows.push((n, row(&appended[0]))),
            Err(_) => assert_eq!(n % 10, 3),
        }
    }
    assert_eq!(rows.len(), 180);
    assert!(rows.is_sorted_by_key(|(_, row)| *row));
    for (n, row) in rows {
        assert_eq!(kit.event(row).await.unwrap().unwrap(), event(&name(n)));
    }
    assert_eq!(kit.counted().await.arrivals, 180);
}

#[tokio::test]
async fn an_arrival_that_could_not_be_stored_is_no_duplicate_when_it_comes_again() {
    let kit = Kit::new();
    mine(&kit);
    assert!(kit.append(vec![arrival("fine"), arrival("boom")]).await.is_err());
    clear(&kit);
    let appended = kit.append(vec![arrival("fine"), arrival("boom")]).await.unwrap();
    assert!(appended.iter().all(|appended| *appended != Appended::Duplicate), "{appended:?}");
}

#[tokio::test]
async fn dead_letters_are_counted_right_after_a_failure() {
    let kit = Kit::with(Options { dead_letters_per_bot: 2, ..Options::default() });
    let dies = |key: &str| Arrival { routes: vec![overflow(key)], ..arrival(key) };
    kit.append(vec![dies("a")]).await.unwrap();
    let seq = kit.one("boom, later").await;
    mine(&kit);
    assert!(kit.append(vec![dies("b"), dies("c"), dies("boom")]).await.is_err());
    assert!(kit.commit(vec![dead(seq, "boom")]).await.is_err());
    clear(&kit);
    kit.append(vec![dies("d")]).await.unwrap();
    assert_eq!(kit.dead_letters(9).await.unwrap().len(), 2, "the failed ones take no room");
    assert_eq!((kit.counted().await.dead_letters, kit.counted().await.dead_dropped), (2, 0));
}

#[tokio::test]
async fn a_full_disk_refuses_what_needs_room_and_takes_what_frees_it() {
    let mut kit = Kit::with(Options { most_bytes: Some(512 << 10), ..Options::default() });
    let large = |n: u32| Arrival { event: event(&"x".repeat(20_000)), ..arrival(&n.to_string()) };
    let mut rows = Vec::new();
    let error = loop {
        match kit.append(vec![large(u32::try_from(rows.len()).unwrap())]).await {
            Ok(appended) => rows.push(row(&appended[0])),
            Err(error) => break text(error),
        }
    };
    assert!(error.contains("full"), "{error}");
    assert!(rows.len() > 5, "{rows:?}");
    assert_eq!(kit.event_rows().await, rows);
    kit.commit(rows.iter().map(|seq| done(*seq)).collect()).await.unwrap();
    kit.append(vec![large(9999)]).await.unwrap();
    kit.reopen().await;
    assert_eq!(kit.events().await.len(), 1);
}

#[tokio::test]
async fn calls_beyond_the_bound_of_the_queue_are_refused_and_change_nothing() {
    let kit = Kit::with(Options { most_waiting: 256 << 10, ..Options::default() });
    // Two of them are too much, and the disk takes longer for one than it takes to make one.
    let large = |n: u32| Arrival { event: event(&"x".repeat(200_000)), ..arrival(&n.to_string()) };
    let calls: Vec<_> = (0..200).map(|n| kit.append(vec![large(n)])).collect();
    let mut stored = 0;
    for call in calls {
        match call.await {
            Ok(_) => stored += 1,
            Err(error) => assert!(text(error).contains("wait for the disk")),
        }
    }
    assert!((1..200).contains(&stored), "{stored}");
    assert_eq!(kit.events().await.len(), stored);
    kit.append(vec![arrival("later")]).await.unwrap();
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_an_error_of_that_row_only() {
    let kit = Kit::new();
    let (bad, good) = (kit.one("a").await, kit.one("b").await);
    kit.sqlite().execute("UPDATE inbox SET event = x'7b' WHERE seq = ?1", [1]).unwrap();
    let error = text(kit.event(bad).await.unwrap_err());
    assert!(error.contains("read an event"), "{error}");
    assert!(kit.event(good).await.unwrap().is_some());
    assert_eq!(kit.event_rows().await, [bad, good]);
}

#[tokio::test]
async fn a_row_that_is_not_ours_is_told_apart_from_a_disk_that_fails() {
    let kit = Kit::new();
    let (event, sends) = (kit.one("a").await, kit.sends(&["hello"]).await);
    kit.sqlite().execute_batch("UPDATE inbox SET event = x'68616c66'; UPDATE outbox SET message = x'7b'").unwrap();
    let error = kit.event(event).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unreadable(text) if text.contains("read an event in")), "{error:?}");
    let error = kit.send(sends[0]).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unreadable(text) if text.contains("read a send in")), "{error:?}");
}
