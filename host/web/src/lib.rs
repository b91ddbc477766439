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
//! The same is served at every listener; what differs is the [`Door`] in front of `/api`.

pub mod admin;
mod door;
mod metrics;
mod page;
mod pages;
mod patient;
mod process;
mod refusal;
mod server;

use std::sync::Arc;

use axum::Router;
use axum::serve::Listener;
use hodhod_core::host::Host;
use hodhod_core::runtime::PoolUse;
use hodhod_core::status::Status;
use hodhod_core::store::StoreError;
use hodhod_core::time::Millis;
use tokio::sync::Semaphore;

pub use self::admin::{Logs, Plugins};
pub use self::door::{AdminToken, BadToken, Door};
pub use self::refusal::Refusal;

/// Tells how much of the sandbox's pool is in use.
pub type Pool = Box<dyn Fn() -> PoolUse + Send + Sync>;

/// What is served, at as many listeners as there are.
#[derive(Clone)]
pub struct Web(Arc<Parts>);

struct Parts {
    host: Arc<Host>,
    plugins: Arc<dyn Plugins>,
    started: Millis,
    pool: Pool,
    logs: Arc<dyn Logs>,
    /// Places for readers of the log, of all listeners together.
    readers: Arc<Semaphore>,
    /// Places for looking at new builds, of all listeners together.
    reloads: Arc<Semaphore>,
}

impl Web {
    /// Puts together what is served of a host that started then.
    pub fn new(host: Arc<Host>, plugins: Arc<dyn Plugins>, pool: Pool, logs: Arc<dyn Logs>, started: Millis) -> Self {
        let [reloads, readers] = [admin::RELOADS, admin::READERS].map(|places| Arc::new(Semaphore::new(places)));
        Self(Arc::new(Parts { host, plugins, pool, logs, readers, started, reloads }))
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

    async fn snapshot(&self) -> Result<Status, StoreError> {
        Status::of(&self.0.host, self.0.started).await
    }
}
