//! New builds of plugins while the host runs: stage → compile → link → probe → swap → probation.
//!
//! Until the swap a new build has touched nothing: the generation that serves goes on serving, and
//! if a step fails it goes on after it, with a record that says why. The steps of one bot come one
//! after the other, so what is newest is what is looked at last. A file may be half written when it
//! is looked at; it is not believed to be wrong before it has stayed as it is for a while.

mod stamp;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use hodhod_core::bot::Bot;
use hodhod_core::generations::Record;
use hodhod_core::host::Host;
use hodhod_core::ids::BotName;
use hodhod_core::text::clean;
use hodhod_core::turn::Turn;
use hodhod_engine::{Component, Engine};
use thiserror::Error;
use tokio::sync::{Mutex, oneshot, watch as channel};
use tokio::time::Instant;

use self::stamp::Stamp;
use crate::config::{BotEntry, Config};
use crate::plugin;

/// How long a file has to stay as it is before it is believed to be wrong.
const SETTLED: Duration = Duration::from_millis(500);

/// How often a file is looked at meanwhile, and the least time between two looks at one that changes
/// all the time.
const LOOK: Duration = Duration::from_millis(20);

/// Longest reason that is kept, in bytes.
const REASON: usize = 600;

/// The part of the time that looking at such a file may take.
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
    bots: Vec<Arc<Watched>>,
}

/// One bot and its file.
struct Watched {
    entry: BotEntry,
    bot: Arc<Bot>,
    /// How the file was when it was last looked at to the end.
    seen: Mutex<Option<Stamp>>,
}

impl Reloader {
    /// For a host that was just put together by this configuration.
    pub(crate) fn new(engine: Engine, config: &Config, host: Arc<Host>) -> Self {
        let running = host.turns().bots();
        let bots = config.bots.iter().filter_map(|entry| {
            let bot = running.iter().find(|bot| *bot.name() == entry.name)?.clone();
            Some(Arc::new(Watched { entry: entry.clone(), bot, seen: Mutex::default() }))
        });
        let bots = bots.collect();
        Self { engine, host, bots }
    }

    /// Looks at the files of all bots whenever they change. Never ends; one task runs this.
    pub(crate) async fn run(self: Arc<Self>) {
        let (told, changes) = channel::channel(());
        for watched in &self.bots {
            let (this, watched, changes) = (self.clone(), watched.clone(), changes.clone());
            // Ends with `told`, and so with this.
            drop(tokio::spawn(async move { this.follow(&watched, changes).await }));
        }
        let files = self.bots.iter().map(|watched| watched.entry.plugin.clone()).collect();
        watch::run(files, told).await;
    }

    async fn follow(&self, watched: &Watched, mut changes: channel::Receiver<()>) {
        // What came between the start and now counts too.
        changes.mark_changed();
        while changes.changed().await.is_ok() {
            let began = Instant::now();
            // Said in the log, and in the records of the bot.
            let _told = self.look(watched, false).await;
            tokio::time::sleep(LOOK.max(began.elapsed() * SHARE).min(SETTLED)).await;
        }
    }

    /// Looks at a bot's file now.
    pub(crate) async fn reload(&self, name: &BotName) -> Result<Reloaded, ReloadError> {
        self.look(self.watched(name)?, true).await
    }

    /// Lets the generation before serve again.
    pub(crate) async fn roll_back(&self, name: &BotName) -> Result<u64, ReloadError> {
        let watched = self.watched(name)?;
        let reason = "rolled back by the operator".to_owned();
        let number =
            watched.bot.generations.roll_back(reason, self.host.clock().now()).ok_or(ReloadError::NoneBefore)?;
        self.renew(&watched.bot, number).await;
        Ok(number)
    }

    /// What became of each file of a bot, the oldest first.
    pub(crate) fn records(&self, name: &BotName) -> Result<Vec<Record>, ReloadError> {
        Ok(self.watched(name)?.bot.generations.records())
    }

    fn watched(&self, name: &BotName) -> Result<&Watched, ReloadError> {
        let found = self.bots.iter().find(|watched| watched.bot.name() == name);
        found.map(Arc::as_ref).ok_or_else(|| ReloadError::Unknown(name.clone()))
    }

