//! The configuration of a host that runs, read anew: what differs is applied, and nothing else is touched.
//!
//! All of it is checked before any of it is applied: the file, the credentials, the plugins of the bots that
//! are new or changed, up to their beginning. If anything is wrong nothing changes, and the log and
//! `hodhod status` say what. Then connections that go are closed, accounts and bots take their places, and
//! new accounts are received from last, so that nothing is received that has nowhere to go.

mod difference;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hodhod_core::bot::Bot;
use hodhod_core::files::FileSeal;
use hodhod_core::host::{Host, PreparedBot, PreparedConnection};
use hodhod_core::ids::{BotName, ConnectionName};
use hodhod_core::platform::Platform;
use hodhod_core::runtime::Plugin;
use hodhod_core::status::Configuration;
use hodhod_core::turn::Actor;
use hodhod_core::turns::Successor;
use hodhod_core::vault::Vaults;
use hodhod_engine::{Component, Engine};
use tokio::sync::Mutex;

use self::difference::Difference;
use crate::config::{self, BotEntry, Config, HostConfig, Problem};
use crate::reload::{Held, Reloader, Watched, aside};
use crate::{accounts, plugin, wiring};

pub(crate) use self::difference::Settings;

/// How long the store may take to tell what earlier runs left.
const TAKE_UP: Duration = Duration::from_secs(60);

/// Rereads the configuration of a host.
pub(crate) struct Rereader {
    file: PathBuf,
    engine: Engine,
    host: Arc<Host>,
    seal: FileSeal,
    vaults: Vaults,
    reloader: Arc<Reloader>,
    /// What the host runs with.
    settings: Mutex<Settings>,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reread {
    /// What was added, changed and removed, in words.
    pub(crate) done: Vec<String>,
    /// What takes a restart of the host.
    pub(crate) pending: Vec<String>,
}

/// What takes its place in one step.
#[derive(Default)]
struct Prepared {
    connections: Vec<PreparedConnection>,
    /// Each with the digest of its build, and its file.
    bots: Vec<(BotEntry, String, Vec<u8>, Next)>,
    /// What the builds of those made of what is stored. No turn of a bot that migrates begins while there is this.
    builds: Vec<Successor>,
}

/// A bot as it is to be.
enum Next {
    Changed { bot: Arc<Bot>, plugin: Arc<Component>, actor: Arc<Actor> },
    Added(PreparedBot),
}

/// A bot that is to be added or changed, with all that was loaded for it.
struct Ready {
    entry: BotEntry,
    actor: Arc<Actor>,
    component: Component,
    bytes: Vec<u8>,
}

impl Rereader {
    /// For a host that was just put together by these settings, which were read from `file`.
    pub(crate) fn new(
        file: PathBuf,
        settings: Settings,
        engine: Engine,
        host: Arc<Host>,
        seal: FileSeal,
        vaults: Vaults,
        reloader: Arc<Reloader>,
    ) -> Self {
        Self { file, engine, host, seal, vaults, reloader, settings: Mutex::new(settings) }
    }

    /// Reads the configuration and applies what differs. One after the other, where it is asked for again
    /// meanwhile.
    ///
    /// # Errors
    /// When nothing of it is taken: all that is wrong.
    pub(crate) async fn reread(&self) -> Result<Reread, Vec<Problem>> {
        self.host.restored().await;
        let mut settings = self.settings.lock().await;
        let done = self.apply(&mut settings).await;
        let (read, text) = (self.host.clock().now(), |problems: &[Problem]| {
            problems.iter().map(ToString::to_string).collect::<Vec<_>>()
        });
        match &done {
            Ok(reread) => {
                for what in &reread.done {
                    tracing::info!("configuration: {what}");
                }
                for what in &reread.pending {
                    tracing::warn!("configuration: {what}");
                }
                let what = if reread.done.is_empty() { "nothing to apply" } else { "applied" };
                tracing::info!(file = %self.file.display(), "configuration: {what}");
                let pending = reread.pending.clone();
                self.host.set_configuration(Configuration { read, refused: Vec::new(), pending });
            }
            Err(problems) => {
                let refused = text(problems);
                for what in &refused {
                    tracing::error!("configuration: {what}");
                }
                tracing::error!(file = %self.file.display(), "the configuration is not taken; the host goes on as before");
                let pending = self.host.configuration().pending;
                self.host.set_configuration(Configuration { read, refused, pending });
            }
        }
        done
    }

