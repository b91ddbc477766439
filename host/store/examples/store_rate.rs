//! Measures the store: turns a second, and single reads.
//!
//! `cargo run --release -p hodhod-store --example store_rate [-- <folder>]`
//!
//! Each caller appends events, waits, commits their turns, waits, and begins anew: many callers
//! with one event each, and few with many, as a host has them. The folder should be on the disk
//! that a host would use; it is left as it was.

#![expect(clippy::print_stdout, reason = "a measurement prints")]

use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hodhod_core::event::{Content, Event, Message, Sender};
use hodhod_core::ids::{Chat, InboxSeq, SendId};
use hodhod_core::outgoing::Outgoing;
use hodhod_core::store::{Appended, Arrival, Mark, QueuedSend, Route, SendOutcome, Settlement, Store, TurnCommit};
use hodhod_core::time::Millis;
use hodhod_core::values::{Bucket, ValueKey};
use hodhod_store::{Durability, Options, SqliteStore};
use tokio::task::JoinSet;

/// How long each case runs.
const CASE: Duration = Duration::from_secs(3);

/// About 200 bytes, as in a chat.
const TEXT: &str = "سلام! می‌خواستم بپرسم سفارش من کی می‌رسد؟ I ordered two books last week, and the page still says that they are on their way.";

/// What a turn does besides ending.
#[derive(Clone, Copy)]
enum Turn {
    Nothing,
    StoreAndSend,
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "append + commit",
            Self::StoreAndSend => "append + commit with a value and a send + attempt + settle",
        })
    }
}

type Failure = Box<dyn Error + Send + Sync>;

/// How the work is spread: callers, and events that each has under way.
const SPREADS: [(u64, u64); 2] = [(256, 1), (4, 64)];

fn main() -> Result<(), Failure> {
    let place = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    println!("{CASE:?} a case, in {}", place.display());
    for durability in [Durability::Full, Durability::Normal] {
        for turn in [Turn::Nothing, Turn::StoreAndSend] {
            for spread in SPREADS {
                let folder = tempfile::tempdir_in(&place)?;
                let store = open(folder.path(), durability)?;
                let rate = runtime.block_on(turns(store.clone(), spread, turn))?;
                println!("{durability:?}, {} callers x {} events, {turn}: {rate:.0} turns/s", spread.0, spread.1);
                runtime.block_on(store.close());
            }
        }
    }
    let folder = tempfile::tempdir_in(&place)?;
    let store = open(folder.path(), Durability::Full)?;
    runtime.block_on(cycle(&store, 0, u64::MAX - 1..u64::MAX, Turn::StoreAndSend))?;
    println!("value: {:?} while nothing is written", value(&store)?);
    let writing = runtime.spawn(turns(store.clone(), SPREADS[0], Turn::StoreAndSend));
    std::thread::sleep(CASE / 3);
    println!("value: {:?} while {} callers write", value(&store)?, SPREADS[0].0);
    runtime.block_on(writing)??;
    runtime.block_on(store.close());
    Ok(())
}

fn open(folder: &Path, durability: Durability) -> Result<Arc<SqliteStore>, Failure> {
    Ok(Arc::new(SqliteStore::open(folder, &Options { durability, ..Options::default() })?))
}

/// Turns a second.
async fn turns(store: Arc<SqliteStore>, (callers, events): (u64, u64), turn: Turn) -> Result<f64, Failure> {
    let began = Instant::now();
    let mut under_way = JoinSet::new();
    for caller in 0..callers {
        let store = store.clone();
        under_way.spawn(async move {
            let mut done = 0;
            while began.elapsed() < CASE {
                cycle(&store, caller, done..done + events, turn).await?;
                done += events;
            }
            Ok::<_, Failure>(done)
        });
    }
    let mut done = 0_u32;
    while let Some(caller) = under_way.join_next().await {
        done += u32::try_from(caller??)?;
    }
    Ok(f64::from(done) / began.elapsed().as_secs_f64())
}

/// Events of one caller from their arrival to their end.
async fn cycle(store: &SqliteStore, caller: u64, numbers: Range<u64>, turn: Turn) -> Result<(), Failure> {
    let appended = store.append(numbers.map(|number| arrival(caller, number)).collect()).await?;
    let turns = appended.into_iter().map(|row| match row {
        Appended::Stored(rows) => Ok(end(caller, *rows.first().and_then(Option::as_ref).ok_or("no row")?, turn)),
        Appended::Duplicate => Err("a new event was taken for one seen before".into()),
    });
    let rows = store.commit(turns.collect::<Result<_, Failure>>()?).await?.concat();
    if rows.is_empty() {
        return Ok(());
    }
    store.attempt(rows.clone()).await?;
    let settled = |seq| Settlement { seq, outcome: SendOutcome::Delivered, report: None };
    store.settle(rows.into_iter().map(settled).collect()).await?;
    Ok(())
}

fn arrival(caller: u64, number: u64) -> Arrival {
    let event = Event::Message(Message {
        id: number.to_string(),
        platform: "soroush".into(),
        chat: chat(caller),
        private: true,
        sender: Sender { id: Some(format!("person {caller}").into()), name: Some("نام".into()), automated: false },
        sent_at: Millis(number),
        edited: false,
        content: Content::Text(TEXT.into()),
        reply_to: None,
        annotations: Vec::new(),
    });
    Arrival {
        chat: chat(caller),
        key: format!("{caller}/{number}"),
        within: None,
        asked: false,
        received: Millis(number),
        routes: vec![Route { bot: "bot".into(), overflow: None }],
        event: Arc::new(event),
    }
}

fn end(caller: u64, seq: InboxSeq, turn: Turn) -> TurnCommit {
    let (mut values, mut sends) = (Vec::new(), Vec::new());
    if let Turn::StoreAndSend = turn {
        values.push((counter(caller), Some(seq.to_string().into_bytes().into())));
        sends.push(QueuedSend {
            id: SendId { turn: seq, index: 0 },
            bot: "bot".into(),
            chat: chat(caller),
            message: Arc::new(Outgoing::text(TEXT)),
            queued: Millis(seq.0),
        });
    }
    TurnCommit { seq, mark: Mark::Done, at: Millis(seq.0), values, sends, timers: Vec::new() }
}

/// The mean time of reading one value.
fn value(store: &SqliteStore) -> Result<Duration, Failure> {
    const READS: u32 = 100_000;
    let key = counter(0);
    let began = Instant::now();
    for _ in 0..READS {
        store.value(&key)?;
    }
    Ok(began.elapsed() / READS)
}

fn chat(caller: u64) -> Chat {
    Chat::new("connection", format!("chat {caller}"))
}

fn counter(caller: u64) -> ValueKey {
    ValueKey { bot: "bot".into(), bucket: Bucket::Chat(chat(caller)), key: "count".into() }
}
