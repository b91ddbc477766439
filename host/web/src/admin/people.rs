//! People: what is stored of somebody is shown, and erased.
//!
//! A connection that is not configured any more is known here also by what is stored of it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use hodhod_core::host::{EraseError, Erasure};
use hodhod_core::ids::{ChatId, ConnectionName, SenderId};
use hodhod_core::people::{Item, Person};
use hodhod_core::store::Erased;
use serde::{Deserialize, Serialize};

use super::outbox::no_connection;
use super::{At, Said};
use crate::Web;
use crate::refusal::Refusal;

/// A part of what is stored of somebody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// What is stored.
    pub items: Vec<Item>,
    /// What the next part is after, if there is one: to be given back as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// True where the vault of the connection has records that do not open, so that nobody knows whose they are.
    #[serde(default)]
    pub has_lost: bool,
}

pub(super) fn routes() -> Router<Web> {
    Router::new().route("/people/{connection}", get(show)).route("/people/{connection}/erase", post(erase))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whose {
    user: Option<SenderId>,
    chat: Option<ChatId>,
    after: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Doomed {
    user: Option<SenderId>,
    chat: Option<ChatId>,
    #[serde(default)]
    lost: bool,
}

/// Who is meant, by one of the two.
fn person(connection: &ConnectionName, user: Option<SenderId>, chat: Option<ChatId>) -> Result<Person, Refusal> {
    let bad = |what: &str| Err(Refusal::new(StatusCode::BAD_REQUEST, what));
    match (user, chat) {
        (Some(user), None) if !user.as_str().is_empty() => Ok(Person::known_as(connection.clone(), user)),
        (None, Some(chat)) if !chat.as_str().is_empty() => Ok(Person::in_chat(connection.clone(), chat)),
        (Some(_), None) | (None, Some(_)) => bad("nobody has an empty id"),
        _ => bad("say either `user` or `chat`, and only one of them"),
    }
}

async fn show(
    State(web): State<Web>,
    At(connection): At<ConnectionName>,
    Said(Whose { user, chat, after }): Said<Whose>,
) -> Result<Json<Kept>, Refusal> {
    let person = person(&connection, user, chat)?;
    let from = after.as_deref().map(serde_json::from_str).transpose().map_err(|_other| {
        Refusal::new(StatusCode::BAD_REQUEST, "`after` is no place in what is stored: give back what `next` was")
    })?;
    let host = web.host().clone();
    let of = connection.clone();
    // It may look at all that waits.
    let looked = web.lasting(async move {
        let page = host.export_person(person, from).await?;
        let has_lost = page.next.is_none() && host.vaults().has_lost(of).await?;
        Ok((page, has_lost))
    });
    let (page, has_lost) = looked.await?;
    if page.items.is_empty() && after.is_none() && !has_lost {
        known(&web, &connection)?;
    }
    let next = page.next.as_ref().map(serde_json::to_string).transpose();
    let next = next.map_err(|error| Refusal::failed(error.to_string()))?;
    Ok(Json(Kept { items: page.items, next, has_lost }))
}

async fn erase(
    State(web): State<Web>,
    At(connection): At<ConnectionName>,
    Said(Doomed { user, chat, lost }): Said<Doomed>,
) -> Result<Json<Erasure>, Refusal> {
    let host = web.host().clone();
    let erasure = match (lost, &user, &chat) {
        (true, None, None) => {
            let of = connection.clone();
            web.lasting(async move {
                let records = host.drop_lost_records(of).await?;
                Ok(Erasure { erased: Erased { records, ..Erased::default() }, ..Erasure::default() })
            })
            .await?
        }
        (true, ..) => return Err(Refusal::new(StatusCode::BAD_REQUEST, "`lost` is nobody's: say it alone")),
        (false, ..) => {
            let person = person(&connection, user, chat)?;
            // What is half erased must not stay so because a client hangs up.
            web.lasting(async move { host.erase_person(person).await.map_err(refusal) }).await?
        }
    };
    if erasure.erased == Erased::default() && !erasure.has_lost {
        known(&web, &connection)?;
    }
    Ok(Json(erasure))
}

fn refusal(error: EraseError) -> Refusal {
    match error {
        EraseError::Busy => Refusal::conflict(error.to_string()),
        EraseError::Store(_) => Refusal::unavailable(error.to_string()),
    }
}

/// Refuses a connection that is not configured, of which nothing was found.
fn known(web: &Web, connection: &ConnectionName) -> Result<(), Refusal> {
    match web.host().outboxes().get(connection) {
        Some(_here) => Ok(()),
        None => Err(no_connection(web, connection)),
    }
}
