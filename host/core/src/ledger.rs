//! The ledger: where turns that ended are checked against each other, put in order, and committed
//! in groups.
//!
//! Check and place in the queue are one step under one lock, so the order on disk is the order in
//! which turns saw each other's values. The queue goes to the store as one batch at a time; while a
//! batch is being written the next one gathers, so the group grows with the load by itself. A batch
//! that the store refuses is tried again until it is taken: its turns have passed and others may
//! have read their values, so it can be neither dropped nor overtaken. Until then their lanes wait,
//! and when the queue is full nobody begins another turn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::ids::{BotName, OutboxSeq};
use crate::quota::Usage;
use crate::refusals::Refusals;
use crate::store::{Mark, Store, StoreError, TurnCommit};
use crate::time::{Clock, whole_millis};
use crate::timers::{TimerKey, TimerWrite};
use crate::turn::ValueView;
use crate::values::{Bucket, Reads, Recent, Stamp, ValueKey, Write};

/// Most turns that one batch commits: about 10 ms of work for a disk.
const BATCH: usize = 1024;

/// Bytes of commits that may be held before no further turn begins.
const HELD: usize = 16 << 20;

/// Bytes that a commit, a value and a send take in memory besides their texts, roughly.
const COMMIT_WEIGHT: usize = 1 << 10;
const ROW_WEIGHT: usize = 512;

/// Most rows and bytes that one batch writes, unless one turn has more.
const BATCH_ROWS: usize = 4096;
const BATCH_BYTES: usize = 4 << 20;

/// The wait between tries of a batch that the store refused.
const REFUSED_WAIT: Duration = Duration::from_millis(500);

/// Orders the ends of turns and commits them. `T` is what the owner wants back with each.
pub struct Ledger<T> {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner<T>>,
    more: Notify,
    refusals: Refusals,
}

struct Inner<T> {
    /// One for each bot, as no turn reads what another bot wrote.
    recent: HashMap<BotName, Recent>,
    queue: Vec<Entry<T>>,
    /// Turns in the batch that is being written.
    writing: usize,
    /// Bytes in the queue and in the batch that is being written.
    held: usize,
    closing: bool,
}

impl<T> Inner<T> {
    /// Of one bot; there are as many as the operator configured.
    fn of(&mut self, bot: &BotName) -> &mut Recent {
        self.recent.entry(bot.clone()).or_default()
    }
}

struct Entry<T> {
    commit: TurnCommit,
    weight: usize,
    stamp: Stamp,
    ticket: T,
}

/// A turn that is on disk.
pub struct Committed<T> {
    /// What was handed in with it.
    pub ticket: T,
    /// What was committed.
    pub commit: TurnCommit,
    /// The outbox rows of its sends.
    pub sends: Vec<OutboxSeq>,
}

