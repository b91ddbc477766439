//! A press of a button, which Divar asks about and waits (Divar's developer pages,
//! `widgets/actions/dynamic_action.md`).

use hodhod_core::event::{Content, Event, Message};
use hodhod_core::outgoing::Answer;
use hodhod_core::platform::Incoming;
use hodhod_core::time::Millis;
use serde_json::{Value, json};

use super::incoming::Reader;
use super::origin::{Carried, EVENT, Origin};
use super::seen::written;
use super::session::opens;
use super::wire::Fields;

/// The fields that tell one press from another; there is no id.
const IDENTITY: [&str; 7] =
    ["touchpoint", "post_token", "conversation_id", "user_side", "user_id", "extra_data", "provider_data"];

/// The event of a press that arrived at `received`; `None` if the body is no object.
pub(super) fn read(body: &Value, reader: &Reader, received: Millis) -> Option<Incoming> {
    let fields = Fields::of(body);
    if !fields.exist() {
        return None;
    }
    let carried = Carried::by(fields);
    let mut origin = Origin::of(fields, carried.kind, &reader.connection);
    origin.notes.add("divar.touchpoint", fields.words("touchpoint"));
    Some(event("press", Content::Button(carried.told(EVENT)), origin, identity(fields, &IDENTITY), reader, received))
}

/// What Divar is answered: whatever it is, it is valid.
pub(super) fn answer(answer: Option<Answer>) -> Value {
    match answer {
        Some(Answer::Notice(words)) if !words.is_empty() => json!({"text_message": words}),
        Some(Answer::Url(url)) if opens(&url) => json!({"action": {"open_direct_link": url}}),
        Some(Answer::Notice(_) | Answer::Url(_)) | None => json!({}),
    }
}

/// A message of somebody who wrote nothing.
pub(super) fn event(
    what: &str,
    content: Content,
    origin: Origin,
    identity: Vec<String>,
    reader: &Reader,
    received: Millis,
) -> Incoming {
    let parts: Vec<_> = [what].into_iter().chain(identity.iter().map(String::as_str)).collect();
    let id = reader.presses.id(&parts, received);
    let message = Message {
        id: id.clone(),
        platform: "divar".to_owned(),
        chat: origin.chat,
        private: origin.private,
        sender: origin.sender,
        sent_at: received,
        edited: false,
        content,
        reply_to: None,
        annotations: origin.notes.0,
    };
    Incoming::new(format!("{what}:{id}"), Event::Message(message))
}

pub(super) fn identity(fields: Fields<'_>, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| written(fields.value(name))).collect()
}
