//! What an operator asks of the store.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use hodhod_core::dead::{DeadLetter, Doomed};
use hodhod_core::event::Event;
use hodhod_core::ids::{BotName, Chat, ConnectionName, InboxSeq, OutboxSeq};
use hodhod_core::outbox::{ListedSend, SendsOf};
use hodhod_core::store::{Disk, Erased, Rows, Upkeep, WaitingEvent};
use hodhod_core::time::Millis;
use hodhod_core::timers::{ListedTimer, Standing, TimerKey, TimerPlace};

use super::{Answer, SqliteStore};
use crate::erase::{ClearLog, Erase};
use crate::letters::{Discard, Retry};
use crate::pause::Pause;
use crate::tables;

impl Upkeep for SqliteStore {
    fn list_dead(&self, bot: Option<BotName>, before: Option<u64>, limit: usize) -> Answer<Vec<DeadLetter>> {
        self.query("list dead letters", move |connection| tables::list_dead(connection, bot.as_ref(), before, limit))
    }

    fn dead_letter(&self, seq: InboxSeq) -> Answer<Option<DeadLetter>> {
        self.query("read a dead letter", move |connection| tables::dead_letter(connection, seq))
    }

    fn dead_event(&self, seq: InboxSeq) -> Answer<Option<Arc<Event>>> {
        self.query("read the event of a dead letter", move |connection| tables::dead_event(connection, seq))
    }

    fn retry_dead(&self, seq: InboxSeq) -> Answer<Option<WaitingEvent>> {
        self.submit(Ok(Retry(seq)))
    }

    fn drop_dead(&self, doomed: Doomed) -> Answer<u64> {
        self.submit(Ok(Discard::new(doomed)))
    }

    fn list_sends(&self, of: SendsOf, after: OutboxSeq, limit: usize) -> Answer<Vec<ListedSend>> {
        self.query("list sends", move |connection| tables::list_sends(connection, &of, after, limit))
    }

    fn send_pause(&self, connection: ConnectionName) -> Answer<Option<Millis>> {
        self.query("read whether sends are paused", move |reader| tables::send_pause(reader, &connection))
    }

    fn set_send_pause(&self, connection: ConnectionName, since: Option<Millis>) -> Answer<()> {
        self.submit(Ok(Pause { connection, since }))
    }

    fn list_timers(&self, bot: Option<BotName>, after: Option<TimerPlace>, limit: usize) -> Answer<Vec<ListedTimer>> {
        self.query("list timers", move |connection| {
            tables::list_timers(connection, bot.as_ref(), after.as_ref(), limit)
        })
    }

    fn bots_that_store(&self) -> Answer<Vec<BotName>> {
        self.query("list the bots that store something", tables::bots_that_store)
    }

    fn timers_of(
        &self,
        bot: BotName,
        chat: Chat,
        after: Option<String>,
        limit: usize,
    ) -> Answer<Vec<(TimerKey, Standing)>> {
        self.query("list the timers of a chat", move |connection| {
            tables::timers_of(connection, &bot, &chat, after.as_deref(), limit)
        })
    }

    fn erase(&self, rows: Rows) -> Answer<Erased> {
        self.submit(Ok(Erase(rows)))
    }

    fn clear_log(&self) -> Answer<bool> {
        self.submit(Ok(ClearLog))
    }

    fn disk(&self) -> Answer<Disk> {
        let database = self.database.clone();
        self.query("read the size of the database", move |connection| {
            let log = database.with_extension("db-wal");
            // What cannot be seen now has no size: the log comes with the first write.
            let length = |file: &Path| fs::metadata(file).map_or(0, |metadata| metadata.len());
            Ok(Disk { database: length(&database), log: length(&log), free: tables::free_bytes(connection)? })
        })
    }
}
