//! A backup is one moment of the database, whatever is written meanwhile; a restore puts it back.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hodhod_core::store::{Store, TurnCommit};
use hodhod_store::{BackupError, OpenError, Options, RestoreError, SqliteStore, backup_folder, restore};
use tempfile::TempDir;

use crate::kit::{Kit, arrival, done, key, row, settled};

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(folder, &Options::default()).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_backup_of_a_running_store_is_restored_with_all_it_had() {
    let kit = Kit::new();
    let (waits, handled) = (kit.one("waits").await, kit.one("handled").await);
    let values = vec![(key("name"), Some(b"value".as_slice().into()))];
    kit.commit(vec![TurnCommit { values, ..done(handled) }]).await.unwrap();
    let target = TempDir::new().unwrap();
    let file = target.path().join("backup");
    let backup = kit.backup(&file, false).await.unwrap();
    assert_eq!((backup.file.as_path(), backup.bytes), (file.as_path(), fs::metadata(&file).unwrap().len()));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names(target.path()), ["backup"], "nothing else is left");
    kit.one("later").await;

    let folder = target.path().join("state");
    let restored = restore(&folder, &file, false).unwrap();
    assert_eq!((restored.aside, restored.in_doubt), (None, 0));
    let store = open(&folder);
    let waiting = store.waiting_events(hodhod_core::ids::InboxSeq(0), 9).await.unwrap();
    assert_eq!(waiting.iter().map(|event| event.seq).collect::<Vec<_>>(), [waits]);
    assert_eq!(store.value(&key("name")).unwrap().as_deref(), Some(&b"value"[..]));
    assert_eq!(store.totals().await.unwrap().handled, 1);
    assert_eq!(fs::metadata(folder.join("hodhod.db")).unwrap().permissions().mode() & 0o777, 0o600);
    // What was seen before the backup is known, and what came after it is not.
    let appended = store.append(vec![arrival("handled"), arrival("later")]).await.unwrap();
    assert_eq!(appended[0], hodhod_core::store::Appended::Duplicate);
    row(&appended[1]);
}

/// Turns move one coin from value to value while backups are made: none of them sees two, or none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_one_moment_however_much_is_written_while_it_is_made() {
    let kit = Kit::quick();
    let padding = vec![0_u8; 2000];
    let fill: Vec<_> = (0..2000).map(|n| (key(&format!("filler {n}")), Some(padding.as_slice().into()))).collect();
    let first = kit.one("fill").await;
    let coin = vec![(key("coin 0"), Some(b"coin".as_slice().into()))];
    kit.commit(vec![TurnCommit { values: [fill, coin].concat(), ..done(first) }]).await.unwrap();
    let target = TempDir::new().unwrap();
    let mut moved = 0;
    for round in 0..5 {
        let file = target.path().join(round.to_string());
        let mut backup = std::pin::pin!(kit.backup(&file, false));
        let made = loop {
            let seq = kit.one(&format!("move {moved}")).await;
            let from = (key(&format!("coin {}", moved % 7)), None);
            let to = (key(&format!("coin {}", (moved + 1) % 7)), Some(b"coin".as_slice().into()));
            let committed = kit.commit(vec![TurnCommit { values: vec![from, to], ..done(seq) }]);
            moved += 1;
            tokio::select! {
                biased;
                made = &mut backup => break made,
                committed = committed => drop(committed.unwrap()),
            }
        };
        made.unwrap();
        let copy = rusqlite::Connection::open(&file).unwrap();
        let count = |query: &str| copy.query_row(query, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(count("SELECT count(*) FROM value WHERE key LIKE 'coin%'"), 1);
        assert_eq!(copy.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap(), "ok");
    }
    assert!(moved > 5, "nothing was written meanwhile");
}

