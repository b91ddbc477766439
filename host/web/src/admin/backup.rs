//! A copy of the database, made by the host that uses it.
//!
//! The host writes a file of whatever name it is told. Who owns the host may do that anyway; who has no more
//! than the token, and may be on another machine, may not. So it is done for who comes through the socket.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;
use crate::{Door, Web};

/// What copies the database.
pub trait Backups: Send + Sync {
    /// Writes a copy into this file, whose path is absolute. It is made also where nobody waits for it.
    fn back_up(self: Arc<Self>, to: BackUp) -> BoxFuture<'static, Result<BackedUp, Refusal>>;
}

/// A backup that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackUp {
    /// Where it goes: an absolute path on the machine of the host.
    pub file: PathBuf,
    /// Replaces a file that is there.
    #[serde(default)]
    pub force: bool,
}

/// A backup that is on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackedUp {
    /// Where it is.
    pub file: PathBuf,
    /// Its size, in bytes.
    pub bytes: u64,
}

pub(super) fn routes(door: &Door) -> Router<Web> {
    Router::new().route(
        "/backup",
        match door {
            Door::Owner => post(back_up),
            Door::Anyone(_) => post(not_here),
        },
    )
}

async fn back_up(State(web): State<Web>, to: Result<Json<BackUp>, JsonRejection>) -> Result<Json<BackedUp>, Refusal> {
    let Json(to) = to.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    if !to.file.is_absolute() {
        // It would be relative to wherever the host was started.
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "`file` has to be an absolute path"));
    }
    web.0.joints.backups.clone().back_up(to).await.map(Json)
}

async fn not_here() -> Refusal {
    Refusal::new(
        StatusCode::FORBIDDEN,
        "a backup is a file on the machine of the host, and the token lets nobody write files there: \
         ask on that machine, through control.sock in the state folder",
    )
}
