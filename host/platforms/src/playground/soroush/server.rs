//! The server: its life, its bots, its files and its faults.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::bot::Bot;
use super::error::Error;
use super::faults::{Call, Faults, SendFault, StreamEnd, StreamFaults};
use super::files::{self, Files, PERSON_KEY, StoredFile};
use super::send::send_message;
use super::settings::{Rules, Settings};
use super::stream::{get_message, get_message_v2};
use crate::playground::line::{Lines, Switch};

/// How long [`SoroushServer::stop`] waits for requests that are under way. Streams and hanging requests end by
/// themselves, so only a client that stalls in the middle of its request needs it.
const GRACE: Duration = Duration::from_secs(1);

/// A handle to a running server: cheap to clone, and the server ends with the last one.
///
/// Nothing here panics on what a client or a caller sends; the limits end in an [`Error`] or in a failing answer.
#[derive(Clone)]
pub struct SoroushServer {
    running: Arc<Running>,
}

struct Running {
    shared: Arc<Shared>,
    address: SocketAddr,
    serving: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

/// What requests see of the server.
pub(super) struct Shared {
    pub(super) settings: Settings,
    bots: RwLock<HashMap<String, Arc<Bot>>>,
    rules: Mutex<Rules>,
    faults: Mutex<Faults>,
    files: Mutex<Files>,
    stop: watch::Sender<bool>,
}

impl SoroushServer {
    /// Starts a server; port 0 takes a free one. Must be called inside a tokio runtime.
    ///
    /// Fails if the address is not loopback: whoever knows a token could speak as the bot.
    pub async fn start(listen: SocketAddr) -> io::Result<Self> {
        Self::start_with(listen, Settings::default()).await
    }

    /// The same with settings of one's own.
    pub async fn start_with(listen: SocketAddr, settings: Settings) -> io::Result<Self> {
        if !listen.ip().is_loopback() {
            let text = "the local Soroush server listens on loopback only";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let lines = Lines::new(listener, settings.limits.connections);
        let shared = Arc::new(Shared {
            bots: RwLock::default(),
            rules: Mutex::new(settings.rules),
            faults: Mutex::default(),
            files: Mutex::new(Files::new(&settings.limits)),
            stop: watch::Sender::new(false),
            settings,
        });
        let service = router(&shared).into_make_service_with_connect_info::<Switch>();
        let stopped = Arc::clone(&shared);
        let serving = tokio::spawn(async move {
            let serve = axum::serve(lines, service).with_graceful_shutdown(async move { stopped.stopped().await });
            if let Err(error) = serve.await {
                tracing::warn!(%error, "the local Soroush server ended");
            }
        });
        let serving = tokio::sync::Mutex::new(Some(serving));
        Ok(Self { running: Arc::new(Running { shared, address, serving }) })
    }

    /// `http://127.0.0.1:port`, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.running.address)
    }

    /// Ends the streams and the hanging requests and frees the port. What was sent can still be read.
    pub async fn stop(&self) {
        self.running.shared.end();
        // The lock is held while waiting, so that a second caller returns no earlier.
        let mut serving = self.running.serving.lock().await;
        if let Some(mut task) = serving.take()
            && tokio::time::timeout(GRACE, &mut task).await.is_err()
        {
            task.abort();
        }
    }

    /// Makes a token valid. A token that is valid already stays as it is.
    pub fn add_bot(&self, token: &str) {
        let shared = self.shared();
        let mut bots = shared.bots.write().unwrap_or_else(PoisonError::into_inner);
        bots.entry(token.to_owned()).or_insert_with(|| Arc::new(Bot::new(&shared.settings.limits)));
    }

    /// Makes a token invalid, ends its stream and forgets all about it. Adding it again begins anew.
    pub fn remove_bot(&self, token: &str) {
        let bot = self.shared().bots.write().unwrap_or_else(PoisonError::into_inner).remove(token);
        if let Some(bot) = bot {
            bot.retire();
        }
    }

    /// Lets a bot post to a channel, named without the `@`; to other channels it gets code 325.
    pub fn make_admin(&self, token: &str, channel: &str) -> Result<(), Error> {
        self.shared().known_bot(token)?.outgoing().channels.insert(channel.to_owned());
        Ok(())
    }

