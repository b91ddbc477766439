//! What a bot is told. These types mirror `interface types` of the contract (`wit/bot.wit`) and
//! are what the inbox stores.

use serde::{Deserialize, Serialize};

use crate::ids::{Chat, SenderId};
use crate::time::Millis;

/// Something a bot is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::large_enum_variant, reason = "nearly every event is a message")]
pub enum Event {
    /// Somebody wrote, pressed, came or went.
    Message(Message),
    /// A timer that the bot set has come due.
    Timer(Timer),
    /// What became of a message that the bot sent.
    Delivery(Delivery),
    /// Anything else: the platform's name of it, and its JSON.
    Other(String, String),
}

/// One message of a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Unique within the connection, and the same again if the event is delivered again.
    pub id: String,
    /// The platform's name, such as "soroush".
    pub platform: String,
    /// Where it was written.
    pub chat: Chat,
    /// True where only this person and the bot read along.
    pub private: bool,
    /// Who wrote it.
    pub sender: Sender,
    /// When it was written, by the platform's clock.
    pub sent_at: Millis,
    /// True where this is a new version of an earlier message with the same id.
    #[serde(default)]
    pub edited: bool,
    /// What was written.
    pub content: Content,
    /// The id of the message that this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// Facts of the platform that have no field here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<(String, String)>,
}

/// Who wrote a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// The platform's own id; absent where the platform hides it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<SenderId>,
    /// The name as the platform shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// True where the platform says that a program wrote this.
    #[serde(default)]
    pub automated: bool,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// Text, exactly as it was written.
    Text(String),
    /// A file.
    Media(Media),
    /// A place.
    Location(Location),
    /// A person's card.
    Contact(Contact),
    /// A button was pressed; the string is what the bot put into it.
    Button(String),
    /// The person opened the conversation, with the link's payload if it had one.
    Start(Option<String>),
    /// The person left: nothing sent to this chat will arrive.
    Stop,
    /// The person opened the bot's own page.
    Opening {
        /// Where from.
        source: String,
        /// What the button carried, as JSON.
        data: String,
    },
    /// Anything else: the platform's name of it, and its JSON.
    Other(String, String),
}

/// The kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A moving picture without sound.
    Animation,
    /// A film.
    Video,
    /// A recorded voice.
    Voice,
    /// Music or another sound file.
    Audio,
    /// Any other file.
    Document,
}

/// A file on the platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// What it is.
    pub kind: MediaKind,
    /// Opaque; names the bytes on the platform.
    pub file: String,
    /// The file's name; untrusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime: Option<String>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<u64>,
    /// A small picture of it: opaque like `file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<String>,
    /// The words that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
}

impl Media {
    /// One of which nothing else is known.
    pub fn new(kind: MediaKind, file: impl Into<String>) -> Self {
        Self {
            kind,
            file: file.into(),
            name: None,
            mime: None,
            size: None,
            width: None,
            height: None,
            duration: None,
            thumbnail: None,
            caption: None,
        }
    }
}

/// A place: degrees, WGS 84.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}

/// A person's card.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The name on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The number on it, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// A timer that the bot set has come due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// The bot's own id of it.
    pub id: String,
    /// The chat it belongs to.
    pub chat: Option<Chat>,
    /// When it was due.
    pub due: Millis,
    /// What the bot stored with it.
    pub payload: String,
}

/// What became of a message that the bot sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The id that `send` returned.
    pub message: String,
    /// Where it was sent.
    pub chat: Chat,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The platform took it; its id, where the platform gives one.
    Delivered(Option<String>),
    /// It will never arrive, for this reason.
    Failed(String),
    /// Nobody knows whether it arrived, and it will not be tried again.
    InDoubt(String),
}

impl Event {
    /// The chat whose lane the event waits in; `None` for an event of no chat.
    pub fn chat(&self) -> Option<&Chat> {
        match self {
            Self::Message(message) => Some(&message.chat),
            Self::Timer(timer) => timer.chat.as_ref(),
            Self::Delivery(delivery) => Some(&delivery.chat),
            Self::Other(..) => None,
        }
    }

    /// The kind of event, as one word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Message(_) => "message",
            Self::Timer(_) => "timer",
            Self::Delivery(_) => "delivery",
            Self::Other(..) => "other",
        }
    }

    /// The person behind the event, where the platform says who it was.
    pub fn sender(&self) -> Option<&SenderId> {
        match self {
            Self::Message(message) => message.sender.id.as_ref(),
            Self::Timer(_) | Self::Delivery(_) | Self::Other(..) => None,
        }
    }

    /// True where the event is about this person: they wrote it, or, where it is nobody's message, its JSON names them
    /// as its `user`, as platforms here write it.
    pub fn is_of(&self, person: &SenderId) -> bool {
        #[derive(Deserialize)]
        struct OfUser {
            user: SenderId,
        }
        match self {
            Self::Other(_, json) => serde_json::from_str(json).is_ok_and(|OfUser { user }| user == *person),
            Self::Message(_) | Self::Timer(_) | Self::Delivery(_) => self.sender() == Some(person),
        }
    }

    /// True where it tells bots that a person is gone, by the end of its name, as in `divar.revoked`. While it waits it
    /// outlives what is stored of the person: who is to forget somebody has to be told.
    pub(crate) fn is_farewell(&self) -> bool {
        matches!(self, Self::Other(name, _) if name.ends_with(".revoked"))
    }

    /// True where a platform brought it. The others come of what is stored: a timer, a send.
    pub(crate) fn is_from_outside(&self) -> bool {
        match self {
            Self::Message(_) | Self::Other(..) => true,
            Self::Timer(_) | Self::Delivery(_) => false,
        }
    }
}

impl Event {
    /// About how many bytes the event holds, for budgets of memory.
    pub fn weight(&self) -> usize {
        const FRAME: usize = 256;
        let text = match self {
            Self::Message(message) => {
                let annotations = message.annotations.iter().map(|(name, value)| name.len() + value.len());
                message.id.len() + message.content.weight() + annotations.sum::<usize>()
            }
            Self::Timer(timer) => timer.payload.len() + timer.id.len(),
            Self::Delivery(delivery) => delivery.message.len() + delivery.chat.id.as_str().len(),
            Self::Other(name, json) => name.len() + json.len(),
        };
        FRAME + text
    }
}

impl Content {
    fn weight(&self) -> usize {
        match self {
            Self::Text(text) | Self::Button(text) => text.len(),
            Self::Media(media) => {
                let texts = [&media.name, &media.mime, &media.thumbnail, &media.caption];
                media.file.len() + texts.into_iter().flatten().map(String::len).sum::<usize>()
            }
            Self::Contact(contact) => [&contact.name, &contact.phone].into_iter().flatten().map(String::len).sum(),
            Self::Start(payload) => payload.as_ref().map_or(0, String::len),
            Self::Opening { source: first, data: second } | Self::Other(first, second) => first.len() + second.len(),
            Self::Location(_) | Self::Stop => 0,
        }
    }
}
