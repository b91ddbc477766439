//! One request: which connection it is for, whether it may go on, its body, and its answer.
//!
//! What its platform does for it runs in a task of its own: a panic there is the answer to one request, and an
//! event that is being stored comes into its lane also if the other side hangs up. The task has the place of the
//! connection until it has ended, so there are never more of them than places.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use hodhod_core::host::Caller;
use hodhod_core::ids::ConnectionName;
use hodhod_core::webhook::{Reply, nothing};
use http::header::{ALLOW, CONNECTION};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

use super::counts::Refused;
use super::line::Line;
use super::places::Place;
use super::{Stage, Webhooks, body, forwarded};

/// What comes of a request.
enum Outcome {
    Answered(Reply),
    /// By its platform, which says so itself. Its body is not read.
    NotAdmitted(Reply),
    Refused(Refused),
}

impl Webhooks {
    /// The answer to a request, whatever happens.
    pub(super) async fn reply(self, peer: IpAddr, line: &Line, place: Arc<Place>, request: Request<Incoming>) -> Reply {
        let began = Instant::now();
        let is_whole = request.body().is_end_stream();
        let (connection, outcome) = match self.route(&request) {
            Err(refused) => (None, Outcome::Refused(refused)),
            Ok((caller, rest)) => {
                let from = forwarded::origin(peer, request.headers(), &self.0.proxies);
                let (mut head, body) = request.into_parts();
                head.uri = rest;
                let name = caller.name().clone();
                (Some(name), self.call(caller, from, place, head, body).await)
            }
        };
        let (mut reply, may_go_on) = match outcome {
            Outcome::Answered(reply) => (reply, true),
            Outcome::NotAdmitted(reply) => (reply, is_whole),
            Outcome::Refused(why) => {
                self.0.calls.refused(why);
                // As whoever is not admitted is answered.
                (refusal(why), is_whole && why == Refused::Unknown)
            }
        };
        if !may_go_on {
            line.cut();
        }
        if !may_go_on || *self.0.crowded.borrow() {
            reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        self.0.calls.answered(connection.as_ref(), reply.status(), began.elapsed());
        reply
    }

    /// The connection that a request is for, and what its address is there.
    fn route(&self, request: &Request<Incoming>) -> Result<(Caller, Uri), Refused> {
        if *self.0.stage.borrow() != Stage::Serving {
            return Err(Refused::Ending);
        }
        // Before anything is looked up, so that the answer says nothing of what there is.
        if !matches!(*request.method(), Method::GET | Method::POST) {
            return Err(Refused::Method);
        }
        let (platform, name, rest) = split(request.uri()).ok_or(Refused::Unknown)?;
        let caller = self.0.host.caller(&name).ok_or(Refused::Unknown)?;
        let is_called = caller.webhook().is_some_and(|webhook| webhook.platform() == platform);
        if is_called { Ok((caller, rest)) } else { Err(Refused::Unknown) }
    }

    async fn call(&self, mut caller: Caller, from: IpAddr, place: Arc<Place>, head: Parts, body: Incoming) -> Outcome {
        let name = caller.name().clone();
        // Gone when this is, which is when the other side hangs up.
        let _line = caller.hang_up();
        let webhooks = self.clone();
        let served = tokio::spawn(async move {
            let _place = place;
            webhooks.serve_call(&caller, from, head, body).await
        });
        match timeout(self.0.bounds.request, served).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => {
                tracing::error!(connection = %name, %error, "a request could not be answered");
                Outcome::Refused(Refused::Failed)
            }
            Err(_late) => {
                tracing::warn!(connection = %name, "a request was not answered in time");
                Outcome::Refused(Refused::Failed)
            }
        }
    }

    async fn serve_call(&self, caller: &Caller, from: IpAddr, head: Parts, body: Incoming) -> Outcome {
        let Some(webhook) = caller.webhook() else { return Outcome::Refused(Refused::Unknown) };
        let most = match webhook.admit(&head, from) {
            Ok(most) => most,
            Err(reply) => {
                if reply.status().is_client_error() {
                    self.0.calls.refused(Refused::Denied);
                    tracing::debug!(connection = %caller.name(), %from, "a request was not admitted");
                }
                return Outcome::NotAdmitted(reply);
            }
        };
        match body::read(body, most, &self.0.bounds).await {
            Ok(body) => Outcome::Answered(webhook.answer(Request::from_parts(head, body), caller).await),
            Err(refused) => Outcome::Refused(refused),
        }
    }
}

/// The platform and the connection that an address names, and the rest of it.
fn split(uri: &Uri) -> Option<(&str, ConnectionName, Uri)> {
    let (platform, rest) = uri.path().strip_prefix('/')?.split_once('/')?;
    let (connection, path) = rest.split_once('/').unwrap_or((rest, ""));
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let rest = PathAndQuery::try_from(format!("/{path}{query}")).ok()?;
    Some((platform, decode(connection)?.into(), rest.into()))
}

/// The text of a part of a path, in which `%` and two digits stand for a byte.
fn decode(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn refusal(why: Refused) -> Reply {
    let status = match why {
        Refused::Unknown => return nothing(),
        Refused::Denied => StatusCode::FORBIDDEN,
        Refused::Method => StatusCode::METHOD_NOT_ALLOWED,
        Refused::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Refused::TooSlow => StatusCode::REQUEST_TIMEOUT,
        Refused::Crowded | Refused::Ending => StatusCode::SERVICE_UNAVAILABLE,
        Refused::Broken => StatusCode::BAD_REQUEST,
        Refused::Failed => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let mut reply = Reply::new(Bytes::new());
    *reply.status_mut() = status;
    if why == Refused::Method {
        reply.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, POST"));
    }
    reply
}
