//! The life of a host: taken up, served, drained, closed.
//!
//! Ending in order matters: first nothing new is read and nothing new begins (turns and sends),
//! then what was read is stored and what was begun ends, or the grace runs out, then what ended is
//! committed, then the store closes. A turn that is cut off has no effects and runs again; a send
//! that is cut off is in doubt, which is why sends get the grace too.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use futures::FutureExt;
use hodhod_core::host::Host;
use hodhod_store::SqliteStore;
use hodhod_web::webhooks::{Bounds, Calls, Webhooks};
use hodhod_web::{AdminToken, Door, Joints, Settings, Web};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::admin::{Copies, Newest};
use crate::config::{HostConfig, WebhooksConfig};
use crate::log::Ring;
use crate::reload::Reloader;
use crate::socket::Socket;

/// What the last commits may take after the grace.
const LAST_COMMITS: Duration = Duration::from_secs(5);

/// What turns that are cut off, and what was read and is not stored yet, may take after it.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What whoever started the host wants of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wish {
    /// To serve.
    Serve,
    /// To end what was begun, and stop.
    Drain,
    /// To stop at once. As after a crash: what is stored is kept.
    Cut,
}

/// The wish of whoever started the host, which may change. If they are gone they want it to stop.
#[derive(Clone)]
pub(crate) struct Wishes(pub(crate) watch::Receiver<Wish>);

impl Wishes {
    async fn drain(&mut self) {
        // An error means that whoever could wish is gone.
        let _gone = self.0.wait_for(|wish| *wish >= Wish::Drain).await;
    }

    fn are_to_serve(&self) -> bool {
        *self.0.borrow() == Wish::Serve && self.0.has_changed().is_ok()
    }

