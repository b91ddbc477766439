//! sendMessage.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::bot::{Bot, Refusal};
use super::check::{self, Message};
use super::faults::SendFault;
use super::result::{self, bad_token, result};
use super::server::Shared;
use crate::playground::line::Switch;

/// `POST /{token}/sendMessage`
pub(super) async fn send_message(
    State(server): State<Arc<Shared>>,
    ConnectInfo(switch): ConnectInfo<Switch>,
    Path(token): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Some(bot) = server.bot(&token) else { return bad_token() };
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return rejection.into_response(),
    };
    let message = match check::message(&body) {
        Ok(message) => message,
        Err(flaw) => return result(result::BAD_MESSAGE, &flaw.to_string()),
    };
    let send = Send { server: &server, bot: &bot, bytes: body.len() };

    let (fault, delay) = {
        let mut faults = server.faults();
        (faults.next_send(), faults.answer_delay)
    };
    let answer = match fault {
        None => send.accept(message, true).unwrap_or_else(|| result(result::OK, "OK")),
        Some(SendFault::Status { code, retry_after }) => status(code, retry_after),
        Some(SendFault::Result { code, message }) => result(code, &message),
        Some(SendFault::Body(body)) => send.accept(message, true).unwrap_or_else(|| Response::new(body.into())),
        Some(SendFault::Hang { accepted }) => match send.accept_if(accepted, message) {
            Some(refused) => refused,
            None => {
                // Ends with the client, which makes hyper drop this future, or with the server.
                server.stopped().await;
                switch.off();
                StatusCode::SERVICE_UNAVAILABLE.into_response()
            }
        },
        Some(SendFault::Close { accepted }) => match send.accept_if(accepted, message) {
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

struct Send<'a> {
    server: &'a Shared,
    bot: &'a Bot,
    bytes: usize,
}

impl Send<'_> {
    /// Keeps the message, or says in an answer why not.
    fn accept(&self, message: Message, answered: bool) -> Option<Response> {
        let rules = self.server.rules();
        if rules.refuse_unknown_files && !message.files.iter().all(|key| self.server.files().get(key).is_some()) {
            return Some(result(result::NO_FILE, "Invalid File Url"));
        }
        match self.bot.accept(message, self.bytes, answered, rules) {
            Ok(()) => None,
            Err(Refusal::Unreachable) => Some(result(result::UNREACHABLE, "You Can't Send Message to This User")),
            Err(Refusal::NotAdmin) => Some(result(result::NOT_ADMIN, "Bot is Not an Admin Channel.")),
            Err(Refusal::Full) => {
                let text = "this local server keeps no more messages: take those that were sent";
                Some((StatusCode::SERVICE_UNAVAILABLE, text).into_response())
            }
        }
    }

    /// For the faults that never answer.
    fn accept_if(&self, accepted: bool, message: Message) -> Option<Response> {
        if accepted { self.accept(message, false) } else { None }
    }
}

fn status(code: u16, retry_after: Option<Duration>) -> Response {
    let mut response = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response();
    if let Some(pause) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(pause.as_secs()));
    }
    response
}
