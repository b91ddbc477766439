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
//! | `GET /api/dead` and `/api/dead/{seq}` | dead letters, and one of them with its event |
//! | `POST /api/dead/{seq}/retry` and `/drop`, `/api/dead/drop` | tries one again, drops one or all of a bot |
//! | `GET /api/outbox`, `POST /api/outbox/{connection}/pause` and `/resume` | the sends that wait |
//! | `GET /api/timers` | the timers that stand |
//! | `GET /api/people/{connection}` | what is stored of somebody, by `user=ID` or `chat=ID` |
//! | `POST /api/people/{connection}/erase` | takes it away, for good |
//! | `POST /api/configuration/reread` | reads the configuration again |
//! | `POST /api/backup` | copies the database into a file; at the socket only |
//!
//! An answer is JSON, and so is a [`Refusal`]. Each group of routes is a file with a function `routes`,
//! which `routes` merges; the [`Door`] and the bounds of a request are in front of them all. Something
//! that lasts takes one of some places of its own, so that it leaves the connections to others.

mod backup;
mod bots;
mod configuration;
mod dead;
mod logs;
mod outbox;
mod page;
mod people;
mod timers;
mod versions;

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use hodhod_core::ids::BotName;
use hodhod_core::text::suggest;
use http_body_util::LengthLimitError;
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use self::backup::{BackUp, BackedUp, Backups};
pub use self::bots::Ordered;
pub use self::configuration::{Reread, Settings};
pub use self::dead::{Dropped, Letters, Retried};
pub use self::logs::Logs;
pub use self::outbox::{Paused, Sends};
pub use self::page::LONGEST_PAGE;
pub use self::people::Kept;
pub use self::timers::Timers;
pub use self::versions::{Plugins, Records, Serving};
use crate::Web;
use crate::door::{self, Door};
use crate::refusal::Refusal;

/// Requests for what lasts that are followed at once; the next ones are refused.
pub(crate) const LASTING: usize = 8;

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
        .merge(dead::routes())
        .merge(outbox::routes())
        .merge(timers::routes())
        .merge(people::routes())
        .merge(configuration::routes())
        .merge(backup::routes(&door))
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

        let At(OfBot { bot }) = At::from_request_parts(parts, web).await?;
        let name = BotName::from(bot.as_str());
        if web.host().turns().bot(&name).is_some() { Ok(Self(name)) } else { Err(no_bot(web, &bot)) }
    }
}

/// What a path names.
struct At<T>(T);

impl<T: DeserializeOwned + Send> FromRequestParts<Web> for At<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Refusal> {
        let path: Result<Path<T>, PathRejection> = Path::from_request_parts(parts, web).await;
        path.map(|Path(named)| Self(named)).map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.body_text()))
    }
}

/// What is asked for behind the path.
struct Said<T>(T);

impl<T: DeserializeOwned> FromRequestParts<Web> for Said<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Refusal> {
        let query: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, web).await;
        query.map(|Query(said)| Self(said)).map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.body_text()))
    }
}

fn no_bot(web: &Web, written: &str) -> Refusal {
    let bots = web.host().turns().bots();
    let names: Vec<&str> = bots.iter().map(|bot| bot.name().as_str()).collect();
    nearest("bot", written, &names)
}

/// There is no such thing, but those that there are.
fn nearest(kind: &str, written: &str, names: &[&str]) -> Refusal {
    Refusal::unknown(match suggest(written, names) {
        Some(meant) => format!("there is no {kind} {written:?}; did you mean {meant:?}?"),
        None => format!("there is no {kind} {written:?}; there are: {}", names.join(", ")),
    })
}
