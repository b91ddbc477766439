//! What a bot sends. These types mirror `interface messenger` of the contract (`wit/bot.wit`) and
//! are what the outbox stores.

use serde::{Deserialize, Serialize};

use crate::event::{Location, Media};

/// A message on its way to a chat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outgoing {
    /// What it says.
    pub body: Body,
    /// Absent: whatever keyboard the person has stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyboard: Option<Keyboard>,
    /// The id of the message that this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// Ask for a `delivery` event also when the message arrives; a failure is always told.
    #[serde(default)]
    pub report: bool,
    /// The platform's own extras.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<(String, String)>,
}

impl Outgoing {
    /// A plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { body: Body::Text(text.into()), keyboard: None, reply_to: None, report: false, annotations: Vec::new() }
    }

    /// What kind of message it is, in one word.
    pub fn kind(&self) -> &'static str {
        match self.body {
            Body::Text(_) => "text",
            Body::Media(_) => "media",
            Body::Location(_) => "location",
            Body::KeyboardOnly => "keyboard",
        }
    }

    /// Bytes that it takes in memory or on disk, whichever is more, roughly.
    pub(crate) fn weight(&self) -> usize {
        let body = match &self.body {
            Body::Text(text) => written(text),
            Body::Media(media) => {
                let texts = [&media.name, &media.mime, &media.thumbnail, &media.caption];
                media.file.len() + texts.into_iter().flatten().map(|text| written(text)).sum::<usize>()
            }
            Body::Location(_) | Body::KeyboardOnly => 16,
        };
        let keyboard = match &self.keyboard {
            Some(Keyboard::Show(rows)) => rows
                .iter()
                .map(|row| 16 + row.len() * 32)
                .chain(rows.iter().flatten().map(|button| {
                    let (Press::Event(text) | Press::Url(text) | Press::App(text) | Press::Native(text)) =
                        &button.press;
                    written(&button.label) + written(text)
                }))
                .sum(),
            Some(Keyboard::Hide) | None => 0,
        };
        let pair = |(name, value): &(String, String)| size_of::<(String, String)>() + written(name) + written(value);
        let annotations: usize = self.annotations.iter().map(pair).sum();
        let reply_to = self.reply_to.as_deref().map_or(0, written);
        size_of::<Self>() + body + keyboard + annotations + reply_to
    }
}

/// What an outgoing message says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// Text.
    Text(String),
    /// A file that is on the platform already.
    Media(Media),
    /// A place.
    Location(Location),
    /// Nothing to say: only the keyboard changes.
    KeyboardOnly,
}

/// The buttons that a person sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keyboard {
    /// Rows of buttons.
    Show(Vec<Vec<Button>>),
    /// No buttons.
    Hide,
}

/// One button.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// What the person reads.
    pub label: String,
    /// What pressing it does.
    pub press: Press,
}

/// What pressing a button does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Press {
    /// The bot is told this string.
    Event(String),
    /// Opens a web address.
    Url(String),
    /// Opens the bot's own page with this JSON.
    App(String),
    /// The platform's own action, as its JSON.
    Native(String),
}

/// The answer to a press or an opening that the platform waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Shown to the person who pressed.
    Notice(String),
    /// Opens this address for the person.
    Url(String),
}

/// Bytes of a text as JSON: a control character takes six.
fn written(text: &str) -> usize {
    let longer = |byte: u8| if byte < 0x20 { 5 } else { usize::from(byte == b'"' || byte == b'\\') };
    text.len() + text.bytes().map(longer).sum::<usize>()
}
