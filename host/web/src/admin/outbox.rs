//! The sends that wait: listed, and held back a connection.
//!
//! Sends to a connection that is not configured any more wait on, so one is known here also by its sends.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use hodhod_core::host::PauseError;
use hodhod_core::ids::{ChatId, ConnectionName, OutboxSeq};
use hodhod_core::outbox::{ListedSend, SendsOf};
use hodhod_core::time::Millis;
use serde::{Deserialize, Serialize};

use super::page::{Limit, page};
use super::{At, Said, nearest};
use crate::Web;
use crate::refusal::Refusal;

/// A page of sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sends {
    /// In the order in which they were queued.
    pub sends: Vec<ListedSend>,
    /// What the next page is after, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<OutboxSeq>,
}

/// Whether the sends of a connection are held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// False if it was as ordered before.
    pub changed: bool,
    /// Since when they wait, if they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Millis>,
}

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/outbox", get(list))
        .route("/outbox/{connection}/pause", post(pause))
        .route("/outbox/{connection}/resume", post(resume))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    connection: Option<ConnectionName>,
    chat: Option<ChatId>,
    after: Option<OutboxSeq>,
    #[serde(default)]
    limit: Limit,
}

async fn list(State(web): State<Web>, Said(which): Said<Which>) -> Result<Json<Sends>, Refusal> {
    let Which { connection, chat, after, limit } = which;
    let of = SendsOf { connection: connection.clone(), chat };
    let found = web.host().list_sends(of, after.unwrap_or(OutboxSeq(0)), limit.and_one()).await?;
    if let (Some(connection), true) = (connection, found.is_empty()) {
        let of = SendsOf { connection: Some(connection.clone()), chat: None };
        if web.host().outboxes().get(&connection).is_none()
            && web.host().list_sends(of, OutboxSeq(0), 1).await?.is_empty()
        {
            return Err(no_connection(&web, &connection));
        }
    }
    let (sends, more) = page(found, limit);
    let next = sends.last().filter(|_| more).map(|send| send.seq);
    Ok(Json(Sends { sends, next }))
}

async fn pause(State(web): State<Web>, At(connection): At<ConnectionName>) -> Result<Json<Paused>, Refusal> {
    let changed = web.host().pause_sends(&connection).await;
    held(&web, &connection, changed)
}

async fn resume(State(web): State<Web>, At(connection): At<ConnectionName>) -> Result<Json<Paused>, Refusal> {
    let changed = web.host().resume_sends(&connection).await;
    held(&web, &connection, changed)
}

fn held(web: &Web, connection: &ConnectionName, changed: Result<bool, PauseError>) -> Result<Json<Paused>, Refusal> {
    match changed {
        Ok(changed) => {
            let outbox = web.host().outboxes().get(connection);
            Ok(Json(Paused { changed, paused: outbox.and_then(|outbox| outbox.paused()) }))
        }
        Err(PauseError::Unknown(connection)) => Err(no_connection(web, &connection)),
        Err(error @ PauseError::NotRecorded(_)) => Err(Refusal::failed(format!("{connection}: {error}"))),
    }
}

pub(super) fn no_connection(web: &Web, written: &ConnectionName) -> Refusal {
    let connections = web.host().connections();
    let names: Vec<&str> = connections.iter().map(|(connection, _)| connection.name.as_str()).collect();
    nearest("connection", written.as_str(), &names)
}