    /// Changes whom bots may write to.
    pub fn set_rules(&self, rules: Rules) {
        *lock(&self.shared().rules) = rules;
    }

    // Files.

    /// A file by its key: one that a bot uploaded, or one that a person sent.
    #[must_use]
    pub fn file(&self, key: &str) -> Option<StoredFile> {
        self.shared().files().get(key).cloned()
    }

    /// Keeps a file and returns its key.
    pub fn put_file(&self, name: &str, bytes: Bytes) -> Result<String, Error> {
        self.shared().files().put(name, bytes, PERSON_KEY)
    }

    /// Forgets all files.
    pub fn forget_files(&self) {
        self.shared().files().forget();
    }

    // Faults.

    /// Changes what is wrong with streams, at once.
    pub fn set_stream_faults(&self, faults: StreamFaults) {
        self.shared().faults().streams = faults;
        self.shared().wake_all();
    }

    /// What is wrong with streams now.
    #[must_use]
    pub fn stream_faults(&self) -> StreamFaults {
        self.shared().faults().streams
    }

    /// Ends the connection that stands, if one does.
    pub fn disconnect(&self, token: &str, end: StreamEnd) -> Result<(), Error> {
        self.shared().known_bot(token)?.disconnect(end);
        Ok(())
    }

    /// Lets the next `count` sendMessage requests with a body in order go wrong. Further calls queue up behind.
    pub fn fail_sends(&self, count: usize, fault: SendFault) {
        self.shared().faults().plan_sends(count, fault);
    }

    /// Answers each sendMessage that much later, from now on. The message is accepted before the wait.
    pub fn delay_sends(&self, delay: Duration) {
        self.shared().faults().answer_delay = delay;
    }

    /// Answers the next `count` calls of this kind with an HTTP status (500 if it is no status at all).
    pub fn refuse(&self, call: Call, count: usize, status: u16) {
        self.shared().faults().plan_refusals(call, count, status);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        *self.shared().faults() = Faults::default();
        self.shared().wake_all();
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.running.shared
    }
}

/// Shows neither tokens nor messages.
impl fmt::Debug for SoroushServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoroushServer").field("address", &self.running.address).finish_non_exhaustive()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl Shared {
    pub(super) fn bot(&self, token: &str) -> Option<Arc<Bot>> {
        self.bots.read().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }

    pub(super) fn known_bot(&self, token: &str) -> Result<Arc<Bot>, Error> {
        self.bot(token).ok_or(Error::UnknownBot)
    }

    pub(super) fn rules(&self) -> Rules {
        *lock(&self.rules)
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    pub(super) fn files(&self) -> MutexGuard<'_, Files> {
        lock(&self.files)
    }

    /// Resolves when the server stops, or has stopped.
    pub(super) async fn stopped(&self) {
        // An error would mean that the sender is gone, and it lives in `self`.
        let stopped = self.stop.subscribe().wait_for(|stopped| *stopped).await.is_ok();
        debug_assert!(stopped);
    }

    fn end(&self) {
        self.stop.send_replace(true);
        let bots: Vec<_> = self.bots.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        for bot in bots {
            bot.retire();
        }
    }

    fn wake_all(&self) {
        for bot in self.bots.read().unwrap_or_else(PoisonError::into_inner).values() {
            bot.wake();
        }
    }
}

fn router(shared: &Arc<Shared>) -> Router {
    let limits = &shared.settings.limits;
    let upload = limits.file_bytes.saturating_add(files::MULTIPART_EXTRA);
    Router::new()
        .route("/{token}/getMessage", get(get_message))
        .route("/v2/{token}/getMessage", get(get_message_v2))
        .route("/{token}/sendMessage", post(send_message).layer(DefaultBodyLimit::max(limits.body_bytes)))
        .route("/{token}/uploadFile", post(files::upload).layer(DefaultBodyLimit::max(upload)))
        .route("/{token}/downloadFile/{key}", get(files::download))
        .with_state(Arc::clone(shared))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
