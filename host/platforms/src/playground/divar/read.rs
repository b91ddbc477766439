//! What an app can look up: a conversation, a person, posts, and the names of scopes and permissions.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::access::{self, no_scope};
use super::app::{Permission, Post};
use super::events;
use super::fields::Fields;
use super::refusal::Refusal;
use super::server::Shared;
use super::time::rfc3339;

type Answer = Result<Json<Value>, Refusal>;

/// `GET /v1/open-platform/chat/conversations/{conversation_id}`
///
/// The scope names the conversation, and perhaps the second up to which it may be read: a draft of Divar's page, which
/// was not published, has that.
pub(super) async fn conversation(
    State(server): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    server.key(&headers, Permission::ChatReadConversation)?;
    let consent = server.consent(&headers)?;
    let world = server.world();
    let conversation = world.conversation(&id).ok_or_else(|| Refusal::not_found("conversation"))?;
    let mut until = None;
    for (name, what) in consent.grant.scopes.iter() {
        let Some(what) = what.filter(|_| name == "CHAT_CONVERSATION_READ") else { continue };
        let limit = match what.split_once(':') {
            Some((conversation, second)) if conversation == id => second.parse::<u64>().ok(),
            None if what == id => Some(u64::MAX),
            _ => None,
        };
        until = until.max(limit);
    }
    let Some(until) = until.filter(|_| conversation.has(&consent.grant.person)) else {
        return Err(no_scope(&format!("CHAT_CONVERSATION_READ.{id}")));
    };
    let seen = conversation.texts.iter().filter(|text| text.micros / 1_000_000 <= until);
    let messages: Vec<_> = seen
        .map(|text| {
            json!({
                "id": text.id,
                "conversation": events::conversation(conversation),
                "sender": events::sender(text.author, "HUMAN"),
                "type": "TEXT",
                "sent_at": rfc3339(text.micros),
                "text": text.text,
            })
        })
        .collect();
    Ok(Json(json!({ "conversation": events::conversation(conversation), "messages": messages })))
}

/// `GET /v1/open-platform/users`
pub(super) async fn user(State(server): State<Arc<Shared>>, headers: HeaderMap) -> Answer {
    server.key(&headers, Permission::UserRetrieve)?;
    let grant = server.consent(&headers)?.grant;
    let world = server.world();
    let person = world.person(&grant.person).map_err(|_| Refusal::not_found("user"))?;
    let mut user = Map::new();
    if grant.scopes.has("USER_ID") {
        user.insert("user_id".to_owned(), json!(person.id));
    }
    if grant.scopes.has("USER_PHONE") {
        user.insert("phone_number".to_owned(), json!(person.phone));
        user.insert("phone_numbers".to_owned(), json!([person.phone]));
    }
    if user.is_empty() { Err(no_scope("USER_ID or USER_PHONE")) } else { Ok(Json(Value::Object(user))) }
}

/// `POST /v1/open-platform/get-user-id-by-phone`
pub(super) async fn user_by_phone(
    State(server): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    server.key(&headers, Permission::GetUserIdByPhone)?;
    let (body, _) = access::json(&headers, body)?;
    let fields = Fields::of("the body", &body, &server.settings.rules)?;
    fields.only(&["phone"])?;
    let phone = fields.text("phone")?;
    let world = server.world();
    let person = world.by_phone(phone).ok_or_else(|| Refusal::not_found("user"))?;
    Ok(Json(json!({ "user_id": person.id })))
}

/// `GET /v1/open-platform/finder/post/{token}`
pub(super) async fn post(State(server): State<Arc<Shared>>, Path(token): Path<String>, headers: HeaderMap) -> Answer {
    server.key(&headers, Permission::GetPost)?;
    let post = server.world().post(&token).map(|(post, _)| post.public());
    post.map(Json).map_err(|_| Refusal::not_found("post"))
}

/// `GET /v1/open-platform/finder/user-posts`
pub(super) async fn user_posts(State(server): State<Arc<Shared>>, headers: HeaderMap) -> Answer {
    server.key(&headers, Permission::GetUserPosts)?;
    let grant = server.consent(&headers)?.grant;
    if !grant.scopes.has("USER_POSTS_GET") {
        return Err(no_scope("USER_POSTS_GET"));
    }
    let world = server.world();
    let person = world.person(&grant.person).map_err(|_| Refusal::not_found("user"))?;
    let posts = person.posts.iter().filter_map(|token| world.post(token).ok());
    let posts: Vec<_> =
        posts.filter(|(post, _)| post.state != "RETIRED").map(|(post, _)| Post::in_list(post)).collect();
    Ok(Json(json!({ "posts": posts })))
}

/// `GET /v1/open-platform/assets/oauth-scope`
pub(super) async fn scopes(State(server): State<Arc<Shared>>, headers: HeaderMap) -> Answer {
    server.any_key(&headers)?;
    let scopes: Vec<_> = super::scopes::all().map(|name| asset(&name.to_ascii_uppercase())).collect();
    Ok(Json(json!({ "scopes": scopes })))
}

/// `GET /v1/open-platform/assets/permission`
pub(super) async fn permissions(State(server): State<Arc<Shared>>, headers: HeaderMap) -> Answer {
    server.any_key(&headers)?;
    let permissions: Vec<_> = Permission::ALL.iter().map(|permission| asset(permission.name())).collect();
    Ok(Json(json!({ "permissions": permissions })))
}

fn asset(slug: &str) -> Value {
    json!({ "slug": slug, "display": slug, "description": slug, "lifecycle_state": "ACTIVE" })
}
