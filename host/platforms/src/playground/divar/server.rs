//! The server: its life, its app, its people and its faults.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use hodhod_core::time::Millis;
use reqwest::Client;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::app::{self, Addresses, App, Person, Post};
use super::deliver;
use super::error::Error;
use super::faults::{Call, Failure, Faults, Planned};
use super::grants::Grants;
use super::media::Media;
use super::push::Pushes;
use super::quota::Quota;
use super::routes::router;
use super::settings::{Quotas, Settings};
use super::world::World;
use crate::playground::line::{Lines, Switch};

/// How long [`DivarServer::stop`] waits for requests that are under way. Hanging requests end by themselves, so
/// only a client that stalls in the middle of its request needs it.
const GRACE: Duration = Duration::from_secs(1);

/// A handle to a running server: cheap to clone, and the server ends with the last one.
///
/// Nothing here panics on what a client or a caller sends; the limits end in an [`Error`] or in a failing answer.
#[derive(Clone)]
pub struct DivarServer {
    running: Arc<Running>,
}

struct Running {
    shared: Arc<Shared>,
    serving: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

/// What requests see of the server.
///
/// Where several locks are needed, they are taken in the order in which they stand here; none is held over an await.
pub(super) struct Shared {
    pub(super) settings: Settings,
    /// `http://127.0.0.1:port`, without a slash at the end.
    pub(super) base: String,
    pub(super) runtime: Handle,
    pub(super) http: Client,
    /// One for each push that may be under way.
    pub(super) permits: Semaphore,
    world: Mutex<World>,
    app: RwLock<App>,
    media: Mutex<Media>,
    grants: Mutex<Grants>,
    quota: Mutex<Quota>,
    pushes: Mutex<Pushes>,
    faults: Mutex<Planned>,
    /// Counts sent messages, for those who wait for one.
    sent_changed: watch::Sender<u64>,
    /// Counts what became of pushes, for the same.
    pushes_changed: watch::Sender<u64>,
    stop: watch::Sender<bool>,
}

impl DivarServer {
    /// Starts a server for one app; port 0 takes a free one. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// If the app cannot be set up so, or the address is not loopback: whoever can reach it could play everybody.
    pub async fn start(listen: SocketAddr, app: App) -> Result<Self, Error> {
        Self::start_with(listen, app, Settings::default()).await
    }

