//! A store that passes every call on and tells the board when something is durable.

use std::sync::Arc;

use futures::future::BoxFuture;
use hodhod_core::dead::{DeadLetter, Doomed};
use hodhod_core::event::Event;
use hodhod_core::health::Held;
use hodhod_core::ids::{BotName, Chat, ConnectionName, InboxSeq, OutboxSeq};
use hodhod_core::outbox::{ListedSend, SendsOf};
use hodhod_core::quota::Usage;
use hodhod_core::store::{
    Appended, Arrival, Build, Disk, DoomedRecords, Erased, KeyId, ListedRecord, Migration, NameHash, QueuedSend,
    RecordChange, Records, RecordsOf, Rows, SealedRecord, SendOutcome, Settled, Settlement, Store, StoreError, Totals,
    TurnCommit, Upkeep, WaitingEvent, WaitingSend,
};
use hodhod_core::time::Millis;
use hodhod_core::timers::{Firing, ListedTimer, Standing, TimerKey, TimerPlace};
use hodhod_core::values::{Bucket, ValueKey};

use super::board::{self, Board, Goal};

pub(crate) struct Watched {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) board: Arc<Board>,
}

type Answer<T> = BoxFuture<'static, Result<T, StoreError>>;

impl Store for Watched {
    fn append(&self, arrivals: Vec<Arrival>) -> Answer<Vec<Appended>> {
        let numbers: Vec<u32> = arrivals.iter().filter_map(|arrival| board::of_event(&arrival.event)).collect();
        let (done, board) = (self.inner.append(arrivals), self.board.clone());
        Box::pin(async move {
            let appended = done.await?;
            board.stored(&numbers);
            Ok(appended)
        })
    }

    fn commit(&self, turns: Vec<TurnCommit>) -> Answer<Vec<Vec<OutboxSeq>>> {
        let replies = turns.iter().flat_map(|turn| &turn.sends);
        let numbers: Vec<Option<u32>> = replies.map(|send| board::of_reply(&send.message)).collect();
        let (done, board) = (self.inner.commit(turns), self.board.clone());
        Box::pin(async move {
            let rows = done.await?;
            match board.goal() {
                Goal::InOutbox => board.finish(numbers.into_iter().flatten().collect::<Vec<_>>().into_iter()),
                Goal::Delivered => {
                    for (number, row) in numbers.iter().zip(rows.iter().flatten()) {
                        if let Some(number) = number {
                            board.in_row(*number, row.0);
                        }
                    }
                }
            }
            Ok(rows)
        })
    }

    fn reserve(&self) -> Answer<InboxSeq> {
        self.inner.reserve()
    }

    fn build(&self, bot: BotName) -> Answer<Option<Build>> {
        self.inner.build(bot)
    }

    fn migrate(&self, migrations: Vec<Migration>) -> Answer<Vec<Vec<OutboxSeq>>> {
        self.inner.migrate(migrations)
    }

    fn attempt(&self, rows: Vec<OutboxSeq>) -> Answer<Vec<bool>> {
        self.inner.attempt(rows)
    }

    fn settle(&self, items: Vec<Settlement>) -> Answer<Vec<Settled>> {
        let delivered = items.iter().filter(|item| item.outcome == SendOutcome::Delivered);
        let rows: Vec<u64> = delivered.map(|item| item.seq.0).collect();
        let (done, board) = (self.inner.settle(items), self.board.clone());
        Box::pin(async move {
            let reports = done.await?;
            if board.goal() == Goal::Delivered {
                board.finish(rows.iter().map(|row| board.of_row(*row)));
            }
            Ok(reports)
        })
    }

    fn waiting_events(&self, after: InboxSeq, limit: usize) -> Answer<Vec<WaitingEvent>> {
        self.inner.waiting_events(after, limit)
    }

    fn waiting_sends(&self, after: OutboxSeq, limit: usize) -> Answer<Vec<WaitingSend>> {
        self.inner.waiting_sends(after, limit)
    }

    fn event(&self, seq: InboxSeq) -> Answer<Option<Arc<Event>>> {
        self.inner.event(seq)
    }

    fn asked_events(&self, connection: ConnectionName, key: String) -> Answer<Vec<(InboxSeq, Millis)>> {
        self.inner.asked_events(connection, key)
    }

    fn send(&self, seq: OutboxSeq) -> Answer<Option<QueuedSend>> {
        self.inner.send(seq)
    }

    fn value(&self, key: &ValueKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.value(key)
    }

    fn keys(
        &self,
        bot: &BotName,
        bucket: &Bucket,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        self.inner.keys(bot, bucket, after, limit)
    }

    fn usage(&self, bot: &BotName, bucket: &Bucket) -> Result<Usage, StoreError> {
        self.inner.usage(bot, bucket)
    }

