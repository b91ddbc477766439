//! Who may call: judged by the head of a request, before a byte of its body is read.
//!
//! All that Divar sends to prove itself is a fixed string, as the whole of the header `Authorization`
//! (its developer pages, `events/ReadMe.md`). It is compared by digests, so neither its bytes nor its
//! length show in the time that it takes. Where a person comes back from Divar's consent there is no
//! key: whoever answers that looks at the state that the person brings.

use std::net::IpAddr;

use bytes::Bytes;
use hodhod_core::network::Network;
use hodhod_core::webhook::{Reply, nothing};
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::secret::Secret;
use super::status::{Skip, Status};

/// The addresses of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Events.
    Events,
    /// Openings.
    Session,
    /// Presses.
    Action,
    /// The way back from consent.
    OAuth,
}

impl Place {
    pub(super) fn of(path: &str) -> Option<Self> {
        match path.strip_suffix('/').unwrap_or(path) {
            "/events" => Some(Self::Events),
            "/session" => Some(Self::Session),
            "/action" => Some(Self::Action),
            "/oauth" => Some(Self::OAuth),
            _ => None,
        }
    }
}

/// Lets callers in.
#[derive(Debug)]
pub(super) struct Door {
    key: Fingerprint,
    sources: Vec<Network>,
    max_event: usize,
}

/// What a key is compared by.
struct Fingerprint([u8; 32]);

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Door {
    pub(super) fn new(key: &Secret, sources: Vec<Network>, max_event: usize) -> Self {
        Self { key: Fingerprint(Sha256::digest(key.expose().as_bytes()).into()), sources, max_event }
    }

    /// How many bytes the body of a request may have.
    pub(super) fn admit(&self, head: &Parts, from: IpAddr, status: &Status) -> Result<usize, Refused> {
        let refused = match Place::of(head.uri.path()) {
            None => Refused::Address,
            Some(Place::OAuth) if head.method == Method::GET => return Ok(0),
            Some(Place::OAuth) => Refused::Method,
            Some(_) if head.method != Method::POST => Refused::Method,
            Some(_) if !self.sources.is_empty() && !self.sources.iter().any(|source| source.contains(from)) => {
                Refused::Source
            }
            Some(_) if !self.knows(&head.headers) => {
                status.called_in_vain();
                Refused::Key
            }
            Some(_) => {
                status.called();
                let is_long = length(&head.headers).is_some_and(|length| length > self.max_event as u64);
                match (is_json(&head.headers), is_long) {
                    (false, _) => Refused::Form,
                    (true, true) => Refused::Length,
                    (true, false) => return Ok(self.max_event),
                }
            }
        };
        status.skip(refused.why());
        Err(refused)
    }

    /// The longest body that is read.
    pub(super) fn max_event(&self) -> usize {
        self.max_event
    }

    /// True if there is the key, once: of two headers nobody knows which one another reader would take.
    fn knows(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let (Some(key), None) = (given.next(), given.next()) else { return false };
        let given: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        given.ct_eq(&self.key.0).into()
    }
}

/// Why a request is not wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// There is no such address.
    Address,
    /// It is asked by another method than this one.
    Method,
    /// Divar does not call from there.
    Source,
    /// There is no key, another, or two.
    Key,
    /// It is no JSON.
    Form,
    /// It is too long.
    Length,
}

impl Refused {
    fn why(self) -> Skip {
        match self {
            Self::Address | Self::Method => Skip::NoAddress,
            Self::Source => Skip::ForeignSource,
            Self::Key => Skip::WrongKey,
            Self::Form => Skip::NoJsonType,
            Self::Length => Skip::Oversized,
        }
    }

    /// The answer. Who has not shown the key learns not even that there is such a connection.
    pub(super) fn reply(self) -> Reply {
        match self {
            Self::Address | Self::Method | Self::Source | Self::Key => nothing(),
            Self::Form => refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "only JSON is read"),
            Self::Length => refusal(StatusCode::PAYLOAD_TOO_LARGE, "it is too long"),
        }
    }
}

/// True for JSON by its own or a derived name, and where nothing is said.
fn is_json(headers: &HeaderMap) -> bool {
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return false;
    }
    let Some(form) = headers.get(CONTENT_TYPE) else { return true };
    let form = form.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let subtype = form.rsplit('/').next().unwrap_or_default();
    subtype == "json" || subtype.ends_with("+json")
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// An answer in JSON.
pub(super) fn reply(status: StatusCode, body: &Value) -> Reply {
    let mut reply = Reply::new(Bytes::from(body.to_string()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

/// An answer to what is not wanted.
pub(super) fn refusal(status: StatusCode, words: &str) -> Reply {
    reply(status, &json!({"error": words}))
}
