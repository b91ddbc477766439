//! A store that keeps nothing: what the way of a message costs without one.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::BoxFuture;
use hodhod_core::dead::{DeadLetter, Doomed};
use hodhod_core::event::Event;
use hodhod_core::health::Held;
use hodhod_core::ids::{BotName, Chat, ConnectionName, InboxSeq, OutboxSeq};
use hodhod_core::outbox::{ListedSend, SendsOf};
use hodhod_core::quota::Usage;
use hodhod_core::store::{
    Appended, Arrival, Build, Disk, DoomedRecords, Erased, KeyId, ListedRecord, Migration, NameHash, QueuedSend,
    RecordChange, Records, RecordsOf, Rows, SealedRecord, Settled, Settlement, Store, StoreError, Totals, TurnCommit,
    Upkeep, WaitingEvent, WaitingSend,
};
use hodhod_core::time::Millis;
use hodhod_core::timers::{Firing, ListedTimer, Standing, TimerKey, TimerPlace};
use hodhod_core::values::{Bucket, ValueKey};

#[derive(Default)]
pub(crate) struct Nothing {
    rows: AtomicU64,
}

type Answer<T> = BoxFuture<'static, Result<T, StoreError>>;

fn now<T: Send + 'static>(answer: T) -> Answer<T> {
    Box::pin(ready(Ok(answer)))
}

impl Nothing {
    fn row(&self) -> u64 {
        1 + self.rows.fetch_add(1, Ordering::Relaxed)
    }
}

impl Store for Nothing {
    fn append(&self, arrivals: Vec<Arrival>) -> Answer<Vec<Appended>> {
        let rows = |arrival: Arrival| arrival.routes.iter().map(|_| Some(InboxSeq(self.row()))).collect();
        now(arrivals.into_iter().map(|arrival| Appended::Stored(rows(arrival))).collect())
    }

    fn commit(&self, turns: Vec<TurnCommit>) -> Answer<Vec<Vec<OutboxSeq>>> {
        let rows = |turn: TurnCommit| turn.sends.iter().map(|_| OutboxSeq(self.row())).collect();
        now(turns.into_iter().map(rows).collect())
    }

    fn reserve(&self) -> Answer<InboxSeq> {
        now(InboxSeq(self.row()))
    }

    fn build(&self, _bot: BotName) -> Answer<Option<Build>> {
        now(None)
    }

    fn migrate(&self, migrations: Vec<Migration>) -> Answer<Vec<Vec<OutboxSeq>>> {
        now(migrations.iter().map(|one| one.sends.iter().map(|_| OutboxSeq(self.row())).collect()).collect())
    }

    fn attempt(&self, rows: Vec<OutboxSeq>) -> Answer<Vec<bool>> {
        now(vec![true; rows.len()])
    }

    fn settle(&self, items: Vec<Settlement>) -> Answer<Vec<Settled>> {
        now(vec![Settled::Stood(None); items.len()])
    }

    fn waiting_events(&self, _after: InboxSeq, _limit: usize) -> Answer<Vec<WaitingEvent>> {
        now(Vec::new())
    }

    fn waiting_sends(&self, _after: OutboxSeq, _limit: usize) -> Answer<Vec<WaitingSend>> {
        now(Vec::new())
    }

    fn event(&self, _seq: InboxSeq) -> Answer<Option<Arc<Event>>> {
        now(None)
    }

    fn asked_events(&self, _connection: ConnectionName, _key: String) -> Answer<Vec<(InboxSeq, Millis)>> {
        now(Vec::new())
    }

    fn send(&self, _seq: OutboxSeq) -> Answer<Option<QueuedSend>> {
        now(None)
    }

