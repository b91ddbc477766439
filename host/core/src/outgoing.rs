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
