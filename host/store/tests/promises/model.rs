//! The store against a model: maps in memory that follow the contract's words.

use std::collections::BTreeMap;
use std::time::Duration;

use hodhod_core::dead::Doomed;
use hodhod_core::ids::{InboxSeq, OutboxSeq};
use hodhod_core::store::{
    Appended, Arrival, Build, DoomedRecords, Erased, Mark, Migration, NameHash, QueuedSend, RecordChange, Records,
    RecordsOf, Route, Rows, SealedRecord, SendOutcome, Settled, Settlement, Store, StoreError, Totals, TurnCommit,
    Upkeep,
};
use hodhod_core::time::Millis;
use hodhod_core::values::{Bucket, ValueKey, Write};
use hodhod_store::{Durability, Options};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::kit::{Kit, arrival, chat, done, key, send, settled};

pub(crate) const MOST_DEAD: usize = 4;
pub(crate) const MOST_RECORDS: usize = 5;

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

#[derive(Clone, Default)]
pub(crate) struct Model {
    seen: BTreeMap<String, Millis>,
    /// The time, for keys with a window: it goes on.
    now: u64,
    next_inbox: u64,
    next_outbox: u64,
    inbox: BTreeMap<InboxSeq, Waiting>,
    outbox: BTreeMap<OutboxSeq, Sent>,
    values: BTreeMap<String, Vec<u8>>,
    dead: Vec<Letter>,
    builds: BTreeMap<String, Build>,
    /// In the order in which they were written.
    records: Vec<(RecordsOf, SealedRecord)>,
    totals: Totals,
}

#[derive(Clone)]
struct Waiting {
    arrival: Arrival,
    bot: String,
    attempts: u32,
    not_before: Millis,
}

#[derive(Clone)]
struct Letter {
    seq: InboxSeq,
    arrival: Arrival,
    bot: String,
    died: Millis,
    reason: String,
}

#[derive(Clone)]
struct Sent {
    send: QueuedSend,
    attempts: u32,
    not_before: Millis,
    attempted: bool,
}

impl Model {
    fn append(&mut self, arrival: &Arrival) -> Appended {
        let first = self.seen.get(&arrival.key);
        if first.is_some_and(|first| arrival.within.is_none_or(|within| arrival.received.since(*first) < within)) {
            self.totals.duplicates += 1;
            return Appended::Duplicate;
        }
        self.seen.insert(arrival.key.clone(), arrival.received);
        self.totals.arrivals += 1;
        let mut rows = Vec::new();
        for route in &arrival.routes {
            self.next_inbox += 1;
            let seq = InboxSeq(self.next_inbox);
            let bot = route.bot.to_string();
            rows.push(match &route.overflow {
                Some(reason) => {
                    self.bury(seq, bot, reason, arrival.clone(), arrival.received);
                    None
                }
                None => {
                    let waiting = Waiting { arrival: arrival.clone(), bot, attempts: 0, not_before: Millis(0) };
                    self.inbox.insert(seq, waiting);
                    Some(seq)
                }
            });
        }
        Appended::Stored(rows)
    }

    /// What has a window comes at the time that it is; the rest at any.
    fn timed(&mut self, arrival: Arrival) -> Arrival {
        if arrival.within.is_none() {
            return arrival;
        }
        self.now += arrival.received.0 % 4;
        Arrival { received: Millis(self.now), ..arrival }
    }

    fn bury(&mut self, seq: InboxSeq, bot: String, reason: &str, arrival: Arrival, died: Millis) {
        self.dead.push(Letter { seq, arrival, bot: bot.clone(), died, reason: reason.into() });
        self.totals.dead += 1;
        if self.dead.iter().filter(|letter| letter.bot == bot).count() > MOST_DEAD {
            let oldest = self.dead.iter().position(|letter| letter.bot == bot).unwrap();
            self.dead.remove(oldest);
            self.totals.dead_dropped += 1;
        }
    }