    fn value(&self, _key: &ValueKey) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }

    fn keys(
        &self,
        _bot: &BotName,
        _bucket: &Bucket,
        _after: Option<&str>,
        _limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    fn usage(&self, _bot: &BotName, _bucket: &Bucket) -> Result<Usage, StoreError> {
        Ok(Usage::default())
    }

    fn has_timer(&self, _key: &TimerKey) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn due_timers(&self, _bots: Vec<BotName>, _now: Millis, _limit: usize) -> Answer<Vec<(TimerKey, Standing)>> {
        now(Vec::new())
    }

    fn next_timer(&self, _bots: Vec<BotName>) -> Answer<Option<Millis>> {
        now(None)
    }

    fn fire(&self, timers: Vec<Firing>) -> Answer<Vec<Option<InboxSeq>>> {
        now(timers.iter().map(|_| None).collect())
    }

    fn skip_timers(&self, _now: Millis) -> Answer<u64> {
        now(0)
    }

    fn forget_seen(&self, _before: Millis) -> Answer<()> {
        now(())
    }

    fn bot_states(&self) -> Answer<Vec<(BotName, Held)>> {
        now(Vec::new())
    }

    fn set_bot_state(&self, _bot: BotName, _held: Option<Held>) -> Answer<()> {
        now(())
    }

    fn totals(&self) -> Answer<Totals> {
        now(Totals::default())
    }
}

impl Upkeep for Nothing {
    fn list_dead(&self, _bot: Option<BotName>, _before: Option<u64>, _limit: usize) -> Answer<Vec<DeadLetter>> {
        now(Vec::new())
    }

    fn dead_letter(&self, _seq: InboxSeq) -> Answer<Option<DeadLetter>> {
        now(None)
    }

    fn dead_event(&self, _seq: InboxSeq) -> Answer<Option<Arc<Event>>> {
        now(None)
    }

    fn retry_dead(&self, _seq: InboxSeq) -> Answer<Option<WaitingEvent>> {
        now(None)
    }

    fn drop_dead(&self, _doomed: Doomed) -> Answer<u64> {
        now(0)
    }

    fn list_sends(&self, _of: SendsOf, _after: OutboxSeq, _limit: usize) -> Answer<Vec<ListedSend>> {
        now(Vec::new())
    }

    fn send_pause(&self, _connection: ConnectionName) -> Answer<Option<Millis>> {
        now(None)
    }

    fn set_send_pause(&self, _connection: ConnectionName, _since: Option<Millis>) -> Answer<()> {
        now(())
    }

    fn list_timers(
        &self,
        _bot: Option<BotName>,
        _after: Option<TimerPlace>,
        _limit: usize,
    ) -> Answer<Vec<ListedTimer>> {
        now(Vec::new())
    }

    fn bots_that_store(&self) -> Answer<Vec<BotName>> {
        now(Vec::new())
    }

    fn timers_of(
        &self,
        _bot: BotName,
        _chat: Chat,
        _after: Option<String>,
        _limit: usize,
    ) -> Answer<Vec<(TimerKey, Standing)>> {
        now(Vec::new())
    }

    fn erase(&self, _rows: Rows) -> Answer<Erased> {
        now(Erased::default())
    }

    fn clear_log(&self) -> Answer<bool> {
        now(true)
    }

    fn disk(&self) -> Answer<Disk> {
        now(Disk::default())
    }
}

impl Records for Nothing {
    fn record(&self, _of: RecordsOf, _name: NameHash) -> Answer<Option<SealedRecord>> {
        now(None)
    }

    fn take_record(&self, _of: RecordsOf, _name: NameHash, _now: Millis) -> Answer<Option<SealedRecord>> {
        now(None)
    }

    fn list_records(&self, _of: RecordsOf, _after: Option<NameHash>, _limit: usize) -> Answer<Vec<SealedRecord>> {
        now(Vec::new())
    }

    fn has_records_of_other_keys(
        &self,
        _connection: ConnectionName,
        _kind: Option<&'static str>,
        _key: KeyId,
    ) -> Answer<bool> {
        now(false)
    }

    fn change_records(&self, _changes: Vec<RecordChange>) -> Answer<()> {
        now(())
    }

    fn drop_records(&self, _doomed: DoomedRecords) -> Answer<u64> {
        now(0)
    }

    fn records_of(
        &self,
        _connection: ConnectionName,
        _person: NameHash,
        _after: u64,
        _limit: usize,
    ) -> Answer<Vec<ListedRecord>> {
        now(Vec::new())
    }
}
