//! One build of a bot after another: its values go over to the new one, before that serves.
//!
//! ```text
//! no turn begins ─► those under way end, on disk ─► migrate ─► values, sends, timers and      ─► swap ─► turns begin
//!                                                              "they are of this build now"
//!                                                              in one transaction
//! ```
//!
//! The store knows whose values those of a bot are, so a crash anywhere leaves a migration done and recorded, or
//! not done at all and to be run again: it runs once. Only a build that has a migration waits for turns to end.
//! Where it fails nothing is stored, and the build before goes on.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use thiserror::Error;
use tokio::sync::OwnedMutexGuard;

use super::Turns;
use crate::bot::Bot;
use crate::ids::OutboxSeq;
use crate::runtime::{Failure, Plugin, Reason, TurnResult};
use crate::store::{Build, Migration, QueuedSend, StoreError};
use crate::turn::{Actor, Effects, Turn};

/// How long the ends of turns may take to reach the disk, after the last of them is over.
const LAST_ENDS: Duration = Duration::from_secs(1);

/// Why a build does not take over. Nothing is stored, and the build before serves on.
#[derive(Clone, Debug, Error)]
pub enum MigrateError {
    /// Turns of the bot have not ended in the time that one may take.
    #[error("the bot is busy: its turns do not end, and its values cannot be migrated meanwhile")]
    Busy,
    /// The migration does not want to.
    #[error("it cannot migrate the values of {}: {reason}", version(.from))]
    Refused {
        /// The version of the build that left them.
        from: String,
        /// Its words.
        reason: String,
    },
    /// The migration did not come to an end by itself.
    #[error("its migration of the values of {} failed: {failure}", version(.from))]
    Failed {
        /// The version of the build that left them.
        from: String,
        /// How it ended.
        failure: Failure,
    },
    /// The store cannot be read, or does not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MigrateError {
    /// True if it says nothing about the build, which may be tried again as it is.
    pub fn is_the_hosts(&self) -> bool {
        match self {
            Self::Busy | Self::Store(_) => true,
            Self::Failed { failure, .. } => failure.reason == Reason::Host,
            Self::Refused { .. } => false,
        }
    }
}

fn version(from: &str) -> String {
    if from.is_empty() { "a build without a version".to_owned() } else { format!("version {from:?}") }
}

/// A build that may take over, with all that its migration wants done. Dropping it leaves everything as it was.
#[must_use = "until it has taken over no turn of the bot begins"]
pub struct Successor {
    turns: Arc<Turns>,
    bot: Arc<Bot>,
    plugin: Arc<dyn Plugin>,
    /// What is to be stored; nothing where the values are of this build already.
    migration: Option<Migration>,
    /// What is stored and has to be sent.
    sends: Vec<(OutboxSeq, QueuedSend)>,
    // Last, and in this order: turns begin again while nobody else puts a build in place.
    quiet: Option<Quiet>,
    _alone: OwnedMutexGuard<()>,
}

impl Turns {
    /// Prepares another build for taking over: lets its turns end and migrates its values, where it wants that and
    /// another build left some. Nothing of it is stored before it takes over. One at a time for a bot.
    ///
    /// # Errors
    /// See [`MigrateError`].
    pub async fn prepare_build(
        self: &Arc<Self>,
        bot: &Arc<Bot>,
        plugin: Arc<dyn Plugin>,
        actor: &Arc<Actor>,
    ) -> Result<Successor, MigrateError> {
        let alone = bot.succession.clone().lock_owned().await;
        let known = self.store.build(bot.name().clone()).await?;
        let is_of_this = known.as_ref().is_some_and(|known| known.digest == plugin.digest());
        let mut successor = Successor {
            turns: self.clone(),
            bot: bot.clone(),
            migration: (!is_of_this).then(|| self.migration(bot, &*plugin, Effects::default())),
            plugin,
            sends: Vec::new(),
            quiet: None,
            _alone: alone,
        };
        let from = known.filter(|_| !is_of_this && successor.plugin.has_migration());
        if let Some(Build { version: from, .. }) = from {
            successor.quiet = Some(Quiet::begin(self, bot));
            self.stand_still(bot).await?;
            let effects = self.run_migration(&*successor.plugin, actor, from).await?;
            successor.migration = Some(self.migration(bot, &*successor.plugin, effects));
        }
        Ok(successor)
    }

    /// Stores what these builds want done, in one transaction. From then on nothing but putting them in place is
    /// left, and [`Successor::begin`].
    ///
    /// # Errors
    /// When it cannot be stored; nothing of it is then.
    pub async fn store_builds(&self, builds: &mut [Successor]) -> Result<(), StoreError> {
        let migrations: Vec<_> = builds.iter().filter_map(|build| build.migration.clone()).collect();
        if migrations.is_empty() {
            return Ok(());
        }
        let rows = self.store.migrate(migrations).await?;
        for (build, rows) in builds.iter_mut().filter(|build| build.migration.is_some()).zip(rows) {
            let sends = build.migration.take().map(|migration| migration.sends).unwrap_or_default();
            build.sends = rows.into_iter().zip(sends).collect();
        }
        Ok(())
    }

