//! A press of a button, which Divar asks about and waits (Divar's developer pages,
//! `widgets/actions/dynamic_action.md`).

use std::sync::Arc;

use hodhod_core::event::{Content, Event, Message};
use hodhod_core::outgoing::Answer;
use hodhod_core::platform::Incoming;
use hodhod_core::time::Millis;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::incoming::Reader;
use super::origin::{Carried, EVENT, Origin};
use super::seen::{Print, written};
use super::session::opens;
use super::wire::Fields;

/// The fields that tell one press from another; there is no id.
const IDENTITY: [&str; 7] =
    ["touchpoint", "post_token", "conversation_id", "user_side", "user_id", "extra_data", "provider_data"];

/// Longest answer that is kept for who asks again, in bytes: a sentence, or an address.
const KEPT: usize = 2048;

/// When a press or an opening was over, and what it was answered, if it was. It is held while a bot is asked, so that
/// who asks again meanwhile gets the same.
pub(super) type Slot = Mutex<Option<(Millis, Option<Answer>)>>;

/// What Divar asks: the event that a bot is told, and the place of the answer.
pub(super) struct Asked {
    pub(super) incoming: Incoming,
    pub(super) slot: Arc<Slot>,
}

/// True for an answer that is kept.
pub(super) fn is_kept(answer: &Answer) -> bool {
    let (Answer::Notice(text) | Answer::Url(text)) = answer;
    text.len() <= KEPT
}

/// The press that arrived at `received`; `None` if the body is no object.
pub(super) fn read(body: &Value, reader: &Reader, received: Millis) -> Option<Asked> {
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
) -> Asked {
    let parts: Vec<_> = [what].into_iter().chain(identity.iter().map(String::as_str)).collect();
    let print = Print::of(&parts);
    let (first, slot) = reader.presses.first(print, received);
    let message = Message {
        id: print.id(first),
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
    let incoming = Incoming::new(format!("{what}:{}", print.key()), Event::Message(message));
    Asked { incoming: incoming.within(reader.presses.window()), slot }
}

/// What tells one press or opening from another. Where nothing in it says who it was, two who do the same are two:
/// one of them would be given the other's answer, which may be for that one alone.
pub(super) fn identity(fields: Fields<'_>, names: &[&str]) -> Vec<String> {
    let has = |name: &str| fields.id(name).is_some();
    let is_somebody = has("user_id") || (has("conversation_id") && (!has("post_token") || has("user_side")));
    let nobody = (!is_somebody).then(|| rand::random::<u128>().to_string());
    names.iter().map(|name| written(fields.value(name))).chain(nobody).collect()
}
