//! A request to the events address becomes events (Divar's developer pages, `events/ReadMe.md`).
//!
//! Types that nobody has described are handed on as JSON: Divar announces new ones.

use std::sync::Arc;
use std::time::Duration;

use hodhod_core::event::Event;
use hodhod_core::ids::ConnectionName;
use hodhod_core::platform::Incoming;
use hodhod_core::time::Millis;
use serde_json::{Map, Value};

use super::message;
use super::origin::Kind;
use super::press::Slot;
use super::seen::{Print, Seen, written};
use super::status::{Skip, Status};
use super::wire::{Fields, dashed};

/// Under this name a subscription carries whose permission it is, and each of its events brings it back.
pub(super) const USER: &str = "hodhod_user";

/// What has no id and comes again within this time is the same. Changes of an ad are known to come
/// twice; whoever sends again what was not answered does so within seconds.
const EVENT_WINDOW: Duration = Duration::from_secs(60);

/// Reads what Divar sends.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) connection: ConnectionName,
    pub(super) max_age: Option<Duration>,
    pub(super) status: Arc<Status>,
    /// Presses and openings, each with what it was answered.
    pub(super) presses: Seen<Slot>,
}

/// What one event was.
#[derive(Debug)]
pub(super) enum Read {
    /// Something for a bot.
    Event(Box<Incoming>, Option<Link>),
    /// A person took back what was allowed.
    Revoked(String),
    /// Nothing that a bot can be told.
    Skipped(Skip),
}

/// Whose permission brought an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) user: String,
    /// Where it is one of a conversation.
    pub(super) conversation: Option<String>,
    /// The ad that it is about.
    pub(super) post: Option<String>,
}

impl Reader {
    pub(super) fn new(
        connection: ConnectionName,
        max_age: Option<Duration>,
        press_window: Duration,
        status: Arc<Status>,
    ) -> Self {
        Self { connection, max_age, status, presses: Seen::new(press_window) }
    }

    /// Reads one event that arrived at `received`.
    pub(super) fn read(&self, raw: &Value, received: Millis) -> Read {
        let fields = Fields::of(raw);
        let user = fields.at("metadata").id(USER);
        let Some(kind) = fields.name("type") else { return Read::Skipped(Skip::NoType) };
        match kind.as_str() {
            "NEW_MESSAGE" => self.message(fields.value("new_message"), Kind::Post, user, received),
            "NEW_CHATBOT_MESSAGE" => self.message(fields.value("new_chatbot_message"), Kind::Bot, user, received),
            "POST_UPDATE" => {
                let mut told = object(fields.value("post_update"));
                if let Some(user) = &user {
                    told.insert("user".to_owned(), user.as_str().into());
                }
                let link = user.map(|user| Link { user, conversation: None, post: None });
                other("divar.post-update", told.into(), link)
            }
            "USER_ACCESS_REVOCATION" => match fields.at("user_access_revocation").id("user_id") {
                Some(user) => Read::Revoked(user),
                None => Read::Skipped(Skip::NoUser),
            },
            // The page of events calls the payload so, the page of payments otherwise.
            "PAYMENT_TRANSACTION" => {
                let payload = fields.value("payment_transaction").or(fields.value("transaction"));
                transaction(object(payload))
            }
            other => {
                self.status.note_unknown("type", other);
                let link = user.map(|user| Link { user, conversation: None, post: None });
                self::other(&format!("divar.{}", dashed(other)), raw.clone(), link)
            }
        }
    }

    fn message(&self, raw: Option<&Value>, usual: Kind, user: Option<String>, received: Millis) -> Read {
        let Some(raw) = raw else { return Read::Skipped(Skip::NoConversation) };
        let id = Fields::of(raw).id("id");
        let (id, key, within) = match id {
            Some(id) => (id.clone(), format!("message:{id}"), None),
            None => {
                let print = Print::of(&["message", usual.as_str(), &written(Some(raw))]);
                (print.id(received), format!("event:{}", print.key()), Some(EVENT_WINDOW))
            }
        };
        let message = match message::read(raw, id, usual, user.as_deref(), self, received) {
            Ok(message) => message,
            Err(why) => return Read::Skipped(why),
        };
        let conversation = Fields::of(raw).at("conversation");
        let link = user.map(|user| {
            let (conversation, post) = (conversation.id("id"), conversation.id("post_token"));
            Link { user, conversation, post }
        });
        let incoming = Incoming { within, ..Incoming::new(key, Event::Message(message)) };
        Read::Event(Box::new(incoming), link)
    }
}

/// Numbers of the two lists are told as their names, which the OpenAPI form would have.
fn transaction(mut told: Map<String, Value>) -> Read {
    const STATES: [&str; 4] = ["PENDING", "COMPLETED", "FAILED", "REFUNDED"];
    const TYPES: [&str; 1] = ["REORDER"];
    name_number(&mut told, "state", "TRANSACTION_STATE_", &STATES);
    name_number(&mut told, "type", "TRANSACTION_TYPE_", &TYPES);
    let told = Value::Object(told);
    let fields = Fields::of(&told);
    match (fields.id("id"), fields.words("state")) {
        (Some(id), Some(state)) => {
            let key = format!("transaction:{id}:{state}");
            let event = Event::Other("divar.transaction".to_owned(), told.to_string());
            Read::Event(Box::new(Incoming::new(key, event)), None)
        }
        _ => other("divar.transaction", told, None),
    }
}

/// What has no id.
fn other(name: &str, told: Value, link: Option<Link>) -> Read {
    let json = written(Some(&told));
    let key = format!("event:{}", Print::of(&["event", name, &json]).key());
    let incoming = Incoming::new(key, Event::Other(name.to_owned(), json)).within(EVENT_WINDOW);
    Read::Event(Box::new(incoming), link)
}

/// The object; something else stands under `value` in one.
fn object(payload: Option<&Value>) -> Map<String, Value> {
    match payload {
        Some(Value::Object(fields)) => fields.clone(),
        Some(other) => Map::from_iter([("value".to_owned(), other.clone())]),
        None => Map::new(),
    }
}

/// Replaces a number, counted from 1, by its name.
fn name_number(told: &mut Map<String, Value>, field: &str, prefix: &str, names: &[&str]) {
    let number = Fields::of_object(told).whole(field).and_then(|number| usize::try_from(number).ok());
    let name = number.and_then(|number| number.checked_sub(1)).and_then(|place| names.get(place));
    if let Some(name) = name {
        told.insert(field.to_owned(), format!("{prefix}{name}").into());
    }
}
