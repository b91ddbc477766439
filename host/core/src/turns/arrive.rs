//! Events that come into their lanes, and bots that have no room for one more.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Turns, Waiting};
use crate::bot::Bot;
use crate::event::Event;
use crate::ids::{BotName, Chat, InboxSeq};
use crate::store::WaitingEvent;
use crate::time::Millis;

/// Bytes of event bodies kept beside the rows, so that an event which runs soon is not read back.
const BODIES: usize = 16 << 20;

impl Turns {
    /// Puts durable events into their lanes. The row of one whose bot is not known stays.
    pub fn push(&self, events: impl IntoIterator<Item = (BotName, Chat, InboxSeq, Arc<Event>)>) {
        let now = self.clock.now();
        let mut pushed = 0;
        for (name, chat, seq, event) in events {
            pushed += 1;
            // One that was removed meanwhile has lanes still, in case it comes back.
            let stay = self.bot(&name).map(|bot| {
                bot.stats.arrived();
                bot.stats.ages.enter(now)
            });
            let weight = event.weight();
            let keep = self.bodies.fetch_add(weight, Ordering::Relaxed) + weight <= BODIES;
            if !keep {
                self.bodies.fetch_sub(weight, Ordering::Relaxed);
            }
            let since = self.traces.now();
            let waiting = Waiting { seq, attempts: 0, conflicts: 0, since, stay, event: keep.then_some(event) };
            let _known = self.lanes().push(&name, &chat, waiting, Millis(0));
            self.waits(seq);
        }
        self.wake_for(pushed);
    }

    /// Puts an event of an earlier run into its lane, without its body.
    /// Its bot may be about to come, and is given then.
    pub(crate) fn restore(&self, row: WaitingEvent, bot: Option<&Bot>) -> bool {
        let here = self.bot(&row.bot);
        let stay = bot.or(here.as_deref()).map(|bot| bot.stats.ages.enter(self.clock.now()));
        let since = self.traces.now();
        let waiting = Waiting { seq: row.seq, attempts: row.attempts, conflicts: 0, since, stay, event: None };
        let known = self.lanes().push(&row.bot, &row.chat, waiting, row.not_before);
        self.wake();
        known
    }

    /// Why the bot has no room for one more event in this chat, if it has none.
    pub fn overflow(&self, bot: &BotName, chat: &Chat) -> Option<String> {
        let actor = self.bot(bot)?.actor();
        let limits = &actor.limits;
        let lanes = self.lanes();
        let (waiting, in_all) = (lanes.waiting_in_lane(bot, chat), lanes.waiting_in(bot));
        drop(lanes);
        let now = self.clock.now();
        for (name, waiting, limit) in
            [("waiting_chat", waiting, limits.waiting_chat), ("waiting", in_all, limits.waiting)]
        {
            actor.quotas.near(bot, name, waiting as u64 + 1, limit as u64, now);
        }
        // A chat may have at most as much as is still free, so that however many flood, there is
        // room for the others.
        let room = limits.waiting.saturating_sub(in_all).min(limits.waiting_chat);
        (waiting >= room).then(|| format!("{waiting} events were waiting in this chat"))
    }

    /// Counts an event that became a dead letter as its bot had no room for it.
    pub(crate) fn overflowed(&self, bot: &BotName) {
        if let Some(bot) = self.bot(bot) {
            bot.stats.overflowed();
        }
    }
}