    fn retry_dead(&mut self, seq: InboxSeq) -> Option<InboxSeq> {
        self.next_inbox += 1;
        let at = self.dead.iter().position(|letter| letter.seq == seq)?;
        let Letter { arrival, bot, .. } = self.dead.remove(at);
        self.totals.dead_retried += 1;
        let again = InboxSeq(self.next_inbox);
        // Who waited for it was told that nothing comes.
        let arrival = Arrival { asked: false, ..arrival };
        self.inbox.insert(again, Waiting { arrival, bot, attempts: 0, not_before: Millis(0) });
        Some(again)
    }

    fn drop_dead(&mut self, doomed: &Doomed) -> u64 {
        let before = self.dead.len();
        self.dead.retain(|letter| match doomed {
            Doomed::One(seq) => letter.seq != *seq,
            Doomed::Of(bot) => letter.bot != bot.as_str(),
            Doomed::Before(when) => letter.died >= *when,
        });
        let dropped = (before - self.dead.len()) as u64;
        self.totals.dead_dropped += dropped;
        dropped
    }

    fn commit(&mut self, turn: &TurnCommit) -> Vec<OutboxSeq> {
        let Some(waiting) = self.inbox.get_mut(&turn.seq) else { return Vec::new() };
        match &turn.mark {
            Mark::Retry { attempts, not_before } => {
                (waiting.attempts, waiting.not_before) = (*attempts, *not_before);
                return Vec::new();
            }
            Mark::Dead { reason, .. } => {
                let Waiting { arrival, bot, .. } = self.inbox.remove(&turn.seq).unwrap();
                self.bury(turn.seq, bot, reason, arrival, turn.at);
                return Vec::new();
            }
            Mark::Done => {}
        }
        self.inbox.remove(&turn.seq);
        self.totals.handled += 1;
        self.effects(&turn.values, &turn.sends)
    }

    fn migrate(&mut self, migration: &Migration) -> Vec<OutboxSeq> {
        self.builds.insert(migration.bot.to_string(), migration.build.clone());
        self.effects(&migration.values, &migration.sends)
    }

    fn effects(&mut self, values: &[(ValueKey, Write)], sends: &[QueuedSend]) -> Vec<OutboxSeq> {
        for (key, value) in values {
            match value {
                Some(value) => self.values.insert(key.key.to_string(), value.to_vec()),
                None => self.values.remove(&*key.key),
            };
        }
        let mut rows = Vec::new();
        for send in sends {
            self.next_outbox += 1;
            let seq = OutboxSeq(self.next_outbox);
            let sent = Sent { send: send.clone(), attempts: 0, not_before: Millis(0), attempted: false };
            self.outbox.insert(seq, sent);
            rows.push(seq);
        }
        rows
    }

    fn settle(&mut self, item: &Settlement) -> Settled {
        let Some(sent) = self.outbox.get_mut(&item.seq) else { return Settled::Gone };
        match item.outcome {
            SendOutcome::Again { attempts, not_before, in_doubt } => {
                (sent.attempts, sent.not_before, sent.attempted) = (attempts, not_before, false);
                self.totals.in_doubt_resent += u64::from(in_doubt);
            }
            SendOutcome::Delivered => self.totals.delivered += 1,
            SendOutcome::Failed => self.totals.failed += 1,
            SendOutcome::DroppedInDoubt => self.totals.in_doubt_dropped += 1,
        }
        if !matches!(item.outcome, SendOutcome::Again { .. }) {
            self.outbox.remove(&item.seq);
        }
        Settled::Stood(item.report.as_ref().and_then(|report| match self.append(report) {
            Appended::Stored(rows) => rows.into_iter().flatten().next(),
            Appended::Duplicate => None,
        }))
    }

    fn change_records(&mut self, changes: &[RecordChange]) {
        for RecordChange { of, name, record } in changes {
            self.records.retain(|(its, row)| its != of || row.name != *name);
            self.records.extend(record.clone().map(|record| (of.clone(), record)));
        }
        for kind in KINDS {
            let alike = self.records.iter().filter(|(of, _)| of.kind == kind).count();
            for _ in MOST_RECORDS..alike {
                let oldest = self.records.iter().position(|(of, _)| of.kind == kind).unwrap();
                self.records.remove(oldest);
            }
        }
    }

