//! The public side: requests of platforms that call the host.
//!
//! | path | what |
//! |---|---|
//! | `/{platform}/{connection}/…` | what the platform of the connection makes of it: see [`Webhook`] |
//!
//! Anybody can reach it, so everything about a request is bounded before it costs anything: how many connections
//! there are at once, and of one address ([`places`]), how long a head and a body may take and be, and how many
//! requests are answered at once. Nothing of a body is read before the platform has seen the head. What there
//! is not looks the same as what one may not see.
//!
//! A request that was read is answered to its end, also where the platform hangs up: what it brought may be on
//! disk already, and has to come to its bots.
//!
//! [`Webhook`]: hodhod_core::webhook::Webhook

mod counts;
mod line;
mod origin;
mod places;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path, Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{StatusCode, Uri};
use bytes::Bytes;
use hodhod_core::host::{Caller, Host};
use hodhod_core::ids::ConnectionName;
use hodhod_core::webhook::{Reply, nothing};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

pub(crate) use self::counts::Seen;
use self::counts::{Counts, Refused};
use self::places::Places;

/// Connections of the listener at once.
const CONNECTIONS: usize = 1024;

/// Connections of one address at once. Proxies that the operator trusts bring those of many.
const OF_ADDRESS: usize = 64;

/// Requests that are answered at once. A platform makes no more at a time than it has connections; one that
/// hangs up and calls again leaves work behind that has not ended.
const ANSWERS: usize = 1024;

/// How long a body may take, once its head is there.
const BODY_TIME: Duration = Duration::from_secs(10);

/// What is served at the public listener.
#[derive(Clone)]
pub struct Webhooks(Arc<Parts>);

struct Parts {
    host: Arc<Host>,
    proxies: Vec<IpAddr>,
    places: Arc<Places>,
    answers: Arc<Semaphore>,
    counts: Counts,
    draining: watch::Sender<bool>,
}

impl Webhooks {
    /// The requests to the connections of a host. What the proxies say of where a request comes from is believed.
    pub fn new(host: Arc<Host>, proxies: Vec<IpAddr>) -> Self {
        Self(Arc::new(Parts {
            host,
            proxies,
            places: Arc::new(Places::new(CONNECTIONS, OF_ADDRESS)),
            answers: Arc::new(Semaphore::new(ANSWERS)),
            counts: Counts::default(),
            draining: watch::Sender::new(false),
        }))
    }

    /// Serves at a listener until [`drain`](Self::drain), and until what is under way then has been answered.
    pub async fn serve(self, listener: TcpListener) {
        let router = Router::new()
            .route("/{platform}/{connection}/{*rest}", axum::routing::any(answer))
            .fallback(async || whole(nothing()))
            .with_state(self.clone());
        line::serve(&self, listener, router).await;
    }

    /// Takes no new requests. Those that are under way end.
    pub fn drain(&self) {
        self.0.draining.send_replace(true);
    }

    /// What has come so far.
    pub(crate) fn seen(&self) -> Seen {
        self.0.counts.seen(self.0.places.taken())
    }

    /// Resolves once it takes no new requests.
    async fn drains(&self) {
        let mut draining = self.0.draining.subscribe();
        // The sender is here, so there is no error.
        drop(draining.wait_for(|draining| *draining).await);
    }

    fn is_draining(&self) -> bool {
        *self.0.draining.borrow()
    }
}

/// Where a connection comes from, as the system says.
#[derive(Clone, Copy)]
struct Peer(IpAddr);

