//! Connections: how many there may be at once, and how long each may take.
//!
//! A connection carries one request, so that whoever opens one and says nothing has its place for as
//! long as the head of a request may take, and no longer.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::patient::Patient;

/// Connections of a listener that are served at once; the next ones wait.
const AT_ONCE: usize = 64;

/// How long the head of a request may take.
pub(crate) const HEAD_TIME: Duration = Duration::from_secs(5);

/// Longest head of a request, in bytes.
const LONGEST_HEAD: usize = 16 << 10;

/// Serves at a listener until the future is dropped, and every connection with it.
pub(crate) async fn serve(mut listener: impl Listener, router: Router) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut connections = JoinSet::new();
    let service = TowerToHyperService::new(router);
    loop {
        // Never closed; if it were, nobody could be served.
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let (stream, _) = listener.accept().await;
        while connections.try_join_next().is_some() {}
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_header_size(LONGEST_HEAD)
            .keep_alive(false)
            .serve_connection(TokioIo::new(Patient::new(stream)), service.clone());
        connections.spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke off");
            }
        });
    }
}
