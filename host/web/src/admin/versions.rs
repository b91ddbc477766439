//! The versions of a bot's plugin: looking at its file, going back, and what became of each.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::future::BoxFuture;
use hodhod_core::generations::Record;
use hodhod_core::ids::BotName;
use serde::{Deserialize, Serialize};

use super::Named;
use crate::Web;
use crate::refusal::Refusal;

/// What takes the engine, or a file.
pub trait Plugins: Send + Sync {
    /// Looks at the file of a bot now.
    fn reload(self: Arc<Self>, bot: BotName) -> BoxFuture<'static, Result<Serving, Refusal>>;

    /// Lets the generation before serve again.
    fn roll_back(self: Arc<Self>, bot: BotName) -> BoxFuture<'static, Result<Serving, Refusal>>;
}

/// What serves now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serving {
    /// False if it is what served before.
    pub changed: bool,
    /// The generation.
    pub generation: u64,
}

/// What became of the files of a bot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Records {
    /// The oldest first.
    pub records: Vec<Record>,
}

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/bots/{bot}/reload", post(reload))
        .route("/bots/{bot}/rollback", post(roll_back))
        .route("/bots/{bot}/generations", get(generations))
}

async fn reload(State(web): State<Web>, Named(bot): Named) -> Result<Json<Serving>, Refusal> {
    web.lasting(web.0.joints.plugins.clone().reload(bot)).await.map(Json)
}

async fn roll_back(State(web): State<Web>, Named(bot): Named) -> Result<Json<Serving>, Refusal> {
    web.0.joints.plugins.clone().roll_back(bot).await.map(Json)
}

async fn generations(State(web): State<Web>, Named(name): Named) -> Result<Json<Records>, Refusal> {
    let bots = web.host().turns().bots();
    let bot = bots.iter().find(|bot| *bot.name() == name);
    Ok(Json(Records { records: bot.map(|bot| bot.generations.records()).unwrap_or_default() }))
}
