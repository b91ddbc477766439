//! The HTTP side of a host: is it alive, is it ready, how is it doing.
//!
//! | path | what |
//! |---|---|
//! | `/healthz` | 200 while the process answers |
//! | `/readyz` | 200 while the store can be read and every connection is up, else 503 and why |
//! | `/status` | the whole snapshot as JSON |
//! | `/metrics` | the numbers of it for Prometheus |

mod metrics;
mod page;
mod process;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use hodhod_core::host::Host;
use hodhod_core::runtime::PoolUse;
use hodhod_core::status::Status;
use hodhod_core::time::Millis;
use tokio::net::TcpListener;

struct Web {
    host: Arc<Host>,
    started: Millis,
    pool: Pool,
}

/// Tells how much of the sandbox's pool is in use.
pub type Pool = Box<dyn Fn() -> PoolUse + Send + Sync>;

/// Serves until the future is dropped.
pub async fn serve(listener: TcpListener, host: Arc<Host>, started: Millis, pool: Pool) {
    let web = Arc::new(Web { host, started, pool });
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/status", get(status))
        .route("/metrics", get(metrics))
        .with_state(web);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "status and metrics are not served any more");
    }
}

impl Web {
    async fn snapshot(&self) -> Result<Status, Response> {
        Status::of(&self.host, self.started)
            .await
            .map_err(|error| (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response())
    }
}

async fn status(State(web): State<Arc<Web>>) -> Result<Json<Status>, Response> {
    web.snapshot().await.map(Json)
}

async fn ready(State(web): State<Arc<Web>>) -> Result<Response, Response> {
    let status = web.snapshot().await?;
    let down: Vec<_> = status.connections.iter().filter(|connection| !connection.connected).collect();
    if down.is_empty() {
        return Ok("ready\n".into_response());
    }
    let names: Vec<_> = down.iter().map(|connection| connection.name.as_str()).collect();
    Err((StatusCode::SERVICE_UNAVAILABLE, format!("not connected: {}\n", names.join(", "))).into_response())
}

async fn metrics(State(web): State<Arc<Web>>) -> Result<Response, Response> {
    let status = web.snapshot().await?;
    let page = metrics::render(&status, (web.pool)())
        .map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response())?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page).into_response())
}
