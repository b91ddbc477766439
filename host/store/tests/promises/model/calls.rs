//! Calls as they may come: of rows that are there, that are gone and that never were.

use std::time::Duration;

use hodhod_core::dead::Doomed;
use hodhod_core::ids::{InboxSeq, OutboxSeq};
use hodhod_core::store::{
    Arrival, Build, DoomedRecords, Mark, Migration, RecordChange, RecordsOf, Route, Rows, SealedRecord, SendOutcome,
    Settlement, TurnCommit,
};
use hodhod_core::time::Millis;
use hodhod_core::values::{ValueKey, Write};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Op, shelves};
use crate::kit::{arrival, chat, done, key, send, settled};

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
