//! A store in memory that keeps the promises of the joint, survives a "crash" of the host above
//! it, and fails when a test wants.

mod records;
mod tables;
mod upkeep;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;

use self::tables::Tables;
use crate::event::Event;
use crate::health::Held;
use crate::ids::{BotName, ConnectionName, InboxSeq, OutboxSeq};
use crate::quota::Usage;
use crate::store::{
    Appended, Arrival, Build, Migration, QueuedSend, Settled, Settlement, Store, StoreError, Totals, TurnCommit,
    WaitingEvent, WaitingSend,
};
use crate::time::Millis;
use crate::timers::{Firing, Missed, Standing, TimerKey};
use crate::values::{Bucket, ValueKey};

/// Which call fails next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failpoint {
    /// The next append.
    Append,
    /// The next commit.
    Commit,
    /// The next record of a try to send.
    Attempt,
    /// The next record of a send's end.
    Settle,
    /// The next timers that fire.
    Fire,
    /// The next record of a bot's state.
    BotState,
    /// The next look at the events that wait.
    WaitingEvents,
    /// The next look for what somebody asked for.
    AskedEvents,
    /// The next dead letter that goes back into the inbox.
    RetryDead,
    /// The next question whether sends are paused.
    ReadPause,
    /// The next record of a pause of sends.
    Pause,
    /// The next migration.
    Migrate,
    /// The next rows that are erased.
    Erase,
}

/// A store in memory. Clones share it, so a second host over a clone is the host after a crash.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<Tables>>);

impl MemoryStore {
    /// Makes calls fail, one each.
    pub fn fail(&self, points: impl IntoIterator<Item = Failpoint>) {
        self.lock().failing.extend(points);
    }

    /// Forgets what was to fail.
    pub fn heal(&self) {
        self.lock().failing.clear();
    }

    /// Makes the bodies of all that waits now unreadable.
    pub fn spoil(&self) {
        let mut tables = self.lock();
        tables.spoilt = tables.next;
    }

    /// All values, as text.
    pub fn values(&self) -> BTreeMap<String, String> {
        let tables = self.lock();
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        tables.values.iter().map(|(key, value)| (format!("{}/{}", key.bucket, key.key), text(value))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call<R: Send + 'static>(
        &self,
        point: Option<Failpoint>,
        run: impl FnOnce(&mut Tables) -> R,
    ) -> BoxFuture<'static, Result<R, StoreError>> {
        let mut tables = self.lock();
        let failing = point.and_then(|point| tables.failing.iter().position(|failing| *failing == point));
        let result = match failing {
            Some(at) => {
                tables.failing.remove(at);
                Err(StoreError::Failed("the test wants it so".to_owned()))
            }
            None => Ok(run(&mut tables)),
        };
        Box::pin(std::future::ready(result))
    }
}

impl MemoryStore {
    fn read<R: Send + 'static>(
        &self,
        row: u64,
        run: impl FnOnce(&mut Tables) -> R,
    ) -> BoxFuture<'static, Result<R, StoreError>> {
        if row <= self.lock().spoilt {
            return Box::pin(std::future::ready(Err(StoreError::Unreadable("the test wants it so".to_owned()))));
        }
        self.call(None, run)
    }
}

