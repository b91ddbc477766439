//! From the configuration to a host: connections, plugins, store, put together.

use std::collections::HashMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use hodhod_core::bot::Bot;
use hodhod_core::files::FileSeal;
use hodhod_core::host::Host;
use hodhod_core::ids::{ChatId, ConnectionName, SenderId};
use hodhod_core::platform::Platform;
use hodhod_core::trace::Traces;
use hodhod_core::turn::Actor;
use hodhod_core::vault::{VaultKey, Vaults};
use hodhod_engine::{Cache, ChildProcess, Compiler, Component, Engine, PoolSize};
use hodhod_platforms::{divar, soroush};
use hodhod_store::SqliteStore;
use tokio::runtime::Handle;

use crate::clock::SystemClock;
use crate::config::{BotEntry, Config, Problem};
use crate::plugin;
use crate::reload::Kept;
use crate::state_key::StateKey;

/// The verb by which the program compiles a component for itself.
pub(crate) const COMPILE: &str = "compile-component";

/// The chat with a person on a platform, where its id follows from theirs.
pub(crate) fn private_chat(platform: &str, user: &SenderId) -> Option<ChatId> {
    match platform {
        "soroush" => Some(soroush::private_chat(user)),
        "divar" => Some(divar::private_chat(user)),
        _ => None,
    }
}

/// What the turns of a bot need to know of it.
pub(crate) fn actor(
    entry: &BotEntry,
    platforms: &HashMap<ConnectionName, Arc<dyn Platform>>,
    host: &Host,
    seal: &FileSeal,
) -> Actor {
    let served = entry.connections.iter();
    let connections = served.filter_map(|name| Some((name.clone(), platforms.get(name)?.clone()))).collect();
    Actor::new(entry.name.clone(), connections, entry.limits.clone(), host.outboxes().clone()).with_seal(seal.clone())
}

/// Makes the names of files that bots are told.
pub(crate) fn seal(key: &StateKey) -> FileSeal {
    FileSeal::new(key.derive("files"))
}

/// Seals what connections keep of people.
pub(crate) fn vault_key(key: &StateKey) -> VaultKey {
    VaultKey::new(key.derive("vault"))
}

/// Where the bytes of files lie while turns read and upload them.
fn spool(config: &Config) -> PathBuf {
    config.host.state.join("spool")
}

/// An engine whose pool holds what the configuration asks for, and which compiles in another process.
/// It keeps nothing; see [`cache`].
pub(crate) fn engine(config: &Config) -> anyhow::Result<Engine> {
    let default = PoolSize::default();
    let largest = config.bots.iter().map(|bot| usize::try_from(bot.limits.memory).unwrap_or(usize::MAX)).max();
    let pool = PoolSize { turns: config.host.turns, memory: largest.unwrap_or(0).max(default.memory) };
    let child = ChildProcess::new(own_program().context("the program does not find itself")?, [COMPILE]);
    let engine = Engine::new(pool)?.with_compiler(Compiler::Child(child)).with_spool(spool(config));
    // Not in those of the threads that run turns, which a turn may leave.
    Ok(match Handle::try_current() {
        Ok(runtime) => engine.with_io(runtime),
        Err(_nothing_will_run) => engine,
    })
}

/// This very program, also if its file was replaced since it was started.
fn own_program() -> std::io::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() { Ok(running.to_owned()) } else { std::env::current_exe() }
}

/// Where compiled code is kept between two starts.
pub(crate) fn cache(state: &Path, key: &StateKey) -> std::io::Result<Cache> {
    Ok(Cache::new(std::path::absolute(state)?.join("cache"), key.derive("code")))
}

