//! What can be made to go wrong, or to look as it does elsewhere in Divar's pages. Everything is off when a server
//! starts.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::refusal::Refusal;
use super::server::Shared;
use super::time::SentAt;
use crate::playground::line::Switch;

/// What is different about pushes and about what is asked of the app's server. It holds for what happens from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// Every event is pushed twice in a row.
    pub duplicate: bool,
    /// Every event is lost.
    pub lose: bool,
    /// Events of one conversation do not wait for one another.
    pub unordered: bool,
    /// How long an event waits before it is pushed.
    pub delay: Duration,
    /// What the app sends comes back as an event, with the sender BOT.
    pub echo: bool,
    /// A message is pushed once for each subscription that is good for it.
    pub per_subscription: bool,
    /// The form of `sent_at`.
    pub sent_at: SentAt,
    /// `size_bytes` is a string.
    pub sizes_as_text: bool,
    /// A person's `sender.type` is USER, as in the examples of Divar's page `events/chat.md`.
    pub user_for_human: bool,
    /// `user_side` is `Supply` or `Demand`.
    pub titled_sides: bool,
    /// An opening says `provider_data` instead of `extra_data`.
    pub provider_data: bool,
    /// An opening has a `completion_url`.
    pub completion_url: bool,
    /// An opening is of the form before 2025.
    pub legacy_session: bool,
    /// An opening has no header `API-Version`, as behind a proxy that drops it.
    pub no_api_version: bool,
    /// What is null otherwise is left out.
    pub no_nulls: bool,
    /// Whoever presses or opens is not logged in, so there is no `user_id`.
    pub anonymous: bool,
}

/// A call of the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A message into a conversation about a post.
    SendToPost,
    /// A message into a conversation of the chatbot.
    SendToBot,
    /// A message of the chatbot to a person.
    SendToUser,
    /// The token of an upload.
    UploadToken,
    /// An upload.
    Upload,
    /// A file.
    Download,
    /// A conversation with its messages.
    Conversation,
    /// The person of a token.
    User,
    /// A person by phone.
    UserByPhone,
    /// A post.
    Post,
    /// The posts of a person.
    UserPosts,
    /// A subscription.
    Subscribe,
    /// The lists of scopes and permissions.
    Assets,
    /// A token, for a code or for another token.
    Token,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It is not accepted; the answer has this HTTP status (500 if it is no status at all) and a `google.rpc.Status`.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// The `code`.
        code: i32,
        /// The `message`.
        message: String,
        /// The header `Retry-After`, in seconds.
        retry_after: Option<u64>,
    },
    /// The answer is this, which need not be JSON.
    Answer {
        /// Whether the call takes effect.
        accepted: bool,
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
    /// No answer ever comes.
    Hang {
        /// Whether the call takes effect: if so, the app is in doubt.
        accepted: bool,
    },
    /// The connection is closed without an answer.
    Close {
        /// Whether the call takes effect: if so, the app is in doubt.
        accepted: bool,
    },
}

/// The faults of one server.
#[derive(Default)]
pub(super) struct Planned {
    pub(super) now: Faults,
    pub(super) answer_delay: Duration,
    failures: Vec<(Call, VecDeque<(usize, Failure)>)>,
}

impl Planned {
    pub(super) fn fail(&mut self, call: Call, count: usize, failure: Failure) {
        if count == 0 {
            return;
        }
        match self.failures.iter_mut().find(|(planned, _)| *planned == call) {
            Some((_, queue)) => queue.push_back((count, failure)),
            None => self.failures.push((call, VecDeque::from([(count, failure)]))),
        }
    }

    fn next(&mut self, call: Call) -> Option<Failure> {
        let (_, queue) = self.failures.iter_mut().find(|(planned, _)| *planned == call)?;
        let (left, failure) = queue.front_mut()?;
        *left -= 1;
        if *left == 0 { queue.pop_front().map(|(_, failure)| failure) } else { Some(failure.clone()) }
    }
}

/// In front of each call: what was planned for it happens instead.
pub(super) async fn faulty(
    State((server, call)): State<(Arc<Shared>, Call)>,
    ConnectInfo(switch): ConnectInfo<Switch>,
    request: Request,
    next: Next,
) -> Response {
    let (failure, delay) = {
        let mut faults = server.faults();
        (faults.next(call), faults.answer_delay)
    };
    let answer = match failure {
        None => next.run(request).await,
        Some(Failure::Refuse { status, code, message, retry_after }) => {
            Refusal::planned(status, code, message, retry_after).into_response()
        }
        Some(Failure::Answer { accepted, status, body }) => match effect(accepted, request, next).await {
            Some(refused) => refused,
            None => (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), body).into_response(),
        },
        Some(Failure::Hang { accepted }) => match effect(accepted, request, next).await {
            Some(refused) => refused,
            None => {
                // Ends with the client, which makes hyper drop this future, or with the server.
                server.stopped().await;
                switch.off();
                StatusCode::SERVICE_UNAVAILABLE.into_response()
            }
        },
        Some(Failure::Close { accepted }) => match effect(accepted, request, next).await {
            Some(refused) => refused,
            None => {
                switch.off();
                return StatusCode::SERVICE_UNAVAILABLE.into_response();
            }
        },
    };
    if !delay.is_zero() {
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = server.stopped() => {}
        }
    }
    answer
}

/// Lets the call take effect; the answer only if it had none.
async fn effect(accepted: bool, request: Request, next: Next) -> Option<Response> {
    if !accepted {
        return None;
    }
    Some(next.run(request).await).filter(|answer| !answer.status().is_success())
}
