//! Requests of bots to other servers: every one goes through [`Egress::send`], and there is no other
//! way out.
//!
//! The steps, each of which can end it: the policy on scheme, host, port and method; the quota of
//! the minute; a permit, which is waited for; the name, looked up once; every address that came of
//! it, checked; a connection to a checked address, without a second look-up; TLS by the name; the
//! exchange, under caps of bytes, fields and time. Redirects are answers like any other. Proxies of
//! the environment are not used.
//!
//! The permit is held by the task that drives the connection, which ends at the request's deadline
//! whether the guest reads the answer or not. So a guest that holds answers and asks for more waits
//! for its own requests to end, and not for ever.

mod body;
mod connect;
mod error;
mod exchange;
mod head;
mod network;

use std::sync::Arc;

use hodhod_core::egress::{Policy, Target};
use hodhod_core::ids::BotName;
use hodhod_core::limits::Limits;
use hodhod_core::time::Millis;
use hodhod_core::trace::EventTrace;
use hodhod_core::turn::Actor;
use http::Request;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::field::display;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

pub(crate) use error::code;
use exchange::Exchange;
pub(crate) use exchange::Sent;
pub use network::{Network, Resolve};

/// Names of one bot that are looked up at once.
const LOOKUPS: usize = 4;

/// What all turns of one bot share.
pub(crate) struct Egress {
    policy: Arc<Policy>,
    limits: Limits,
    network: Network,
    permits: Arc<Semaphore>,
    /// Names that are looked up: a bot whose names take for ever takes no other bot's place.
    lookups: Arc<Semaphore>,
}

impl Egress {
    pub(crate) fn new(policy: Arc<Policy>, limits: Limits, network: Network) -> Self {
        let permits = Arc::new(Semaphore::new(limits.http_at_once));
        Self { policy, limits, network, permits, lookups: Arc::new(Semaphore::new(LOOKUPS)) }
    }

    /// Sends a request of a bot and waits for the head of its answer. Dropping the future, or what
    /// comes of it, ends the connection.
    pub(crate) async fn send(
        self: Arc<Self>,
        actor: Arc<Actor>,
        trace: Option<EventTrace>,
        now: Millis,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Sent, Error> {
        let (bot, method) = (&actor.bot, request.method().clone());
        let trace_id = trace.map(display);
        let target = match self.admit(&actor, now, &request) {
            Ok(target) => target,
            Err(error) => {
                tracing::debug!(%bot, trace_id, %method, %error, "a request is refused");
                return Err(error);
            }
        };
        let result = self.exchange(bot, target.clone(), request, options).await;
        match &result {
            Ok((response, _)) => {
                let status = response.status().as_u16();
                tracing::debug!(%bot, trace_id, %method, host = %target, status, "a request is answered");
            }
            Err(error) => tracing::debug!(%bot, trace_id, %method, host = %target, %error, "a request fails"),
        }
        result
    }

    /// All that can be said before anything is done.
    fn admit(&self, actor: &Actor, now: Millis, request: &Request<WasiBody>) -> Result<Target, Error> {
        let uri = request.uri();
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let target = self
            .policy
            .admit(request.method().as_str(), uri.scheme_str().unwrap_or_default(), authority)
            .map_err(|denial| {
                tracing::debug!(bot = %actor.bot, %denial, "a request is not allowed");
                error::denied(&denial)
            })?;
        head::check(request, &self.limits)?;
        // Not «denied»: it may be tried again.
        if actor.quotas.request(&actor.bot, &self.limits, now) {
            Ok(target)
        } else {
            Err(Error::ConnectionLimitReached)
        }
    }

    async fn exchange(
        &self,
        bot: &BotName,
        target: Target,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Sent, Error> {
        let request = head::rewrite(request, &self.policy, &target)?;
        // It is never closed.
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| Error::ConnectionLimitReached)?;
        let deadline = Instant::now() + self.limits.http_time;
        let connecting = self.network.connect(bot, &self.policy, &target, &self.lookups);
        let connect_by = earlier(deadline, options.connect_timeout);
        let stream = tokio::time::timeout_at(connect_by, connecting).await.map_err(|_| Error::ConnectionTimeout)??;
        let exchange =
            Exchange { policy: self.policy.clone(), limits: &self.limits, target, options, deadline, permit };
        exchange.run(stream, request).await
    }
}

/// The deadline, or the end of a time that the guest chose, if that is before it.
fn earlier(deadline: Instant, chosen: Option<std::time::Duration>) -> Instant {
    let chosen = chosen.and_then(|time| Instant::now().checked_add(time));
    chosen.map_or(deadline, |chosen| chosen.min(deadline))
}