    fn has_timer(&self, key: &TimerKey) -> Result<bool, StoreError> {
        self.inner.has_timer(key)
    }

    fn due_timers(&self, bots: Vec<BotName>, now: Millis, limit: usize) -> Answer<Vec<(TimerKey, Standing)>> {
        self.inner.due_timers(bots, now, limit)
    }

    fn next_timer(&self, bots: Vec<BotName>) -> Answer<Option<Millis>> {
        self.inner.next_timer(bots)
    }

    fn fire(&self, timers: Vec<Firing>) -> Answer<Vec<Option<InboxSeq>>> {
        self.inner.fire(timers)
    }

    fn skip_timers(&self, now: Millis) -> Answer<u64> {
        self.inner.skip_timers(now)
    }

    fn forget_seen(&self, before: Millis) -> Answer<()> {
        self.inner.forget_seen(before)
    }

    fn bot_states(&self) -> Answer<Vec<(BotName, Held)>> {
        self.inner.bot_states()
    }

    fn set_bot_state(&self, bot: BotName, held: Option<Held>) -> Answer<()> {
        self.inner.set_bot_state(bot, held)
    }

    fn totals(&self) -> Answer<Totals> {
        self.inner.totals()
    }
}

impl Upkeep for Watched {
    fn list_dead(&self, bot: Option<BotName>, before: Option<u64>, limit: usize) -> Answer<Vec<DeadLetter>> {
        self.inner.list_dead(bot, before, limit)
    }

    fn dead_letter(&self, seq: InboxSeq) -> Answer<Option<DeadLetter>> {
        self.inner.dead_letter(seq)
    }

    fn dead_event(&self, seq: InboxSeq) -> Answer<Option<Arc<Event>>> {
        self.inner.dead_event(seq)
    }

    fn retry_dead(&self, seq: InboxSeq) -> Answer<Option<WaitingEvent>> {
        self.inner.retry_dead(seq)
    }

    fn drop_dead(&self, doomed: Doomed) -> Answer<u64> {
        self.inner.drop_dead(doomed)
    }

    fn list_sends(&self, of: SendsOf, after: OutboxSeq, limit: usize) -> Answer<Vec<ListedSend>> {
        self.inner.list_sends(of, after, limit)
    }

    fn send_pause(&self, connection: ConnectionName) -> Answer<Option<Millis>> {
        self.inner.send_pause(connection)
    }

    fn set_send_pause(&self, connection: ConnectionName, since: Option<Millis>) -> Answer<()> {
        self.inner.set_send_pause(connection, since)
    }

    fn list_timers(&self, bot: Option<BotName>, after: Option<TimerPlace>, limit: usize) -> Answer<Vec<ListedTimer>> {
        self.inner.list_timers(bot, after, limit)
    }

    fn bots_that_store(&self) -> Answer<Vec<BotName>> {
        self.inner.bots_that_store()
    }

    fn timers_of(
        &self,
        bot: BotName,
        chat: Chat,
        after: Option<String>,
        limit: usize,
    ) -> Answer<Vec<(TimerKey, Standing)>> {
        self.inner.timers_of(bot, chat, after, limit)
    }

    fn erase(&self, rows: Rows) -> Answer<Erased> {
        self.inner.erase(rows)
    }

    fn clear_log(&self) -> Answer<bool> {
        self.inner.clear_log()
    }

    fn disk(&self) -> Answer<Disk> {
        self.inner.disk()
    }
}

impl Records for Watched {
    fn record(&self, of: RecordsOf, name: NameHash) -> Answer<Option<SealedRecord>> {
        self.inner.record(of, name)
    }

    fn take_record(&self, of: RecordsOf, name: NameHash, now: Millis) -> Answer<Option<SealedRecord>> {
        self.inner.take_record(of, name, now)
    }

    fn list_records(&self, of: RecordsOf, after: Option<NameHash>, limit: usize) -> Answer<Vec<SealedRecord>> {
        self.inner.list_records(of, after, limit)
    }

    fn has_records_of_other_keys(
        &self,
        connection: ConnectionName,
        kind: Option<&'static str>,
        key: KeyId,
    ) -> Answer<bool> {
        self.inner.has_records_of_other_keys(connection, kind, key)
    }

    fn change_records(&self, changes: Vec<RecordChange>) -> Answer<()> {
        self.inner.change_records(changes)
    }

    fn drop_records(&self, doomed: DoomedRecords) -> Answer<u64> {
        self.inner.drop_records(doomed)
    }

    fn records_of(
        &self,
        connection: ConnectionName,
        person: NameHash,
        after: u64,
        limit: usize,
    ) -> Answer<Vec<ListedRecord>> {
        self.inner.records_of(connection, person, after, limit)
    }
}
