//! New builds of plugins while the host runs: stage → compile → link → probe → swap → probation.
//!
//! Until the swap a new build has touched nothing: the generation that serves goes on serving, and
//! if a step fails it goes on after it, with a record that says why. The steps of one bot come one
//! after the other, so what is newest is what is looked at last. A file may be half written when it
//! is looked at; it is not believed to be wrong before it has stayed as it is for a while.

mod kept;
mod stage;
mod stamp;
mod watch;
mod watched;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hodhod_core::bot::Bot;
use hodhod_core::host::Host;
use hodhod_core::ids::BotName;
use hodhod_core::runtime::Plugin as _;
use hodhod_core::text::clean;
use hodhod_engine::{Component, Engine};
use thiserror::Error;
use tokio::sync::watch as channel;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

pub(crate) use self::kept::Kept;
pub(crate) use self::stage::aside;
use self::stage::{Refusal, Staged};
use self::stamp::Stamp;
pub(crate) use self::watched::{Held, Watched};
use crate::config::Config;

/// How long a file has to stay as it is before it is believed to be wrong.
const SETTLED: Duration = Duration::from_millis(500);

/// How often a file is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(20);

/// The longest time between two looks at a file that changes all the time.
const REST: Duration = Duration::from_secs(2);

/// How long a file is looked at that changes all the time. It is looked at again later.
const LONGEST: Duration = Duration::from_secs(30);

/// Longest reason that is kept, in bytes.
const REASON: usize = 600;

/// How much longer than a look the time to the next one is, up to [`REST`].
const SHARE: u32 = 10;

/// What came of a look at a bot's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reloaded {
    /// It is what serves already.
    Unchanged(u64),
    /// It serves, as this generation.
    Applied(u64),
}

/// Why a bot's file does not serve.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum ReloadError {
    /// There is no such bot.
    #[error("there is no bot {0:?}")]
    Unknown(BotName),
    /// It cannot be read, loaded or begun; the generation before serves on.
    #[error("{0}; generation {1} serves on")]
    Rejected(String, u64),
    /// There is no generation before.
    #[error("there is no generation before this one")]
    NoneBefore,
}

/// Reloads the plugins of a host.
pub(crate) struct Reloader {
    engine: Engine,
    host: Arc<Host>,
    bots: RwLock<Vec<Arc<Watched>>>,
    /// Told when there are others.
    changed: channel::Sender<()>,
    kept: Kept,
}

impl Reloader {
    /// For a host that was just put together by this configuration.
    pub(crate) fn new(engine: Engine, config: &Config, host: Arc<Host>, kept: Kept) -> Self {
        let running = host.turns().bots();
        let bots = config.bots.iter().filter_map(|entry| {
            let bot = running.iter().find(|bot| *bot.name() == entry.name)?.clone();
            Some(Arc::new(Watched::new(entry.clone(), bot)))
        });
        let bots = RwLock::new(bots.collect());
        Self { engine, host, bots, changed: channel::Sender::new(()), kept }
    }

    /// What loads the plugins, and runs them.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Looks at the files of all bots whenever they change. Never ends; one task runs this.
    pub(crate) async fn run(self: Arc<Self>) {
        let (told, changes) = channel::channel(());
        let (files, seen_files) = channel::channel(Vec::new());
        let following = async {
            let mut changed = self.changed.subscribe();
            loop {
                let bots = self.bots();
                files.send_replace(bots.iter().map(|watched| watched.entry.plugin.clone()).collect());
                for watched in bots.into_iter().filter(|watched| watched.is_to_be_followed()) {
                    let (this, changes) = (self.clone(), changes.clone());
                    // Ends with `told`, and so with this.
                    drop(tokio::spawn(async move { this.follow(&watched, changes).await }));
                }
                // The sender is here, so there is no error.
                let _changed = changed.changed().await;
            }
        };
        let keeping = self.kept.follow(|| self.bots().iter().map(|watched| watched.bot.clone()).collect());
        tokio::join!(watch::run(seen_files, told), following, keeping);
    }

