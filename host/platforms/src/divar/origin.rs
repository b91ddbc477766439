//! Where a press or an opening comes from: the chat, the person, and facts without a field.

use hodhod_core::event::Sender;
use hodhod_core::ids::{Chat, ConnectionName, SenderId};
use serde_json::Value;

use super::address::Address;
use super::wire::Fields;

/// The key in the data of our own buttons; its value is the kind of the conversation that they are in.
pub(super) const MARK: &str = "hodhod";

/// The string of a button of ours.
pub(super) const EVENT: &str = "event";

/// The JSON of a button of ours that opens the bot's page, as a string.
pub(super) const APP: &str = "app";

/// Longest fact that is told: as long as the longest field that Divar describes.
const LONGEST_NOTE: usize = 2048;

/// The two kinds of conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A person with the app.
    Bot,
    /// A buyer with a seller, about an ad.
    Post,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::Post => "post",
        }
    }

    /// The kind of a conversation with this id.
    pub(super) fn chat(self, id: String) -> Address {
        match self {
            Self::Bot => Address::Bot(id),
            Self::Post => Address::Post(id),
        }
    }
}

/// Facts that have no field of their own.
#[derive(Debug, Default)]
pub(super) struct Notes(pub(super) Vec<(String, String)>);

impl Notes {
    pub(super) fn add(&mut self, name: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value.map(Into::into).filter(|value| (1..=LONGEST_NOTE).contains(&value.len())) {
            self.0.push((name.to_owned(), value));
        }
    }
}

/// A side of a trade. Messages call them after what they do, presses after what they have.
pub(super) fn side(word: &str) -> String {
    match word.to_ascii_uppercase().as_str() {
        "SELLER" | "SUPPLY" | "SUPPLIER" => "seller".to_owned(),
        "BUYER" | "DEMAND" => "buyer".to_owned(),
        _ => word.to_lowercase(),
    }
}

/// What a button carried.
#[derive(Debug, Default)]
pub(super) struct Carried<'a> {
    /// The kind of the conversation, where the button is ours.
    pub(super) kind: Option<Kind>,
    data: Option<&'a Value>,
}

impl<'a> Carried<'a> {
    /// Reads `extra_data`, which some of Divar's pages call `provider_data`, and older ones put the one
    /// into the other.
    pub(super) fn by(fields: Fields<'a>) -> Self {
        let extra = fields.value("extra_data").filter(|value| !is_empty(value));
        let inner = extra.and_then(|extra| Fields::of(extra).value("provider_data"));
        let data = inner.or(extra).or(fields.value("provider_data"));
        let kind = match data.map(Fields::of).and_then(|data| data.words(MARK)).as_deref() {
            Some("bot") => Some(Kind::Bot),
            Some("post") => Some(Kind::Post),
            _ => None,
        };
        Self { kind, data }
    }

    /// What our button carried under a name; what a foreign one carried, as JSON.
    pub(super) fn told(&self, name: &str) -> String {
        let ours = self.kind.and(self.data).and_then(|data| data.get(name)).and_then(Value::as_str);
        match (ours, self.data) {
            (Some(text), _) => text.to_owned(),
            (None, Some(data)) => data.to_string(),
            (None, None) => "{}".to_owned(),
        }
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(serde_json::Map::is_empty)
}

/// Where a press or an opening comes from.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) chat: Chat,
    /// True where only this person and the bot read along.
    pub(super) private: bool,
    pub(super) sender: Sender,
    pub(super) notes: Notes,
}

impl Origin {
    /// Reads it from the fields of a request. Which kind the conversation is Divar does not say: only
    /// one about an ad has a token of it and sides.
    pub(super) fn of(fields: Fields<'_>, ours: Option<Kind>, connection: &ConnectionName) -> Self {
        let (post, side_word) = (fields.id("post_token"), fields.words("user_side"));
        let user = fields.id("user_id");
        let is_about_post = post.is_some() || side_word.is_some() || fields.name("source").as_deref() == Some("CHAT");
        let kind = ours.unwrap_or(if is_about_post { Kind::Post } else { Kind::Bot });
        let mut notes = Notes::default();
        notes.add("divar.post-token", post);
        notes.add("divar.side", side_word.as_deref().map(side));
        let (address, private) = match (fields.id("conversation_id"), &user) {
            (Some(conversation), _) => {
                notes.add("divar.conversation-type", Some(kind.as_str()));
                notes.add("divar.conversation", Some(&*conversation).filter(|_| kind == Kind::Post));
                (kind.chat(conversation), kind == Kind::Bot)
            }
            (None, Some(user)) => (Address::User(user.clone()), true),
            // Everybody who is not known is there.
            (None, None) => (Address::App, false),
        };
        Self {
            chat: Chat::new(connection.clone(), address.to_string()),
            private,
            sender: Sender { id: user.map(SenderId::from), name: None, automated: false },
            notes,
        }
    }
}