    async fn cut(&mut self) {
        if self.0.wait_for(|wish| *wish >= Wish::Cut).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// What the API of the operator is served with.
pub(crate) struct Api {
    /// Reads the configuration again.
    pub(crate) settings: Arc<dyn Settings>,
    /// Opens it over TCP, where there is one.
    pub(crate) token: Option<AdminToken>,
    /// The newest lines of the log.
    pub(crate) newest: Arc<Ring>,
}

/// Serves until that is not wished any more, then drains and closes.
pub(crate) async fn serve(
    host: Arc<Host>,
    store: Arc<SqliteStore>,
    reloader: Arc<Reloader>,
    api: Api,
    config: &HostConfig,
    mut wishes: Wishes,
) -> anyhow::Result<()> {
    let restoring = async {
        host.take_over().await.map_err(|(bot, error)| {
            anyhow::anyhow!("bots.{bot}.plugin: {error}; put the build before back, or one that can")
        })?;
        host.restore().await.context("what earlier runs left cannot be read")
    };
    let restored = tokio::select! {
        restored = restoring => restored?,
        () = wishes.drain() => hodhod_core::host::Restored::default(),
    };
    if !wishes.are_to_serve() {
        store.close().await;
        tracing::info!("stopped before anything was begun");
        return Ok(());
    }
    tracing::info!(events = restored.events, sends = restored.sends, in_doubt = restored.in_doubt, "taken up");
    for bot in &restored.unknown_bots {
        tracing::warn!(%bot, "events wait for a bot that is not configured");
    }
    for connection in &restored.unknown_connections {
        tracing::warn!(%connection, "messages wait for a connection that is not configured");
    }

    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("{} cannot be listened on: choose another `listen` in [host]", config.listen))?;
    let address = listener.local_addr()?;
    tracing::info!(%address, api = api.token.is_some(), "status and metrics");
    if !address.ip().is_loopback() {
        let with_token =
            if api.token.is_some() { ", and the token of the API on its way, as nothing is encrypted" } else { "" };
        tracing::warn!(%address, "whoever reaches this address sees status and metrics{with_token}");
    }
    let engine = reloader.engine().clone();
    let pool = Box::new(move || engine.pool_use());
    let calls = Calls::default();
    let webhooks = match &config.webhooks {
        Some(config) => Some(listen_for_webhooks(host.clone(), config, calls.clone()).await?),
        None => None,
    };
    let joints = Joints {
        plugins: reloader.clone(),
        settings: api.settings,
        backups: Arc::new(Copies(store.clone())),
        logs: Arc::new(Newest(api.newest)),
    };
    let web = Web::new(host.clone(), joints, pool, calls, host.clock().now());
    let listening = tokio::spawn(web.clone().serve(listener, Door::Anyone(api.token)));
    let socket = match Socket::bind(&config.state) {
        Ok(socket) => Some(tokio::spawn(socket.serve(web))),
        Err(error) => {
            tracing::error!(%error, "no control socket: `hodhod status`, `kill` and the like find no host at the state folder");
            None
        }
    };

    let (cut, cut_seen) = watch::channel(false);
    let workers = Workers::start(&host, config.workers, &cut_seen)?;
    let serving = tokio::spawn({
        let host = host.clone();
        async move { host.serve().await }
    });
    let receiving = tokio::spawn({
        let host = host.clone();
        async move { host.receive().await }
    });
    let reloading = tokio::spawn(reloader.run());
    let (webhooks, called) = match webhooks {
        Some((webhooks, listener)) => (Some(webhooks.clone()), Some(tokio::spawn(webhooks.serve(listener)))),
        None => (None, None),
    };
    // Who is being answered is answered.
    let hung_up = async || {
        if let Some(webhooks) = &webhooks {
            webhooks.end().await;
        }
    };
    tracing::info!("ready");

    let (mut serving, mut receiving) = (serving, receiving);
    // None of these ends by itself, unless it panicked; then the rest stops too and whoever
    // supervises the process starts it anew.
    let failed = tokio::select! {
        () = wishes.drain() => None,
        _ = &mut serving => Some("committing and sending"),
        _ = &mut receiving => Some("receiving"),
        () = workers.any_ended() => Some("a thread for turns"),
    };
    if let Some(what) = failed {
        tracing::error!("{what} has failed; the host stops");
    }
    tracing::info!(turns = host.turns().under_way(), "draining");
    reloading.abort();
    if let Some(webhooks) = &webhooks {
        webhooks.drain();
    }
    host.stop_receiving();
    host.drain();
    let ended = async { tokio::join!(workers.ended(), finished(&mut receiving), hung_up()) };
    let in_time = tokio::select! {
        ended = tokio::time::timeout(config.grace, ended) => ended.is_ok(),
        () = wishes.cut() => false,
    };
    if !in_time {
        tracing::warn!(
            turns = host.turns().under_way(),
            "the grace is over, or was cut short; what is under way runs again after the next start"
        );
        cut.send_replace(true);
        let ended = async { tokio::join!(workers.ended(), finished(&mut receiving)) };
        if tokio::time::timeout(LAST_WORDS, ended).await.is_err() {
            if !receiving.is_finished() {
                tracing::warn!("the store does not take all that was read from the connections; the rest is lost");
                receiving.abort();
            }
            if tokio::time::timeout(LAST_COMMITS, workers.ended()).await.is_err() {
                // A host call that does not come back. Nothing that is stored depends on an end in order.
                anyhow::bail!("a turn cannot be cut off; the process ends without it");
            }
        }
    }
    host.close();
    let in_time = tokio::select! {
        ended = tokio::time::timeout(LAST_COMMITS, finished(&mut serving)) => ended.is_ok(),
        () = wishes.cut() => false,
    };
    if !in_time {
        tracing::warn!("sends under way, if there are any, are cut off and in doubt");
        serving.abort();
        finished(&mut serving).await;
    }
    // Whoever waited for an answer has been told that there is none, and may read it.
    let _in_time = tokio::time::timeout(LAST_WORDS, hung_up()).await;
    for page in [Some(listening), socket, called].into_iter().flatten() {
        page.abort();
        let _cancelled = page.await;
    }
    store.close().await;
    workers.join();
    tracing::info!("stopped");
    match failed {
        Some(what) => anyhow::bail!("{what} has failed; see the log"),
        None => Ok(()),
    }
}

/// Opens the address at which platforms call. What comes there waits until the host serves.
async fn listen_for_webhooks(
    host: Arc<Host>,
    config: &WebhooksConfig,
    calls: Calls,
) -> anyhow::Result<(Webhooks, TcpListener)> {
    let listener = TcpListener::bind(config.listen).await.with_context(|| {
        format!("{} cannot be listened on: choose another `webhooks.listen` in [host]", config.listen)
    })?;
    tracing::info!(address = %listener.local_addr()?, "platforms may call");
    Ok((Webhooks::new(host, config.proxies.clone(), Bounds::default(), calls), listener))
}

/// Waits for a task, also if it was waited for before.
async fn finished(task: &mut tokio::task::JoinHandle<()>) {
    if !task.is_finished() {
        // One that panicked has ended too.
        let _ended = task.await;
    }
}

/// The threads that run turns.
struct Workers {
    threads: Vec<JoinHandle<()>>,
    running: watch::Receiver<usize>,
}

impl Workers {
    fn start(host: &Arc<Host>, count: usize, cut: &watch::Receiver<bool>) -> anyhow::Result<Self> {
        let (running, running_seen) = watch::channel(count);
        let running = Arc::new(running);
        let threads = (0..count)
            .map(|worker| {
                let (host, mut cut, running) = (host.clone(), cut.clone(), running.clone());
                // One thread a worker, with timers of its own: a turn that is short ends where it began.
                // Sockets for bots that may ask other servers.
                let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
                std::thread::Builder::new()
                    .name(format!("hodhod-turns-{worker}"))
                    .spawn(move || {
                        // Counted down also if the worker panics, or nobody would ever stop waiting.
                        let _ended = Ended(running);
                        runtime.block_on(async {
                            let cut = cut.wait_for(|cut| *cut).map(|_| ()).boxed();
                            futures::future::select(host.work(worker).boxed_local(), cut).await;
                        });
                        // A name may still be looked up, which cannot be ended and nobody waits for.
                        runtime.shutdown_background();
                    })
                    .context("a thread for turns cannot be started")
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { threads, running: running_seen })
    }

    /// Resolves when a worker has ended.
    async fn any_ended(&self) {
        let (mut running, all) = (self.running.clone(), self.threads.len());
        // An error means that every worker and its counter is gone, which is more than one.
        let _gone = running.wait_for(|running| *running < all).await;
    }

    /// Resolves when no worker runs.
    async fn ended(&self) {
        let mut running = self.running.clone();
        // An error means that every worker and its counter is gone, which is the same.
        let _gone = running.wait_for(|running| *running == 0).await;
    }

    fn join(self) {
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread for turns panicked");
            }
        }
    }
}

struct Ended(Arc<watch::Sender<usize>>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}
