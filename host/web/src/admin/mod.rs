//! The API of the operator, under `/api`.
//!
//! | method and path | what |
//! |---|---|
//! | `GET /api/bots` | every bot, as `/status` tells it |
//! | `POST /api/bots/{bot}/pause` and `/resume`, `/kill`, `/quarantine`, `/release` | an order |
//! | `POST /api/bots/{bot}/reload` | looks at the file of its plugin now |
//! | `POST /api/bots/{bot}/rollback` | lets the generation before serve again |
//! | `GET /api/bots/{bot}/generations` | what became of each file |
//! | `GET /api/logs` | the newest lines of the log; `bot=NAME` those about one bot, `follow=true` also those to come |
//!
//! An answer is JSON, and so is a [`Refusal`]. Each group of routes is a file with a function `routes`,
//! which [`routes`] merges; the [`Door`] and the bounds of a request are in front of them all. Something
//! that lasts takes one of some places of its own, so that it leaves the connections to others.

mod bots;
mod logs;
mod versions;

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use hodhod_core::ids::BotName;
use hodhod_core::text::suggest;
use http_body_util::LengthLimitError;
use serde::Deserialize;

pub use self::bots::Ordered;
pub use self::logs::Logs;
pub use self::versions::{Plugins, Records, Serving};
use crate::Web;
use crate::door::{self, Door};
use crate::refusal::Refusal;

/// Requests to look at new builds that are followed at once; the next ones are refused.
pub(crate) const RELOADS: usize = 8;

/// Readers of the log at once; the next ones are refused.
pub(crate) const READERS: usize = 8;

/// Longest body of a request, in bytes.
const LONGEST_BODY: usize = 16 << 10;

/// How long the body of a request may take.
const BODY_TIME: Duration = Duration::from_secs(5);

/// Every route, behind the door.
pub(crate) fn routes(door: Door) -> Router<Web> {
    Router::new()
        .merge(bots::routes())
        .merge(logs::routes())
        .merge(versions::routes())
        .method_not_allowed_fallback(not_so)
        .fallback(nothing)
        .layer(middleware::from_fn(bounded))
        .layer(middleware::from_fn_with_state(door, door::check))
}

async fn nothing() -> Refusal {
    Refusal::unknown("there is nothing at this path of the API")
}

async fn not_so(method: Method) -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not what is done here"))
}

/// Reads the body to its end before anything is done: what cannot be read to the end does nothing.
async fn bounded(request: Request, next: Next) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let read = tokio::time::timeout(BODY_TIME, to_bytes(body, LONGEST_BODY)).await.map_err(|_late| {
        Refusal::new(StatusCode::REQUEST_TIMEOUT, format!("the body did not come within {} s", BODY_TIME.as_secs()))
    })?;
    let body = read.map_err(|error| {
        if std::error::Error::source(&error).is_some_and(|source| source.is::<LengthLimitError>()) {
            let error = format!("a body has at most {LONGEST_BODY} bytes");
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, error)
        } else {
            Refusal::new(StatusCode::BAD_REQUEST, "the body broke off")
        }
    })?;
    Ok(next.run(Request::from_parts(parts, Body::from(body))).await)
}

/// The bot that a path names as `{bot}`, which is there.
struct Named(BotName);

impl FromRequestParts<Web> for Named {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        struct OfBot {
            bot: String,
        }

        let path: Result<Path<OfBot>, PathRejection> = Path::from_request_parts(parts, web).await;
        let Path(OfBot { bot }) = path.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.body_text()))?;
        named(web, &bot).map(Self)
    }
}

/// The bot of a name, which is there.
fn named(web: &Web, bot: &str) -> Result<BotName, Refusal> {
    let bots = web.host().turns().bots();
    let names: Vec<&str> = bots.iter().map(|bot| bot.name().as_str()).collect();
    if names.contains(&bot) {
        return Ok(bot.into());
    }
    Err(Refusal::unknown(match suggest(bot, &names) {
        Some(meant) => format!("there is no bot {bot:?}; did you mean {meant:?}?"),
        None => format!("there is no bot {bot:?}; there are: {}", names.join(", ")),
    }))
}
