//! A message of a chat becomes a message for a bot (Divar's developer pages, `events/chat.md`).
//!
//! A message is delivered with less rather than not at all: where what makes it a file or a place is
//! missing, and where its kind is not known, the bot gets it as JSON. Only a message without a
//! conversation, and what the app itself wrote, is dropped.

use hodhod_core::event::{Contact, Content, Location, Media, MediaKind, Message, Sender};
use hodhod_core::ids::Chat;
use hodhod_core::time::Millis;
use serde_json::Value;

use super::incoming::Reader;
use super::link;
use super::moment::moment;
use super::origin::{Kind, Notes, side};
use super::status::Skip;
use super::wire::{Fields, dashed};

/// The object of each kind of message; its name alone tells the kind where the type was left out.
const OBJECTS: [(&str, &str); 6] = [
    ("IMAGE", "image_data"),
    ("FILE", "file_data"),
    ("VOICE", "voice_data"),
    ("VIDEO", "video_data"),
    ("LOCATION", "location_data"),
    ("CONTACT", "contact_data"),
];

/// Reads one message that came in an event about conversations of the kind `usual` and is called `id`. `user` is
/// whose permission brought it.
pub(super) fn read(
    raw: &Value,
    id: String,
    usual: Kind,
    user: Option<&str>,
    reader: &Reader,
    received: Millis,
) -> Result<Message, Skip> {
    let fields = Fields::of(raw);
    let (conversation, sender) = (fields.at("conversation"), fields.at("sender"));
    // Anything else is a person: pages name HUMAN and USER.
    if sender.name("type").as_deref() == Some("BOT") {
        return Err(Skip::Echo);
    }
    let Some(place) = conversation.id("id") else { return Err(Skip::NoConversation) };
    let kind = match conversation.name("type").as_deref() {
        Some("BOT") => Kind::Bot,
        Some("POST") => Kind::Post,
        Some(other) => {
            reader.status.note_unknown("conversation.type", other);
            usual
        }
        None => usual,
    };
    let sent_at = moment(fields.value("sent_at")).unwrap_or(received);
    if reader.max_age.is_some_and(|oldest| received.since(sent_at) > oldest) {
        return Err(Skip::TooOld);
    }

    let mut notes = Notes::default();
    notes.add("divar.conversation-type", Some(kind.as_str()));
    // By this name scopes call it.
    notes.add("divar.conversation", Some(&*place).filter(|_| kind == Kind::Post));
    notes.add("divar.post-token", conversation.id("post_token"));
    notes.add("divar.category", conversation.words("category"));
    notes.add("divar.side", sender.words("side").as_deref().map(side));
    notes.add("divar.user", user);
    let content = content(raw, kind, &mut notes, reader);
    let address = kind.chat(place);
    Ok(Message {
        id,
        platform: "divar".to_owned(),
        chat: Chat::new(reader.connection.clone(), address.to_string()),
        private: kind == Kind::Bot,
        // Who it was is nowhere told.
        sender: Sender::default(),
        sent_at,
        edited: false,
        content,
        reply_to: None,
        annotations: notes.0,
    })
}

fn content(raw: &Value, kind: Kind, notes: &mut Notes, reader: &Reader) -> Content {
    let fields = Fields::of(raw);
    let text = fields.text("text").unwrap_or_default();
    let named = fields.name("type");
    let object = OBJECTS.iter().find(|(name, object)| match &named {
        Some(named) => named == name,
        // A field that is zero is left out, and that may be the first of a list of names.
        None => fields.at(object).exist(),
    });
    let known = match (named.as_deref(), object) {
        (_, Some((name, object))) => of_object(name, fields.at(object), &text),
        (Some("TEXT"), None) => Some(of_text(&text, kind, notes)),
        (None, None) if fields.value("text").is_some() => Some(of_text(&text, kind, notes)),
        (Some(other), None) => {
            reader.status.note_unknown("message.type", other);
            None
        }
        (None, None) => None,
    };
    known.unwrap_or_else(|| {
        let name = named.as_deref().map_or_else(|| "message".to_owned(), dashed);
        Content::Other(format!("divar.{name}"), raw.to_string())
    })
}

fn of_object(name: &str, data: Fields<'_>, text: &str) -> Option<Content> {
    let kind = match name {
        "IMAGE" => MediaKind::Image,
        "VOICE" => MediaKind::Voice,
        "VIDEO" => MediaKind::Video,
        "FILE" => MediaKind::Document,
        "LOCATION" => return place(data),
        _ => return card(data),
    };
    let pixels = |name| data.whole(name).and_then(|pixels| u32::try_from(pixels).ok()).filter(|pixels| *pixels > 0);
    Some(Content::Media(Media {
        kind,
        file: link::key(&data.text("link")?)?,
        name: data.words("name"),
        mime: None,
        size: data.whole("size_bytes").filter(|size| *size > 0),
        width: pixels("width_px"),
        height: pixels("height_px"),
        duration: None,
        thumbnail: data.text("thumbnail_link").and_then(|link| link::key(&link)),
        caption: Some(text.to_owned()).filter(|text| !text.is_empty()),
    }))
}

/// A coordinate that is zero may be left out, both of them hardly.
fn place(data: Fields<'_>) -> Option<Content> {
    let (north, east) = (data.number("latitude"), data.number("longitude"));
    north.or(east)?;
    let place = Location { latitude: north.unwrap_or(0.0), longitude: east.unwrap_or(0.0) };
    let is_on_earth = place.latitude.abs() <= 90.0 && place.longitude.abs() <= 180.0;
    is_on_earth.then_some(Content::Location(place))
}

fn card(data: Fields<'_>) -> Option<Content> {
    let card = Contact { name: data.words("name"), phone: data.words("phone") };
    (card != Contact::default()).then_some(Content::Contact(card))
}

/// A text, exactly as it was written; or the one that Divar writes in the person's name where he comes
/// by a link (`flow/touchpoints.md`).
fn of_text(text: &str, kind: Kind, notes: &mut Notes) -> Content {
    let rest = text.strip_prefix("/start").filter(|rest| rest.chars().next().is_none_or(char::is_whitespace));
    let Some(rest) = rest.filter(|_| kind == Kind::Bot) else { return Content::Text(text.to_owned()) };
    let mut words = rest.split_whitespace();
    let (touchpoint, argument) = (words.next(), words.next());
    notes.add("divar.touchpoint", touchpoint);
    let about = if touchpoint == Some("CHAT") { "divar.conversation" } else { "divar.post-token" };
    notes.add(about, argument);
    Content::Start(Some(rest.trim().to_owned()).filter(|rest| !rest.is_empty()))
}
