//! A host, put together and run as the program does it.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use futures::FutureExt;
use futures::future::BoxFuture;
use hodhod_core::bot::Bot;
use hodhod_core::host::Host;
use hodhod_core::ids::{BotName, ConnectionName};
use hodhod_core::outbox::{OnDoubt, Policy};
use hodhod_core::pace::Rate;
use hodhod_core::platform::Platform;
use hodhod_core::runtime::{Limits, Plugin};
use hodhod_core::store::Store;
use hodhod_core::time::{Clock, Millis, whole_millis};
use hodhod_core::turn::Actor;
use hodhod_store::{Options, SqliteStore};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::unbounded_channel;

use super::board::{Board, Goal};
use super::feed::{Delivery, Feed};
use super::nothing::Nothing;
use super::watched::Watched;

/// Connections of the host, and chats on each: enough that no chat has two messages in flight.
pub(crate) const CONNECTIONS: usize = 4;
pub(crate) const CHATS: u32 = 4096;

/// Turns under way at once, as many as the pool of the engine holds.
const TURNS: usize = 512;

/// How long the last messages may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where databases are made.
#[derive(Clone, Debug)]
pub(crate) struct Disk(pub(crate) PathBuf);

impl Disk {
    pub(crate) fn at(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// A new, empty store, with every write on disk before it is told.
    pub(crate) fn store(&self) -> anyhow::Result<(TempDir, Arc<SqliteStore>)> {
        let folder = tempfile::Builder::new().prefix("hodhod-bench-").tempdir_in(&self.0)?;
        let store = SqliteStore::open(folder.path(), &Options::default())?;
        Ok((folder, Arc::new(store)))
    }
}

/// A bot and what it serves.
#[derive(Clone)]
pub(crate) struct BotSetup {
    pub(crate) name: &'static str,
    pub(crate) plugin: Arc<dyn Plugin>,
    pub(crate) limits: Limits,
    /// The connections, by number; all if there are none.
    pub(crate) connections: Vec<usize>,
}

/// A host.
#[derive(Clone)]
pub(crate) struct Setup {
    /// Absent: nothing is stored.
    pub(crate) disk: Option<Disk>,
    pub(crate) bots: Vec<BotSetup>,
    pub(crate) delivery: Delivery,
    pub(crate) goal: Goal,
}

/// A host at work.
pub(crate) struct Rig {
    runtime: Runtime,
    pub(crate) board: Arc<Board>,
    host: Arc<Host>,
    disk: Option<(TempDir, Arc<SqliteStore>)>,
    workers: Vec<JoinHandle<()>>,
}

impl Rig {
    /// Puts a host together and lets it work.
    pub(crate) fn start(setup: &Setup) -> anyhow::Result<Self> {
        let runtime = runtime()?;
        let disk = setup.disk.as_ref().map(Disk::store).transpose()?;
        let inner: Arc<dyn Store> = match &disk {
            Some((_, store)) => store.clone(),
            None => Arc::new(Nothing::default()),
        };
        let (senders, mailboxes): (Vec<_>, Vec<_>) = (0..CONNECTIONS).map(|_| unbounded_channel()).unzip();
        let board = Arc::new(Board::new(setup.goal, senders, CHATS));
        let store = Arc::new(Watched { inner, board: board.clone() });
        let count = thread::available_parallelism().map_or(1, usize::from);
        let host = Host::new(store, Arc::new(SystemClock), count, TURNS);
        let mut platforms: Vec<(ConnectionName, Arc<dyn Platform>)> = Vec::new();
        for (number, mailbox) in mailboxes.into_iter().enumerate() {
            let name = ConnectionName::from(format!("shop-{number}"));
            let feed = Arc::new(Feed::new(name.clone(), mailbox, setup.delivery.clone()));
            host.add_connection(name.clone(), feed.clone(), policy(&setup.delivery));
            platforms.push((name, feed));
        }
        for bot in &setup.bots {
            let served = |number: &usize| bot.connections.is_empty() || bot.connections.contains(number);
            let connections = platforms.iter().enumerate().filter(|(number, _)| served(number));
            let connections = connections.map(|(_, platform)| platform.clone()).collect();
            let outboxes = host.outboxes().clone();
            let actor = Actor::new(BotName::from(bot.name), connections, bot.limits.clone(), outboxes);
            host.add_bot(Bot::new(actor, bot.plugin.clone()));
        }
        let host = Arc::new(host);
        let workers = (0..count).map(|worker| start_worker(host.clone(), worker)).collect::<Result<_, _>>()?;
        for part in [Part::Serve, Part::Receive] {
            let host = host.clone();
            // Ends with the runtime.
            drop(runtime.spawn(async move {
                match part {
                    Part::Serve => host.serve().await,
                    Part::Receive => host.receive().await,
                }
            }));
        }
        Ok(Self { runtime, board, host, disk, workers })
    }

    /// Runs something beside it.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Ends it: lets what is under way come to its end, if `in_order`, or cuts it off.
    pub(crate) fn stop(self, in_order: bool) -> anyhow::Result<()> {
        self.board.let_end();
        if in_order {
            let ended = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, self.board.all_done()).await });
            ensure!(ended.is_ok(), "{} messages were lost or are still under way", self.board.under_way());
        }
        self.host.drain();
        for worker in self.workers {
            ensure!(worker.join().is_ok(), "a worker panicked");
        }
        if let Some((_, store)) = &self.disk {
            self.runtime.block_on(store.close());
        }
        self.runtime.shutdown_timeout(Duration::from_secs(1));
        Ok(())
    }
}

/// What the runtime runs.
enum Part {
    Serve,
    Receive,
}

/// The runtime that connections, commits and sends run on, like that of the program.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    Ok(Builder::new_multi_thread().enable_all().thread_name("hodhod").build()?)
}

/// One thread a worker, with timers of its own.
fn start_worker(host: Arc<Host>, worker: usize) -> anyhow::Result<JoinHandle<()>> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    thread::Builder::new()
        .name(format!("hodhod-turns-{worker}"))
        .spawn(move || runtime.block_on(host.work(worker).boxed_local()))
        .context("a thread for turns cannot be started")
}

/// A pace that holds nothing back: what is measured is the host, not the platform's rules.
fn policy(delivery: &Delivery) -> Policy {
    let unbounded = Rate { count: NonZeroU32::MAX, period: Duration::from_secs(1) };
    Policy {
        connection: unbounded,
        chat: unbounded,
        at_once: if matches!(delivery, Delivery::Never) { 1 } else { 64 },
        on_doubt: OnDoubt::Resend,
        backoff: Duration::from_secs(1),
        longest_backoff: Duration::from_secs(300),
        give_up: Duration::from_secs(3600),
        // Where nothing is delivered everything waits.
        waiting_chat: usize::MAX,
        waiting: usize::MAX,
    }
}

/// The machine's clock, and tokio's timers, as the program has them.
#[derive(Clone, Copy, Debug, Default)]
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        Millis(whole_millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()))
    }

    fn sleep_until(&self, when: Millis) -> BoxFuture<'static, ()> {
        tokio::time::sleep(when.since(self.now())).boxed()
    }
}
