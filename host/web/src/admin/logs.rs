//! The newest lines of the log, and those to come.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::StreamExt;
use futures::stream::BoxStream;
use hodhod_core::ids::BotName;
use serde::Deserialize;

use super::{Said, no_bot};
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

async fn logs(State(web): State<Web>, Said(Wanted { bot, follow }): Said<Wanted>) -> Result<Response, Refusal> {
    if let Some(bot) = bot.as_deref().filter(|bot| web.host().turns().bot(&BotName::from(*bot)).is_none()) {
        return Err(no_bot(&web, bot));
    }
    // Readers stay, and leave connections to others.
    let place = web.0.readers.clone().try_acquire_owned().map_err(|_all_taken| {
        Refusal::too_many("too many read the log at once; ask again when one of them has gone")
    })?;
    let lines = web.0.joints.logs.read(bot.as_deref(), follow).map(move |line| {
        let _place = &place;
        Ok::<_, Infallible>(line)
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}
