//! The store: calls become jobs for the writer, or queries.

mod records;
mod upkeep;

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use hodhod_core::condition::Condition;
use hodhod_core::event::Event;
use hodhod_core::health::Held;
use hodhod_core::ids::{BotName, ConnectionName, InboxSeq, OutboxSeq};
use hodhod_core::quota::Usage;
use hodhod_core::store::{
    Appended, Arrival, Build, Migration, QueuedSend, Settled, Settlement, Store, StoreError, StoreWork, Totals,
    TurnCommit, WaitingEvent, WaitingSend,
};
use hodhod_core::time::Millis;
use hodhod_core::timers::{Firing, Standing, TimerKey};
use hodhod_core::values::{Bucket, ValueKey};
use rusqlite::Connection;
use tokio::sync::watch;

use crate::append::Append;
use crate::backup::{Backup, BackupError, Backups};
use crate::commit::Commit;
use crate::disk::Disk;
use crate::encode::{EndedSend, EndedTurn, NewArrival};
use crate::fire::{Fire, Fired, Skip};
use crate::folder::Folder;
use crate::forget::Forget;
use crate::hash::key_hash;
use crate::hold::Hold;
use crate::job::{Call, Work};
use crate::log;
use crate::meter::Meter;
use crate::migrate::{Migrate, Migrated, Reserve};
use crate::open::{self, OpenError, Options};
use crate::queue::Queue;
use crate::read::Readers;
use crate::settle::{Attempt, Settle};
use crate::tables;
use crate::writer::{self, EndOfQueue, Parts};

type Answer<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// A store in one SQLite file. Dropping it does what [`close`](Self::close) does, and blocks for it.
pub struct SqliteStore {
    queue: Arc<Queue>,
    readers: Arc<Readers>,
    meter: Arc<Meter>,
    backups: Arc<Backups>,
    database: PathBuf,
    disk: Arc<Disk>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Its sender lives as long as the writer thread.
    ended: watch::Receiver<()>,
    folder: Mutex<Option<Folder>>,
}

impl SqliteStore {
    /// Opens the store in a folder, which is made if it is missing. Blocks, longest after a crash,
    /// when the log is read.
    ///
    /// # Errors
    /// When the folder is in use or not usable, or the database is damaged or newer than this
    /// program.
    pub fn open(folder: &Path, options: &Options) -> Result<Self, OpenError> {
        let folder = Folder::hold(folder)?;
        log::write_anew(&folder.database)?;
        let connection = open::writing(&folder.database, options)?;
        let readers = Arc::new(Readers::open(&folder.database, options.readers)?);
        let queue = Arc::new(Queue::new(options.most_waiting));
        let (alive, ended) = watch::channel(());
        let meter = Arc::new(Meter::default());
        let disk = Arc::new(Disk::new(folder.path.clone(), options.keep_free));
        let backups = Arc::<Backups>::default();
        let parts = Parts {
            queue: queue.clone(),
            file: folder.database.clone(),
            disk: disk.clone(),
            readers: readers.clone(),
            backups: backups.clone(),
            meter: meter.clone(),
            options: options.clone(),
        };
        let writer = start_writer(connection, parts, alive)?;
        Ok(Self {
            queue,
            readers,
            meter,
            disk,
            backups,
            database: folder.database.clone(),
            writer: Mutex::new(Some(writer)),
            ended,
            folder: Mutex::new(Some(folder)),
        })
    }

    /// Writes a copy of the database as it is now, while everything goes on. A file that is there is replaced
    /// only where `replace` says so. Begun by the call; dropping the future does not end it, closing the store
    /// does. One at a time.
    ///
    /// # Errors
    /// When the file is there, or cannot be written.
    pub fn backup(&self, to: &Path, replace: bool) -> impl Future<Output = Result<Backup, BackupError>> + Send + use<> {
        let made = self.backups.begin(self.database.clone(), to.to_path_buf(), replace);
        // The answer is lost only with the thread that makes it.
        async { made.await.unwrap_or(Err(BackupError::Closed)) }
    }

    /// Takes no more calls, finishes those that were made, writes the log back into the database,
    /// and gives the folder free. Dropping the future leaves all of that going on except the last,
    /// which then happens when the store is dropped.
    pub async fn close(&self) {
        self.stop();
        let mut ended = self.ended.clone();
        // Nothing is ever sent: it resolves when the thread lets go of the sender.
        while ended.changed().await.is_ok() {}
        self.join();
    }

    fn stop(&self) {
        self.backups.close();
        self.readers.close();
        self.queue.close();
    }

    fn join(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if writer.is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the writer of the store panicked");
        }
        self.backups.wait();
        drop(self.folder.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Puts a call on its way, now; the future only waits.
    fn submit<W: Work>(&self, work: serde_json::Result<W>) -> Answer<W::Output> {
        let work = match work {
            Ok(work) => work,
            Err(error) => {
                let failed = StoreError::Failed(format!("{}: cannot be written as JSON: {error}", W::OPERATION));
                return Box::pin(async { Err(failed) });
            }
        };
        let (job, answer) = Call::job(work);
        self.queue.push(job);
        // A reply is lost only with the writer thread.
        Box::pin(async { answer.await.unwrap_or(Err(StoreError::Closed)) })
    }

    fn query<T: Send + 'static>(
        &self,
        operation: &'static str,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Answer<T> {
        let readers = self.readers.clone();
        Box::pin(async move { readers.read(operation, query) })
    }
}