    async fn follow(&self, watched: &Watched, mut changes: channel::Receiver<()>) {
        // What came between the start and now counts too.
        changes.mark_changed();
        while changes.changed().await.is_ok() && !watched.is_retired() {
            let began = Instant::now();
            // Said in the log, and in the records of the bot. What is new serves without a rest.
            if let Ok(Reloaded::Applied(_)) = self.look(watched, false).await {
                continue;
            }
            // One that finds nothing is over at once: what is written beside the file must not hold up its rename.
            tokio::time::sleep((began.elapsed() * SHARE).min(REST)).await;
        }
    }

    /// Looks at a bot's file now.
    pub(crate) async fn reload(&self, name: &BotName) -> Result<Reloaded, ReloadError> {
        let watched = self.watched(name)?;
        self.look(&watched, true).await
    }

    /// Lets the generation before serve again.
    pub(crate) async fn roll_back(&self, name: &BotName) -> Result<u64, ReloadError> {
        let watched = self.watched(name)?;
        let bot = &watched.bot;
        match self.host.turns().roll_back(bot, "rolled back by the operator".to_owned()).await {
            Ok(None) => Err(ReloadError::NoneBefore),
            Ok(Some(number)) => {
                self.tell(bot, number);
                Ok(number)
            }
            Err(error) => {
                let number = bot.generation().number;
                self.tell(bot, number);
                tracing::error!(bot = %bot.name(), %error, "the state of the bot is not recorded");
                Ok(number)
            }
        }
    }