#[tokio::test]
async fn a_file_that_is_there_is_replaced_only_on_order_and_by_a_whole_backup() {
    let kit = Kit::new();
    let target = TempDir::new().unwrap();
    let file = target.path().join("backup");
    fs::write(&file, "mine").unwrap();
    let error = kit.backup(&file, false).await.unwrap_err();
    assert!(matches!(error, BackupError::Exists { .. }), "{error}");
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    // A link that leads nowhere is there too.
    std::os::unix::fs::symlink(target.path().join("nowhere"), target.path().join("link")).unwrap();
    assert!(matches!(kit.backup(&target.path().join("link"), false).await, Err(BackupError::Exists { .. })));
    kit.backup(&file, true).await.unwrap();
    drop(restore(&target.path().join("state"), &file, false).unwrap());

    let error = kit.backup(&kit.folder().join("hodhod.db"), true).await.unwrap_err();
    assert!(matches!(error, BackupError::Inside { .. }), "{error}");
    let error = kit.backup(&target.path().join("no/folder/backup"), false).await.unwrap_err().to_string();
    assert!(error.contains("no/folder/backup"), "{error}");
    let link = target.path().join("file:name?mode=memory");
    kit.backup(&link, false).await.unwrap();
    assert!(link.exists(), "a name that looks like an address is a name");
}

#[tokio::test]
async fn nothing_that_was_deleted_is_in_a_backup() {
    let kit = Kit::new();
    let seq = kit.one("a secret that is done with").await;
    kit.commit(vec![done(seq)]).await.unwrap();
    let file = kit.outside().join("backup");
    kit.backup(&file, false).await.unwrap();
    let bytes = fs::read(&file).unwrap();
    assert!(!bytes.windows(8).any(|window| window == b"a secret"));
}

#[tokio::test]
async fn a_second_backup_has_to_wait_and_a_closed_store_makes_none() {
    let kit = Kit::new();
    let target = TempDir::new().unwrap();
    // Enough that the first, which syncs two files besides, cannot be over before the next call.
    let seq = kit.one("fill").await;
    let values = (0..2000).map(|n| (key(&format!("filler {n}")), Some([0_u8; 2000].as_slice().into()))).collect();
    kit.commit(vec![TurnCommit { values, ..done(seq) }]).await.unwrap();
    let (first, second) = (kit.backup(&target.path().join("1"), false), kit.backup(&target.path().join("2"), false));
    let (first, second) = (first.await, second.await);
    assert!(first.is_ok() && matches!(second, Err(BackupError::UnderWay)), "{first:?} {second:?}");
    assert!(kit.backup(&target.path().join("2"), false).await.is_ok(), "the first is over");
    let last = kit.backup(&target.path().join("3"), false);
    kit.close_only().await;
    assert!(matches!(last.await, Ok(_) | Err(BackupError::Closed)));
    assert!(matches!(kit.backup(&target.path().join("4"), false).await, Err(BackupError::Closed)));
    assert!(!names(target.path()).iter().any(|name| name.starts_with('.')), "{:?}", names(target.path()));
    drop(open(kit.folder()));
}

#[tokio::test]
async fn without_a_host_the_folder_is_copied_as_it_is() {
    let mut kit = Kit::new();
    kit.one("a").await;
    let file = kit.outside().join("backup");
    let error = backup_folder(kit.folder(), &file, false).unwrap_err();
    assert!(matches!(error, BackupError::Open(OpenError::InUse { .. })), "{error}");
    assert!(!file.exists());
    kit.close().await;
    // An older program's: a backup before an upgrade must not be an upgrade.
    kit.sqlite()
        .execute_batch(
            "PRAGMA user_version = 4; PRAGMA application_id = 0; DROP TABLE shaped_by; DROP TABLE send_pause; DROP TABLE build;
             DROP TABLE vault; DROP INDEX inbox_asked; ALTER TABLE inbox DROP COLUMN asked;
             ALTER TABLE inbox DROP COLUMN asked_at",
        )
        .unwrap();
    let before = fs::read(kit.database()).unwrap();
    let backup = backup_folder(kit.folder(), &file, false).unwrap();
    assert!(fs::read(kit.database()).unwrap() == before);
    let restored = restore(&kit.folder().join("other"), &backup.file, false).unwrap();
    assert_eq!(restored.version, 4);
    drop(open(&kit.folder().join("other")));

    let empty = TempDir::new().unwrap();
    assert!(matches!(backup_folder(empty.path(), &file, true), Err(BackupError::NoDatabase { .. })));
    assert!(backup_folder(&empty.path().join("nowhere"), &file, true).is_err());
    assert!(!empty.path().join("nowhere").exists() && !empty.path().join("hodhod.db").exists());
}

