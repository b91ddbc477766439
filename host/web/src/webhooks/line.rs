//! Connections of the public listener: who gets a place, how long each may take, and how they end.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower_service::Service as _;

use super::counts::Refused;
use super::{Peer, Webhooks};
use crate::patient::Patient;

/// How long the head of a request may take, and how long a connection may be quiet before the next one.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// Longest head of a request, in bytes.
const LONGEST_HEAD: usize = 16 << 10;

/// The pause after the system gave no connection, as when it has no more files.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until the host drains, and until what is under way then has been answered.
pub(super) async fn serve(webhooks: &Webhooks, listener: TcpListener, router: Router) {
    let mut draining = std::pin::pin!(webhooks.drains());
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut draining => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, from)) => {
                let is_proxy = webhooks.0.proxies.contains(&from.ip().to_canonical());
                match webhooks.0.places.take(from.ip().to_canonical(), is_proxy) {
                    Some(place) => {
                        let one = one(webhooks.clone(), stream, Peer(from.ip()), router.clone());
                        connections.spawn(async move {
                            let _place = place;
                            one.await;
                        });
                    }
                    // Closed at once: whoever has so many waits for some of them to end.
                    None => webhooks.0.counts.refuse(Refused::Crowded),
                }
            }
            Err(error) => {
                tracing::warn!(%error, "no connection can be taken at the address for webhooks");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn one(webhooks: Webhooks, stream: TcpStream, peer: Peer, router: Router) {
    // What is small is sent at once. A stream that cannot be told so works as well.
    let _slower = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        router.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_header_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(Patient::new(stream)), service);
    let mut connection = std::pin::pin!(connection);
    let mut draining = std::pin::pin!(webhooks.drains());
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = &mut draining => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}