    fn bots(&self) -> Vec<Arc<Watched>> {
        self.bots.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One bot and its file.
    pub(crate) fn watched(&self, name: &BotName) -> Result<Arc<Watched>, ReloadError> {
        let found = self.bots().into_iter().find(|watched| watched.bot.name() == name);
        found.ok_or_else(|| ReloadError::Unknown(name.clone()))
    }

    /// Watches these bots from now on, and no longer those whose place they take or who are `gone`.
    pub(crate) fn watch(&self, new: Vec<Watched>, gone: &[BotName]) {
        let mut bots = self.bots.write().unwrap_or_else(PoisonError::into_inner);
        bots.retain(|old| {
            let name = old.bot.name();
            let goes = gone.contains(name) || new.iter().any(|new| new.bot.name() == name);
            if goes {
                old.retire();
            }
            !goes
        });
        bots.extend(new.into_iter().map(Arc::new));
        drop(bots);
        self.changed.send_replace(());
    }

    async fn look(&self, watched: &Watched, asked: bool) -> Result<Reloaded, ReloadError> {
        let Watched { entry, bot, .. } = watched;
        let began = Instant::now();
        let mut held = watched.hold().await;
        let seen = held.seen();
        let serving = || bot.generation().number;
        if watched.is_retired() {
            return Ok(Reloaded::Unchanged(serving()));
        }
        let mut stamp = Stamp::of(&entry.plugin);
        if !asked && (stamp == *seen || stamp.is_none()) {
            return Ok(Reloaded::Unchanged(serving()));
        }
        let refusal = loop {
            let (since, before) = (Instant::now(), serving());
            let staged = self.stage(entry, bot, asked).await;
            // What was read may be half of it; and the operator may have had another word meanwhile.
            let mut now = Stamp::of(&entry.plugin);
            if now != stamp && staged.as_ref().is_ok_and(|staged| self.is_still(entry, staged.as_ref())) {
                stamp = now;
            }
            if now == stamp && before == serving() {
                match staged {
                    Ok(Staged::Served) => {
                        *seen = stamp;
                        bot.generations.is_as_served();
                        return Ok(Reloaded::Unchanged(before));
                    }
                    Ok(Staged::Refused) => {
                        *seen = stamp;
                        return Ok(Reloaded::Unchanged(before));
                    }
                    Ok(Staged::New(component, bytes)) => match self.succeed(bot, component, before).await {
                        Ok(Some(number)) => {
                            *seen = stamp;
                            // Not that of what serves, which may be another one by now.
                            let digest = hodhod_engine::digest(&bytes);
                            self.keep(bot.name(), digest, bytes).await;
                            return Ok(Reloaded::Applied(number));
                        }
                        // It is looked at anew who serves.
                        Ok(None) => {}
                        Err(refusal) if refusal.is_the_hosts => return Err(self.put_off(bot, refusal)),
                        Err(refusal) => break refusal,
                    },
                    // The host's own trouble says nothing of the file, which is looked at again.
                    Err(refusal) if refusal.is_the_hosts => return Err(self.put_off(bot, refusal)),
                    Err(refusal) => {
                        while now == stamp && since.elapsed() < SETTLED {
                            tokio::time::sleep(LOOK).await;
                            now = Stamp::of(&entry.plugin);
                        }
                        if now == stamp {
                            break refusal;
                        }
                    }
                }
            } else if now != stamp
                && let Ok(Staged::New(component, _)) = &staged
            {
                tracing::info!(bot = %bot.name(), digest = %component.digest(), "another file took the place of a new build");
                bot.generations.supersede(component.digest().to_owned(), self.host.clock().now());
            }
            stamp = now;
            if began.elapsed() > LONGEST {
                return Err(ReloadError::Rejected("its file changes all the time".to_owned(), serving()));
            }
            tokio::time::sleep(LOOK).await;
        };
        *seen = stamp;
        let reason = clean(&refusal.reason, REASON);
        tracing::error!(
            bot = %bot.name(), generation = serving(),
            "a new build is not taken, and the old one serves on: {reason}"
        );
        bot.generations.reject(refusal.digest, reason.clone(), self.host.clock().now());
        Err(ReloadError::Rejected(reason, serving()))
    }

    fn put_off(&self, bot: &Bot, refusal: Refusal) -> ReloadError {
        tracing::warn!(bot = %bot.name(), "a new build cannot be taken now: {}", refusal.reason);
        ReloadError::Rejected(refusal.reason, bot.generation().number)
    }

    /// Lets a build take over, with what is stored, from the generation of this number. Gives its own number;
    /// `None` if that one does not serve any more.
    async fn succeed(&self, bot: &Arc<Bot>, component: Component, before: u64) -> Result<Option<u64>, Refusal> {
        let digest = component.digest().to_owned();
        let turns = self.host.turns();
        let build = turns.prepare_build(bot, Arc::new(component), &bot.actor()).await;
        let build = build.map_err(|error| Refusal {
            digest: digest.clone(),
            is_the_hosts: error.is_the_hosts(),
            reason: error.to_string(),
        })?;
        if bot.generation().number != before {
            return Ok(None);
        }
        let number = build.replace().await.map_err(|error| Refusal::hosts(error.to_string()))?;
        self.renew(bot, number).await;
        Ok(Some(number))
    }

    /// Keeps a build that began to serve, for a start of the host when another lies in its place.
    pub(crate) async fn keep(&self, bot: &BotName, digest: String, bytes: Vec<u8>) {
        let (kept, bot) = (self.kept.clone(), bot.clone());
        // It is in the log where that went wrong.
        let _panicked = spawn_blocking(move || kept.begins(&bot, &digest, &bytes)).await;
    }

    fn tell(&self, bot: &Bot, number: u64) {
        let digest = bot.generation().plugin.digest().to_owned();
        tracing::info!(bot = %bot.name(), generation = number, %digest, "a new generation serves");
    }

    async fn renew(&self, bot: &Bot, number: u64) {
        self.tell(bot, number);
        if let Err(error) = self.host.turns().renew(bot).await {
            tracing::error!(bot = %bot.name(), %error, "the state of the bot is not recorded");
        }
    }
}
