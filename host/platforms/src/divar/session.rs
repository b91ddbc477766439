//! Somebody opens the app, and Divar asks where his browser is to go (Divar's developer pages,
//! `widgets/actions/open_server_link.md`, `flow/touchpoints.md`).
//!
//! Requests of two generations come to the same address. The newer one says so in a header whose name
//! the pages spell in two ways, one of which proxies are known to drop; so the body tells, too.

use hodhod_core::event::Content;
use hodhod_core::outgoing::Answer;
use hodhod_core::time::Millis;
use http::HeaderMap;
use reqwest::Url;
use serde_json::{Value, json};

use super::incoming::Reader;
use super::origin::{APP, Carried, Kind, Origin, side};
use super::press::{Asked, event, identity};
use super::wire::{Fields, dashed};

/// The fields that tell one opening from another; there is no id.
const IDENTITY: [&str; 8] =
    ["source", "post_token", "conversation_id", "user_side", "user_id", "peer_id", "extra_data", "provider_data"];

/// Longest web address that is handed on, in bytes; Divar's own fields for them hold as much.
const LONGEST_URL: usize = 2048;

/// The generation of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// Until the spring of 2025.
    Legacy,
    /// Since then.
    Second,
}

impl Version {
    fn of(headers: &HeaderMap, fields: Fields<'_>) -> Self {
        let told = ["api-version", "api_version"].iter().find_map(|name| headers.get(*name)?.to_str().ok());
        match told.map(|told| told.trim().trim_start_matches(['v', 'V'])) {
            Some("2") => Self::Second,
            Some("1") => Self::Legacy,
            _ if ["source", "user_side"].iter().any(|name| fields.value(name).is_some()) => Self::Second,
            _ if ["peer_id", "supplier", "demand", "callback_url"].iter().any(|name| fields.value(name).is_some()) => {
                Self::Legacy
            }
            _ => Self::Second,
        }
    }
}

/// The opening that arrived at `received`, and the generation in which to answer; `None` if
/// the body is no object.
pub(super) fn read(
    headers: &HeaderMap,
    body: &Value,
    completion: &str,
    reader: &Reader,
    received: Millis,
) -> Option<(Asked, Version)> {
    let fields = Fields::of(body);
    if !fields.exist() {
        return None;
    }
    let version = Version::of(headers, fields);
    let carried = Carried::by(fields);
    let (mut origin, source) = match version {
        Version::Second => {
            let origin = Origin::of(fields, carried.kind, &reader.connection);
            (origin, fields.name("source").unwrap_or_else(|| "UNKNOWN".to_owned()))
        }
        Version::Legacy => (legacy(fields, reader), "CHAT".to_owned()),
    };
    let back = ["completion_url", "return_url", "callback_url"].iter().find_map(|name| of_divar(&fields.words(name)?));
    origin.notes.add("divar.source", Some(source.to_lowercase()));
    origin.notes.add("divar.completion-url", Some(back.unwrap_or_else(|| completion.to_owned())));
    let content = Content::Opening { source: told_source(&source), data: carried.told(APP) };
    let asked = event("opening", content, origin, identity(fields, &IDENTITY), reader, received);
    Some((asked, version))
}

/// Where older requests come from: always a conversation about an ad, also where its id is missing.
fn legacy(fields: Fields<'_>, reader: &Reader) -> Origin {
    let mut origin = Origin::of(fields, Some(Kind::Post), &reader.connection);
    let user = fields.id("user_id");
    let is = |name: &str| user.is_some() && fields.at(name).id("id") == user;
    let word = if is("supplier") {
        Some("SUPPLY")
    } else if is("demand") {
        Some("DEMAND")
    } else {
        None
    };
    origin.notes.add("divar.side", word.map(side));
    origin.notes.add("divar.peer", fields.id("peer_id"));
    origin
}

fn told_source(source: &str) -> String {
    match source {
        "CHAT" => "chat".to_owned(),
        "CHAT_MESSAGE_ACTION" => "chat-button".to_owned(),
        // The second is how a table of Divar's pages spells it.
        "POST_ADDON" | "POST_ADODN" => "post".to_owned(),
        other => dashed(other),
    }
}

/// An address at which a person comes back to Divar; anywhere else it would send him astray.
fn of_divar(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?;
    let is_divars = host == "divar.ir" || host.ends_with(".divar.ir");
    (url.scheme() == "https" && is_divars && url.username().is_empty() && text.len() <= LONGEST_URL)
        .then(|| text.to_owned())
}

/// What Divar is answered: there must be an address.
pub(super) fn answer(answer: Option<Answer>, version: Version, otherwise: &str) -> Value {
    let url = match answer {
        Some(Answer::Url(url)) if opens(&url) => url,
        Some(Answer::Url(_) | Answer::Notice(_)) | None => otherwise.to_owned(),
    };
    match version {
        Version::Second => json!({"url": url}),
        // The status is a text in the only example of it.
        Version::Legacy => json!({"status": "200", "message": "success", "url": url}),
    }
}

/// True for an address that a browser opens as a page.
pub(super) fn opens(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
}