    async fn look(&self, watched: &Watched, asked: bool) -> Result<Reloaded, ReloadError> {
        let Watched { entry, bot, seen } = watched;
        let mut seen = seen.lock().await;
        let serving = || bot.generation().number;
        let mut since = (Stamp::of(&entry.plugin), Instant::now());
        if !asked && (since.0 == *seen || since.0.is_none()) {
            return Ok(Reloaded::Unchanged(serving()));
        }
        let (digest, reason) = loop {
            let problem = match self.stage(entry, bot, asked).await {
                Ok(None) => {
                    *seen = since.0;
                    return Ok(Reloaded::Unchanged(serving()));
                }
                Ok(Some(component)) => {
                    *seen = since.0;
                    let number = bot.generations.replace(Arc::new(component), self.host.clock().now());
                    self.renew(bot, number).await;
                    return Ok(Reloaded::Applied(number));
                }
                Err(problem) => problem,
            };
            if since.1.elapsed() >= SETTLED {
                break problem;
            }
            tokio::time::sleep(LOOK).await;
            let stamp = Stamp::of(&entry.plugin);
            if stamp != since.0 {
                since = (stamp, Instant::now());
            }
        };
        *seen = since.0;
        let reason = clean(&reason, REASON);
        tracing::error!(bot = %bot.name(), generation = serving(), "a new build is not taken, and the old one serves on: {reason}");
        bot.generations.reject(digest, reason.clone(), self.host.clock().now());
        Err(ReloadError::Rejected(reason, serving()))
    }

    /// Everything that can be done before a swap: `None` where the file is what serves, or what was refused
    /// before and nobody asked for. An error comes with the digest of the file.
    async fn stage(
        &self,
        entry: &BotEntry,
        bot: &Arc<Bot>,
        asked: bool,
    ) -> Result<Option<Component>, (String, String)> {
        let (engine, entry) = (self.engine.clone(), entry.clone());
        let refused = bot.generations.trouble().filter(|_| !asked).map(|trouble| trouble.digest);
        let known = [Some(bot.generation().plugin.digest().to_owned()), refused];
        let (told, done) = oneshot::channel();
        // A thread of its own: its priority is lowered, which cannot be undone.
        let started = std::thread::Builder::new().name("hodhod-load".to_owned()).spawn(move || {
            hodhod_engine::lowest_priority();
            // Nobody listens where the host stops.
            let _gone = told.send(load(&engine, &entry, &known));
        });
        if let Err(error) = started {
            return Err((String::new(), format!("no thread can be started to load it: {error}")));
        }
        let loaded =
            done.await.unwrap_or_else(|_gone| Err((String::new(), "the loading of it panicked".to_owned())))?;
        let Some((component, digest)) = loaded else { return Ok(None) };
        let rehearsal = Turn::rehearsal(bot.actor.clone(), self.host.clock().now());
        match component.probe(rehearsal).await {
            Ok(()) => Ok(Some(component)),
            Err(failure) => Err((digest, format!("it does not begin: {failure}"))),
        }
    }

    async fn renew(&self, bot: &Bot, number: u64) {
        let digest = bot.generation().plugin.digest().to_owned();
        tracing::info!(bot = %bot.name(), generation = number, %digest, "a new generation serves");
        if let Err(error) = self.host.turns().renew(bot).await {
            tracing::error!(bot = %bot.name(), %error, "the state of the bot is not recorded");
        }
    }
}

/// Reads, compiles and links a bot's file, with its digest; `None` where it is known.
fn load(
    engine: &Engine,
    entry: &BotEntry,
    known: &[Option<String>],
) -> Result<Option<(Component, String)>, (String, String)> {
    let path = entry.plugin.display();
    let bytes = plugin::read(&entry.plugin).map_err(|what| (String::new(), format!("{path}: {what}")))?;
    let digest = hodhod_engine::digest(&bytes);
    if known.iter().flatten().any(|known| *known == digest) {
        return Ok(None);
    }
    match plugin::load_bytes(engine, entry, &bytes) {
        Ok((component, warnings)) => {
            warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
            Ok(Some((component, digest)))
        }
        Err(problems) => {
            let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
            Err((digest, problems.join("; ")))
        }
    }
}
