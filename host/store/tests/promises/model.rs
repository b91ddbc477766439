//! The store against a model of it.

mod calls;
mod maps;

use hodhod_core::dead::Doomed;
use hodhod_core::ids::{InboxSeq, OutboxSeq};
use hodhod_core::store::{
    Arrival, DoomedRecords, Migration, NameHash, RecordChange, Records, RecordsOf, Rows, Settlement, Store, StoreError,
    TurnCommit, Upkeep,
};
use hodhod_core::time::Millis;
use hodhod_core::values::Bucket;
use hodhod_store::{Durability, Options};
use proptest::collection::vec;
use proptest::prelude::*;

pub(crate) use self::calls::an_op;
pub(crate) use self::maps::{MOST_DEAD, MOST_RECORDS, Model};
use crate::kit::{Kit, chat, key};

/// One call, or one step of whoever runs the store.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Append(Vec<Arrival>),
    Commit(Vec<TurnCommit>),
    Attempt(Vec<OutboxSeq>),
    Settle(Vec<Settlement>),
    Forget(Millis),
    RetryDead(InboxSeq),
    DropDead(Doomed),
    Migrate(Vec<Migration>),
    Reserve,
    Records(Vec<RecordChange>),
    TakeRecord(RecordsOf, NameHash, Millis),
    DropRecords(DoomedRecords),
    Erase(Rows),
    Reopen,
}

/// The kinds of records that there are here.
const KINDS: [&str; 2] = ["grant", "link"];

fn shelves() -> Vec<RecordsOf> {
    let of = |kind, key| RecordsOf { connection: chat().connection, kind, key: [key; 8] };
    KINDS.into_iter().flat_map(|kind| [of(kind, 0), of(kind, 1)]).collect()
}

/// Does the same to both. A store that refuses leaves both as they were.
pub(crate) async fn apply(kit: &mut Kit, model: &mut Model, op: &Op) -> Result<(), StoreError> {
    let before = model;
    let mut model = before.clone();
    match op {
        Op::Append(arrivals) => {
            let arrivals: Vec<_> = arrivals.iter().map(|arrival| model.timed(arrival.clone())).collect();
            let expected: Vec<_> = arrivals.iter().map(|arrival| model.append(arrival)).collect();
            assert_eq!(kit.append(arrivals.clone()).await?, expected);
        }
        Op::Commit(turns) => {
            let expected: Vec<_> = turns.iter().map(|turn| model.commit(turn)).collect();
            assert_eq!(kit.commit(turns.clone()).await?, expected);
        }
        Op::Attempt(rows) => {
            let mut try_it = |row| model.outbox.get_mut(row).map(|sent| sent.attempted = true).is_some();
            let expected: Vec<_> = rows.iter().map(&mut try_it).collect();
            assert_eq!(kit.attempt(rows.clone()).await?, expected);
        }
        Op::Settle(items) => {
            let expected: Vec<_> = items.iter().map(|item| model.settle(item)).collect();
            assert_eq!(kit.settle(items.clone()).await?, expected);
        }
        Op::Forget(until) => {
            model.seen.retain(|_, at| *at >= *until);
            kit.forget_seen(*until).await?;
        }
        Op::RetryDead(seq) => {
            let row = kit.retry_dead(*seq).await?;
            assert_eq!(row.map(|row| row.seq), model.retry_dead(*seq));
        }
        Op::DropDead(doomed) => assert_eq!(kit.drop_dead(doomed.clone()).await?, model.drop_dead(doomed)),
        Op::Migrate(migrations) => {
            let expected: Vec<_> = migrations.iter().map(|migration| model.migrate(migration)).collect();
            assert_eq!(kit.migrate(migrations.clone()).await?, expected);
        }
        Op::Reserve => {
            model.next_inbox += 1;
            assert_eq!(kit.reserve().await?, InboxSeq(model.next_inbox));
        }
        Op::Records(changes) => {
            model.change_records(changes);
            kit.change_records(changes.clone()).await?;
        }
        Op::TakeRecord(of, name, now) => {
            assert_eq!(kit.take_record(of.clone(), *name, *now).await?, model.take_record(of, *name, *now));
        }
        Op::DropRecords(doomed) => {
            assert_eq!(kit.drop_records(doomed.clone()).await?, model.drop_records(doomed));
        }
        Op::Erase(erasure) => assert_eq!(kit.erase(erasure.clone()).await?, model.erase(erasure)),
        Op::Reopen => kit.reopen().await,
    }
    *before = model;
    Ok(())
}