    /// Lets the build before serve again, for this reason. It migrates nothing: it finds what the other one left.
    /// Gives the number of its generation, or `None` where there is no build before.
    ///
    /// # Errors
    /// When it serves, and that cannot be recorded.
    pub async fn roll_back(&self, bot: &Bot, reason: String) -> Result<Option<u64>, StoreError> {
        let _alone = bot.succession.lock().await;
        let Some(number) = bot.generations.roll_back(reason, self.clock.now()) else { return Ok(None) };
        let (renewed, recorded) = (self.renew(bot).await, self.record(bot).await);
        renewed.and(recorded).map(|()| Some(number))
    }

    /// Records that the build which serves has the bot's values, after one was taken back.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn record_build(&self, bot: &Bot) -> Result<(), StoreError> {
        let _alone = bot.succession.lock().await;
        self.record(bot).await
    }

    async fn record(&self, bot: &Bot) -> Result<(), StoreError> {
        let plugin = bot.generation().plugin.clone();
        let known = self.store.build(bot.name().clone()).await?;
        if known.is_none_or(|known| known.digest != plugin.digest()) {
            self.store.migrate(vec![self.migration(bot, &*plugin, Effects::default())]).await?;
        }
        Ok(())
    }

    fn migration(&self, bot: &Bot, plugin: &dyn Plugin, effects: Effects) -> Migration {
        let build = Build { digest: plugin.digest().to_owned(), version: plugin.version().to_owned() };
        let Effects { values, sends, timers } = effects;
        Migration { bot: bot.name().clone(), build, at: self.clock.now(), values, sends, timers }
    }

    /// Waits until no turn of the bot is under way and all that have ended are on disk.
    async fn stand_still(&self, bot: &Bot) -> Result<(), MigrateError> {
        let until = self.clock.now() + bot.actor().limits.wall + LAST_ENDS;
        loop {
            let told = std::pin::pin!(self.ends.notified());
            let is_still = self.lanes().out_in(bot.name()) == 0;
            if is_still {
                return Ok(());
            }
            if let Either::Right(_) = select(told, self.clock.sleep_until(until)).await {
                return Err(MigrateError::Busy);
            }
        }
    }

    async fn run_migration(
        &self,
        plugin: &dyn Plugin,
        actor: &Arc<Actor>,
        from: String,
    ) -> Result<Effects, MigrateError> {
        let seq = self.store.reserve().await?;
        let turn = Turn::of_no_event(seq, self.clock.now(), actor.clone(), self.ledger.clone());
        let ended = plugin.migrate(turn, from.clone()).await;
        match ended.result {
            TurnResult::Done => {}
            TurnResult::Retry(_) => {
                return Err(MigrateError::Refused { from, reason: "it asks for another time".to_owned() });
            }
            TurnResult::Reject(reason) => return Err(MigrateError::Refused { from, reason }),
            TurnResult::Failed(failure) => return Err(MigrateError::Failed { from, failure }),
        }
        let bot = &actor.bot;
        tracing::info!(%bot, from, to = plugin.version(), ms = ended.time.as_millis(), "values are migrated");
        Ok(ended.turn.into_effects().1)
    }
}

impl Successor {
    /// The bot.
    pub fn bot(&self) -> &Arc<Bot> {
        &self.bot
    }

    /// The SHA-256 of the build, in hex.
    pub fn digest(&self) -> &str {
        self.plugin.digest()
    }

    /// Lets turns that begin from now on run in this build. Gives the number of its generation.
    ///
    /// # Errors
    /// When what it wants done cannot be stored; nothing is changed then.
    pub async fn replace(mut self) -> Result<u64, StoreError> {
        self.turns.clone().store_builds(std::slice::from_mut(&mut self)).await?;
        let number = self.bot.generations.replace(self.plugin.clone(), self.turns.clock.now());
        self.begin();
        Ok(number)
    }

    /// Puts what was stored on its way and lets turns begin, once the build serves. In this order, so that what a
    /// migration sends goes before what turns send.
    pub fn begin(mut self) {
        self.turns.outboxes.push_all(std::mem::take(&mut self.sends));
        self.turns.timers.notify_one();
    }
}

/// While there is this, no turn of a bot begins. Its events wait.
struct Quiet {
    turns: Arc<Turns>,
    bot: Arc<Bot>,
}

impl Quiet {
    fn begin(turns: &Arc<Turns>, bot: &Arc<Bot>) -> Self {
        turns.set_quiet(bot, true);
        Self { turns: turns.clone(), bot: bot.clone() }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        self.turns.set_quiet(&self.bot, false);
    }
}
