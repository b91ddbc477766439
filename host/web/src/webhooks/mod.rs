//! The public side: requests of platforms that call the host instead of being asked.
//!
//! ```text
//!  connection ──► head ──► which connection ──► admitted by its platform ──► body ──► answered by its platform
//!  one of some    in time   404 where there     404 where it does not        in time,  let come to its end, also
//!  for an address           is none             show that it may know        bounded   where nobody is there
//! ```
//!
//! It has a listener of its own, so that what strangers reach has nothing of the operator's, and what they take of
//! it is not taken from the pages. A stranger is known by nothing but where they come from until a platform has
//! admitted them; until then nothing of theirs is kept but the head of one request for each connection.
//!
//! Whoever is behind a proxy comes from where the proxy says, if the operator trusts it: see `forwarded`.

mod body;
mod counts;
mod forwarded;
mod line;
mod places;
mod request;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use futures::future::{Either, select};
use hodhod_core::host::Host;
use hodhod_core::network::Network;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub(crate) use self::counts::CLASSES;
pub use self::counts::Calls;
use self::counts::Refused;
use self::line::{Line, Timely};
use self::places::{Place, Places};
use crate::patient::Patient;

/// Longest head of a request, in bytes. It may have 100 fields, which is the library's own bound.
const LONGEST_HEAD: usize = 16 << 10;

/// How much of the host those who call may take, and for how long.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Connections at once; the next ones wait, and those without a request under way go.
    pub connections: usize,
    /// Connections of one address at once, or of one network of IPv6 that a provider gives to one customer; the
    /// next ones are closed.
    pub of_one: usize,
    /// Who has no such bound, beside the proxies.
    pub unbounded: Vec<IpAddr>,
    /// From a connection, or from the first byte of a later request on it, to the end of the head.
    pub head: Duration,
    /// From the head to the end of the body.
    pub body: Duration,
    /// Without a byte of the body.
    pub stall: Duration,
    /// From one request on a connection to the first byte of the next.
    pub idle: Duration,
    /// From the head to the answer.
    pub request: Duration,
    /// In which a client that was told that its connection ends may read that, before it does.
    pub linger: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 1024,
            of_one: 64,
            // This machine itself.
            unbounded: vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            head: Duration::from_secs(5),
            body: Duration::from_secs(10),
            stall: Duration::from_secs(3),
            idle: Duration::from_secs(75),
            request: Duration::from_secs(30),
            linger: Duration::from_secs(1),
        }
    }
}

/// What becomes of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Serving,
    /// New ones are refused.
    Draining,
    /// And connections end.
    Ending,
}

/// What is served to platforms that call.
#[derive(Clone)]
pub struct Webhooks(Arc<Parts>);

struct Parts {
    host: Arc<Host>,
    proxies: Vec<Network>,
    bounds: Bounds,
    places: Places,
    calls: Calls,
    stage: watch::Sender<Stage>,
    /// True while there is no room for one more connection.
    crowded: watch::Sender<bool>,
    /// Connections, and requests that are let come to their end without one.
    open: watch::Sender<usize>,
}

impl Webhooks {
    /// What is served of a host, behind these proxies.
    pub fn new(host: Arc<Host>, proxies: Vec<Network>, bounds: Bounds, calls: Calls) -> Self {
        let places = Places::new(bounds.connections, bounds.of_one);
        let (stage, crowded, open) =
            (watch::Sender::new(Stage::Serving), watch::Sender::new(false), watch::Sender::new(0));
        Self(Arc::new(Parts { host, proxies, bounds, places, calls, stage, crowded, open }))
    }