/// Loads the plugins of all bots, with warnings for the operator.
pub(crate) fn plugins(engine: &Engine, config: &Config) -> Result<(Vec<Component>, Vec<String>), Vec<Problem>> {
    let mut loaded = Vec::new();
    let mut warnings = Vec::new();
    let mut problems = Vec::new();
    for bot in &config.bots {
        match plugin::load(engine, bot) {
            Ok((component, of_bot)) => {
                loaded.push(component);
                warnings.extend(of_bot);
            }
            Err(of_bot) => problems.extend(of_bot),
        }
    }
    if problems.is_empty() { Ok((loaded, warnings)) } else { Err(problems) }
}

/// What a bot begins with.
pub(crate) struct First {
    serves: Component,
    /// What served in an earlier run, where that was another build.
    before: Option<Component>,
}

impl From<Component> for First {
    fn from(serves: Component) -> Self {
        Self { serves, before: None }
    }
}

/// Loads the plugins of all bots for a host that is to serve. Where a bot's file is no good, what was kept
/// of it in an earlier run serves on; where nothing was, that is a problem.
pub(crate) fn plugins_or_kept(engine: &Engine, config: &Config, kept: &Kept) -> Result<Vec<First>, Vec<Problem>> {
    let mut loaded = Vec::new();
    let mut problems = Vec::new();
    for bot in &config.bots {
        match first(engine, bot, kept) {
            Ok(first) => loaded.push(first),
            Err(of_bot) => problems.extend(of_bot),
        }
    }
    if problems.is_empty() { Ok(loaded) } else { Err(problems) }
}

fn first(engine: &Engine, bot: &BotEntry, kept: &Kept) -> Result<First, Vec<Problem>> {
    let bytes = plugin::read_of(bot)?;
    let digest = hodhod_engine::digest(&bytes);
    let others = || kept.others(&bot.name, &digest).find_map(|bytes| plugin::load_bytes(engine, bot, &bytes).ok());
    match plugin::load_bytes(engine, bot, &bytes) {
        Ok((serves, warnings)) => {
            warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
            let before = others().map(|(component, _warned)| component);
            kept.begins(&bot.name, &digest, &bytes);
            Ok(First { serves, before })
        }
        Err(problems) => {
            let Some((serves, _warned)) = others() else { return Err(problems) };
            for problem in &problems {
                tracing::error!(bot = %bot.name, "the build before its file serves: {problem}");
            }
            Ok(serves.into())
        }
    }
}

/// Puts a host together, and opens the vaults of its connections.
pub(crate) fn host(
    config: &Config,
    platforms: Vec<Arc<dyn Platform>>,
    plugins: Vec<First>,
    vaults: &Vaults,
    key: &StateKey,
    traces: Traces,
) -> anyhow::Result<(Host, Arc<SqliteStore>)> {
    let options = hodhod_store::Options { keep_free: config.host.keep_free, ..hodhod_store::Options::default() };
    let store = SqliteStore::open(&config.host.state, &options)
        .with_context(|| format!("the state folder {} cannot be used", config.host.state.display()))?;
    let store = Arc::new(store);
    let spool = spool(config);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&spool)
        .with_context(|| format!("the folder {} cannot be made", spool.display()))?;
    let (clock, turns) = (Arc::new(SystemClock::new()), config.host.turns as usize);
    vaults.open(store.clone(), clock.clone(), vault_key(key));
    let mut host = Host::traced(store.clone(), clock, config.host.workers, turns, traces);
    host.set_retention(config.host.retention);
    host.set_vaults(vaults.clone());
    let seal = seal(key);
    let mut by_name = HashMap::new();
    for (connection, platform) in config.connections.iter().zip(platforms) {
        by_name.insert(connection.name.clone(), platform.clone());
        host.add_connection(connection.name.clone(), platform, connection.policy);
    }
    for (entry, plugin) in config.bots.iter().zip(plugins) {
        let bot = host.add_bot(Bot::new(actor(entry, &by_name, &host, &seal), Arc::new(plugin.serves)));
        if let Some(before) = plugin.before {
            bot.generations.set_before(Arc::new(before));
        }
    }
    Ok((host, store))
}
