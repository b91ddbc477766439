//! Wherever a restore is cut off, the folder opens with all of the old database or all of the new one.

use hodhod_core::store::Store;
use hodhod_core::values::{Bucket, ValueKey};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::{Options, SqliteStore};

fn write(folder: &Path, name: &str) {
    drop(SqliteStore::open(folder, &Options::default()).unwrap());
    let database = Connection::open(folder.join(DATABASE)).unwrap();
    database.execute("INSERT INTO value VALUES ('bot', 'bot', '', '', 'name', CAST(?1 AS BLOB))", [name]).unwrap();
}

fn name(folder: &Path) -> String {
    let store = SqliteStore::open(folder, &Options::default()).unwrap();
    let key = ValueKey { bot: "bot".into(), bucket: Bucket::Bot, key: "name".into() };
    String::from_utf8(store.value(&key).unwrap().unwrap_or_default()).unwrap()
}

/// A state folder whose host was killed: its database is called "old", and says so only in its log.
fn killed() -> TempDir {
    let (live, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    drop(SqliteStore::open(live.path(), &Options::default()).unwrap());
    let database = Connection::open(live.path().join(DATABASE)).unwrap();
    database
        .execute_batch(
            "PRAGMA wal_autocheckpoint = 0; INSERT INTO value VALUES ('bot', 'bot', '', '', 'name', x'6f6c64')",
        )
        .unwrap();
    for file in [DATABASE, "hodhod.db-wal", "hodhod.db-shm"] {
        fs::copy(live.path().join(file), folder.path().join(file)).unwrap();
    }
    folder
}

fn backup() -> (TempDir, PathBuf) {
    let (folder, outside) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    write(folder.path(), "new");
    let file = outside.path().join("backup");
    crate::backup_folder(folder.path(), &file, false).unwrap();
    (outside, file)
}

/// Restores and dies before step `number`; gives that step's name, or `None` where there was no such step.
fn cut_off(folder: &Path, backup: &Path, number: usize) -> Option<&'static str> {
    let (mut reached, mut died) = (0, None);
    let held = Folder::take(folder).unwrap();
    let restored = steps(folder, &held.database, backup, true, &mut |step| {
        reached += 1;
        if reached > number {
            died = Some(step);
            return Err(io::Error::other("killed"));
        }
        Ok(())
    });
    assert_eq!(restored.is_err(), died.is_some());
    died
}

#[test]
fn a_restore_that_is_cut_off_anywhere_leaves_the_old_database_or_the_new_one_whole() {
    let (_folder, backup) = backup();
    let mut outcomes = Vec::new();
    for number in 0.. {
        let folder = killed();
        let Some(step) = cut_off(folder.path(), &backup, number) else { break };
        let found = name(folder.path());
        outcomes.push((step, found.clone()));
        if found == "new" {
            // The old one is whole too, with what was in its log only.
            let aside = TempDir::new().unwrap();
            for (from, to) in [("", DATABASE), ("-wal", "hodhod.db-wal")] {
                fs::copy(folder.path().join(format!("{ASIDE}1{from}")), aside.path().join(to)).unwrap();
            }
            assert_eq!(name(aside.path()), "old", "cut off before: {step}");
        }
        // And it can be done again.
        assert_eq!(cut_off(folder.path(), &backup, usize::MAX), None);
        assert_eq!(name(folder.path()), "new");
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name == INCOMING || name == DECIDED), "{left:?}");
    }
    let decided = outcomes.iter().position(|(step, _)| *step == "decide").unwrap();
    for (at, (step, found)) in outcomes.iter().enumerate() {
        assert_eq!(found, if at <= decided { "old" } else { "new" }, "cut off before: {step}");
    }
    assert!(outcomes.len() >= 7, "{outcomes:?}");
}

/// It dies again and again while it is being finished, and a log of a database that is gone lies about.
#[test]
fn a_restore_that_is_cut_off_twice_is_finished_the_third_time_and_no_log_meets_another_database() {
    let (_folder, backup) = backup();
    let mut tried = 0;
    for first in 3.. {
        let folder = killed();
        let stale = folder.path().join(format!("{ASIDE}1-wal"));
        fs::write(&stale, "of another").unwrap();
        if cut_off(folder.path(), &backup, first).is_none() {
            break;
        }
        for second in 0.. {
            let mut reached = 0;
            let died = finish_with(folder.path(), &mut |_| {
                reached += 1;
                if reached > second { Err(io::Error::other("killed")) } else { Ok(()) }
            });
            tried += 1;
            if died.is_ok() {
                break;
            }
        }
        assert_eq!(name(folder.path()), "new");
        let aside = |suffix: &str| folder.path().join(format!("{ASIDE}2{suffix}"));
        assert!(
            fs::metadata(aside("")).unwrap().len() > 0 && aside("-wal").exists(),
            "the old one and its log are a pair"
        );
        assert_eq!(fs::read(stale).unwrap(), b"of another");
        assert!(!folder.path().join(format!("{ASIDE}1")).exists());
        assert!(!folder.path().join(format!("{ASIDE}3")).exists());
    }
    assert!(tried >= 15, "{tried}");
}

#[test]
fn what_fails_after_the_decision_is_told_as_decided() {
    let (_folder, backup) = backup();
    for number in 0.. {
        let folder = killed();
        let mut steps_left = number;
        let held = Folder::take(folder.path()).unwrap();
        let restored = steps(folder.path(), &held.database, &backup, true, &mut |_| {
            if steps_left == 0 {
                return Err(io::Error::other("no room"));
            }
            steps_left -= 1;
            Ok(())
        });
        drop(held);
        let Err(error) = restored else { break };
        let decided = matches!(error, RestoreError::Decided { .. });
        assert_eq!(name(folder.path()), if decided { "new" } else { "old" }, "{error}");
    }
}