    fn take_record(&mut self, of: &RecordsOf, name: NameHash, now: Millis) -> Option<SealedRecord> {
        let at = self.records.iter().position(|(its, row)| its == of && row.name == name)?;
        let is_over = self.records[at].1.expires.is_some_and(|expires| expires <= now);
        (!is_over).then(|| self.records.remove(at).1)
    }

    fn drop_records(&mut self, doomed: &DoomedRecords) -> u64 {
        let before = self.records.len();
        self.records.retain(|(of, row)| match doomed {
            DoomedRecords::Expired(now) => row.expires.is_none_or(|expires| expires > *now),
            DoomedRecords::OfOtherKeys(_, key) => of.key == *key,
        });
        (before - self.records.len()) as u64
    }

    fn erase(&mut self, erasure: &Rows) -> Erased {
        let mut erased = Erased::default();
        for key in &erasure.values {
            erased.values += u64::from(self.values.remove(&*key.key).is_some());
        }
        for seq in &erasure.letters {
            erased.letters += self.drop_dead(&Doomed::One(*seq));
        }
        for seq in &erasure.events {
            erased.events += u64::from(self.inbox.remove(seq).is_some());
        }
        for seq in &erasure.sends {
            erased.sends += u64::from(self.outbox.remove(seq).is_some());
        }
        erased
    }

