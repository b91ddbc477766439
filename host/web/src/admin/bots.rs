//! The bots of a host, and the orders that hold them back and let them run.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use hodhod_core::health::Order;
use hodhod_core::ids::BotName;
use hodhod_core::turns::OrderError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Named;
use crate::Web;
use crate::refusal::Refusal;

/// How long the answer to a kill waits for the turns to be over, and how often it looks.
const KILL_WAIT: Duration = Duration::from_secs(1);
const KILL_LOOK: Duration = Duration::from_millis(2);

/// What came of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ordered {
    /// False if the bot was as ordered before.
    pub changed: bool,
    /// The bot's state now.
    pub state: String,
    /// Why it is in that state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Turns that were running when the order came.
    pub running: usize,
    /// Turns of them that a kill had not ended when the answer was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub still_running: Option<usize>,
}

pub(super) fn routes() -> Router<Web> {
    Order::ALL.into_iter().fold(Router::new().route("/bots", get(list)), |router, order| {
        let follow = move |State(web): State<Web>, Named(bot): Named| async move { obey(&web, &bot, order).await };
        router.route(&format!("/bots/{{bot}}/{}", order.as_str()), post(follow))
    })
}

async fn list(State(web): State<Web>) -> Result<Json<Value>, Refusal> {
    let status = web.snapshot().await?;
    Ok(Json(json!({ "bots": status.bots })))
}

/// 202 where a kill is ordered and has not ended everything yet.
async fn obey(web: &Web, bot: &BotName, order: Order) -> Result<(StatusCode, Json<Ordered>), Refusal> {
    let obeyed = web.host().turns().order(bot, order).await.map_err(|error| {
        let text = format!("{bot}: {error}");
        match error {
            OrderError::Unknown(_) => Refusal::unknown(text),
            OrderError::Refused(_) => Refusal::conflict(text),
            OrderError::NotRecorded(_) => Refusal::failed(text),
        }
    })?;
    let still_running = match order {
        Order::Kill => Some(left(web, bot).await),
        Order::Pause | Order::Resume | Order::Quarantine | Order::Release => None,
    };
    let status = if still_running.unwrap_or(0) > 0 { StatusCode::ACCEPTED } else { StatusCode::OK };
    let ordered = Ordered {
        changed: obeyed.changed,
        state: obeyed.health.state.as_str().to_owned(),
        reason: obeyed.health.reason,
        running: obeyed.running,
        still_running,
    };
    Ok((status, Json(ordered)))
}

/// Waits until no turn of a bot runs, and gives the number of those that still do.
async fn left(web: &Web, bot: &BotName) -> usize {
    let turns = web.host().turns();
    let waited = tokio::time::timeout(KILL_WAIT, async {
        while turns.running(bot) > 0 {
            tokio::time::sleep(KILL_LOOK).await;
        }
    });
    if waited.await.is_ok() { 0 } else { turns.running(bot) }
}
