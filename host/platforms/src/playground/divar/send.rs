//! The three ways in which an app sends a message.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::access::{self, no_scope};
use super::app::Permission;
use super::draft::{self, Draft, What};
use super::events::{self, Shape};
use super::grants::Grant;
use super::media::StoredFile;
use super::refusal::Refusal;
use super::sent::{Sent, SentBy};
use super::server::Shared;
use super::world::{Author, Conversation, Side, Text, With, World};
use super::{ids, media};

type Answer = Result<Json<Value>, Refusal>;
type Body = Result<Bytes, BytesRejection>;

const FIRST: &str = "CHAT_BOT_USER_MESSAGE_SEND";
const ONE_CONVERSATION: &str = "CONVERSATION_SEND_MESSAGE";

/// `POST /v2/open-platform/conversations/{conversation_id}/messages`
pub(super) async fn to_post(
    State(server): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    server.key(&headers, Permission::ChatSendMessageOauth)?;
    let consent = server.consent(&headers)?;
    let (body, bytes) = access::json(&headers, body)?;
    let draft = draft::for_post(body, &server.settings.rules)?;
    let file = server.uploaded(&draft.what)?;
    let mut world = server.world();
    let id = find(&mut world, &id, &consent.grant)?;
    server.accept(&mut world, &id, Some(&consent.grant.person), draft, file, bytes)?;
    Ok(Json(json!({ "status": 200, "message": "success" })))
}

/// `POST /v1/open-platform/chat/bot/conversations/{conversation_id}/messages`
pub(super) async fn to_bot(
    State(server): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    server.key(&headers, Permission::ChatBotSendMessage)?;
    let consent = server.maybe_consent(&headers)?;
    if server.settings.rules.answers_need_consent && !consent.is_some_and(|consent| consent.grant.scopes.has(FIRST)) {
        return Err(no_scope(FIRST));
    }
    let (body, bytes) = access::json(&headers, body)?;
    let draft = draft::for_bot(body, &server.settings.rules)?;
    let file = server.uploaded(&draft.what)?;
    let mut world = server.world();
    let known = world.conversation(&id).is_some_and(|conversation| conversation.post().is_none());
    if !known {
        return Err(Refusal::not_found("conversation"));
    }
    server.accept(&mut world, &id, None, draft, file, bytes)?;
    Ok(Json(json!({ "conversation_id": id })))
}

/// `POST /v1/open-platform/chat/bot/users/{user_id}/messages`
pub(super) async fn to_user(
    State(server): State<Arc<Shared>>,
    Path(user): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    server.key(&headers, Permission::ChatBotSendMessage)?;
    let consent = server.consent(&headers)?;
    if !consent.grant.scopes.has(FIRST) {
        return Err(no_scope(FIRST));
    }
    let (body, bytes) = access::json(&headers, body)?;
    let draft = draft::for_bot(body, &server.settings.rules)?;
    let file = server.uploaded(&draft.what)?;
    let mut world = server.world();
    let person = world.person(&consent.grant.person).map_err(|_| Refusal::not_found("user"))?;
    if person.id != user {
        return Err(Refusal::denied("the user is not the one of the access token"));
    }
    let id = person.chatbot.clone();
    server.accept(&mut world, &id, None, draft, file, bytes)?;
    Ok(Json(json!({ "conversation_id": id })))
}

/// The conversation about a post into which this person's consent lets an app write.
///
/// A buyer who opens the app before the first word has the token of the post for an id, as users of Divar report;
/// the first message begins the conversation.
fn find(world: &mut World, id: &str, grant: &Grant) -> Result<String, Refusal> {
    let named = grant.scopes.has_for(ONE_CONVERSATION, id);
    if world.conversation(id).is_none() {
        let is_buyer = world.post(id).is_ok_and(|(post, owner)| post.chat_enabled && owner != grant.person);
        if !is_buyer {
            return Err(Refusal::not_found("conversation"));
        }
        if !named {
            return Err(no_scope(&format!("{ONE_CONVERSATION}.{id}")));
        }
        return world.begin_about(id, &grant.person).map_err(|_| Refusal::full());
    }
    let conversation = world.conversation(id).filter(|conversation| conversation.post().is_some());
    let conversation = conversation.ok_or_else(|| Refusal::not_found("conversation"))?;
    let as_owner = |post: &str| {
        grant.scopes.has("CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND")
            || grant.scopes.has_for("CHAT_POST_CONVERSATIONS_MESSAGE_SEND", post)
    };
    let allowed = match conversation.side(&grant.person) {
        None => false,
        Some(Side::Buyer) => named,
        Some(Side::Seller) => named || conversation.post().is_some_and(as_owner),
    };
    if allowed { Ok(id.to_owned()) } else { Err(no_scope(&format!("{ONE_CONVERSATION}.{id}"))) }
}

impl Shared {
    /// The file that a draft names, which was uploaded.
    fn uploaded(&self, what: &What) -> Result<Option<StoredFile>, Refusal> {
        let What::Media(token) = what else { return Ok(None) };
        let file = self.media().uploaded(token);
        file.map(Some).ok_or_else(|| Refusal::invalid("media_token is unknown"))
    }

    /// Keeps the message, or says why not.
    fn accept(
        self: &Arc<Self>,
        world: &mut World,
        id: &str,
        on_behalf_of: Option<&str>,
        draft: Draft,
        file: Option<StoredFile>,
        bytes: usize,
    ) -> Result<(), Refusal> {
        if !world.sent.has_room(bytes) {
            return Err(Refusal::full());
        }
        let micros = world.stamp(self.now());
        let texts = world.texts();
        let conversation = world.conversation_mut(id).ok_or_else(|| Refusal::not_found("conversation"))?;
        if conversation.is_blocked() {
            return Err(Refusal::blocked());
        }
        let side = on_behalf_of.and_then(|name| conversation.side(name));
        let by = match (&conversation.with, on_behalf_of, side) {
            (With::Chatbot { person }, ..) => SentBy::Chatbot { to: person.clone() },
            (With::Post { post, .. }, Some(name), Some(side)) => {
                SentBy::Person { name: name.to_owned(), side, post: post.clone() }
            }
            (With::Post { .. }, ..) => return Err(Refusal::not_found("conversation")),
        };
        let (message, author) = (ids::message(micros), Author { bot: true, side });
        let (text, shape) = match (draft.what, &file) {
            (What::Text(text), _) => (text.clone(), Shape::Text(text)),
            (What::Media(_), Some(file)) => (String::new(), media::shape(file)),
            (What::Media(_), None) => return Err(Refusal::invalid("media_token is unknown")),
        };
        if !text.is_empty() {
            conversation.note(Text { id: message.clone(), micros, author, text: text.clone() }, texts);
        }
        self.echo(conversation, &message, author, micros, &shape);
        let Draft { buttons, receiver_buttons, json, .. } = draft;
        let sent = Sent {
            index: 0,
            at: Instant::now(),
            message,
            conversation: id.to_owned(),
            by,
            text,
            file,
            buttons,
            receiver_buttons,
            json: Arc::new(json),
        };
        world.sent.push(sent, bytes);
        self.something_was_sent();
        Ok(())
    }

    /// What an app sends comes back to it as an event, if that is switched on.
    fn echo(self: &Arc<Self>, to: &Conversation, message: &str, author: Author, micros: u64, shape: &Shape) {
        let faults = self.faults().now;
        if !faults.echo {
            return;
        }
        let event = events::message(message, to, author, micros, shape, &faults);
        if let Err(error) = self.announce(to, &event, &faults) {
            tracing::warn!(%error, "an echo is lost");
        }
    }
}
