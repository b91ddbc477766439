//! `hodhod run`.

use std::process::ExitCode;
use std::sync::Arc;

use hodhod_core::trace::Traces;
use hodhod_core::vault::Vaults;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::{ConfigFile, output};
use crate::reload::{Kept, Reloader};
use crate::reread::{Rereader, Settings};
use crate::serve::{Api, Wish, Wishes};
use crate::state_key::StateKey;
use crate::{accounts, admin, config, log, serve, traces, wiring};

/// Runs the host.
#[derive(Debug, clap::Args)]
pub(super) struct Run {
    #[command(flatten)]
    file: ConfigFile,
}

impl Run {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let config = match config::load(&self.file.config) {
            Ok(config) => config,
            Err(problems) => return Ok(wrong(&problems)),
        };
        let newest = log::start(config.host.log);
        // Before the credentials are read: one that changes meanwhile is another at the next look.
        let settings = Settings::of(config.clone());
        let vaults = Vaults::default();
        let loaded = accounts::open_all(&config, &vaults).and_then(|platforms| {
            let token = admin::token(&config.host).map_err(|problem| vec![problem])?;
            Ok((platforms, token))
        });
        let (platforms, token) = match loaded {
            Ok(loaded) => loaded,
            Err(problems) => return Ok(wrong(&problems)),
        };
        let key = StateKey::open(&config.host.state)?;
        let runtime = super::runtime()?;
        let in_runtime = runtime.enter();
        // Before anything takes long, so that no signal is missed.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let hangup = signal(SignalKind::hangup())?;
        let engine = wiring::engine(&config)?.with_cache(wiring::cache(&config.host.state, &key)?);
        drop(in_runtime);
        let kept = Kept::new(&config.host.state);
        let plugins = match wiring::plugins_or_kept(&engine, &config, &kept) {
            Ok(plugins) => plugins,
            Err(problems) => return Ok(wrong(&problems)),
        };
        runtime.block_on(async {
            let (wish, wishes) = watch::channel(Wish::Serve);
            tokio::spawn(async move {
                for wanted in [Wish::Drain, Wish::Cut] {
                    tokio::select! {
                        _ = terminate.recv() => tracing::info!(?wanted, "SIGTERM"),
                        _ = interrupt.recv() => tracing::info!(?wanted, "interrupted"),
                    }
                    wish.send_replace(wanted);
                }
                // Whoever could wish must not be gone before the end.
                wish.closed().await;
            });
            let trace_key = traces::key(&key);
            let (traces, exporter) = match &config.host.traces {
                None => (Traces::unheard(trace_key), None),
                Some(config) => match traces::start(config, trace_key) {
                    Ok((traces, exporter)) => (traces, Some(exporter)),
                    Err(problem) => return Ok(wrong(&[problem])),
                },
            };
            let (host, store) = wiring::host(&config, platforms, plugins, &vaults, &key, traces)?;
            let host = Arc::new(host);
            let reloader = Arc::new(Reloader::new(engine.clone(), &config, host.clone(), kept));
            let at = config.host.clone();
            let (file, seal) = (self.file.config, wiring::seal(&key));
            let rereader =
                Arc::new(Rereader::new(file, settings, engine, host.clone(), seal, vaults, reloader.clone()));
            let rereading = tokio::spawn(reread_when_told(rereader.clone(), hangup));
            let api = Api { settings: rereader, token, newest };
            let served = serve::serve(host, store, reloader, api, &at, Wishes(wishes)).await;
            rereading.abort();
            if let Some(exporter) = exporter {
                exporter.close().await;
            }
            served.map(|()| ExitCode::SUCCESS)
        })
    }
}

/// Reads the configuration again at each SIGHUP. Never ends.
async fn reread_when_told(rereader: Arc<Rereader>, mut hangup: Signal) {
    while hangup.recv().await.is_some() {
        tracing::info!("SIGHUP: the configuration is read again");
        // Said in the log, and in the status.
        let _told = rereader.reread().await;
    }
}

fn wrong(problems: &[config::Problem]) -> ExitCode {
    output::problems(problems);
    ExitCode::FAILURE
}
