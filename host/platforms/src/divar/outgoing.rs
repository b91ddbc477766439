//! A message becomes the JSON that the platform takes (Divar's developer pages,
//! `chat/users_conversations.md` and `chat/chatbot_conversations.md`).
//!
//! What the platform cannot carry is refused here, before anything is stored, and by the same function
//! that makes the JSON: what [`check`] lets through is sent. The two kinds of conversations take two
//! forms, which differ in every name.
//!
//! A reply goes out as a plain message, because nothing can name another message. Buttons stay under
//! the message that they came with, so there are none to hide.

use hodhod_core::event::{Media, MediaKind};
use hodhod_core::ids::ChatId;
use hodhod_core::outgoing::{Body, Button, Keyboard, Outgoing};
use hodhod_core::platform::Unsendable;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::address::Address;
use super::config::{MediaText, Options};
use super::grid::{Grid, Icons};
use super::link;
use super::origin::Kind;
use super::wire::clean_id;

/// The keyboard of the other side of a conversation about an ad, as JSON of the same form as ours.
const RECEIVER: &str = "divar.receiver-buttons";

/// The icons of the keyboard.
const ICONS: &str = "divar.icons";

/// The icons of the other side's keyboard.
const RECEIVER_ICONS: &str = "divar.receiver-icons";

/// In whose name a message goes into a conversation about an ad.
pub(super) const USER: &str = "divar.user";

/// How a file is called that is on the platform already.
pub(super) const TOKEN: &str = "token:";

/// Tokens of files have some hundred characters.
pub(super) const LONGEST_TOKEN: usize = 4096;

/// The body of a call that sends.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Form<'a> {
    Bot {
        #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
        kind: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        text_message: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        media_token: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        buttons: Option<Grid>,
    },
    Post {
        #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
        kind: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        media_token: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        sender_buttons: Option<Grid>,
        #[serde(skip_serializing_if = "Option::is_none")]
        receiver_buttons: Option<Grid>,
    },
}

/// What a message says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Words<'a> {
    /// Text.
    Text(&'a str),
    /// A file that was put on the platform.
    Uploaded(&'a str),
    /// A file that came with another message, with the address of its bytes; it has to be uploaded first.
    Elsewhere(&'a Media, &'a str),
}

/// A message that can be sent.
pub(super) struct Letter<'a> {
    pub(super) to: Address,
    pub(super) path: String,
    pub(super) words: Words<'a>,
    /// In whose name, where the message says so.
    pub(super) user: Option<&'a str>,
    message: &'a Outgoing,
}

/// Says whether there can be such a chat, and whether the platform can carry the message.
pub(super) fn check(chat: &ChatId, message: &Outgoing, options: &Options) -> Result<(), Unsendable> {
    let letter = Letter::new(chat, message)?;
    letter.json("token", options).map(drop)
}

impl<'a> Letter<'a> {
    /// Addresses a message. Its buttons are looked at by [`json`](Self::json).
    pub(super) fn new(chat: &ChatId, message: &'a Outgoing) -> Result<Self, Unsendable> {
        let to = Address::of(chat)?;
        let path = to.path()?;
        let user = annotation(message, USER);
        if user.is_some_and(|user| clean_id(user) != Some(user)) {
            return Err(invalid("the annotation \"divar.user\" is no id of a person"));
        }
        let words = match &message.body {
            Body::Text(text) if text.is_empty() => return Err(invalid("the text is empty")),
            Body::Text(text) => Words::Text(text),
            Body::Media(media) => file(media)?,
            Body::Location(_) => return Err(unsupported("a place that an app sends")),
            Body::KeyboardOnly => return Err(unsupported("buttons without a message")),
        };
        Ok(Self { to, path, words, user, message })
    }