    fn totals(&self) -> Totals {
        Totals {
            waiting_events: self.inbox.len() as u64,
            waiting_sends: self.outbox.len() as u64,
            dead_letters: self.dead.len() as u64,
            ..self.totals
        }
    }
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

fn routes() -> impl Strategy<Value = Vec<Route>> {
    let route = ("[ab]", proptest::option::weighted(0.2, "full|crowded"));
    vec(route.prop_map(|(bot, overflow)| Route { bot: bot.into(), overflow }), 0..3)
}

fn an_arrival() -> impl Strategy<Value = Arrival> {
    ("[a-z]{1,2}", 0..100_u64, routes()).prop_map(|(key, received, routes)| Arrival {
        chat: chat(),
        received: Millis(received),
        routes,
        ..arrival(&key)
    })
}

/// Of a key that stands for one event for a while.
fn a_brief_arrival() -> impl Strategy<Value = Arrival> {
    an_arrival().prop_map(|arrival| Arrival {
        key: format!("briefly {}", arrival.key.chars().next().unwrap()),
        within: Some(Duration::from_millis(9)),
        asked: true,
        ..arrival
    })
}

fn a_value() -> impl Strategy<Value = (ValueKey, Write)> {
    ("[xyz]", any::<Option<Vec<u8>>>()).prop_map(|(name, value)| (key(&name), value.map(Into::into)))
}

/// Rows are named by small numbers, so that some are there, some are gone, and some never were.
fn a_turn() -> impl Strategy<Value = TurnCommit> {
    let mark = prop_oneof![
        3 => Just(Mark::Done),
        1 => (0..9_u32, 0..99_u64).prop_map(|(attempts, at)| Mark::Retry { attempts, not_before: Millis(at) }),
        1 => "worn out|rejected".prop_map(|reason| Mark::Dead { attempts: 5, reason }),
    ];
    (1..40_u64, mark, vec(a_value(), 0..3), vec(".{0,20}", 0..3)).prop_map(|(seq, mark, values, texts)| {
        let seq = InboxSeq(seq);
        let sends = texts.iter().zip(0..).map(|(text, index)| send(seq, index, text)).collect();
        TurnCommit { mark, values, sends, ..done(seq) }
    })
}

fn a_migration() -> impl Strategy<Value = Migration> {
    ("[ab]", "[12]", vec(a_value(), 0..3), vec(".{0,20}", 0..3)).prop_map(|(bot, version, values, texts)| {
        let sends = texts.iter().zip(0..).map(|(text, index)| send(InboxSeq(0), index, text)).collect();
        let build = Build { digest: format!("digest of {version}"), version };
        Migration { bot: bot.into(), build, at: Millis(0), values, sends, timers: Vec::new() }
    })
}

const KINDS: [&str; 2] = ["grant", "link"];

fn shelves() -> Vec<RecordsOf> {
    let of = |kind, key| RecordsOf { connection: chat().connection, kind, key: [key; 8] };
    KINDS.into_iter().flat_map(|kind| [of(kind, 0), of(kind, 1)]).collect()
}

fn a_shelf() -> impl Strategy<Value = RecordsOf> {
    proptest::sample::select(shelves())
}

fn a_change() -> impl Strategy<Value = RecordChange> {
    let person = proptest::option::of((0..2_u8).prop_map(|person| [person; 16]));
    let expires = proptest::option::of((0..100_u64).prop_map(Millis));
    let row = (person, expires, 0..100_u64, vec(any::<u8>(), 0..20));
    (a_shelf(), 0..6_u8, proptest::option::weighted(0.8, row)).prop_map(|(of, name, row)| {
        let name = [name; 16];
        let record = row.map(|(person, expires, written, sealed)| SealedRecord {
            name,
            person,
            expires,
            written: Millis(written),
            sealed,
        });
        RecordChange { of, name, record }
    })
}

fn an_erasure() -> impl Strategy<Value = Rows> {
    let rows = || vec(1..40_u64, 0..3);
    (vec("[xyz]", 0..2), rows(), rows(), rows()).prop_map(|(values, letters, events, sends)| Rows {
        values: values.iter().map(|name| key(name)).collect(),
        letters: letters.into_iter().map(InboxSeq).collect(),
        events: events.into_iter().map(InboxSeq).collect(),
        sends: sends.into_iter().map(OutboxSeq).collect(),
        ..Rows::default()
    })
}

fn a_settlement() -> impl Strategy<Value = Settlement> {
    let outcome = prop_oneof![
        Just(SendOutcome::Delivered),
        Just(SendOutcome::Failed),
        Just(SendOutcome::DroppedInDoubt),
        (0..9_u32, 0..99_u64, any::<bool>()).prop_map(|(attempts, at, in_doubt)| SendOutcome::Again {
            attempts,
            not_before: Millis(at),
            in_doubt
        }),
    ];
    (1..40_u64, outcome, proptest::option::of(an_arrival()))
        .prop_map(|(seq, outcome, report)| Settlement { report, ..settled(OutboxSeq(seq), outcome) })
}

pub(crate) fn an_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => vec(prop_oneof![an_arrival(), a_brief_arrival()], 0..6).prop_map(Op::Append),
        4 => vec(a_turn(), 0..6).prop_map(Op::Commit),
        1 => vec((1..40_u64).prop_map(OutboxSeq), 0..6).prop_map(Op::Attempt),
        2 => vec(a_settlement(), 0..6).prop_map(Op::Settle),
        1 => (0..100_u64).prop_map(|before| Op::Forget(Millis(before))),
        2 => (1..40_u64).prop_map(|seq| Op::RetryDead(InboxSeq(seq))),
        1 => prop_oneof![
            (1..40_u64).prop_map(|seq| Doomed::One(InboxSeq(seq))),
            "[ab]".prop_map(|bot| Doomed::Of(bot.into())),
            (0..3000_u64).prop_map(|before| Doomed::Before(Millis(before))),
        ]
        .prop_map(Op::DropDead),
        1 => vec(a_migration(), 0..3).prop_map(Op::Migrate),
        1 => Just(Op::Reserve),
        2 => vec(a_change(), 0..6).prop_map(Op::Records),
        1 => (a_shelf(), 0..6_u8, 0..100_u64)
            .prop_map(|(of, name, now)| Op::TakeRecord(of, [name; 16], Millis(now))),
        1 => prop_oneof![
            (0..100_u64).prop_map(|now| DoomedRecords::Expired(Millis(now))),
            (0..2_u8).prop_map(|key| DoomedRecords::OfOtherKeys(chat().connection, [key; 8])),
        ]
        .prop_map(Op::DropRecords),
        1 => an_erasure().prop_map(Op::Erase),
        1 => Just(Op::Reopen),
    ]
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
