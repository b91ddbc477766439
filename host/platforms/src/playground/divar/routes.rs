//! Which address is which call. Those of Divar's four servers do not collide, so one server has them all.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};

use super::faults::{Call, faulty};
use super::refusal::Refusal;
use super::server::Shared;
use super::{consent, media, read, send, subscribe, token};

pub(super) fn router(shared: &Arc<Shared>) -> Router {
    let limits = &shared.settings.limits;
    let call = |call: Call, handler: MethodRouter<Arc<Shared>>| {
        let handler = handler.fallback(async || Refusal::unimplemented());
        handler.layer(from_fn_with_state((Arc::clone(shared), call), faulty))
    };
    let upload = post(media::upload).layer(DefaultBodyLimit::max(media::LARGEST_REQUEST));
    Router::new()
        // open-api.divar.ir
        .route(
            "/v2/open-platform/conversations/{conversation_id}/messages",
            call(Call::SendToPost, post(send::to_post)),
        )
        .route(
            "/v1/open-platform/chat/bot/conversations/{conversation_id}/messages",
            call(Call::SendToBot, post(send::to_bot)),
        )
        .route("/v1/open-platform/chat/bot/users/{user_id}/messages", call(Call::SendToUser, post(send::to_user)))
        .route("/experimental/open-platform/chat/upload", call(Call::UploadToken, post(media::upload_token)))
        .route(
            "/v1/open-platform/chat/conversations/{conversation_id}",
            call(Call::Conversation, get(read::conversation)),
        )
        .route("/v1/open-platform/users", call(Call::User, get(read::user)))
        .route("/v1/open-platform/get-user-id-by-phone", call(Call::UserByPhone, post(read::user_by_phone)))
        .route("/v1/open-platform/finder/post/{token}", call(Call::Post, get(read::post)))
        .route("/v1/open-platform/finder/user-posts", call(Call::UserPosts, get(read::user_posts)))
        .route("/v1/open-platform/assets/oauth-scope", call(Call::Assets, get(read::scopes)))
        .route("/v1/open-platform/assets/permission", call(Call::Assets, get(read::permissions)))
        .route("/v1/open-platform/events/subscriptions", call(Call::Subscribe, post(subscribe::subscribe)))
        // chat.divar.ir
        .route("/upload/{media_type}", call(Call::Upload, upload))
        // where files lie
        .route("/media/{id}/{name}", call(Call::Download, get(media::download)))
        // oauth.divar.ir
        .route("/oauth2/auth", get(consent::page))
        .route("/oauth2/consent", post(consent::answer))
        .route("/oauth2/token", call(Call::Token, post(token::token)))
        // open-platform-redirect.divar.ir
        .route("/completion", get(consent::completion))
        .fallback(async || Refusal::not_found("address"))
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .with_state(Arc::clone(shared))
}
