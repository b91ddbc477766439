//! The timers that stand, without what they carry.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use hodhod_core::ids::BotName;
use hodhod_core::timers::{ListedTimer, TimerPlace};
use serde::{Deserialize, Serialize};

use super::page::{Limit, page};
use super::{Said, no_bot};
use crate::Web;
use crate::refusal::Refusal;

/// A page of timers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timers {
    /// The next to fire first.
    pub timers: Vec<ListedTimer>,
    /// What the next page is after, if there is one: to be given back as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

pub(super) fn routes() -> Router<Web> {
    Router::new().route("/timers", get(list))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    bot: Option<BotName>,
    after: Option<String>,
    #[serde(default)]
    limit: Limit,
}

async fn list(State(web): State<Web>, Said(which): Said<Which>) -> Result<Json<Timers>, Refusal> {
    let Which { bot, after, limit } = which;
    let after: Option<TimerPlace> = after.as_deref().map(serde_json::from_str).transpose().map_err(|_other| {
        Refusal::new(StatusCode::BAD_REQUEST, "`after` is no place among timers: give back what `next` was")
    })?;
    let found = web.host().list_timers(bot.clone(), after, limit.and_one()).await?;
    // Timers of a bot that is not configured stand until it comes back.
    if let (Some(bot), true) = (&bot, found.is_empty())
        && web.host().turns().bot(bot).is_none()
        && web.host().list_timers(Some(bot.clone()), None, 1).await?.is_empty()
    {
        return Err(no_bot(&web, bot.as_str()));
    }
    let (timers, more) = page(found, limit);
    let next = timers.last().filter(|_| more).map(|timer| serde_json::to_string(&timer.place()));
    let next = next.transpose().map_err(|error| Refusal::failed(error.to_string()))?;
    Ok(Json(Timers { timers, next }))
}
