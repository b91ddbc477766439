//! Dead letters: listed, shown, tried again, dropped.
//!
//! Letters of a bot that is not configured any more stay until somebody drops them, so a bot is known here
//! also by its letters.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use hodhod_core::dead::{DeadLetter, Doomed};
use hodhod_core::host::{OpenedLetter, RetryError};
use hodhod_core::ids::{BotName, InboxSeq};
use serde::{Deserialize, Serialize};

use super::page::{Limit, page};
use super::{At, Said, no_bot};
use crate::Web;
use crate::refusal::Refusal;

/// Largest event that is shown, in bytes as [`Event::weight`](hodhod_core::event::Event::weight) counts
/// them: as JSON it may have six times as many, which a client still takes.
const LARGEST_EVENT: usize = 2 << 20;

/// A page of dead letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letters {
    /// The newest first.
    pub letters: Vec<DeadLetter>,
    /// What the next page is before, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// A dead letter that waits to be handled again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retried {
    /// Its new number, as an event.
    pub seq: InboxSeq,
}

/// Dead letters that are no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// How many.
    pub dropped: u64,
}

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/dead", get(list))
        .route("/dead/drop", post(drop_all))
        .route("/dead/{seq}", get(show))
        .route("/dead/{seq}/retry", post(retry))
        .route("/dead/{seq}/drop", post(drop_one))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    bot: Option<BotName>,
    before: Option<u64>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfBot {
    bot: BotName,
}

async fn list(State(web): State<Web>, Said(which): Said<Which>) -> Result<Json<Letters>, Refusal> {
    let Which { bot, before, limit } = which;
    let found = web.host().dead_letters(bot.clone(), before, limit.and_one()).await?;
    if let (Some(bot), true) = (&bot, found.is_empty()) {
        known(&web, bot).await?;
    }
    let (letters, more) = page(found, limit);
    let next = letters.last().filter(|_| more).map(|letter| letter.place);
    Ok(Json(Letters { letters, next }))
}

async fn show(State(web): State<Web>, At(seq): At<InboxSeq>) -> Result<Json<OpenedLetter>, Refusal> {
    let mut opened = web.host().dead_letter(seq).await?.ok_or_else(|| no_letter(seq))?;
    if let Some(bytes) = opened.event.as_ref().map(|event| event.weight()).filter(|bytes| *bytes > LARGEST_EVENT) {
        opened.event = None;
        opened.unreadable = Some(format!("it has {bytes} bytes, and at most {LARGEST_EVENT} are shown"));
    }
    Ok(Json(opened))
}

async fn retry(State(web): State<Web>, At(seq): At<InboxSeq>) -> Result<Json<Retried>, Refusal> {
    match web.host().retry_dead(seq).await {
        Ok(seq) => Ok(Json(Retried { seq })),
        Err(error @ RetryError::Unknown(_)) => Err(Refusal::unknown(error.to_string())),
        Err(error @ (RetryError::NoBot { .. } | RetryError::NoRoom { .. })) => {
            Err(Refusal::conflict(error.to_string()))
        }
        Err(RetryError::Store(error)) => Err(error.into()),
        Err(error @ RetryError::Ending) => Err(Refusal::unavailable(error.to_string())),
    }
}

async fn drop_one(State(web): State<Web>, At(seq): At<InboxSeq>) -> Result<Json<Dropped>, Refusal> {
    match web.host().drop_dead(Doomed::One(seq)).await? {
        0 => Err(no_letter(seq)),
        dropped => {
            tracing::info!(letter = %seq, "the operator dropped a dead letter");
            Ok(Json(Dropped { dropped }))
        }
    }
}

async fn drop_all(State(web): State<Web>, Said(OfBot { bot }): Said<OfBot>) -> Result<Json<Dropped>, Refusal> {
    known(&web, &bot).await?;
    let host = web.host().clone();
    let dropping = async move {
        let dropped = host.drop_dead(Doomed::Of(bot.clone())).await?;
        tracing::info!(%bot, letters = dropped, "the operator dropped the dead letters of a bot");
        Ok(Json(Dropped { dropped }))
    };
    web.lasting(dropping).await
}

fn no_letter(seq: InboxSeq) -> Refusal {
    Refusal::unknown(format!("there is no dead letter {seq}"))
}

/// Refuses a bot that is neither configured nor has dead letters.
async fn known(web: &Web, bot: &BotName) -> Result<(), Refusal> {
    if web.host().turns().bot(bot).is_some() || !web.host().dead_letters(Some(bot.clone()), None, 1).await?.is_empty() {
        return Ok(());
    }
    Err(no_bot(web, bot.as_str()))
}