    /// The same with settings of one's own.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(listen: SocketAddr, mut app: App, settings: Settings) -> Result<Self, Error> {
        app.check()?;
        if !listen.ip().is_loopback() {
            let text = "the local Divar server listens on loopback only";
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, text).into());
        }
        let mut world = World::new(&app.slug, settings.limits);
        std::mem::take(&mut app.people).into_iter().try_for_each(|person| world.add(person))?;
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let lines = Lines::new(listener, settings.limits.connections);
        let shared = Arc::new(Shared {
            base: format!("http://{address}"),
            runtime: Handle::current(),
            http: deliver::client(&settings.pushing).map_err(std::io::Error::other)?,
            permits: Semaphore::new(settings.pushing.connections.clamp(1, Semaphore::MAX_PERMITS)),
            world: Mutex::new(world),
            media: Mutex::new(Media::new(settings.limits)),
            grants: Mutex::new(Grants::new(settings.lifetimes, settings.rules, settings.limits.grants)),
            quota: Mutex::new(Quota::new(settings.quotas)),
            pushes: Mutex::new(Pushes::new(settings.limits)),
            faults: Mutex::default(),
            app: RwLock::new(app),
            sent_changed: watch::Sender::new(0),
            pushes_changed: watch::Sender::new(0),
            stop: watch::Sender::new(false),
            settings,
        });
        let service = router(&shared).into_make_service_with_connect_info::<Switch>();
        let stopped = Arc::clone(&shared);
        let serving = tokio::spawn(async move {
            let serve = axum::serve(lines, service).with_graceful_shutdown(async move { stopped.stopped().await });
            if let Err(error) = serve.await {
                tracing::warn!(%error, "the local Divar server ended");
            }
        });
        let serving = tokio::sync::Mutex::new(Some(serving));
        Ok(Self { running: Arc::new(Running { shared, serving }) })
    }

    /// `http://127.0.0.1:port`, without a slash at the end: the base address of all four servers of Divar.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.shared().base.clone()
    }

    /// Ends the hanging requests and the pushes and frees the port. What was sent can still be read.
    pub async fn stop(&self) {
        self.shared().end();
        // The lock is held while waiting, so that a second caller returns no earlier.
        let mut serving = self.running.serving.lock().await;
        if let Some(mut task) = serving.take()
            && tokio::time::timeout(GRACE, &mut task).await.is_err()
        {
            task.abort();
        }
    }

    // The panel.

    /// Says where the app's server is, from now on.
    ///
    /// # Errors
    /// If one of them is no address.
    pub fn set_addresses(&self, addresses: Addresses) -> Result<(), Error> {
        addresses.check()?;
        self.shared().app.write().unwrap_or_else(PoisonError::into_inner).addresses = addresses;
        Ok(())
    }

    /// Adds an address to which a consent may return.
    ///
    /// # Errors
    /// If it is no address, or has a query.
    pub fn allow_redirect(&self, address: &str) -> Result<(), Error> {
        app::check_redirect(address)?;
        self.shared().app.write().unwrap_or_else(PoisonError::into_inner).redirects.push(address.to_owned());
        Ok(())
    }

    /// Changes how much the app may ask. What it has asked in this minute and this day stays counted.
    pub fn set_quotas(&self, quotas: Quotas) {
        self.shared().quota().limits = quotas;
    }

    // People.

    /// Adds somebody.
    ///
    /// # Errors
    /// If there is somebody of this name or phone, or there are too many.
    pub fn add_person(&self, person: Person) -> Result<(), Error> {
        self.shared().world().add(person)
    }

    /// Adds a post of somebody, or changes it. The app is told by [`update_post`](Self::update_post) alone.
    ///
    /// # Errors
    /// If the token is none, is somebody else's, or there are too many.
    pub fn put_post(&self, owner: &str, post: Post) -> Result<(), Error> {
        self.shared().world().put_post(owner, post)
    }

    /// The `user_id` by which the app knows somebody.
    ///
    /// # Errors
    /// If nobody is called so.
    pub fn user_id(&self, person: &str) -> Result<String, Error> {
        Ok(self.shared().world().person(person)?.id.clone())
    }

    /// The id of somebody's conversation with the chatbot, whether or not anything was said in it.
    ///
    /// # Errors
    /// If nobody is called so.
    pub fn chatbot_conversation(&self, person: &str) -> Result<String, Error> {
        Ok(self.shared().world().person(person)?.chatbot.clone())
    }

    /// The id of a buyer's conversation about a post.
    ///
    /// # Errors
    /// If there is none.
    pub fn post_conversation(&self, post: &str, buyer: &str) -> Result<String, Error> {
        self.shared().world().about(post, buyer).map(str::to_owned).ok_or(Error::NoConversation)
    }

    // Faults.

    /// Changes what is different about what Divar asks of the app's server, from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.shared().faults().now = faults;
    }

    /// What is different now.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.shared().faults().now
    }

    /// Lets the next `count` calls of this kind go wrong. Further plans for the kind queue up behind.
    pub fn fail(&self, call: Call, count: usize, failure: Failure) {
        self.shared().faults().fail(call, count, failure);
    }

    /// Answers each call that much later, from now on. It takes effect before the wait.
    pub fn delay_answers(&self, delay: Duration) {
        self.shared().faults().answer_delay = delay;
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        *self.shared().faults() = Planned::default();
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.running.shared
    }
}

/// Shows neither keys nor messages.
impl fmt::Debug for DivarServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DivarServer").field("base", &self.shared().base).finish_non_exhaustive()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl Shared {
    pub(super) fn now(&self) -> Millis {
        self.settings.clock.now()
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    pub(super) fn media(&self) -> MutexGuard<'_, Media> {
        lock(&self.media)
    }

    pub(super) fn grants(&self) -> MutexGuard<'_, Grants> {
        lock(&self.grants)
    }

    pub(super) fn quota(&self) -> MutexGuard<'_, Quota> {
        lock(&self.quota)
    }

    pub(super) fn pushes(&self) -> MutexGuard<'_, Pushes> {
        lock(&self.pushes)
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Planned> {
        lock(&self.faults)
    }

    pub(super) fn app(&self) -> RwLockReadGuard<'_, App> {
        self.app.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn sent_changed(&self) -> watch::Receiver<u64> {
        self.sent_changed.subscribe()
    }

    pub(super) fn something_was_sent(&self) {
        count(&self.sent_changed);
    }

    pub(super) fn push_changes(&self) -> watch::Receiver<u64> {
        self.pushes_changed.subscribe()
    }

    pub(super) fn pushes_changed(&self) {
        count(&self.pushes_changed);
    }

    pub(super) fn has_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Resolves when the server stops, or has stopped.
    pub(super) async fn stopped(&self) {
        // An error would mean that the sender is gone, and it lives in `self`.
        let stopped = self.stop.subscribe().wait_for(|stopped| *stopped).await.is_ok();
        debug_assert!(stopped);
    }

    fn end(&self) {
        self.stop.send_replace(true);
        self.something_was_sent();
        self.pushes_changed();
    }
}

fn count(changes: &watch::Sender<u64>) {
    changes.send_modify(|changes| *changes = changes.wrapping_add(1));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
