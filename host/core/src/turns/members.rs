//! The bots whose turns run, while they run: one more, one less, one that may use something else.
//!
//! A bot that goes leaves its lanes behind, with what waits in them: in memory as on disk nothing of it is
//! lost, and if it comes back it goes on where it was. So nothing is ever read from the store into a lane
//! that a turn may be pushing into.

use std::sync::{Arc, PoisonError};

use super::{Bot, Turns};
use crate::ids::BotName;
use crate::runtime::Plugin;
use crate::store::StoreError;
use crate::turn::Actor;

impl Turns {
    /// Makes a bot known: events go to it from now on.
    pub fn add_bot(&self, bot: Arc<Bot>) {
        let name = bot.name().clone();
        bot.lock_health().begins(self.clock.now());
        let turns = bot.lock_health().turns();
        self.bots.write().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), bot);
        self.lanes().set_limit(&name, turns);
        self.wake();
        self.timers.notify_one();
    }

    /// Makes the lanes of a bot that is to come, in which nothing runs before it is there. False if there
    /// are such lanes, of a bot of that name which was here before.
    pub(crate) fn prepare(&self, name: &BotName) -> bool {
        let mut lanes = self.lanes();
        let is_new = !lanes.knows(name);
        if is_new {
            lanes.set_limit(name, 0);
        }
        is_new
    }

    /// Begins no further turn of a bot, and gives it no further event. Turns under way end as if it were here.
    /// Its events wait. False if there is no such bot.
    pub fn remove_bot(&self, name: &BotName) -> bool {
        let mut lanes = self.lanes();
        let removed = self.bots.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        let Some(bot) = removed else { return false };
        lanes.set_limit(name, 0);
        drop(lanes);
        bot.generation().plugin.waits_for_turns(false);
        true
    }

    /// Lets turns of a bot that begin from now on run in `plugin`, which was loaded for what `actor` may use.
    ///
    /// # Errors
    /// When the bot was held back for its failures, and it cannot be recorded that it is not any more.
    pub async fn reconfigure(&self, bot: &Bot, plugin: Arc<dyn Plugin>, actor: Arc<Actor>) -> Result<u64, StoreError> {
        let number = bot.generations.reconfigure(plugin, actor.clone(), self.clock.now());
        self.resize(bot, &actor);
        self.renew(bot).await?;
        Ok(number)
    }

    /// Lets turns of a bot that begin from now on use what `actor` does, with the same plugin.
    pub fn reconnect(&self, bot: &Bot, actor: Arc<Actor>) {
        bot.generations.reconnect(actor.clone());
        self.resize(bot, &actor);
    }

    fn resize(&self, bot: &Bot, actor: &Actor) {
        let mut lanes = self.lanes();
        let mut health = bot.lock_health();
        health.resize(&actor.limits);
        if self.is_here(bot) {
            lanes.set_limit(bot.name(), health.turns());
        }
        drop((health, lanes));
        self.wake();
    }

    /// True for a bot that was not removed, and no other one of that name put in its place.
    pub(super) fn is_here(&self, bot: &Bot) -> bool {
        self.bot(bot.name()).is_some_and(|here| std::ptr::eq(&*here, bot))
    }
}
