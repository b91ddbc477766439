//! Measures the store: turns a second with many chats under way, and single reads.
//!
//! `cargo run --release -p hodhod-store --example store_rate [-- <folder> [<chats>]]`
//!
//! Each chat appends one event, waits, commits its turn, waits, and begins anew. The folder should
//! be on the disk that a host would use; it is left as it was.

#![expect(clippy::print_stdout, reason = "a measurement prints")]

use std::error::Error;
use std::fmt;
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

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let chats = arguments.next().map_or(Ok(256), |chats| chats.parse())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    println!("{chats} chats, {CASE:?} a case, in {}", place.display());
    for durability in [Durability::Full] {
        for turn in [Turn::Nothing] {
            let folder = tempfile::tempdir_in(&place)?;
            let store = open(folder.path(), durability)?;
            let rate = runtime.block_on(turns(store.clone(), chats, turn))?;
            println!("{durability:?}, {turn}: {rate:.0} turns/s");
            runtime.block_on(store.close());
        }
    }
    let folder = tempfile::tempdir_in(&place)?;
    let store = open(folder.path(), Durability::Full)?;
    runtime.block_on(cycle(&store, 0, u64::MAX, Turn::StoreAndSend))?;
    println!("value: {:?} while nothing is written", value(&store)?);
    let writing = runtime.spawn(turns(store.clone(), chats, Turn::StoreAndSend));
    std::thread::sleep(CASE / 3);
    println!("value: {:?} while {chats} chats write", value(&store)?);
    let rate = runtime.block_on(writing)??;
    println!("Full, {} beside it: {rate:.0} turns/s", Turn::StoreAndSend);
    runtime.block_on(store.close());
    Ok(())
}

fn open(folder: &Path, durability: Durability) -> Result<Arc<SqliteStore>, Failure> {
    Ok(Arc::new(SqliteStore::open(&std::env::var("FOLDER").map_or(folder.to_path_buf(), PathBuf::from), &Options { durability, ..Options::default() })?))
}

/// Turns a second.
async fn turns(store: Arc<SqliteStore>, chats: u64, turn: Turn) -> Result<f64, Failure> {
    let began = Instant::now();
    let mut under_way = JoinSet::new();
    for chat in 0..chats {
        let store = store.clone();
        under_way.spawn(async move {
            let mut done = 0;
            while began.elapsed() < CASE {
                cycle(&store, chat, done, turn).await?;
                done += 1;
            }
            Ok::<_, Failure>(done)
        });
    }
    let mut done = 0_u32;
    while let Some(chat) = under_way.join_next().await {
        done += u32::try_from(chat??)?;
    }
    Ok(f64::from(done) / began.elapsed().as_secs_f64())
}

/// One event from its arrival to its end.
async fn cycle(store: &SqliteStore, chat: u64, number: u64, turn: Turn) -> Result<(), Failure> {
    let seq = append(store, chat, number).await?;
    let (mut values, mut sends) = (Vec::new(), Vec::new());
    if let Turn::StoreAndSend = turn {
        values.push((counter(chat), Some(number.to_string().into_bytes())));
        sends.push(QueuedSend {
            id: SendId { turn: seq, index: 0 },
            bot: "bot".into(),
            chat: lane(chat),
            message: Arc::new(Outgoing::text(TEXT)),
            queued: Millis(number),
        });
    }
    let rows = store.commit(vec![TurnCommit { seq, mark: Mark::Done, at: Millis(number), values, sends }]).await?;
    let rows = rows.concat();
    if rows.is_empty() {
        return Ok(());
    }
    store.attempt(rows.clone()).await?;
    let settled = |seq| Settlement { seq, outcome: SendOutcome::Delivered, report: None };
    store.settle(rows.into_iter().map(settled).collect()).await?;
    Ok(())
}

async fn append(store: &SqliteStore, chat: u64, number: u64) -> Result<InboxSeq, Failure> {
    let event = Event::Message(Message {
        id: number.to_string(),
        platform: "soroush".into(),
        chat: lane(chat),
        private: true,
        sender: Sender { id: Some(format!("person {chat}").into()), name: Some("نام".into()), automated: false },
        sent_at: Millis(number),
        edited: false,
        content: Content::Text(TEXT.into()),
        reply_to: None,
        annotations: Vec::new(),
    });
    let arrival = Arrival {
        chat: lane(chat),
        key: format!("{chat}/{number}/{}", std::process::id()),
        received: Millis(number),
        routes: vec![Route { bot: "bot".into(), overflow: None }],
        event: Arc::new(event),
    };
    match store.append(vec![arrival]).await?.pop() {
        Some(Appended::Stored(rows)) => rows.into_iter().flatten().next().ok_or_else(|| "no row".into()),
        _ => Err("a new event was taken for one seen before".into()),
    }
}

/// The mean time of reading one value.
fn value(store: &SqliteStore) -> Result<Duration, Failure> {
    const READS: u32 = 100_000;
    let key = counter(0);
    let began = Instant::now();
    for _ in 0..READS {
        store.value(&key)?.ok_or("the value is gone")?;
    }
    Ok(began.elapsed() / READS)
}

fn lane(chat: u64) -> Chat {
    Chat::new("connection", format!("chat {chat}"))
}

fn counter(chat: u64) -> ValueKey {
    ValueKey { bot: "bot".into(), bucket: Bucket::Chat(lane(chat)), key: "count".into() }
}