    /// The body of the call. `token` stands for a file that had to be uploaded first.
    pub(super) fn json(&self, token: &str, options: &Options) -> Result<Vec<u8>, Unsendable> {
        let nonce = format!("{:032x}", rand::random::<u128>());
        let kind = if matches!(self.to, Address::Post(_)) { Kind::Post } else { Kind::Bot };
        let own = match &self.message.keyboard {
            Some(Keyboard::Show(rows)) => Some(Grid::of(rows, &self.icons(ICONS)?, kind, &nonce)?),
            Some(Keyboard::Hide) | None => None,
        };
        let receiver: Option<Vec<Vec<Button>>> = parsed(self.message, RECEIVER)?;
        let receiver = match &receiver {
            Some(_) if kind == Kind::Bot => {
                return Err(unsupported("buttons for another side where there is no other side"));
            }
            Some(rows) => Some(Grid::of(rows, &self.icons(RECEIVER_ICONS)?, kind, &nonce)?),
            None => None,
        };
        let (text, media_token, named) = match self.words {
            Words::Text(text) => (Some(text), None, options.name_type.then_some("TEXT")),
            Words::Uploaded(token) => (beside(options), Some(token), None),
            Words::Elsewhere(..) => (beside(options), Some(token), None),
        };
        let form = match kind {
            Kind::Bot => Form::Bot { kind: named, text_message: text, media_token, buttons: own },
            Kind::Post => {
                Form::Post { kind: named, message: text, media_token, sender_buttons: own, receiver_buttons: receiver }
            }
        };
        serde_json::to_vec(&form).map_err(|error| invalid(&error.to_string()))
    }

    fn icons(&self, name: &str) -> Result<Icons, Unsendable> {
        Ok(parsed(self.message, name)?.unwrap_or_default())
    }
}

/// What stands in the place of the text beside a file.
fn beside(options: &Options) -> Option<&'static str> {
    match options.media_text {
        MediaText::Empty => Some(""),
        MediaText::Absent => None,
    }
}

fn file(media: &Media) -> Result<Words<'_>, Unsendable> {
    if media.caption.as_deref().is_some_and(|caption| !caption.is_empty()) {
        return Err(unsupported("a file with a caption; send the words as a message of their own"));
    }
    if let Some(token) = media.file.strip_prefix(TOKEN) {
        let is_token = (1..=LONGEST_TOKEN).contains(&token.len()) && !token.contains(char::is_whitespace);
        return is_token.then_some(Words::Uploaded(token)).ok_or_else(|| invalid("the file is no token of Divar's"));
    }
    let url = link::address(&media.file).ok_or_else(|| invalid("the file is not a file of this platform"))?;
    Ok(Words::Elsewhere(media, url))
}

fn annotation<'a>(message: &'a Outgoing, name: &str) -> Option<&'a str> {
    message.annotations.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn parsed<T: DeserializeOwned>(message: &Outgoing, name: &str) -> Result<Option<T>, Unsendable> {
    let Some(json) = annotation(message, name) else { return Ok(None) };
    serde_json::from_str(json).map(Some).map_err(|error| {
        let error = hodhod_core::text::clean(&error.to_string(), 200);
        invalid(&format!("the annotation {name:?} cannot be read: {error}"))
    })
}

pub(super) fn invalid(why: &str) -> Unsendable {
    Unsendable::Invalid(why.to_owned())
}

fn unsupported(what: &str) -> Unsendable {
    Unsendable::Unsupported(format!("Divar has no such thing as {what}"))
}

/// A call that sends a message, without its keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// Its path on the server of the calls.
    pub path: String,
    /// Its body.
    pub body: Value,
}

/// The call that would send a message, for tools and for whoever compares it with Divar's own document.
///
/// # Errors
/// Why there is none.
pub fn preview(chat: &ChatId, message: &Outgoing, options: &Options) -> Result<Preview, Unsendable> {
    let letter = Letter::new(chat, message)?;
    let json = letter.json("the-token-of-the-file", options)?;
    let body = serde_json::from_slice(&json).map_err(|error| invalid(&error.to_string()))?;
    Ok(Preview { path: letter.path, body })
}

/// How Divar calls a kind of file where it is uploaded.
pub(super) fn media_type(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "image",
        MediaKind::Animation | MediaKind::Video => "video",
        MediaKind::Voice => "voice",
        MediaKind::Audio | MediaKind::Document => "file",
    }
}
