//! The pages that tell how a host is doing, to everybody who reaches them.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use hodhod_core::status::Status;
use hodhod_core::store::StoreError;

use crate::{Web, metrics};

pub(crate) fn routes() -> Router<Web> {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/status", get(status))
        .route("/metrics", get(metrics))
}

/// The store cannot be read.
struct Unavailable(StoreError);

impl From<StoreError> for Unavailable {
    fn from(error: StoreError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Unavailable {
    fn into_response(self) -> Response {
        (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", self.0)).into_response()
    }
}

async fn status(State(web): State<Web>) -> Result<Json<Status>, Unavailable> {
    Ok(Json(web.snapshot().await?))
}

async fn ready(State(web): State<Web>) -> Result<Response, Unavailable> {
    let status = web.snapshot().await?;
    if let Some(trouble) = &status.intake.trouble {
        let seconds = status.now.since(trouble.since).as_secs();
        let why = format!("{}; intake has stopped for {seconds} s; {}\n", trouble.text, trouble.then);
        return Ok((StatusCode::SERVICE_UNAVAILABLE, why).into_response());
    }
    let down: Vec<_> = status.connections.iter().filter(|connection| !connection.connected).collect();
    if down.is_empty() {
        return Ok("ready\n".into_response());
    }
    let names: Vec<_> = down.iter().map(|connection| connection.name.as_str()).collect();
    Ok((StatusCode::SERVICE_UNAVAILABLE, format!("not connected: {}\n", names.join(", "))).into_response())
}

async fn metrics(State(web): State<Web>) -> Result<Response, Unavailable> {
    let status = web.snapshot().await?;
    let page = match metrics::render(&status, (web.0.pool)(), &web.0.calls) {
        Ok(page) => page,
        Err(error) => return Ok((StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response()),
    };
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page).into_response())
}