    async fn apply(&self, settings: &mut Settings) -> Result<Reread, Vec<Problem>> {
        let new = Settings::of(config::load(&self.file)?);
        let difference = Difference::between(settings, &new);
        let pending = difference.pending.clone();
        if difference.is_empty() {
            *settings = new.with_host_of(settings);
            return Ok(Reread { done: Vec::new(), pending });
        }
        // Until all is applied no build of these bots is looked at for what they may use no more.
        let mut held: Vec<Held> = Vec::new();
        for name in difference.bots_touched() {
            if let Ok(watched) = self.reloader.watched(name) {
                held.push(watched.hold().await);
            }
        }
        let platforms = self.platforms(&new.config, &settings.config.host, &difference)?;
        let ready = self.prepare(&new.config, &difference, &platforms).await?;
        let prepared = self.take_up(&new.config, &difference, &platforms, ready);
        let prepared = tokio::time::timeout(TAKE_UP, prepared).await.unwrap_or(Err("it refuses".to_owned()));
        let problem = |what: String| vec![Problem::new(self.file.display().to_string(), what)];
        let mut prepared =
            prepared.map_err(|what| problem(format!("the store cannot be used now: {what}; nothing is changed")))?;
        self.migrate(&mut prepared).await?;
        self.swap(&new, &difference, &platforms, prepared).await.map_err(problem)?;
        drop(held);
        *settings = new.with_host_of(settings);
        Ok(Reread { done: difference.words(), pending })
    }

    /// The account of every connection there is to be: new ones where something about it differs.
    fn platforms(
        &self,
        new: &Config,
        host: &HostConfig,
        difference: &Difference,
    ) -> Result<HashMap<ConnectionName, Arc<dyn Platform>>, Vec<Problem>> {
        let running = self.host.connections();
        let mut platforms: HashMap<ConnectionName, Arc<dyn Platform>> =
            running.into_iter().map(|(connection, _)| (connection.name, connection.platform)).collect();
        let mut problems = Vec::new();
        for connection in new.connections.iter().filter(|connection| difference.opens(&connection.name)) {
            match accounts::open(connection, host, &self.vaults) {
                Ok(platform) => drop(platforms.insert(connection.name.clone(), platform)),
                Err(of_connection) => problems.extend(of_connection),
            }
        }
        if problems.is_empty() { Ok(platforms) } else { Err(problems) }
    }

    /// Loads and begins the plugins of bots that are new or changed.
    async fn prepare(
        &self,
        new: &Config,
        difference: &Difference,
        platforms: &HashMap<ConnectionName, Arc<dyn Platform>>,
    ) -> Result<Vec<Ready>, Vec<Problem>> {
        let mut ready = Vec::new();
        let mut problems = Vec::new();
        for entry in new.bots.iter().filter(|entry| difference.loads(&entry.name)) {
            let at = format!("bots.{}", entry.name);
            let bot = self.reloader.watched(&entry.name).ok().map(|watched| watched.bot().clone());
            // One that was here before goes on with what it has used, and is reached by the same orders.
            let before = bot.clone().or_else(|| self.host.turns().former(&entry.name));
            let actor = self.actor(entry, platforms, before.as_deref());
            let (engine, of) = (self.engine.clone(), entry.clone());
            let load = move || {
                let bytes = plugin::read_of(&of)?;
                plugin::load_bytes(&engine, &of, &bytes).map(|(component, warnings)| (component, warnings, bytes))
            };
            let loaded = match aside(load).await {
                Ok(loaded) => loaded,
                Err(what) => Err(vec![Problem::new(&at, what)]),
            };
            let (component, warnings, bytes) = match loaded {
                Ok(loaded) => loaded,
                Err(wrong) => {
                    problems.extend(wrong);
                    continue;
                }
            };
            warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
            // What serves may be an older build that the file has no more: a bad one is not let in by this door.
            if bot.is_some_and(|bot| bot.generations.has_taken_back(component.digest())) {
                let what = format!("{} is a build that was taken back: put a good one there", entry.plugin.display());
                problems.push(Problem::new(format!("{at}.plugin"), what));
                continue;
            }
            if let Err((reason, _)) = self.reloader.probe(&component, &actor).await {
                problems.push(Problem::new(format!("{at}.plugin"), reason));
                continue;
            }
            ready.push(Ready { entry: entry.clone(), actor, component, bytes });
        }
        if problems.is_empty() { Ok(ready) } else { Err(problems) }
    }

    /// Takes up what earlier runs of the host left for what is new.
    async fn take_up(
        &self,
        new: &Config,
        difference: &Difference,
        platforms: &HashMap<ConnectionName, Arc<dyn Platform>>,
        ready: Vec<Ready>,
    ) -> Result<Prepared, String> {
        let mut prepared = Prepared::default();
        for connection in new.connections.iter().filter(|connection| difference.relinks(&connection.name)) {
            let Some(platform) = platforms.get(&connection.name).cloned() else { continue };
            let found = self.host.prepare_connection(connection.name.clone(), platform, connection.policy).await;
            prepared.connections.push(found.map_err(|error| error.to_string())?.0);
        }
        for Ready { entry, actor, component, bytes } in ready {
            let (digest, plugin) = (component.digest().to_owned(), Arc::new(component));
            let running = self.reloader.watched(&entry.name).ok().map(|watched| watched.bot().clone());
            let next = match running {
                Some(bot) => Next::Changed { bot, plugin, actor },
                None => {
                    let bot = self.host.prepare_bot(Bot::shared(actor, plugin)).await;
                    Next::Added(bot.map_err(|error| error.to_string())?)
                }
            };
            prepared.bots.push((entry, digest, bytes, next));
        }
        Ok(prepared)
    }

