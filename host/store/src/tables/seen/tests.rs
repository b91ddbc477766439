//! The keys against a map, with sizes so small that they are sorted in all the time.

use std::collections::HashMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::schema;

const SMALL: Sizes = Sizes { lately: 20, share: 3, step: 4 };

#[derive(Clone, Debug)]
enum Op {
    /// Time passes, keys arrive, some of which stand for an event for a while only, and their transaction is
    /// committed or not.
    Arrive(u8, Vec<(u8, bool)>, bool),
    /// Sorts in while it is crowded; the first try may fail.
    SortIn(bool),
    Forget(u8, bool),
    Reopen,
}

/// How long some keys stand for an event.
const WINDOW: Option<Duration> = Some(Duration::from_millis(10));

#[derive(Default)]
struct Model {
    now: u64,
    first: HashMap<u8, u64>,
}

/// Spread like a hash, with the number to be found in it.
fn hash(number: u8) -> KeyHash {
    let mut hash = [number.wrapping_mul(167); 16];
    hash[15] = number;
    hash
}

fn transaction(connection: &Connection, seen: &mut Seen<'_>, commit: bool, run: impl FnOnce(&mut Seen<'_>)) {
    connection.execute_batch("BEGIN").unwrap();
    run(seen);
    connection.execute_batch(if commit { "COMMIT" } else { "ROLLBACK" }).unwrap();
    if commit { seen.saved() } else { seen.load().unwrap() }
}

fn apply(connection: &Connection, seen: &mut Seen<'_>, model: &mut Model, op: &Op) {
    match op {
        Op::Arrive(later, keys, commit) => transaction(connection, seen, *commit, |seen| {
            model.now += u64::from(*later);
            let mut after = model.first.clone();
            for (key, for_a_while) in keys {
                let window = WINDOW.filter(|_| *for_a_while);
                let new = seen.insert(&hash(*key), Millis(model.now), window).unwrap();
                let known = after.get(key).is_some_and(|first| window.is_none() || model.now - first < 10);
                assert_eq!(new, !known, "{key}");
                if new {
                    after.insert(*key, model.now);
                }
            }
            if *commit {
                model.first = after;
            }
        }),
        Op::SortIn(fail) => {
            if *fail && seen.is_crowded() {
                transaction(connection, seen, false, |seen| seen.sort_in().unwrap());
            }
            while seen.is_crowded() {
                transaction(connection, seen, true, |seen| seen.sort_in().unwrap());
            }
        }
        Op::Forget(age, fail) => {
            let before = model.now.saturating_sub(u64::from(*age));
            let at = Millis(before);
            if *fail {
                transaction(connection, seen, false, |seen| assert!(seen.forget(at, None).is_ok()));
            }
            let mut step = None;
            loop {
                let mut next = Step::End;
                transaction(connection, seen, true, |seen| next = seen.forget(at, step).unwrap());
                let Step::To(key) = next else { break };
                step = Some(key);
            }
            model.first.retain(|_, at| *at >= before);
        }
        Op::Reopen => {}
    }
}

/// Whether each key is known, and since when, asked in a transaction that is rolled back.
fn compare(connection: &Connection, seen: &mut Seen<'_>, model: &Model) {
    transaction(connection, seen, false, |seen| {
        for key in 0..=255 {
            let mut ask = |at, window| seen.insert(&hash(key), Millis(at), window).unwrap();
            match model.first.get(&key) {
                None => assert!(ask(model.now, None), "{key}"),
                Some(first) => {
                    assert!(!ask(model.now, None), "{key}");
                    assert!(!ask(first + 9, WINDOW) && ask(first + 10, WINDOW), "{key}");
                }
            }
        }
    });
}

fn an_op() -> impl Strategy<Value = Op> {
    let keys = vec((any::<u8>(), any::<bool>()), 0..40);
    prop_oneof![
        6 => (0..6_u8, keys, proptest::bool::weighted(0.8))
            .prop_map(|(later, keys, commit)| Op::Arrive(later, keys, commit)),
        4 => any::<bool>().prop_map(Op::SortIn),
        1 => (0..50_u8, any::<bool>()).prop_map(|(before, fail)| Op::Forget(before, fail)),
        1 => Just(Op::Reopen),
    ]
}

fn database() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    schema::migrate(&mut connection, 0).unwrap();
    connection
}

proptest! {
    #[test]
    fn a_key_is_known_from_its_arrival_until_its_window_is_over_or_it_is_forgotten(ops in vec(an_op(), 1..40)) {
        let connection = database();
        let mut seen = Seen::with(&connection, SMALL).unwrap();
        let mut model = Model::default();
        for op in &ops {
            if let Op::Reopen = op {
                seen = Seen::with(&connection, SMALL).unwrap();
            }
            apply(&connection, &mut seen, &mut model, op);
            compare(&connection, &mut seen, &model);
        }
    }
}

#[test]
fn memory_and_the_unsorted_table_stay_small_however_many_keys_come_and_however_often_the_same() {
    let key = |number: u32| crate::hash::key_hash(&"c".into(), &number.to_string());
    for keys in [u32::MAX, 3, 1] {
        let connection = database();
        let mut seen = Seen::with(&connection, SMALL).unwrap();
        for number in 0..5000_u32 {
            // It stands for another event each time.
            let (key, at) = (key(number % keys), Millis(u64::from(number)));
            let is_new = |seen: &mut Seen<'_>| seen.insert(&key, at, Some(Duration::from_millis(1))).unwrap();
            transaction(&connection, &mut seen, true, |seen| assert!(is_new(seen)));
            while seen.is_crowded() {
                transaction(&connection, &mut seen, true, |seen| seen.sort_in().unwrap());
            }
            let rows: u32 = connection.query_row("SELECT count(*) FROM seen_lately", [], |row| row.get(0)).unwrap();
            let rows = usize::try_from(rows).unwrap();
            assert!(seen.lately.len() <= SMALL.lately && rows <= 5 * SMALL.lately, "{} {rows}", seen.lately.len());
        }
        let last = key(4999 % keys);
        assert!(!seen.insert(&last, Millis(4999), Some(Duration::from_millis(1))).unwrap(), "the newest is known");
    }
}