impl<T: Send> Ledger<T> {
    /// A ledger over a store.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let inner = Inner { recent: HashMap::new(), queue: Vec::new(), writing: 0, held: 0, closing: false };
        Self { store, clock, inner: Mutex::new(inner), more: Notify::new(), refusals: Refusals::default() }
    }

    /// Notes that a turn of `bot` begins; the guard notes its end.
    pub fn begin(self: &Arc<Self>, bot: &BotName) -> Began<T> {
        let stamp = self.lock().of(bot).begin();
        Began { ledger: self.clone(), bot: bot.clone(), stamp: Some(stamp) }
    }

    /// Ends a turn that `began`: puts its commit into the queue, unless a value that it read has been
    /// written since. Then it comes back and nothing has happened.
    ///
    /// # Errors
    /// The ticket, if the turn has to run again.
    pub fn submit(&self, mut began: Began<T>, reads: &Reads, commit: TurnCommit, ticket: T) -> Result<(), T> {
        let weight = weight(&commit);
        let mut inner = self.lock();
        let ended = began.stamp.take();
        // An event that is going to be tried again may have read what it likes.
        let is_final = !matches!(commit.mark, Mark::Retry { .. });
        let recent = inner.of(&began.bot);
        let passes = !is_final || recent.is_current(reads);
        if let Some(ended) = ended {
            recent.end(ended);
        }
        if !passes {
            return Err(ticket);
        }
        let stamp = recent.write(&commit.values);
        inner.held += weight;
        inner.queue.push(Entry { commit, weight, stamp, ticket });
        drop(inner);
        self.more.notify_one();
        Ok(())
    }

    /// Commits what was submitted, until [`close`](Self::close) and the queue is empty. `on_disk`
    /// gets each batch. Cancelling leaves the queue as it is; a batch under way may or may not
    /// reach the disk, and `on_disk` is not told.
    pub async fn run(&self, mut on_disk: impl FnMut(Vec<Committed<T>>)) {
        loop {
            let batch = {
                let mut inner = self.lock();
                let size = batch_size(&inner.queue);
                if size == 0 && inner.closing {
                    return;
                }
                inner.writing = size;
                inner.queue.drain(..size).collect::<Vec<_>>()
            };
            if batch.is_empty() {
                self.more.notified().await;
                continue;
            }
            let rows = self.write(&batch).await;
            let Some(rows) = rows else { return };
            {
                let mut inner = self.lock();
                inner.writing = 0;
                inner.held -= batch.iter().map(|entry| entry.weight).sum::<usize>();
                for entry in &batch {
                    if let Some((key, _)) = entry.commit.values.first() {
                        let keys = entry.commit.values.iter().map(|(key, _)| key.clone());
                        inner.of(&key.bot).on_disk(entry.stamp, keys);
                    }
                }
            }
            let done = batch.into_iter().zip(rows);
            on_disk(
                done.map(|(entry, sends)| Committed { ticket: entry.ticket, commit: entry.commit, sends }).collect(),
            );
        }
    }

    /// Lets [`run`](Self::run) end once the queue is empty.
    pub fn close(&self) {
        self.lock().closing = true;
        self.more.notify_one();
    }

    /// True if so much waits for the disk that no turn should begin.
    pub fn is_full(&self) -> bool {
        self.lock().held >= HELD
    }

    /// Turns that passed and are not on disk, and values held for others, for status.
    pub fn held(&self) -> (usize, usize) {
        let inner = self.lock();
        (inner.queue.len() + inner.writing, inner.recent.values().map(Recent::len).sum())
    }

    async fn write(&self, batch: &[Entry<T>]) -> Option<Vec<Vec<OutboxSeq>>> {
        loop {
            let commits = batch.iter().map(|entry| entry.commit.clone()).collect();
            match self.store.commit(commits).await {
                Ok(rows) => {
                    if let Some(lasted) = self.refusals.over(self.clock.now()) {
                        tracing::info!(lasted_ms = whole_millis(lasted), "turns are committed again");
                    }
                    return Some(rows);
                }
                Err(StoreError::Closed) => {
                    tracing::error!(turns = batch.len(), "the store closed before these turns were committed");
                    return None;
                }
                Err(error) => {
                    if self.refusals.refused(self.clock.now()) {
                        tracing::error!(%error, turns = batch.len(), "turns cannot be committed; their chats wait");
                    }
                    self.clock.sleep_until(self.clock.now() + REFUSED_WAIT).await;
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        // A panic elsewhere cannot leave the queue half changed: every change is one call.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn weight(commit: &TurnCommit) -> usize {
    let value = |(key, value): &(ValueKey, Write)| ROW_WEIGHT + key.key.len() + value.as_ref().map_or(0, |v| v.len());
    let values: usize = commit.values.iter().map(value).sum();
    let timer = |(key, standing): &TimerWrite| {
        ROW_WEIGHT + key.id.len() + standing.as_ref().map_or(0, |standing| standing.payload.len())
    };
    let timers: usize = commit.timers.iter().map(timer).sum();
    let sends: usize = commit.sends.iter().map(|send| ROW_WEIGHT + send.message.weight()).sum();
    COMMIT_WEIGHT + values + timers + sends
}

/// How many of the turns that wait go into the next batch.
fn batch_size<T>(queue: &[Entry<T>]) -> usize {
    let (mut rows, mut bytes) = (0, 0);
    let fits = |entry: &&Entry<T>| {
        rows += 1 + entry.commit.values.len() + entry.commit.timers.len() + entry.commit.sends.len();
        bytes += entry.weight;
        rows <= BATCH_ROWS && bytes <= BATCH_BYTES
    };
    let fitting = queue.iter().take(BATCH).take_while(fits).count();
    fitting.max(usize::from(!queue.is_empty()))
}

/// A turn under way, as far as stored values are concerned.
pub struct Began<T: Send> {
    ledger: Arc<Ledger<T>>,
    bot: BotName,
    /// Absent once its end has been noted.
    stamp: Option<Stamp>,
}

impl<T: Send> Drop for Began<T> {
    fn drop(&mut self) {
        if let Some(stamp) = self.stamp {
            self.ledger.lock().of(&self.bot).end(stamp);
        }
    }
}

impl<T: Send> ValueView for Ledger<T> {
    fn get(&self, key: &ValueKey, reads: &mut Reads) -> Result<Option<Vec<u8>>, StoreError> {
        let (at, recent) = self.lock().of(&key.bot).read(key);
        // After the lock, which all bots share.
        reads.note(key, at);
        match recent {
            Some(value) => Ok(value.map(|value| value.to_vec())),
            None => self.store.value(key),
        }
    }

    fn keys(
        &self,
        bot: &BotName,
        bucket: &Bucket,
        after: Option<&str>,
        limit: usize,
        reads: &mut Reads,
    ) -> Result<Vec<String>, StoreError> {
        let (at, recent) = self.lock().of(bot).list(bucket);
        reads.note_listing(bucket, at);
        // Deleted recent keys may hide as many stored ones.
        let ask = limit + recent.len();
        let stored = self.store.keys(bot, bucket, after, ask)?;
        let horizon = (stored.len() == ask).then(|| stored.last().cloned()).flatten();
        let mut all: std::collections::BTreeSet<String> = stored.into_iter().collect();
        for (key, exists) in recent {
            let beyond = horizon.as_deref().is_some_and(|horizon| &*key > horizon);
            if beyond || after.is_some_and(|after| &*key <= after) {
                continue;
            }
            if exists {
                all.insert(key.to_string());
            } else {
                all.remove(&*key);
            }
        }
        Ok(all.into_iter().take(limit).collect())
    }

    fn usage(&self, bot: &BotName, bucket: &Bucket) -> Result<Usage, StoreError> {
        self.store.usage(bot, bucket)
    }

    fn has_timer(&self, key: &TimerKey) -> Result<bool, StoreError> {
        self.store.has_timer(key)
    }
}