    /// Migrates what bots have stored whose build is another one. Nothing of it is seen before they take over.
    async fn migrate(&self, prepared: &mut Prepared) -> Result<(), Vec<Problem>> {
        for (entry, .., next) in &prepared.bots {
            let (bot, plugin, actor) = match next {
                Next::Changed { bot, plugin, actor } => (bot, plugin.clone() as Arc<dyn Plugin>, actor.clone()),
                Next::Added(added) => {
                    let generation = added.bot().generation();
                    (added.bot(), generation.plugin.clone(), generation.actor.clone())
                }
            };
            let build = self.host.turns().prepare_build(bot, plugin, &actor).await;
            let at = || format!("bots.{}.plugin", entry.name);
            prepared.builds.push(build.map_err(|error| vec![Problem::new(at(), error.to_string())])?);
        }
        Ok(())
    }

    /// Lets what was prepared take its place, all of it in one step for whoever hands over an event.
    async fn swap(
        &self,
        new: &Settings,
        difference: &Difference,
        platforms: &HashMap<ConnectionName, Arc<dyn Platform>>,
        mut prepared: Prepared,
    ) -> Result<(), String> {
        let (host, turns) = (&self.host, self.host.turns());
        // What was read there goes to the bots that serve it now.
        for (at, name) in difference.closed.iter().enumerate() {
            if !host.close_connection(name).await {
                for (name, platform) in
                    difference.closed.iter().take(at).filter_map(|name| platforms.get_key_value(name))
                {
                    host.open_connection(name, platform.clone());
                }
                return Err(format!("connection {name} cannot store what it has read; nothing is changed, read again"));
            }
        }
        let reopen = || {
            for (name, platform) in difference.closed.iter().filter_map(|name| platforms.get_key_value(name)) {
                host.open_connection(name, platform.clone());
            }
        };
        if let Err(error) = turns.store_builds(&mut prepared.builds).await {
            reopen();
            return Err(format!("the store cannot be used now: {error}; nothing is changed"));
        }
        let stored = std::mem::take(&mut prepared.builds);
        let taken_back = |(entry, digest, _, next): &(BotEntry, String, Vec<u8>, Next)| match next {
            Next::Changed { bot, .. } if bot.generations.has_taken_back(digest) => Some(entry.name.clone()),
            _ => None,
        };
        let (mut watched, mut records, mut builds) = (Vec::new(), Vec::new(), Vec::new());
        let swapped = turns.at_once(|| {
            // It may have failed meanwhile.
            if let Some(name) = prepared.bots.iter().find_map(taken_back) {
                return Err(format!("bots.{name}.plugin: it was taken back just now; nothing is changed"));
            }
            prepared.connections.into_iter().for_each(|connection| host.install_connection(connection));
            for (entry, digest, bytes, next) in prepared.bots {
                let bot = match next {
                    Next::Changed { bot, plugin, actor } => {
                        records.push(turns.reconfigure(&bot, plugin, actor));
                        bot
                    }
                    Next::Added(bot) => host.install_bot(bot),
                };
                builds.push((entry.name.clone(), digest, bytes));
                watched.push(Watched::new(entry, bot));
            }
            for entry in new.config.bots.iter().filter(|entry| difference.reconnects(&entry.name)) {
                if let Ok(watched) = self.reloader.watched(&entry.name) {
                    turns.reconnect(watched.bot(), self.actor(entry, platforms, Some(watched.bot())));
                }
            }
            for name in &difference.removed {
                turns.remove_bot(name);
            }
            for name in &difference.closed {
                host.remove_connection(name);
            }
            self.reloader.watch(watched, &difference.removed);
            Ok(())
        });
        if let Err(why) = swapped {
            reopen();
            for build in stored {
                let bot = build.bot().clone();
                drop(build);
                // The bots go on with what there is, as after a roll back.
                turns.record_build(&bot).await.map_err(|error| format!("{why}; {error}"))?;
            }
            return Err(why);
        }
        stored.into_iter().for_each(Successor::begin);
        for name in &difference.opened {
            if let Some(platform) = platforms.get(name) {
                host.open_connection(name, platform.clone());
            }
        }
        for record in records {
            if let Err(error) = record.await {
                tracing::error!(%error, "the state of a bot is not recorded");
            }
        }
        for (bot, digest, bytes) in builds {
            self.reloader.keep(&bot, digest, bytes).await;
        }
        Ok(())
    }

    fn actor(
        &self,
        entry: &BotEntry,
        platforms: &HashMap<ConnectionName, Arc<dyn Platform>>,
        before: Option<&Bot>,
    ) -> Arc<Actor> {
        let actor = wiring::actor(entry, platforms, &self.host, &self.seal);
        Arc::new(match before {
            Some(bot) => actor.in_place_of(&bot.actor()),
            None => actor,
        })
    }
}

impl Difference {
    /// The bots of which no build may be looked at while this is applied.
    fn bots_touched(&self) -> impl Iterator<Item = &BotName> {
        self.changed.iter().chain(&self.removed).chain(&self.reconnected)
    }
}