async fn answer(
    State(webhooks): State<Webhooks>,
    Extension(Peer(peer)): Extension<Peer>,
    Path((platform, connection, _)): Path<(String, String, String)>,
    request: Request,
) -> axum::response::Response {
    let began = Instant::now();
    let Parts { host, proxies, counts, answers, .. } = &*webhooks.0;
    let refuse = |why: Refused, reply: Reply| {
        counts.refuse(why);
        whole(reply)
    };
    if webhooks.is_draining() {
        return refuse(Refused::Busy, plain(StatusCode::SERVICE_UNAVAILABLE));
    }
    let caller = host.caller(&ConnectionName::from(connection));
    let Some(caller) = caller.filter(|caller| caller.webhook().is_some_and(|webhook| webhook.platform() == platform))
    else {
        return refuse(Refused::Unknown, nothing());
    };
    let Ok(place) = Arc::clone(answers).try_acquire_owned() else {
        return refuse(Refused::Busy, plain(StatusCode::SERVICE_UNAVAILABLE));
    };
    let (mut head, body) = request.into_parts();
    let from = origin::of(peer, &head.headers, proxies);
    let Some(uri) = behind_connection(&head.uri) else { return refuse(Refused::Unknown, nothing()) };
    head.uri = uri;
    let admitted = match caller.webhook() {
        Some(webhook) => webhook.admit(&head, from),
        None => Err(nothing()),
    };
    let most = match admitted {
        Ok(most) => most,
        Err(reply) => return refuse(Refused::Head, reply),
    };
    let body = match read(body, most).await {
        Ok(body) => body,
        Err((why, status)) => return refuse(why, plain(status)),
    };
    let name = caller.name().clone();
    let reply = to_the_end(caller, axum::http::Request::from_parts(head, body), place).await;
    counts.answered(&name, reply.status(), began.elapsed());
    whole(reply)
}

/// Answers a request in a task of its own, so that it comes to its end also where this is dropped.
async fn to_the_end(
    mut caller: Caller,
    request: axum::http::Request<Bytes>,
    place: tokio::sync::OwnedSemaphorePermit,
) -> Reply {
    // Dropped with this, which tells whoever waits for a bot that nobody is there any more.
    let _line = caller.hang_up();
    let answering = tokio::spawn(async move {
        let _place = place;
        match caller.webhook() {
            Some(webhook) => webhook.answer(request, &caller).await,
            None => nothing(),
        }
    });
    // It is in the log where that panicked.
    answering.await.unwrap_or_else(|_panicked| plain(StatusCode::INTERNAL_SERVER_ERROR))
}

/// The body, if it is no longer than this and comes in time.
async fn read(body: Body, most: usize) -> Result<Bytes, (Refused, StatusCode)> {
    let whole = tokio::time::timeout(BODY_TIME, Limited::new(body, most).collect());
    match whole.await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err((Refused::TooLarge, StatusCode::PAYLOAD_TOO_LARGE)),
        Ok(Err(_broken)) => Err((Refused::Broken, StatusCode::BAD_REQUEST)),
        Err(_elapsed) => Err((Refused::TooSlow, StatusCode::REQUEST_TIMEOUT)),
    }
}

/// What of an address stands behind the connection: `/events?x=y` of `/divar/shop/events?x=y`.
fn behind_connection(uri: &Uri) -> Option<Uri> {
    let (path, query) = (uri.path(), uri.query());
    let rest = path.splitn(4, '/').nth(3)?;
    let text = match query {
        Some(query) => format!("/{rest}?{query}"),
        None => format!("/{rest}"),
    };
    PathAndQuery::try_from(text).ok().map(Uri::from)
}

fn plain(status: StatusCode) -> Reply {
    let mut reply = Reply::new(Bytes::new());
    *reply.status_mut() = status;
    reply
}

fn whole(reply: Reply) -> axum::response::Response {
    reply.map(|bytes| Body::new(Full::new(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_sees_what_stands_behind_the_connection() {
        let behind = |uri: &str| behind_connection(&uri.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(behind("/divar/shop/events").as_deref(), Some("/events"));
        assert_eq!(behind("/divar/%D9%86/oauth?code=a%2Fb&state=c").as_deref(), Some("/oauth?code=a%2Fb&state=c"));
        assert_eq!(behind("/divar/shop/a/../b//c").as_deref(), Some("/a/../b//c"));
        assert_eq!(behind("/divar/shop"), None);
    }
}
