//! What changes the health of a bot, and how its lanes follow: the ends of its turns, the end of
//! its rest, and the operator's orders.
//!
//! Health changes under the lock of the lanes, so that no event is taken by what was true before.
//! States that outlive the host are handed to the store under that lock too, so the last one to be
//! true is the last one to be recorded.

use std::sync::PoisonError;

use futures::future::{BoxFuture, OptionFuture};
use thiserror::Error;

use super::{Queue, Turns};
use crate::bot::Bot;
use crate::health::{Health, Held, Order, Refused, Report, State};
use crate::ids::BotName;
use crate::runtime::TurnResult;
use crate::store::StoreError;
use crate::time::Millis;

/// A record on its way to the disk.
pub(super) type Saving = BoxFuture<'static, Result<(), StoreError>>;

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obeyed {
    /// False if the bot was as ordered before.
    pub changed: bool,
    /// How the bot is now.
    pub health: Report,
    /// Turns that were running when the order came. A kill ends them.
    pub running: usize,
}

/// Why an order was not followed.
#[derive(Clone, Debug, Error)]
pub enum OrderError {
    /// There is no such bot.
    #[error("there is no bot {0:?}")]
    Unknown(BotName),
    /// Another order was meant.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It is followed, but after a restart nobody would know.
    #[error("it is done, but not recorded, and would not outlive a restart: {0}")]
    NotRecorded(#[from] StoreError),
}

impl Turns {
    /// Follows an order of the operator. When it returns the order is on disk, and what was to be
    /// killed has been told to end. Dropping it undoes nothing.
    ///
    /// # Errors
    /// See [`OrderError`].
    pub async fn order(&self, name: &BotName, order: Order) -> Result<Obeyed, OrderError> {
        let bot = self.bot(name).ok_or_else(|| OrderError::Unknown(name.clone()))?;
        let (obeyed, saving) = {
            let mut lanes = self.lanes();
            let now = self.clock.now();
            let changed = self.change(&mut lanes, &bot, |health| health.order(order, now))?;
            let running = lanes.running_in(name);
            if order == Order::Kill {
                bot.actor().kill.kill();
            }
            // Also where nothing changed: the record of the change may have failed.
            (Obeyed { changed, health: bot.health(), running }, self.save(&bot))
        };
        saving.await?;
        Ok(obeyed)
    }

    /// To be called after a bot's generation was replaced: what the old one failed at counts no more,
    /// and a bot that rests or is quarantined for it goes on. What the operator ordered stays.
    ///
    /// # Errors
    /// When the change cannot be recorded.
    pub async fn renew(&self, bot: &Bot) -> Result<(), StoreError> {
        OptionFuture::from(self.begin_anew(bot)).await.unwrap_or(Ok(()))
    }

    pub(super) fn begin_anew(&self, bot: &Bot) -> Option<Saving> {
        let now = self.clock.now();
        let mut lanes = self.lanes();
        self.change(&mut lanes, bot, |health| health.renew(now)).then(|| self.save(bot))
    }

    /// Takes up the states in which an earlier run left the bots, before events are taken up.
    pub(crate) async fn restore_states(&self) -> Result<(), StoreError> {
        for (name, held) in self.store.bot_states().await? {
            if let Some(bot) = self.bot(&name) {
                self.restore_state(&bot, held).await?;
            }
        }
        Ok(())
    }

    /// The same for one bot, before it is added.
    pub(crate) async fn restore_state_of(&self, bot: &Bot) -> Result<(), StoreError> {
        let states = self.store.bot_states().await?;
        match states.into_iter().find(|(name, _)| name == bot.name()) {
            Some((_, held)) => self.restore_state(bot, held).await,
            None => Ok(()),
        }
    }

    async fn restore_state(&self, bot: &Bot, held: Held) -> Result<(), StoreError> {
        let digest = bot.generation().plugin.digest().to_owned();
        if !self.change(&mut self.lanes(), bot, |health| health.restore(held, &digest)) {
            tracing::warn!(bot = %bot.name(), "the bot was quarantined and has another plugin now: it runs again");
            self.save(bot).await?;
        }
        Ok(())
    }

    /// What the end of a turn that began in `phase` means for its bot. Gives the record of it where
    /// there is one to make.
    pub(super) fn judge(
        &self,
        lanes: &mut Queue,
        bot: &Bot,
        result: &TurnResult,
        phase: u64,
        now: Millis,
    ) -> Option<Saving> {
        let changed = self.change(lanes, bot, |health| health.ended(result, phase, now));
        // Rests end with the host; everything else that a turn's end leads to is kept.
        (changed && self.is_here(bot) && bot.health().state == State::Quarantined).then(|| self.save(bot))
    }

    /// Lets the lanes of a bot follow what happens to its health.
    fn change<R>(&self, lanes: &mut Queue, bot: &Bot, change: impl FnOnce(&mut Health) -> R) -> R {
        let mut health = bot.lock_health();
        let (was, phase) = (health.state(), health.phase());
        let answer = change(&mut health);
        if health.phase() == phase {
            return answer;
        }
        if self.is_here(bot) {
            lanes.set_limit(bot.name(), health.limit());
        }
        if let Some(until) = health.rests_until() {
            self.rests.lock().unwrap_or_else(PoisonError::into_inner).insert((until, bot.name().clone()));
        }
        let report = health.report();
        drop(health);
        tell(bot.name(), was, &report, self.clock.now());
        self.wake();
        answer
    }

    /// Ends the rests that are over.
    pub(super) fn end_rests(&self) {
        let now = self.clock.now();
        let over: Vec<BotName> = {
            let mut rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
            let later = rests.split_off(&(Millis(now.0.saturating_add(1)), BotName::new("")));
            std::mem::replace(&mut *rests, later).into_iter().map(|(_, bot)| bot).collect()
        };
        for bot in over.into_iter().filter_map(|name| self.bot(&name)) {
            self.change(&mut self.lanes(), &bot, |health| health.probe(now));
        }
    }

    /// When the next rest is over.
    pub(super) fn next_rest(&self) -> Option<Millis> {
        self.rests.lock().unwrap_or_else(PoisonError::into_inner).first().map(|(until, _)| *until)
    }

    /// Puts the bot's state on its way to the disk.
    fn save(&self, bot: &Bot) -> Saving {
        let held = bot.lock_health().held(bot.generation().plugin.digest());
        self.store.set_bot_state(bot.name().clone(), held)
    }
}

fn tell(bot: &BotName, was: State, now_is: &Report, now: Millis) {
    let (state, rests) = (now_is.state, now_is.rests);
    match (state, now_is.next_probe) {
        (State::Degraded, None) => tracing::info!(%bot, rests, "the bot's rest is over; one turn tries"),
        (State::Degraded, Some(until)) => {
            let rest = until.since(now).as_millis();
            tracing::warn!(%bot, %was, %state, rests, "the bot rests for {rest} ms; {now_is}");
        }
        _ if was == state && state == State::Active => {}
        _ => tracing::warn!(%bot, %was, %state, "the bot is {now_is}"),
    }
}
