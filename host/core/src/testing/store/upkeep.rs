//! What an operator asks of the store in memory.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::tables::Tables;
use super::{Failpoint, MemoryStore};
use crate::dead::{DeadLetter, Doomed};
use crate::event::Event;
use crate::ids::{BotName, Chat, ConnectionName, InboxSeq, OutboxSeq};
use crate::outbox::{ListedSend, SendsOf};
use crate::store::{Disk, Erased, Rows, StoreError, Upkeep, WaitingEvent};
use crate::time::Millis;
use crate::timers::{ListedTimer, Standing, TimerKey, TimerPlace};

impl Tables {
    fn retry_dead(&mut self, seq: InboxSeq) -> Option<WaitingEvent> {
        let at = self.dead.iter().position(|(letter, _)| letter.seq == seq)?;
        let (DeadLetter { bot, chat, .. }, event) = self.dead.remove(at);
        self.totals.dead_retried += 1;
        let row = WaitingEvent { seq: InboxSeq(self.seq()), bot, chat, attempts: 0, not_before: Millis(0) };
        self.inbox.insert(row.seq, (row.clone(), event));
        Some(row)
    }

    fn drop_dead(&mut self, doomed: &Doomed) -> u64 {
        let before = self.dead.len();
        self.dead.retain(|(letter, _)| match doomed {
            Doomed::One(seq) => letter.seq != *seq,
            Doomed::Of(bot) => letter.bot != *bot,
            Doomed::Before(when) => letter.died >= *when,
        });
        let dropped = (before - self.dead.len()) as u64;
        self.totals.dead_dropped += dropped;
        dropped
    }

    fn erase(&mut self, rows: Rows) -> Erased {
        let mut erased = Erased::default();
        for key in &rows.values {
            erased.values += u64::from(self.values.remove(key).is_some());
        }
        for key in &rows.timers {
            erased.timers += u64::from(self.timers.remove(key).is_some());
        }
        for seq in rows.letters {
            erased.letters += self.drop_dead(&Doomed::One(seq));
        }
        for seq in &rows.events {
            erased.events += u64::from(self.inbox.remove(seq).is_some());
        }
        for seq in &rows.sends {
            erased.sends += u64::from(self.outbox.remove(seq).is_some());
        }
        for place in &rows.records {
            erased.records += u64::from(self.records.remove(place).is_some());
        }
        erased
    }
}

impl Upkeep for MemoryStore {
    fn list_dead(
        &self,
        bot: Option<BotName>,
        before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<DeadLetter>, StoreError>> {
        self.call(None, |tables| {
            let newest = tables.dead.iter().rev().map(|(letter, _)| letter);
            let of_bot = newest.filter(|letter| bot.as_ref().is_none_or(|bot| letter.bot == *bot));
            of_bot.filter(|letter| before.is_none_or(|before| letter.place < before)).take(limit).cloned().collect()
        })
    }

    fn dead_letter(&self, seq: InboxSeq) -> BoxFuture<'static, Result<Option<DeadLetter>, StoreError>> {
        self.call(None, |tables| tables.dead.iter().map(|(letter, _)| letter).find(|letter| letter.seq == seq).cloned())
    }

    fn dead_event(&self, seq: InboxSeq) -> BoxFuture<'static, Result<Option<Arc<Event>>, StoreError>> {
        self.read(seq.0, |tables| {
            tables.dead.iter().find(|(letter, _)| letter.seq == seq).map(|(_, event)| event.clone())
        })
    }

    fn retry_dead(&self, seq: InboxSeq) -> BoxFuture<'static, Result<Option<WaitingEvent>, StoreError>> {
        self.call(Some(Failpoint::RetryDead), |tables| tables.retry_dead(seq))
    }

    fn drop_dead(&self, doomed: Doomed) -> BoxFuture<'static, Result<u64, StoreError>> {
        self.call(None, |tables| tables.drop_dead(&doomed))
    }

    fn list_sends(
        &self,
        of: SendsOf,
        after: OutboxSeq,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<ListedSend>, StoreError>> {
        self.call(None, |tables| {
            let rows = tables.outbox.range((Bound::Excluded(after), Bound::Unbounded)).map(|(_, row)| row);
            let wanted = rows.filter(|(row, _)| {
                of.connection.as_ref().is_none_or(|connection| row.chat.connection == *connection)
                    && of.chat.as_ref().is_none_or(|chat| row.chat.id == *chat)
            });
            let listed = wanted.map(|(row, send)| ListedSend {
                seq: row.seq,
                bot: row.bot.clone(),
                chat: row.chat.clone(),
                queued: send.queued,
                attempts: row.attempts,
                not_before: row.not_before,
                attempted: row.attempted,
                kind: send.message.kind().into(),
            });
            listed.take(limit).collect()
        })
    }

    fn send_pause(&self, connection: ConnectionName) -> BoxFuture<'static, Result<Option<Millis>, StoreError>> {
        self.call(Some(Failpoint::ReadPause), |tables| tables.pauses.get(&connection).copied())
    }

    fn set_send_pause(
        &self,
        connection: ConnectionName,
        since: Option<Millis>,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        self.call(Some(Failpoint::Pause), |tables| {
            match since {
                Some(since) => tables.pauses.insert(connection, since),
                None => tables.pauses.remove(&connection),
            };
        })
    }

    fn list_timers(
        &self,
        bot: Option<BotName>,
        after: Option<TimerPlace>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<ListedTimer>, StoreError>> {
        self.call(None, |tables| {
            let all = tables.timers.iter().map(|(key, standing)| ListedTimer {
                key: key.clone(),
                due: standing.due,
                missed: standing.missed,
            });
            let mut listed: Vec<_> = all
                .filter(|timer| bot.as_ref().is_none_or(|bot| timer.key.bot == *bot))
                .filter(|timer| after.as_ref().is_none_or(|after| timer.place() > *after))
                .collect();
            listed.sort_by_key(ListedTimer::place);
            listed.truncate(limit);
            listed
        })
    }

    fn bots_that_store(&self) -> BoxFuture<'static, Result<Vec<BotName>, StoreError>> {
        self.call(None, |tables| {
            let values = tables.values.keys().map(|key| key.bot.clone());
            let bots: BTreeSet<_> = values.chain(tables.timers.keys().map(|key| key.bot.clone())).collect();
            bots.into_iter().collect()
        })
    }

    fn timers_of(
        &self,
        bot: BotName,
        chat: Chat,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<(TimerKey, Standing)>, StoreError>> {
        self.call(None, |tables| {
            let theirs = tables.timers.iter().filter(|(key, _)| key.bot == bot && key.chat.as_ref() == Some(&chat));
            let behind = theirs.filter(|(key, _)| after.as_ref().is_none_or(|after| key.id > *after));
            behind.take(limit).map(|(key, standing)| (key.clone(), standing.clone())).collect()
        })
    }

    fn erase(&self, rows: Rows) -> BoxFuture<'static, Result<Erased, StoreError>> {
        self.call(Some(Failpoint::Erase), |tables| tables.erase(rows))
    }

    fn clear_log(&self) -> BoxFuture<'static, Result<bool, StoreError>> {
        self.call(None, |_| true)
    }

    fn disk(&self) -> BoxFuture<'static, Result<Disk, StoreError>> {
        self.call(None, |_| Disk::default())
    }
}
