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
    let folder = TempDir::new().unwrap();
    write(folder.path(), "new");
    let file = folder.path().join("backup");
    crate::backup_folder(folder.path(), &file, false).unwrap();
    (folder, file)
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

/// It dies again and again while it is being finished.
#[test]
fn a_restore_that_is_cut_off_twice_is_finished_the_third_time() {
    let (_folder, backup) = backup();
    for (first, second) in [(4, 1), (5, 0), (5, 1), (6, 1), (4, 3)] {
        let folder = killed();
        cut_off(folder.path(), &backup, first).unwrap();
        let mut reached = 0;
        let died = finish_with(folder.path(), &mut |_| {
            reached += 1;
            if reached > second { Err(io::Error::other("killed")) } else { Ok(()) }
        });
        assert!(died.is_err());
        assert_eq!(name(folder.path()), "new");
        let aside = |suffix: &str| folder.path().join(format!("{ASIDE}1{suffix}"));
        assert!(aside("").exists() && aside("-wal").exists(), "the old one and its log are still a pair");
    }
}