    /// Serves at a listener until [`end`](Self::end), or until the future is dropped and with it every connection.
    pub async fn serve(self, mut listener: TcpListener) {
        let mut connections = JoinSet::new();
        let mut stage = self.0.stage.subscribe();
        // The sender is here, so there is no error.
        let mut ending = std::pin::pin!(stage.wait_for(|stage| *stage == Stage::Ending));
        loop {
            let accepted = std::pin::pin!(self.accept(&mut listener));
            let Either::Left(((stream, from, place), _)) = select(accepted, &mut ending).await else { break };
            while connections.try_join_next().is_some() {}
            connections.spawn(Box::pin(self.clone().connection(stream, from, Arc::new(place))));
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }

    /// Refuses new requests from now on. Those under way end.
    pub fn drain(&self) {
        self.0.stage.send_replace(Stage::Draining);
    }

    /// Takes no more connections, and resolves when all there were have ended, those with a request under way after
    /// its answer.
    pub async fn end(&self) {
        self.0.stage.send_replace(Stage::Ending);
        let mut open = self.0.open.subscribe();
        // The sender is here, so there is no error.
        let _ended = open.wait_for(|open| *open == 0).await;
    }

    /// The next connection that has a place. One that waits for room has been taken, so that whoever gives theirs
    /// does so for somebody.
    async fn accept(&self, listener: &mut TcpListener) -> (TcpStream, IpAddr, Place) {
        loop {
            let (stream, address): (TcpStream, SocketAddr) = Listener::accept(listener).await;
            let from = address.ip().to_canonical();
            let has_bound =
                !self.0.bounds.unbounded.contains(&from) && !self.0.proxies.iter().any(|of| of.contains(from));
            let Some(share) = self.0.places.share(has_bound.then_some(from)) else {
                self.0.calls.refused(Refused::Crowded);
                continue;
            };
            let room = match self.0.places.try_room() {
                Some(room) => room,
                None => {
                    self.0.crowded.send_replace(true);
                    let room = self.0.places.room().await;
                    self.0.crowded.send_replace(false);
                    room
                }
            };
            return (stream, from, Place::new(room, share, &self.0.open));
        }
    }

    async fn connection(self, stream: TcpStream, from: IpAddr, place: Arc<Place>) {
        let _open = self.0.calls.opened();
        // Without it an answer could wait for the other side to acknowledge the one before.
        let _best_effort = stream.set_nodelay(true);
        let bounds = &self.0.bounds;
        let line = Arc::new(Line::default());
        let stream = Timely::new(Patient::new(stream), line.clone(), bounds);
        let service = service_fn(|request| {
            let (webhooks, line, place) = (self.clone(), line.clone(), place.clone());
            async move {
                let _busy = line.busy();
                let reply = Box::pin(webhooks.reply(from, &line, place, request)).await;
                Ok::<_, std::convert::Infallible>(reply.map(Full::new))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // The line keeps the time; this one is for what it would not see.
            .header_read_timeout(bounds.idle + bounds.head)
            .max_header_size(LONGEST_HEAD)
            .keep_alive(true)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let (mut stage, mut crowded) = (self.0.stage.subscribe(), self.0.crowded.subscribe());
        loop {
            let (stage_now, is_crowded) = (*stage.borrow_and_update(), *crowded.borrow_and_update());
            if stage_now == Stage::Ending && line.is_new() {
                return;
            }
            // It ends after the request under way, or at once.
            if stage_now == Stage::Ending || (is_crowded && line.is_idle()) {
                connection.as_mut().graceful_shutdown();
            }
            let (ending, filling) = (std::pin::pin!(stage.changed()), std::pin::pin!(crowded.changed()));
            match select(connection.as_mut(), select(ending, filling)).await {
                Either::Left((Ok(()), _)) => return,
                Either::Left((Err(error), _)) => {
                    if line.was_too_slow() {
                        self.0.calls.refused(Refused::TooSlow);
                    } else if error.is_parse() {
                        self.0.calls.refused(Refused::Broken);
                    }
                    tracing::debug!(%from, %error, "a connection broke off");
                    return;
                }
                Either::Right(_) => {}
            }
        }
    }
}