#[tokio::test]
async fn a_restore_needs_a_folder_without_a_host_and_without_a_database_or_an_order() {
    let mut kit = Kit::new();
    let seq = kit.one("old").await;
    let file = kit.outside().join("backup");
    kit.backup(&file, false).await.unwrap();
    kit.commit(vec![done(seq)]).await.unwrap();
    let error = restore(kit.folder(), &file, true).unwrap_err();
    assert!(matches!(error, RestoreError::Open(OpenError::InUse { .. })), "{error}");
    kit.close().await;
    let before = fs::read(kit.database()).unwrap();
    let error = restore(kit.folder(), &file, false).unwrap_err();
    assert!(matches!(error, RestoreError::Exists { .. }), "{error}");
    assert!(fs::read(kit.database()).unwrap() == before);
    let restored = restore(kit.folder(), &file, true).unwrap();
    let aside = restored.aside.unwrap();
    assert!(fs::read(&aside).unwrap() == before, "the old one is kept");
    let again = restore(kit.folder(), &file, true).unwrap().aside.unwrap();
    assert!(again != aside && aside.exists(), "each old one is kept");
    assert_eq!(open(kit.folder()).totals().await.unwrap().waiting_events, 1);
}

#[tokio::test]
async fn sends_that_wait_in_a_backup_are_in_doubt_once_it_is_restored() {
    let kit = Kit::new();
    let sends = kit.sends(&["one", "two"]).await;
    let file = kit.outside().join("backup");
    kit.backup(&file, false).await.unwrap();
    // Since then one of them has arrived.
    kit.settle(vec![settled(sends[0], hodhod_core::store::SendOutcome::Delivered)]).await.unwrap();
    let folder = kit.folder().join("other");
    assert_eq!(restore(&folder, &file, false).unwrap().in_doubt, 2);
    let waiting = open(&folder).waiting_sends(hodhod_core::ids::OutboxSeq(0), 9).await.unwrap();
    assert!(waiting.len() == 2 && waiting.iter().all(|send| send.attempted), "{waiting:?}");
}

#[tokio::test]
async fn what_is_no_whole_backup_is_refused_and_the_database_stays() {
    let mut kit = Kit::new();
    for n in 0..200 {
        kit.one(&format!("{n} {}", "x".repeat(500))).await;
    }
    let good = kit.outside().join("good");
    kit.backup(&good, false).await.unwrap();
    kit.close().await;
    let before = (fs::read(kit.database()).unwrap(), names(kit.folder()));
    let content = fs::read(&good).unwrap();
    let mut damaged = content.clone();
    damaged[content.len() / 2..content.len() / 2 + 4096].fill(0xa5);
    let mut newer = content.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    let mut foreign = content.clone();
    foreign[68..72].copy_from_slice(&7_u32.to_be_bytes());
    let cases = [
        ("damaged", damaged),
        ("damaged", content[..content.len() / 2].to_vec()),
        ("damaged", Vec::new()),
        ("no SQLite database", b"these are my notes".to_vec()),
        ("schema version 99", newer),
        ("application id is 0x7", foreign),
    ];
    let bad = TempDir::new().unwrap();
    let file = bad.path().join("bad");
    for (why, content) in cases {
        fs::write(&file, content).unwrap();
        let error = restore(kit.folder(), &file, true).unwrap_err().to_string();
        assert!(error.contains(why) && error.contains("bad"), "{why}: {error}");
        assert!(fs::read(kit.database()).unwrap() == before.0, "{why}");
        assert_eq!(names(kit.folder()), before.1, "{why}");
    }
    assert!(restore(kit.folder(), &bad.path().join("nowhere"), true).is_err());
    assert!(restore(kit.folder(), bad.path(), true).is_err(), "a folder is no backup");

    // A database that was copied while its host ran lacks what is in the log beside it.
    fs::copy(&good, &file).unwrap();
    fs::write(bad.path().join("bad-wal"), "something").unwrap();
    let error = restore(kit.folder(), &file, true).unwrap_err();
    assert!(matches!(error, RestoreError::HasLog { .. }), "{error}");
    assert!(fs::read(kit.database()).unwrap() == before.0);
}
