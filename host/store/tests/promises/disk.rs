//! The room that the database takes follows what is in it.

use hodhod_core::store::{Arrival, Disk, Store, Upkeep};
use hodhod_store::backup_folder;

use crate::kit::{Kit, arrival, done, event, row};

/// Fills the database with so many events of 20 kB, and handles them all.
async fn flood(kit: &Kit, events: u32) {
    let large = |n: u32| Arrival { event: event(&"x".repeat(20_000)), ..arrival(&n.to_string()) };
    let appended = kit.append((0..events).map(large).collect()).await.unwrap();
    kit.commit(appended.iter().map(|appended| done(row(appended))).collect()).await.unwrap();
}

async fn disk(kit: &Kit) -> Disk {
    kit.disk().await.unwrap()
}

#[tokio::test]
async fn after_a_flood_the_file_shrinks_step_by_step_while_others_write() {
    let mut kit = Kit::quick();
    flood(&kit, 1500).await;
    let flooded = disk(&kit).await;
    assert!(flooded.log > 0);
    let mut steps = 0;
    let mut last = disk(&kit).await.free;
    while last > (4 << 20) + (1 << 20) {
        assert!(steps < 2000, "it does not shrink: {last}");
        kit.one(&format!("beside {steps}")).await;
        steps += 1;
        let free = disk(&kit).await.free;
        last = free;
    }
    kit.reopen().await;
    let after = disk(&kit).await;
    assert!(after.database < 8 << 20, "{after:?} after {flooded:?}");
    assert_eq!(kit.events().await.len(), steps);
    let checked: String = kit.sqlite().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(checked, "ok");
}

#[tokio::test]
async fn the_end_does_not_wait_until_the_file_has_shrunk() {
    let kit = Kit::quick();
    let large = |n: u32| Arrival { event: event(&"x".repeat(20_000)), ..arrival(&n.to_string()) };
    let appended = kit.append((0..1500).map(large).collect()).await.unwrap();
    let handled = kit.commit(appended.iter().map(|appended| done(row(appended))).collect());
    kit.close_only().await;
    handled.await.unwrap();
    let free = kit.number("PRAGMA freelist_count") * kit.number("PRAGMA page_size");
    assert!(free > 16 << 20, "{free}");
}

#[tokio::test]
async fn a_little_that_is_free_is_kept_to_be_used_again() {
    let kit = Kit::quick();
    flood(&kit, 150).await;
    kit.one("beside").await;
    let free = disk(&kit).await.free;
    assert!(free > 2 << 20, "{free}");
}

/// The file of an older program cannot shrink. Its backup can.
#[tokio::test]
async fn a_database_of_an_older_program_goes_on_and_its_backup_can_shrink() {
    let mut kit = Kit::quick();
    kit.close().await;
    kit.sqlite().execute_batch("PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM").unwrap();
    assert_eq!(kit.number("PRAGMA auto_vacuum"), 0);
    let file = kit.outside().join("backup");
    backup_folder(kit.folder(), &file, false).unwrap();
    let mode = |file| {
        rusqlite::Connection::open(file).unwrap().query_row("PRAGMA auto_vacuum", [], |row| row.get::<_, i64>(0))
    };
    assert_eq!(mode(&file), Ok(2));
    assert_eq!(mode(&kit.database()), Ok(0), "the database is as it was");
    kit.open_again();
    flood(&kit, 500).await;
    kit.one("beside").await;
    assert!(disk(&kit).await.free > 5 << 20);
}
