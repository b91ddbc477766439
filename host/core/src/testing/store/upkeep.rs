//! What an operator asks of the store in memory.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::{Failpoint, MemoryStore, Tables};
use crate::dead::{DeadLetter, Doomed};
use crate::event::Event;
use crate::ids::{BotName, InboxSeq};
use crate::store::{StoreError, Upkeep, WaitingEvent};
use crate::time::Millis;

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
}