impl Store for MemoryStore {
    fn append(&self, arrivals: Vec<Arrival>) -> BoxFuture<'static, Result<Vec<Appended>, StoreError>> {
        self.call(Some(Failpoint::Append), |tables| arrivals.into_iter().map(|a| tables.append(a)).collect())
    }

    fn commit(&self, turns: Vec<TurnCommit>) -> BoxFuture<'static, Result<Vec<Vec<OutboxSeq>>, StoreError>> {
        self.call(Some(Failpoint::Commit), |tables| turns.into_iter().map(|turn| tables.commit(turn)).collect())
    }

    fn attempt(&self, rows: Vec<OutboxSeq>) -> BoxFuture<'static, Result<Vec<bool>, StoreError>> {
        self.call(Some(Failpoint::Attempt), |tables| {
            let try_it = |seq| tables.outbox.get_mut(&seq).map(|(row, _)| row.attempted = true).is_some();
            rows.into_iter().map(try_it).collect()
        })
    }

    fn settle(&self, items: Vec<Settlement>) -> BoxFuture<'static, Result<Vec<Settled>, StoreError>> {
        self.call(Some(Failpoint::Settle), |tables| items.into_iter().map(|item| tables.settle(item)).collect())
    }

    fn waiting_events(
        &self,
        after: InboxSeq,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<WaitingEvent>, StoreError>> {
        self.call(Some(Failpoint::WaitingEvents), |tables| {
            let rows = tables.inbox.range((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded));
            rows.take(limit).map(|(_, (row, _))| row.clone()).collect()
        })
    }

    fn waiting_sends(
        &self,
        after: OutboxSeq,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<WaitingSend>, StoreError>> {
        self.call(None, |tables| {
            let rows = tables.outbox.range((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded));
            rows.take(limit).map(|(_, (row, _))| row.clone()).collect()
        })
    }

    fn event(&self, seq: InboxSeq) -> BoxFuture<'static, Result<Option<Arc<Event>>, StoreError>> {
        self.read(seq.0, |tables| tables.inbox.get(&seq).map(|(_, event)| event.clone()))
    }

    fn asked_events(
        &self,
        connection: ConnectionName,
        key: String,
    ) -> BoxFuture<'static, Result<Vec<(InboxSeq, Millis)>, StoreError>> {
        self.call(Some(Failpoint::AskedEvents), |tables| {
            let of = (connection.to_string(), key);
            let rows = tables.asked.iter().filter(|(row, (key, _))| *key == of && tables.inbox.contains_key(row));
            rows.map(|(row, (_, arrived))| (*row, *arrived)).collect()
        })
    }

    fn send(&self, seq: OutboxSeq) -> BoxFuture<'static, Result<Option<QueuedSend>, StoreError>> {
        self.read(seq.0, |tables| tables.outbox.get(&seq).map(|(_, send)| send.clone()))
    }

    fn value(&self, key: &ValueKey) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.lock().values.get(key).cloned())
    }

    fn keys(
        &self,
        bot: &BotName,
        bucket: &Bucket,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let tables = self.lock();
        let keys = tables.values.keys().filter(|key| key.bot == *bot && key.bucket == *bucket);
        Ok(keys
            .map(|key| key.key.to_string())
            .filter(|key| after.is_none_or(|after| **key > *after))
            .take(limit)
            .collect())
    }

    fn usage(&self, bot: &BotName, bucket: &Bucket) -> Result<Usage, StoreError> {
        let tables = self.lock();
        let mut usage = Usage::default();
        for (key, value) in tables.values.iter().filter(|(key, _)| key.bot == *bot) {
            let bytes = (key.key.len() + value.len()) as u64;
            usage.bot_keys += 1;
            usage.bot_bytes += bytes;
            if key.bucket == *bucket {
                usage.bucket_keys += 1;
                usage.bucket_bytes += bytes;
            }
        }
        usage.timers = tables.timers.keys().filter(|key| key.bot == *bot).count() as u64;
        Ok(usage)
    }

    fn has_timer(&self, key: &TimerKey) -> Result<bool, StoreError> {
        Ok(self.lock().timers.contains_key(key))
    }

    fn due_timers(
        &self,
        bots: Vec<BotName>,
        now: Millis,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(TimerKey, Standing)>, StoreError>> {
        self.call(None, |tables| {
            let known = tables.timers.iter().filter(|(key, _)| bots.contains(&key.bot));
            let due = known.filter(|(_, standing)| standing.due <= now);
            let mut due: Vec<_> = due.map(|(key, standing)| (key.clone(), standing.clone())).collect();
            due.sort_by_key(|(_, standing)| standing.due);
            due.truncate(limit);
            due
        })
    }

    fn next_timer(&self, bots: Vec<BotName>) -> BoxFuture<'static, Result<Option<Millis>, StoreError>> {
        self.call(None, |tables| {
            tables.timers.iter().filter(|(key, _)| bots.contains(&key.bot)).map(|(_, standing)| standing.due).min()
        })
    }

    fn fire(&self, timers: Vec<Firing>) -> BoxFuture<'static, Result<Vec<Option<InboxSeq>>, StoreError>> {
        self.call(Some(Failpoint::Fire), |tables| timers.into_iter().map(|firing| tables.fire(firing)).collect())
    }

    fn skip_timers(&self, now: Millis) -> BoxFuture<'static, Result<u64, StoreError>> {
        self.call(None, |tables| {
            let before = tables.timers.len();
            tables.timers.retain(|_, standing| standing.missed != Missed::Skip || standing.due >= now);
            (before - tables.timers.len()) as u64
        })
    }

    fn forget_seen(&self, _before: Millis) -> BoxFuture<'static, Result<(), StoreError>> {
        self.call(None, |_| ())
    }

    fn bot_states(&self) -> BoxFuture<'static, Result<Vec<(BotName, Held)>, StoreError>> {
        self.call(None, |tables| tables.bots.clone().into_iter().collect())
    }

    fn set_bot_state(&self, bot: BotName, held: Option<Held>) -> BoxFuture<'static, Result<(), StoreError>> {
        self.call(Some(Failpoint::BotState), |tables| {
            match held {
                Some(held) => tables.bots.insert(bot, held),
                None => tables.bots.remove(&bot),
            };
        })
    }

    fn reserve(&self) -> BoxFuture<'static, Result<InboxSeq, StoreError>> {
        self.call(None, |tables| InboxSeq(tables.seq()))
    }

    fn build(&self, bot: BotName) -> BoxFuture<'static, Result<Option<Build>, StoreError>> {
        self.call(None, |tables| tables.builds.get(&bot).cloned())
    }

    fn migrate(&self, migrations: Vec<Migration>) -> BoxFuture<'static, Result<Vec<Vec<OutboxSeq>>, StoreError>> {
        self.call(Some(Failpoint::Migrate), |tables| migrations.into_iter().map(|one| tables.migrate(one)).collect())
    }

    fn totals(&self) -> BoxFuture<'static, Result<Totals, StoreError>> {
        self.call(None, |tables| Totals {
            waiting_events: tables.inbox.len() as u64,
            waiting_sends: tables.outbox.len() as u64,
            dead_letters: tables.dead.len() as u64,
            ..tables.totals
        })
    }
}
