//! `hodhod chat`: the whole host in one terminal.
//!
//! A messenger's server on loopback, connections to it over real HTTP, the sandbox, and a person who
//! types. Nothing is simulated on the host's side: what answers here answers there.

mod divar;
mod messenger;
mod talk;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use hodhod_core::host::Retention;
use hodhod_core::outbox::{OnDoubt, Policy};
use hodhod_core::pace::Rate;
use hodhod_core::runtime::{Grants, Limits};
use hodhod_core::trace::Traces;
use hodhod_core::vault::Vaults;
use tokio::sync::watch;

use self::messenger::{Messenger, Platform};
use crate::admin::NoFile;
use crate::config::{BotEntry, Config, ConnectionConfig, HostConfig, HttpConfig};
use crate::reload::{Kept, Reloader};
use crate::serve::{Api, Wish, Wishes};
use crate::state_key::StateKey;
use crate::{accounts, log, serve, traces, wiring};

/// Talks to bots in this terminal.
#[derive(Debug, clap::Args)]
pub(super) struct Chat {
    /// Components to talk to; each is called by its file's name.
    #[arg(required = true, value_name = "FILE")]
    plugins: Vec<PathBuf>,
    /// The messenger to play.
    #[arg(long, value_enum, default_value_t)]
    platform: Platform,
    /// Keeps what the bots store in this folder, instead of forgetting it at the end.
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// A value of the bots' configuration; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Chat {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        log::start_quiet("error");
        super::runtime()?.block_on(self.chat())?;
        Ok(ExitCode::SUCCESS)
    }

    async fn chat(self) -> anyhow::Result<()> {
        let names = self.names()?;
        let messenger = Messenger::start(self.platform, &names).await?;
        let temporary = tempfile::tempdir().context("no temporary folder can be made")?;
        let state = self.state.clone().unwrap_or_else(|| temporary.path().join("state"));
        let config = self.config(&messenger, &names, temporary.path(), state)?;

        let vaults = Vaults::default();
        let platforms = accounts::open_all(&config, &vaults).map_err(first)?;
        let key = StateKey::open(&config.host.state)?;
        let mut engine = wiring::engine(&config)?;
        if self.state.is_some() {
            engine = engine.with_cache(wiring::cache(&config.host.state, &key)?);
        }
        let (plugins, _) = wiring::plugins(&engine, &config).map_err(first)?;
        let plugins = plugins.into_iter().map(Into::into).collect();
        let traces = Traces::unheard(traces::key(&key));
        let (host, store) = wiring::host(&config, platforms, plugins, &vaults, &key, traces)?;
        let host = Arc::new(host);
        let (wish, wishes) = watch::channel(Wish::Serve);
        let serving = tokio::spawn({
            let host = host.clone();
            let reloader = Arc::new(Reloader::new(engine, &config, host.clone(), Kept::new(&config.host.state)));
            let api = Api { settings: Arc::new(NoFile), token: None, newest: Arc::default() };
            async move { serve::serve(host, store, reloader, api, &config.host, Wishes(wishes)).await }
        });
        let result = tokio::select! {
            result = messenger.talk(&names, &host) => result,
            _ = tokio::signal::ctrl_c() => Ok(()),
        };
        drop(wish);
        serving.await??;
        result
    }

    fn names(&self) -> anyhow::Result<Vec<String>> {
        let mut names = Vec::new();
        for plugin in &self.plugins {
            let name = plugin.file_stem().and_then(|stem| stem.to_str());
            let name = name.with_context(|| format!("{} has no name", plugin.display()))?.to_owned();
            if names.contains(&name) {
                bail!("two plugins are called {name:?}");
            }
            names.push(name);
        }
        Ok(names)
    }

    /// The configuration that would be written for this, one connection a bot.
    fn config(&self, messenger: &Messenger, names: &[String], folder: &Path, state: PathBuf) -> anyhow::Result<Config> {
        let mut values = BTreeMap::new();
        for pair in &self.set {
            let (key, value) = pair.split_once('=').with_context(|| format!("{pair:?} is not KEY=VALUE"))?;
            values.insert(key.to_owned(), value.to_owned());
        }
        let fast = Rate::per_second(NonZeroU32::new(1000).unwrap_or(NonZeroU32::MIN));
        let policy = Policy {
            connection: fast,
            chat: fast,
            at_once: 16,
            on_doubt: OnDoubt::Resend,
            backoff: Duration::from_millis(100),
            longest_backoff: Duration::from_secs(5),
            give_up: Duration::from_secs(60),
            waiting_chat: 100,
            waiting: 100_000,
        };
        let mut connections = Vec::new();
        let mut bots = Vec::new();
        for (name, plugin) in names.iter().zip(&self.plugins) {
            let account = messenger.account(name, folder)?;
            connections.push(ConnectionConfig { name: name.as_str().into(), policy, account });
            bots.push(BotEntry {
                name: name.as_str().into(),
                plugin: plugin.clone(),
                digest: None,
                connections: vec![name.as_str().into()],
                config: values.clone(),
                grants: granted(self.platform),
                limits: Limits { backoff: Duration::from_millis(100), ..Limits::default() },
                http: HttpConfig::default(),
            });
        }
        let host = HostConfig {
            state,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            admin_token: None,
            grace: Duration::from_secs(2),
            workers: 1,
            turns: 32,
            retention: Retention::default(),
            // A person who waits in the terminal leaves nothing that others need.
            keep_free: 0,
            log: None,
            traces: None,
            webhooks: messenger.webhooks()?,
        };
        Ok(Config { host, connections, bots })
    }
}

fn first(problems: Vec<crate::config::Problem>) -> anyhow::Error {
    let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
    anyhow::anyhow!(texts.join("\n"))
}

/// What bots are granted where only this person is at stake.
fn granted(platform: Platform) -> Grants {
    let divar = platform == Platform::Divar;
    Grants { messenger: true, keyvalue: true, timers: true, files: true, divar, ..Grants::default() }
}
