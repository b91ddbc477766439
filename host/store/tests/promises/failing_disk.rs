//! On a disk that refuses, loses what was not synced, and forgets what it failed to sync, the store still keeps
//! what it acknowledged. The store runs in a process of its own on that disk; see `tests/kit/disk.c`.

use std::env;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use hodhod_core::condition::TroubleKind;
use hodhod_core::ids::InboxSeq;
use hodhod_core::store::{Store, StoreError, Upkeep};
use hodhod_store::{Options, SqliteStore};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tempfile::TempDir;

use crate::crash::{Acknowledged, NORMAL, check, stored, write};
use crate::disk_kit::{Disk, EIO, ENDLESS, ENOSPC, Fault, Operation, Order};
use crate::kit::{Kit, arrival};
use crate::model::{MOST_DEAD, MOST_RECORDS, Model, Op, an_op, apply, compare};

/// Chance with a seed that a failure shows.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let seed = (now.as_secs() << 30) | u64::from(now.subsec_nanos()) | 1;
        println!("seed {seed}");
        Self(seed)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

/// Runs a test of this file again, in a process whose temporary files are on a disk that may fail.
fn on_a_disk_that_fails(test: &str) {
    let folder = TempDir::new().unwrap();
    let below = folder.path().join("disk");
    std::fs::create_dir(&below).unwrap();
    let disk = Disk::new(&below);
    let mut program = Command::new(env::current_exe().unwrap());
    program
        .args(["--exact", test, "--nocapture"])
        .envs(disk.environment())
        .env("TMPDIR", below.canonicalize().unwrap());
    let output = program.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

fn fails(operation: Operation, skip: u64, times: u64, error: u64) -> Order {
    Order { operation, file: "hodhod.db", skip, times, fault: Fault::Fail(error) }
}

fn a_fault() -> impl Strategy<Value = Option<Order>> {
    let operation = prop_oneof![3 => Just(Operation::Write), 2 => Just(Operation::Sync)];
    let order = (operation, 0..12_u64, 1..4_u64, prop_oneof![Just(EIO), Just(ENOSPC)]);
    proptest::option::weighted(
        0.3,
        order.prop_map(|(operation, skip, times, error)| fails(operation, skip, times, error)),
    )
}

#[test]
fn the_store_does_what_the_contract_says_on_a_disk_that_fails() {
    let Some(disk) = Disk::inherited() else {
        return on_a_disk_that_fails("failing_disk::the_store_does_what_the_contract_says_on_a_disk_that_fails");
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let tested = runner.run(&vec((an_op(), a_fault()), 1..50), |steps| {
        runtime.block_on(async {
            let options = Options {
                dead_letters_per_bot: MOST_DEAD as u64,
                records_of_kind: MOST_RECORDS as u64,
                readers: 1,
                keep_free: 0,
                ..Options::default()
            };
            let (mut kit, mut model) = (Kit::with(options), Model::default());
            for (op, fault) in &steps {
                // It may take more than one transaction, of which the first ones stay.
                if let Some(order) = fault.filter(|_| !matches!(op, Op::DropDead(_))) {
                    disk.order(order);
                }
                if matches!(op, Op::Reopen) {
                    kit.close().await;
                    disk.heal();
                    kit.open_again();
                    continue;
                }
                while let Err(error) = apply(&mut kit, &mut model, op).await {
                    assert!(!matches!(error, StoreError::Closed | StoreError::Unreadable(_)), "{error:?}");
                    compare(&kit, &model).await;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                compare(&kit, &model).await;
                disk.heal();
            }
        });
        Ok(())
    });
    tested.unwrap();
    assert!(disk.done() > 20, "{} faults", disk.done());
}

#[test]
fn each_refusal_has_its_name_and_ends_by_itself() {
    let Some(disk) = Disk::inherited() else {
        return on_a_disk_that_fails("failing_disk::each_refusal_has_its_name_and_ends_by_itself");
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let kit = Kit::with(Options { keep_free: 0, ..Options::default() });
        for (round, (operation, error, kind)) in [
            (Operation::Write, ENOSPC, TroubleKind::Full),
            (Operation::Sync, EIO, TroubleKind::NotDurable),
            (Operation::Write, EIO, TroubleKind::Refused),
        ]
        .into_iter()
        .enumerate()
        {
            disk.order(fails(operation, 0, ENDLESS, error));
            let told = kit.append(vec![arrival(&format!("{round}"))]).await.unwrap_err();
            let named = match kind {
                TroubleKind::Full | TroubleKind::Low => matches!(told, StoreError::NoRoom(_)),
                TroubleKind::NotDurable => matches!(told, StoreError::NotDurable(_)),
                TroubleKind::Refused => matches!(told, StoreError::Failed(_)),
            };
            assert!(named, "{told:?}");
            let trouble = kit.condition().trouble.unwrap();
            assert_eq!(trouble.kind, kind);
            assert!(trouble.text.contains(kit.folder().to_str().unwrap()), "{}", trouble.text);
            // Nobody writes, and it ends all the same.
            disk.heal();
            while kit.condition().trouble.is_some() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            kit.append(vec![arrival(&format!("{round}"))]).await.unwrap();
        }
        assert_eq!(kit.events().await.len(), 3);
    });
}

#[tokio::test]
async fn a_loss_of_power_takes_nothing_acknowledged_also_after_syncs_that_failed() {
    let mut chance = Chance::new();
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state");
    let disk = Disk::new(&state);
    disk.track();
    let (mut all, mut lost) = (Acknowledged::default(), 0);
    for life in 0.. {
        // As many lives as a slow disk needs, and as long ones.
        if life >= 16 && lost > 0 && disk.done() > 0 && all.committed.len() > 10 {
            break;
        }
        assert!(life < 200, "{lost} pages, {} faults, {} rounds", disk.done(), all.committed.len());
        if life % 4 > 0 {
            disk.order(fails(Operation::Sync, chance.below(40), 1 + chance.below(3), EIO));
        }
        let mut program = Command::new(env::current_exe().unwrap());
        program.envs(disk.environment());
        all.add(write(
            program,
            &state,
            life * 1_000_000,
            Some(Duration::from_micros(chance.below(60_000 * (1 + life / 16)))),
        ));
        disk.heal();
        // Now and then the process goes and the machine stays, with what it forgot to write.
        if chance.below(2) == 0 {
            lost += disk.cut_power(|| chance.below(2) == 0);
            check(&state, &all).await;
        }
    }
    disk.cut_power(|| false);
    check(&state, &all).await;
}

/// The pages of a failed sync outlive the process in the system's memory, and look as if they were on the disk.
#[tokio::test]
async fn what_follows_a_sync_that_failed_in_an_earlier_run_is_not_lost_with_it() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state");
    let disk = Disk::new(&state);
    disk.track();
    let child = || {
        let mut program = Command::new(env::current_exe().unwrap());
        program.envs(disk.environment());
        program
    };
    disk.order(Order { file: "hodhod.db-wal", ..fails(Operation::Sync, 12, ENDLESS, EIO) });
    let mut all = write(child(), &state, 0, None);
    disk.heal();
    let after = write(child(), &state, 1_000_000, Some(Duration::from_millis(500)));
    assert!(!after.committed.is_empty());
    all.add(after);
    disk.cut_power(|| false);
    check(&state, &all).await;
}

const STATE: &str = "HODHOD_TEST_STATE";

/// SQLite writes the log back in parts where somebody reads what was before, and syncs with the last one. Where that
/// sync fails, the pages of the earlier parts are gone with it, though nobody is told of them.
#[tokio::test]
async fn pages_of_a_log_that_was_written_back_in_parts_are_not_lost_with_the_sync_of_the_last() {
    let this = "failing_disk::pages_of_a_log_that_was_written_back_in_parts_are_not_lost_with_the_sync_of_the_last";
    if let Ok(state) = env::var(STATE) {
        return write_back_in_parts(Path::new(&state)).await;
    }
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state");
    let disk = Disk::new(&state);
    disk.track();
    let mut program = Command::new(env::current_exe().unwrap());
    program.args(["--exact", this, "--nocapture"]).envs(disk.environment()).env(STATE, &state);
    let output = program.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("all is written"), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(disk.done() > 1, "the sync of the database failed, and opening it anew");
    disk.cut_power(|| false);
    let store = SqliteStore::open(&state, &Options::default()).unwrap();
    let events = store.waiting_events(InboxSeq(0), 3000).await.unwrap();
    assert_eq!(events.len(), 2015);
    store.close().await;
}

async fn write_back_in_parts(state: &Path) {
    let disk = Disk::inherited().unwrap();
    let store = SqliteStore::open(state, &Options::default()).unwrap();
    let write = async |name: &str, count: usize| {
        let arrivals = (0..count).map(|n| arrival(&format!("{name}-{n}"))).collect();
        store.append(arrivals).await.unwrap();
    };
    store.clear_log().await.unwrap();
    write("before", 2000).await;
    let reader = rusqlite::Connection::open(state.join("hodhod.db")).unwrap();
    let count = |reader: &rusqlite::Connection| reader.query_row("SELECT count(*) FROM inbox", [], |row| row.get(0));
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(count(&reader), Ok(2000));
    write("while it is read", 5).await;
    assert!(!store.clear_log().await.unwrap(), "the rest is read by nobody yet, and is not written back");
    drop(reader);
    // The first sync is that of the log. And nobody writes the log then but who opens the database anew.
    disk.order(fails(Operation::Sync, 1, 1, EIO));
    disk.order(Order { file: "hodhod.db-wal", ..fails(Operation::Write, 0, ENDLESS, EIO) });
    assert!(!store.clear_log().await.unwrap());
    let refused = store.append(vec![arrival("refused")]).await.unwrap_err();
    assert!(
        matches!(refused, StoreError::Failed(_)),
        "calls do not wait for a database that cannot be opened: {refused}"
    );
    assert_eq!(store.condition().trouble.unwrap().kind, TroubleKind::Refused);
    disk.heal();
    while store.append(vec![arrival("after it")]).await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(store.condition().trouble.is_none());
    write("after", 4).await;
    while !store.clear_log().await.unwrap() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // With its sync nothing is left of the old log.
    write("last", 5).await;
    println!("all is written");
    // As a loss of power would: nothing is closed.
    std::process::exit(0);
}

/// What the tests above rest on: this disk does lose what nobody waited for.
#[tokio::test]
async fn a_loss_of_power_takes_what_was_acknowledged_without_a_sync() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state");
    let disk = Disk::new(&state);
    disk.track();
    let mut program = Command::new(env::current_exe().unwrap());
    program.envs(disk.environment()).env(NORMAL, "1");
    let heard = write(program, &state, 0, Some(Duration::from_millis(500)));
    assert!(disk.cut_power(|| false) > 0);
    let store = SqliteStore::open(&state, &Options::default()).unwrap();
    let rounds = stored(&store).await;
    assert!(heard.appended.iter().any(|round| !rounds.contains_key(round)), "{} rounds", rounds.len());
    store.close().await;
}
