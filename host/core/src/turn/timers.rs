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
        if payload.len() > self.actor.limits.value {
            return Err(Refusal::TooLarge(self.actor.limits.value as u64));
        }
        self.count_timer(&chat, &id)?;
        self.reserve(id.len() + payload.len())?;
        self.timers.insert((chat, id), Some(Standing { due, payload, missed }));
        Ok(())
    }

    /// Cancels a timer; it need not stand.
    ///
    /// # Errors
    /// Like [`set_timer`](Self::set_timer).
    pub fn cancel_timer(&mut self, id: String, chat: Option<Chat>) -> Result<(), Refusal> {
        self.check_timer(&id, chat.as_ref())?;
        self.count_timer(&chat, &id)?;
        self.reserve(id.len())?;
        self.timers.insert((chat, id), None);
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

    fn count_timer(&mut self, chat: &Option<Chat>, id: &str) -> Result<(), Refusal> {
        let actor = self.actor.clone();
        let limits = &actor.limits;
        if self.timers.contains_key(&(chat.clone(), id.to_owned())) {
            return Ok(());
        }
        if self.timers.len() >= limits.writes {
            return Err(Refusal::Quota(format!("writes: {} timers in one turn", limits.writes)));
        }
        if actor.quotas.timer_surely_fits(limits) {
            return Ok(());
        }
        let usage = self.view.usage(&actor.bot, &Bucket::Bot)?;
        let more = self.timers.values().filter(|standing| standing.is_some()).count() as u64 + 1;
        actor.quotas.learn(&actor.bot, usage, (0, 0, more), limits, self.now);
        let key = TimerKey { bot: actor.bot.clone(), chat: chat.clone(), id: id.to_owned() };
        if usage.timers.saturating_add(more) > limits.timers && !self.view.has_timer(&key)? {
            return Err(Refusal::Quota(format!("timers: {}", limits.timers)));
        }
        Ok(())
    }
}
