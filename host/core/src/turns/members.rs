//! The bots whose turns run, while they run: one more, one less, one that may use something else.
//!
//! A bot that goes leaves its lanes behind, with what waits in them: in memory as on disk nothing of it is
//! lost, and if it comes back it goes on where it was. So nothing is ever read from the store into a lane
//! that a turn may be pushing into.

use std::sync::{Arc, PoisonError};

use futures::future::{BoxFuture, OptionFuture};

use super::{Bot, Turns};
use crate::ids::{BotName, ConnectionName};
use crate::runtime::Plugin;
use crate::store::StoreError;
use crate::turn::Actor;

impl Turns {
    /// Makes a bot known: events go to it from now on.
    pub fn add_bot(&self, bot: Arc<Bot>) {
        let name = bot.name().clone();
        bot.lock_health().begins(self.clock.now());
        let mut lanes = self.lanes();
        self.bots.write().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), bot.clone());
        // Under the lock of the lanes, so that an order that comes now is not forgotten.
        lanes.set_limit(&name, bot.lock_health().limit());
        drop(lanes);
        self.wake();
        self.timers.notify_one();
    }

    /// Changes bots so that who asks which bots serve a connection sees all of it or nothing.
    pub fn at_once<R>(&self, change: impl FnOnce() -> R) -> R {
        let _alone = self.routing.write().unwrap_or_else(PoisonError::into_inner);
        change()
    }

    /// The bots that serve a connection.
    pub(crate) fn serving(&self, connection: &ConnectionName) -> Vec<Arc<Bot>> {
        let _whole = self.routing.read().unwrap_or_else(PoisonError::into_inner);
        self.bots().into_iter().filter(|bot| bot.serves(connection)).collect()
    }

    /// The one of that name that was here before and is not any more.
    pub fn former(&self, name: &BotName) -> Option<Arc<Bot>> {
        self.former.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// True if there are lanes of a bot of that name, which is or was here.
    pub(crate) fn has_lanes(&self, name: &BotName) -> bool {
        self.lanes().knows(name)
    }

    /// Makes the lanes of a bot that is to come, in which nothing runs before it is there.
    pub(crate) fn make_lanes(&self, name: &BotName) {
        self.lanes().set_limit(name, 0);
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
        // As many as the operator ever configured.
        self.former.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), bot);
        true
    }

    /// Lets turns of a bot that begin from now on run in `plugin`, which was loaded for what `actor` may use.
    /// What comes back is the record that it is not held back for its failures any more; it is on its way.
    pub fn reconfigure(
        &self,
        bot: &Bot,
        plugin: Arc<dyn Plugin>,
        actor: Arc<Actor>,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        bot.generations.reconfigure(plugin, actor.clone(), self.clock.now());
        self.resize(bot, &actor);
        let saving = self.begin_anew(bot);
        Box::pin(async { OptionFuture::from(saving).await.unwrap_or(Ok(())) })
    }

    /// Lets no turn of a bot begin, or lets them again.
    pub(super) fn set_quiet(&self, bot: &Bot, quiet: bool) {
        let mut lanes = self.lanes();
        let mut health = bot.lock_health();
        health.set_quiet(quiet);
        if self.is_here(bot) {
            lanes.set_limit(bot.name(), health.limit());
        }
        drop((health, lanes));
        self.wake();
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
            lanes.set_limit(bot.name(), health.limit());
        }
        drop((health, lanes));
        self.wake();
    }

    /// True for a bot that was not removed, and no other one of that name put in its place.
    pub(super) fn is_here(&self, bot: &Bot) -> bool {
        self.bot(bot.name()).is_some_and(|here| std::ptr::eq(&*here, bot))
    }
}
