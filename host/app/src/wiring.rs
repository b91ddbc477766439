//! From the configuration to a host: connections, plugins, store, put together.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context;
use hodhod_core::bot::Bot;
use hodhod_core::host::Host;
use hodhod_core::limits::COMPONENT;
use hodhod_core::platform::Platform;
use hodhod_core::runtime::{Grants, Setup};
use hodhod_core::turn::Actor;
use hodhod_engine::{Component, Engine, PoolSize};
use hodhod_platforms::soroush::{Options, Soroush, SoroushConfig};
use hodhod_store::SqliteStore;

use crate::clock::SystemClock;
use crate::config::{BotEntry, Config, ConnectionConfig, Problem};
use crate::secret;

/// Makes the connections. Nothing is connected yet.
pub(crate) fn connections(config: &Config) -> Result<Vec<Arc<dyn Platform>>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut platforms: Vec<Arc<dyn Platform>> = Vec::new();
    for connection in &config.connections {
        match soroush(connection) {
            Ok(platform) => platforms.push(Arc::new(platform)),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(platforms) } else { Err(problems) }
}

fn soroush(config: &ConnectionConfig) -> Result<Soroush, Problem> {
    let at = format!("connections.{}", config.name);
    let token = secret::read(&config.token).map_err(|what| Problem::new(format!("{at}.token"), what))?;
    let default = Options::default();
    let options = Options {
        base_url: config.base_url.clone().unwrap_or(default.base_url.clone()),
        get_message_prefix: config.get_message_prefix.clone(),
        max_age: config.max_age,
        ..default
    };
    Soroush::new(SoroushConfig { name: config.name.clone(), token, options })
        .map_err(|error| Problem::new(at, error.to_string()))
}

/// An engine whose pool holds what the configuration asks for.
pub(crate) fn engine(config: &Config) -> anyhow::Result<Engine> {
    let default = PoolSize::default();
    let largest = config.bots.iter().map(|bot| usize::try_from(bot.limits.memory).unwrap_or(usize::MAX)).max();
    let pool = PoolSize { turns: config.host.turns, memory: largest.unwrap_or(0).max(default.memory) };
    Ok(Engine::new(pool)?)
}

/// Loads the plugin of one bot.
pub(crate) fn plugin(engine: &Engine, bot: &BotEntry) -> Result<Component, Problem> {
    let at = format!("bots.{}", bot.name);
    let path = bot.plugin.display();
    let unreadable =
        |error: std::io::Error| Problem::new(format!("{at}.plugin"), format!("{path} cannot be read: {error}"));
    let size = std::fs::metadata(&bot.plugin).map_err(unreadable)?.len();
    if size > COMPONENT {
        let what = format!("{path} has {size} bytes; a plugin may have {COMPONENT}");
        return Err(Problem::new(format!("{at}.plugin"), what));
    }
    let bytes = std::fs::read(&bot.plugin).map_err(unreadable)?;
    let policy = bot.http.policy()?;
    let setup =
        Setup { grants: bot.grants, limits: bot.limits.clone(), config: bot.config.clone(), http: Arc::new(policy) };
    Component::load(engine, &bytes, setup).map_err(|error| {
        let problem = Problem::new(&at, format!("{path}: {error}"));
        match error {
            hodhod_engine::LoadError::NotGranted { missing, .. } => problem.write(grants_line(bot, &missing)),
            _ => problem,
        }
    })
}

/// The line of grants that the bot has, with those that are missing.
fn grants_line(bot: &BotEntry, missing: &[&str]) -> String {
    let usual = Grants::default();
    let wanted = Grants::NAMES.map(|name| (name, bot.grants.has(name) || missing.contains(&name)));
    let unusual = wanted.into_iter().filter(|(name, wanted)| *wanted != usual.has(name));
    let line =
        |(name, wanted): (&str, bool)| if name == "http" { bot.http.line() } else { format!("{name} = {wanted}") };
    let list: Vec<_> = unusual.map(line).collect();
    format!("grants = {{ {} }}", list.join(", "))
}

/// Loads the plugins of all bots.
pub(crate) fn plugins(engine: &Engine, config: &Config) -> Result<Vec<Component>, Vec<Problem>> {
    let mut loaded = Vec::new();
    let mut problems = Vec::new();
    for bot in &config.bots {
        match plugin(engine, bot) {
            Ok(component) => loaded.push(component),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(loaded) } else { Err(problems) }
}

/// Puts a host together.
pub(crate) fn host(
    config: &Config,
    platforms: Vec<Arc<dyn Platform>>,
    plugins: Vec<Component>,
) -> anyhow::Result<(Host, Arc<SqliteStore>)> {
    let store = SqliteStore::open(&config.host.state, &hodhod_store::Options::default())
        .with_context(|| format!("the state folder {} cannot be used", config.host.state.display()))?;
    let store = Arc::new(store);
    let mut host =
        Host::new(store.clone(), Arc::new(SystemClock::new()), config.host.workers, config.host.turns as usize);
    let mut by_name = HashMap::new();
    for (connection, platform) in config.connections.iter().zip(platforms) {
        by_name.insert(connection.name.clone(), platform.clone());
        host.add_connection(connection.name.clone(), platform, connection.policy);
    }
    for (entry, plugin) in config.bots.iter().zip(plugins) {
        let connections = entry
            .connections
            .iter()
            .filter_map(|name| by_name.get(name).map(|platform| (name.clone(), platform.clone())))
            .collect();
        let outboxes = host.outboxes().clone();
        let actor = Actor::new(entry.name.clone(), connections, entry.limits.clone(), outboxes);
        host.add_bot(Bot::new(actor, Arc::new(plugin)));
    }
    Ok((host, store))
}
