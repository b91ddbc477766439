//! Subscriptions: which events about posts an app gets, for as long as an access token is good.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::access::{self, no_scope};
use super::app::Permission;
use super::fields::Fields;
use super::grants::Topic;
use super::refusal::Refusal;
use super::server::Shared;

/// `POST /v1/open-platform/events/subscriptions`
pub(super) async fn subscribe(
    State(server): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Refusal> {
    server.key(&headers, Permission::EventsRegisterSubscription)?;
    let consent = server.consent(&headers)?;
    let (body, _) = access::json(&headers, body)?;
    let fields = Fields::of("the body", &body, &server.settings.rules)?;
    fields.only(&["event_type", "event_resource_id", "metadata"])?;
    let topic = match fields.text("event_type")? {
        "NEW_MESSAGE_ON_POST" => Topic::Messages,
        "POST_UPDATE" => Topic::Posts,
        _ => return Err(fields.flaw("has an unknown event_type").into()),
    };
    let post = fields.maybe_text("event_resource_id")?.filter(|post| !post.is_empty());
    let metadata = match fields.maybe("metadata") {
        None => None,
        Some(Value::Object(metadata)) => Some(metadata.clone()),
        Some(_) => return Err(fields.flaw("has metadata that are no object").into()),
    };
    let scopes = &consent.grant.scopes;
    let (allowed, scope) = match topic {
        Topic::Posts => (scopes.has("USER_POSTS_GET"), "USER_POSTS_GET"),
        Topic::Messages => {
            let of_this = post.is_some_and(|post| scopes.has_for("CHAT_POST_CONVERSATIONS_READ", post));
            let of_all = "CHAT_SUPPLIER_ALL_CONVERSATIONS_READ";
            (of_this || scopes.has(of_all), of_all)
        }
    };
    if !allowed {
        return Err(no_scope(scope));
    }
    if let Some(post) = post {
        let world = server.world();
        let (_, owner) = world.post(post).map_err(|_| Refusal::not_found("post"))?;
        if owner != consent.grant.person {
            return Err(Refusal::denied("the post is somebody else's"));
        }
    }
    let post = post.map(str::to_owned);
    if !server.grants().subscribe(&consent.access, topic, post, metadata, server.now()) {
        return Err(Refusal::full());
    }
    Ok(Json(json!({})))
}
