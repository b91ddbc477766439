//! Measures how long writers wait while the database is backed up, and while it gives room back.
//!
//! `cargo run --release -p hodhod-store --example store_upkeep [-- <folder>]`
//!
//! One caller appends an event and commits its turn, again and again; what is printed is how long both took
//! together. The folder should be on the disk that a host would use; it is left as it was.

#![expect(clippy::print_stdout, reason = "a measurement prints")]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hodhod_core::event::{Event, Timer};
use hodhod_core::ids::{Chat, InboxSeq};
use hodhod_core::store::{Appended, Arrival, Mark, Route, Store, TurnCommit, Upkeep};
use hodhod_core::time::Millis;
use hodhod_store::{Options, SqliteStore};

type Failure = Box<dyn Error + Send + Sync>;

/// How long each quiet case runs.
const CASE: Duration = Duration::from_secs(3);

/// Events of 20 kB that fill the database: 400 MB.
const EVENTS: u64 = 20_000;

/// Events handed to the store at once.
const BATCH: u64 = 200;

fn main() -> Result<(), Failure> {
    let place = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let folder = tempfile::tempdir_in(&place)?;
    let store = SqliteStore::open(folder.path(), &Options::default())?;
    runtime.block_on(async {
        let mut rows = Vec::new();
        for first in (0..EVENTS).step_by(usize::try_from(BATCH)?) {
            let large = |n| arrival(n, &"x".repeat(20_000));
            rows.extend(store.append((first..first + BATCH).map(large).collect()).await?.iter().filter_map(row));
        }
        let mut next = EVENTS;
        let began = Instant::now();
        tell("quiet", waits(&store, &mut next, || began.elapsed() > CASE).await?);

        let backup = tokio::spawn(store.backup(&folder.path().join("backup"), false));
        let began = Instant::now();
        tell("beside a backup", waits(&store, &mut next, || backup.is_finished()).await?);
        println!("  of {} bytes in {:?}", backup.await??.bytes, began.elapsed());

        for rows in rows.chunks(usize::try_from(BATCH)?) {
            store.commit(rows.iter().map(|seq| end(*seq)).collect()).await?;
        }
        let (began, full) = (Instant::now(), store.disk().await?.free);
        let mut gone = Vec::new();
        // What is kept is a quarter.
        while store.disk().await?.free > 4 << 20 && began.elapsed() < 20 * CASE {
            gone.extend(waits(&store, &mut next, || true).await?);
        }
        tell("while room is given back", gone);
        println!("  {} of {full} bytes in {:?}", full - store.disk().await?.free, began.elapsed());
        store.close().await;
        Ok(())
    })
}

/// Handles one event after the other until `enough` says so; gives how long each took.
async fn waits(
    store: &SqliteStore,
    next: &mut u64,
    mut enough: impl FnMut() -> bool,
) -> Result<Vec<Duration>, Failure> {
    let mut waits = Vec::new();
    loop {
        let began = Instant::now();
        *next += 1;
        let appended = store.append(vec![arrival(*next, "hello")]).await?;
        store.commit(appended.iter().filter_map(row).map(end).collect()).await?;
        waits.push(began.elapsed());
        if enough() {
            return Ok(waits);
        }
    }
}

fn tell(what: &str, mut waits: Vec<Duration>) {
    waits.sort_unstable();
    let at = |share: usize| waits.get(waits.len() * share / 1000).copied().unwrap_or_default();
    let longest = waits.last().copied().unwrap_or_default();
    println!(
        "{what}: {} turns, half within {:?}, 99% {:?}, 99.9% {:?}, all {longest:?}",
        waits.len(),
        at(500),
        at(990),
        at(999)
    );
}

fn arrival(n: u64, payload: &str) -> Arrival {
    let timer = Timer { id: n.to_string(), chat: None, due: Millis(0), payload: payload.to_owned() };
    Arrival {
        chat: Chat::new("connection", n.to_string()),
        key: n.to_string(),
        within: None,
        asked: false,
        received: Millis(n),
        routes: vec![Route { bot: "bot".into(), overflow: None }],
        event: Arc::new(Event::Timer(timer)),
    }
}

fn row(appended: &Appended) -> Option<InboxSeq> {
    match appended {
        Appended::Stored(rows) => rows.first().copied().flatten(),
        Appended::Duplicate => None,
    }
}

fn end(seq: InboxSeq) -> TurnCommit {
    TurnCommit::without_effects(seq, Mark::Done, Millis(0))
}