pub(crate) async fn compare(kit: &Kit, model: &Model) {
    let events = kit.events().await;
    assert_eq!(events.len(), model.inbox.len());
    for (waiting, (seq, expected)) in events.iter().zip(&model.inbox) {
        assert_eq!((waiting.seq, waiting.bot.as_str()), (*seq, expected.bot.as_str()));
        assert_eq!((waiting.attempts, waiting.not_before), (expected.attempts, expected.not_before));
        assert_eq!(waiting.chat, expected.arrival.chat);
        assert_eq!(kit.event(*seq).await.unwrap().as_ref(), Some(&expected.arrival.event));
    }
    let sends = kit.outbox().await;
    assert_eq!(sends.len(), model.outbox.len());
    for (waiting, (seq, expected)) in sends.iter().zip(&model.outbox) {
        assert_eq!((waiting.seq, &waiting.chat), (*seq, &expected.send.chat));
        assert_eq!((waiting.attempts, waiting.not_before), (expected.attempts, expected.not_before));
        assert_eq!(waiting.attempted, expected.attempted);
        assert_eq!(waiting.turn, expected.send.id.turn);
        assert_eq!(kit.send(*seq).await.unwrap().as_ref(), Some(&expected.send));
    }
    let keys = kit.keys(&"bot".into(), &Bucket::Bot, None, usize::MAX).unwrap();
    assert!(keys.iter().eq(model.values.keys()), "{keys:?}");
    for (name, value) in &model.values {
        assert_eq!(kit.value(&key(name)).unwrap().as_ref(), Some(value));
    }
    for bot in ["a", "b"] {
        assert_eq!(kit.build(bot.into()).await.unwrap().as_ref(), model.builds.get(bot));
    }
    for of in shelves() {
        let mut expected: Vec<_> = model.records.iter().filter(|(its, _)| *its == of).map(|(_, row)| row).collect();
        expected.sort_by_key(|row| row.name);
        assert!(kit.list_records(of.clone(), None, usize::MAX).await.unwrap().iter().eq(expected));
        let others = model.records.iter().any(|(its, _)| its.kind == of.kind && its.key != of.key);
        let found = kit.has_records_of_other_keys(of.connection, Some(of.kind), of.key).await.unwrap();
        assert_eq!(found, others);
    }
    for key in [[0; 8], [1; 8]] {
        let others = model.records.iter().any(|(its, _)| its.key != key);
        assert_eq!(kit.has_records_of_other_keys(chat().connection, None, key).await.unwrap(), others);
    }
    for person in [[0; 16], [1; 16]] {
        let listed = kit.records_of(chat().connection, person, 0, usize::MAX).await.unwrap();
        let expected = model.records.iter().filter(|(_, row)| row.person == Some(person));
        let expected: Vec<_> = expected.map(|(of, row)| (of.kind, row.written)).collect();
        assert_eq!(listed.iter().map(|row| (row.kind.as_str(), row.written)).collect::<Vec<_>>(), expected);
    }
    for bot in [None, Some("a"), Some("b")] {
        let listed = kit.list_dead(bot.map(Into::into), None, usize::MAX).await.unwrap();
        let listed: Vec<_> = listed.into_iter().map(|letter| (letter.seq, letter.died, letter.reason)).collect();
        let expected = model.dead.iter().rev().filter(|letter| bot.is_none_or(|bot| bot == letter.bot));
        let expected: Vec<_> = expected.map(|letter| (letter.seq, letter.died, letter.reason.clone())).collect();
        assert_eq!(listed, expected);
    }
    for letter in &model.dead {
        assert_eq!(kit.dead_event(letter.seq).await.unwrap().as_ref(), Some(&letter.arrival.event));
        assert_eq!(kit.event(letter.seq).await.unwrap(), None, "never both dead and waiting");
    }
    for key in model.seen.keys() {
        let found = kit.asked_events(chat().connection, key.clone()).await.unwrap();
        let waiting = model.inbox.iter().filter(|(_, row)| row.arrival.asked && row.arrival.key == *key);
        let expected: Vec<_> = waiting.map(|(seq, row)| (*seq, row.arrival.received)).collect();
        assert_eq!(found, expected, "{key}");
    }
    let totals = kit.counted().await;
    assert_eq!(totals.dead, totals.dead_letters + totals.dead_dropped + totals.dead_retried);
    assert_eq!(totals, model.totals());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_the_contract_says(ops in vec(an_op(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let options = Options {
                durability: Durability::Normal,
                dead_letters_per_bot: MOST_DEAD as u64,
                records_of_kind: MOST_RECORDS as u64,
                readers: 1,
                ..Options::default()
            };
            let mut kit = Kit::with(options);
            let mut model = Model::default();
            for op in &ops {
                apply(&mut kit, &mut model, op).await.unwrap();
                compare(&kit, &model).await;
            }
        });
    }
}
