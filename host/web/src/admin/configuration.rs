//! The configuration, read again.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::Web;
use crate::refusal::Refusal;

/// What knows where the configuration is, and applies it.
pub trait Settings: Send + Sync {
    /// Reads it again and applies what differs, all of it or nothing. To be polled to its end.
    fn reread(self: Arc<Self>) -> BoxFuture<'static, Result<Reread, Refusal>>;
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reread {
    /// What was added, changed and removed, in words.
    pub done: Vec<String>,
    /// What takes a restart of the host.
    pub pending: Vec<String>,
}

pub(super) fn routes() -> Router<Web> {
    Router::new().route("/configuration/reread", post(reread))
}

async fn reread(State(web): State<Web>) -> Result<Json<Reread>, Refusal> {
    // What is half applied must not stay so because a client hangs up.
    web.lasting(web.0.joints.settings.clone().reread()).await.map(Json)
}
