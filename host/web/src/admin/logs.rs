//! The newest lines of the log, and those to come.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::StreamExt;
use futures::stream::BoxStream;
use serde::Deserialize;

use super::named;
use crate::Web;
use crate::refusal::Refusal;

/// What keeps the newest lines of the log.
pub trait Logs: Send + Sync {
    /// Lines about one bot or about everything, each a JSON object with its line break; goes on with those to
    /// come, for ever, if it is to `follow`.
    fn read(&self, bot: Option<&str>, follow: bool) -> BoxStream<'static, String>;
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    bot: Option<String>,
    #[serde(default)]
    follow: bool,
}

pub(super) fn routes() -> Router<Web> {
    Router::new().route("/logs", get(logs))
}

async fn logs(State(web): State<Web>, wanted: Result<Query<Wanted>, QueryRejection>) -> Result<Response, Refusal> {
    let Query(Wanted { bot, follow }) =
        wanted.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    let bot = bot.map(|bot| named(&web, &bot)).transpose()?;
    // Readers stay, and leave connections to others.
    let place = web.0.readers.clone().try_acquire_owned().map_err(|_all_taken| {
        Refusal::too_many("too many read the log at once; ask again when one of them has gone")
    })?;
    let lines = web.0.logs.read(bot.as_ref().map(|bot| bot.as_str()), follow).map(move |line| {
        let _place = &place;
        Ok::<_, Infallible>(line)
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}
