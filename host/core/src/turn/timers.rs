//! What a turn wants to be told later.

use super::{Refusal, Turn, check_chat};
use crate::event::Timer;
use crate::ids::Chat;
use crate::timers::{Missed, Standing, TimerKey};
use crate::values::Bucket;

impl Turn {
    /// Sets a timer, or moves the one that stands under the same id for the same chat.
    ///
    /// # Errors
    /// For an id or a chat that cannot be, a connection that the bot does not serve, and where the
    /// bot has timers enough.
    pub fn set_timer(&mut self, timer: Timer, missed: Missed) -> Result<(), Refusal> {
        let Timer { id, chat, due, payload } = timer;
        self.check_timer(&id, chat.as_ref())?;
        if payload.len() > self.actor.limits.payload {
            return Err(Refusal::TooLarge(self.actor.limits.payload as u64));
        }
        self.count_timer(&chat, &id, true)?;
        self.reserve(id.len() + payload.len())?;
        // One that is overdue from the start would go before those that have waited their time.
        let due = due.max(self.now);
        self.timers.insert((chat, id), Some(Standing { due, payload, missed }));
        self.near("writes", self.timers.len(), self.actor.limits.writes);
        Ok(())
    }

    /// Cancels a timer; it need not stand.
    ///
    /// # Errors
    /// Like [`set_timer`](Self::set_timer).
    pub fn cancel_timer(&mut self, id: String, chat: Option<Chat>) -> Result<(), Refusal> {
        self.check_timer(&id, chat.as_ref())?;
        self.count_timer(&chat, &id, false)?;
        self.reserve(id.len())?;
        self.timers.insert((chat, id), None);
        self.near("writes", self.timers.len(), self.actor.limits.writes);
        Ok(())
    }

    fn check_timer(&self, id: &str, chat: Option<&Chat>) -> Result<(), Refusal> {
        self.check_key(id)?;
        if let Some(chat) = chat {
            check_chat(chat)?;
            self.served(&chat.connection)?;
        }
        Ok(())
    }

    /// Looks whether a timer can be changed; one that is set has to fit into the bot's quota.
    fn count_timer(&mut self, chat: &Option<Chat>, id: &str, sets: bool) -> Result<(), Refusal> {
        let actor = self.actor.clone();
        let limits = &actor.limits;
        let place = (chat.clone(), id.to_owned());
        let earlier = self.timers.get(&place);
        if earlier.is_none() && self.timers.len() >= limits.writes {
            return Err(Refusal::Quota(format!("writes: {} timers in one turn", limits.writes)));
        }
        if !sets || matches!(earlier, Some(Some(_))) {
            return Ok(());
        }
        if !actor.quotas.room_for_timer(limits).has_to_be_looked_at(&mut self.looked.1) {
            return Ok(());
        }
        let usage = self.view.usage(&actor.bot, &Bucket::Bot)?;
        let changes: Vec<_> = self.timers.iter().map(|(place, after)| (place.clone(), after.is_some())).collect();
        let mut more = 0_i64;
        for (place, stands) in changes {
            more += i64::from(stands) - i64::from(self.stood(&place)?);
        }
        let adds = !self.stood(&place)?;
        let added = u64::try_from(more.saturating_add(1)).unwrap_or(0);
        actor.quotas.learn_timers(&actor.bot, usage.timers.saturating_add(added), limits, self.now);
        if adds && usage.timers.saturating_add_signed(more) >= limits.timers {
            return Err(Refusal::Quota(format!("timers: {}", limits.timers)));
        }
        Ok(())
    }

    /// True if the timer stood before this turn.
    fn stood(&mut self, place: &(Option<Chat>, String)) -> Result<bool, Refusal> {
        if let Some(stood) = self.stood.get(place) {
            return Ok(*stood);
        }
        let (chat, id) = place.clone();
        let stood = self.view.has_timer(&TimerKey { bot: self.actor.bot.clone(), chat, id })?;
        self.stood.insert(place.clone(), stood);
        Ok(stood)
    }
}
