//! Opening and closing.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use hodhod_core::store::{Store, StoreError};
use hodhod_store::{OpenError, Options, SqliteStore};
use tempfile::TempDir;

use crate::kit::{Kit, arrival, done, key};

fn open_error(folder: &std::path::Path) -> OpenError {
    match SqliteStore::open(folder, &Options::default()) {
        Ok(_) => panic!("the store opened"),
        Err(error) => error,
    }
}

#[test]
fn the_folder_and_its_files_are_for_the_owner_only() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("deep/state");
    let _store = SqliteStore::open(&folder, &Options::default()).unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 4, "database, log, index of the log, lock: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_second_host_on_the_folder_is_refused_until_the_first_closes() {
    let kit = Kit::new();
    let error = open_error(kit.folder());
    assert!(matches!(error, OpenError::InUse { .. }));
    assert!(error.to_string().contains("in use by another host"), "{error}");
    kit.close_only().await;
    drop(SqliteStore::open(kit.folder(), &Options::default()).unwrap());
}

#[tokio::test]
async fn an_empty_file_becomes_a_database() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("hodhod.db"), []).unwrap();
    let store = SqliteStore::open(folder.path(), &Options::default()).unwrap();
    assert_eq!(store.append(vec![arrival("a")]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn close_finishes_what_was_begun_and_leaves_one_whole_file() {
    let mut kit = Kit::quick();
    let calls: Vec<_> = (0..500).map(|n| kit.append(vec![arrival(&n.to_string())])).collect();
    kit.close_only().await;
    for call in calls {
        assert_eq!(call.await.unwrap().len(), 1);
    }
    assert!(!kit.folder().join("hodhod.db-wal").exists());
    kit.reopen().await;
    assert_eq!(kit.events().await.len(), 500);
}

#[tokio::test]
async fn drop_finishes_what_was_begun() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(folder.path(), &Options::default()).unwrap();
    let call = store.append(vec![arrival("a")]);
    drop(store);
    assert_eq!(call.await.unwrap().len(), 1);
    drop(SqliteStore::open(folder.path(), &Options::default()).unwrap());
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let kit = Kit::new();
    kit.close_only().await;
    kit.close_only().await;
    assert!(matches!(kit.append(vec![arrival("a")]).await, Err(StoreError::Closed)));
    assert!(matches!(kit.value(&key("a")), Err(StoreError::Closed)));
    assert!(matches!(kit.totals().await, Err(StoreError::Closed)));
}

#[tokio::test]
async fn a_dropped_future_does_not_undo_the_call() {
    let kit = Kit::new();
    let seq = kit.one("a").await;
    drop(kit.append(vec![arrival("b")]));
    drop(kit.commit(vec![done(seq)]));
    let after = kit.one("c").await;
    assert_eq!(kit.event_rows().await.len(), 2);
    assert_eq!(after.0, 3);
}
