//! The HTTP side of a host: how it is doing, and the operator's hand on it.
//!
//! | path | what |
//! |---|---|
//! | `/healthz` | 200 while the process answers |
//! | `/readyz` | 200 while the store takes events and every connection is up, else 503 and why |
//! | `/status` | the whole snapshot as JSON |
//! | `/metrics` | the numbers of it for Prometheus |
//! | `/api/…` | orders, and what only an operator may read: see [`admin`] |
//!
//! The same is served at every listener; what differs is the [`Door`] in front of `/api`. Platforms that call the host
//! have a listener of their own: see [`webhooks`].

pub mod admin;
mod door;
mod metrics;
mod page;
mod pages;
mod patient;
mod process;
mod refusal;
mod server;
pub mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::serve::Listener;
use hodhod_core::host::Host;
use hodhod_core::runtime::PoolUse;
use hodhod_core::status::Status;
use hodhod_core::store::StoreError;
use hodhod_core::time::Millis;
use tokio::sync::Semaphore;

pub use self::admin::{Backups, Logs, Plugins, Settings};
pub use self::door::{AdminToken, BadToken, Door};
pub use self::refusal::Refusal;
use self::webhooks::Calls;

/// Tells how much of the sandbox's pool is in use.
pub type Pool = Box<dyn Fn() -> PoolUse + Send + Sync>;

/// What the API asks of the program around it.
pub struct Joints {
    /// Looks at the files of plugins.
    pub plugins: Arc<dyn Plugins>,
    /// Reads the configuration.
    pub settings: Arc<dyn Settings>,
    /// Copies the database.
    pub backups: Arc<dyn Backups>,
    /// Keeps the newest lines of the log.
    pub logs: Arc<dyn Logs>,
}

/// What is served, at as many listeners as there are.
#[derive(Clone)]
pub struct Web(Arc<Parts>);

struct Parts {
    host: Arc<Host>,
    joints: Joints,
    started: Millis,
    pool: Pool,
    calls: Calls,
    /// Places for readers of the log, of all listeners together.
    readers: Arc<Semaphore>,
    /// Places for what lasts, of all listeners together.
    lasting: Arc<Semaphore>,
}

impl Web {
    /// Puts together what is served of a host that started then.
    pub fn new(host: Arc<Host>, joints: Joints, pool: Pool, calls: Calls, started: Millis) -> Self {
        let [lasting, readers] = [admin::LASTING, admin::READERS].map(|places| Arc::new(Semaphore::new(places)));
        Self(Arc::new(Parts { host, joints, pool, calls, started, lasting, readers }))
    }

    /// Serves at a listener until the future is dropped, and with it every connection.
    pub async fn serve(self, listener: impl Listener, door: Door) {
        server::serve(listener, self.router(door)).await;
    }

    fn router(self, door: Door) -> Router {
        pages::routes().nest("/api", admin::routes(door)).with_state(self)
    }

    fn host(&self) -> &Arc<Host> {
        &self.0.host
    }

    /// Does what lasts, in one of the places for it. It ends, and keeps its place, also where nobody waits for
    /// it any more: a client that asks and leaves again and again may not have more of it than others.
    async fn lasting<T: Send + 'static>(
        &self,
        what: impl Future<Output = Result<T, Refusal>> + Send + 'static,
    ) -> Result<T, Refusal> {
        let place = self.0.lasting.clone().try_acquire_owned().map_err(|_all_taken| {
            Refusal::too_many("too much that lasts is asked for at once; ask again when it is over")
        })?;
        let done = tokio::spawn(async move {
            let _place = place;
            what.await
        });
        done.await.unwrap_or_else(|_panicked| Err(Refusal::failed("it broke off; the log says why")))
    }

    async fn snapshot(&self) -> Result<Status, StoreError> {
        Status::of(&self.0.host, self.0.started).await
    }
}