fn start_writer(connection: Connection, parts: Parts, alive: watch::Sender<()>) -> Result<JoinHandle<()>, OpenError> {
    let (ready, started) = sync_channel(1);
    let file = parts.file.clone();
    let body = move || {
        let _alive = alive;
        let _end = EndOfQueue(parts.queue.clone());
        writer::run(connection, &parts, &ready);
    };
    let writer = thread::Builder::new().name("store-writer".into()).spawn(body).map_err(OpenError::Thread)?;
    match started.recv() {
        Ok(started) => started.map_err(OpenError::database(&file))?,
        Err(_) => return Err(OpenError::Thread(std::io::Error::other("it panicked"))),
    }
    Ok(writer)
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.stop();
        self.join();
    }
}

impl Store for SqliteStore {
    fn append(&self, arrivals: Vec<Arrival>) -> Answer<Vec<Appended>> {
        // What was begun needs the room that is left more than what comes anew.
        if let Some(why) = self.disk.stops_intake() {
            return Box::pin(async { Err(StoreError::NoRoom(why)) });
        }
        self.submit(arrivals.into_iter().map(NewArrival::new).collect::<Result<_, _>>().map(Append))
    }

    fn commit(&self, turns: Vec<TurnCommit>) -> Answer<Vec<Vec<OutboxSeq>>> {
        self.submit(turns.into_iter().map(EndedTurn::new).collect::<Result<_, _>>().map(Commit))
    }

    fn attempt(&self, rows: Vec<OutboxSeq>) -> Answer<Vec<bool>> {
        self.submit(Ok(Attempt(rows)))
    }

    fn settle(&self, items: Vec<Settlement>) -> Answer<Vec<Settled>> {
        self.submit(items.into_iter().map(EndedSend::new).collect::<Result<_, _>>().map(Settle))
    }

    fn waiting_events(&self, after: InboxSeq, limit: usize) -> Answer<Vec<WaitingEvent>> {
        self.query("list waiting events", move |connection| tables::waiting_events(connection, after, limit))
    }

    fn waiting_sends(&self, after: OutboxSeq, limit: usize) -> Answer<Vec<WaitingSend>> {
        self.query("list waiting sends", move |connection| tables::waiting_sends(connection, after, limit))
    }

    fn event(&self, seq: InboxSeq) -> Answer<Option<Arc<Event>>> {
        self.query("read an event", move |connection| tables::event(connection, seq))
    }

    fn asked_events(&self, connection: ConnectionName, key: String) -> Answer<Vec<(InboxSeq, Millis)>> {
        let hash = key_hash(&connection, &key);
        self.query("find what was asked for", move |reader| tables::asked_events(reader, &hash))
    }

    fn send(&self, seq: OutboxSeq) -> Answer<Option<QueuedSend>> {
        self.query("read a send", move |connection| tables::send(connection, seq))
    }

    fn value(&self, key: &ValueKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.readers.read("read a value", |connection| tables::value(connection, key))
    }

    fn keys(
        &self,
        bot: &BotName,
        bucket: &Bucket,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        self.readers.read("list keys", |connection| tables::keys(connection, bot, bucket, after, limit))
    }

    fn usage(&self, bot: &BotName, bucket: &Bucket) -> Result<Usage, StoreError> {
        self.readers.read("read how much is stored", |connection| tables::usage(connection, bot, bucket))
    }

    fn has_timer(&self, key: &TimerKey) -> Result<bool, StoreError> {
        self.readers.read("look for a timer", |connection| tables::has_timer(connection, key))
    }

    fn due_timers(&self, bots: Vec<BotName>, now: Millis, limit: usize) -> Answer<Vec<(TimerKey, Standing)>> {
        self.query("list due timers", move |connection| tables::due_timers(connection, &bots, now, limit))
    }

    fn next_timer(&self, bots: Vec<BotName>) -> Answer<Option<Millis>> {
        self.query("find the next timer", move |connection| tables::next_timer(connection, &bots))
    }

    fn fire(&self, timers: Vec<Firing>) -> Answer<Vec<Option<InboxSeq>>> {
        self.submit(timers.into_iter().map(Fired::new).collect::<Result<_, _>>().map(Fire))
    }

    fn skip_timers(&self, now: Millis) -> Answer<u64> {
        self.submit(Ok(Skip(now)))
    }

    fn forget_seen(&self, before: Millis) -> Answer<()> {
        self.submit(Ok(Forget::new(before)))
    }

    fn bot_states(&self) -> Answer<Vec<(BotName, Held)>> {
        self.query("read the states of bots", tables::states)
    }

    fn set_bot_state(&self, bot: BotName, held: Option<Held>) -> Answer<()> {
        self.submit(Ok(Hold { bot, held }))
    }

    fn reserve(&self) -> Answer<InboxSeq> {
        self.submit(Ok(Reserve))
    }

    fn build(&self, bot: BotName) -> Answer<Option<Build>> {
        self.query("read which build a bot has", move |connection| tables::build(connection, &bot))
    }

    fn migrate(&self, migrations: Vec<Migration>) -> Answer<Vec<Vec<OutboxSeq>>> {
        self.submit(migrations.into_iter().map(Migrated::new).collect::<Result<_, _>>().map(Migrate))
    }

    fn totals(&self) -> Answer<Totals> {
        self.query("read the totals", tables::totals)
    }

    fn work(&self) -> StoreWork {
        self.meter.work()
    }

    fn condition(&self) -> Condition {
        self.disk.condition()
    }
}
