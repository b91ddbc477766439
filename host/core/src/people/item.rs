//! What is stored of a person, as it is shown to them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::dead::DeadLetter;
use crate::event::Event;
use crate::host::OpenedLetter;
use crate::ids::{BotName, Chat, ConnectionName, InboxSeq, OutboxSeq};
use crate::outbox::ListedSend;
use crate::outgoing::Outgoing;
use crate::store::{ListedRecord, QueuedSend, StoreError, WaitingEvent};
use crate::text::hex;
use crate::time::Millis;
use crate::timers::{Missed, Standing, TimerKey};
use crate::values::{Bucket, ValueKey};
use crate::vault;

/// Largest event or message that is shown, in bytes as their weights count them.
const LARGEST: usize = 2 << 20;

/// Bytes of an item beside what is in it, roughly.
const FRAME: usize = 512;

/// Something that is stored of a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Item {
    /// A value that a bot keeps.
    Value {
        /// The bot.
        bot: BotName,
        /// `user` or `chat`.
        bucket: String,
        /// The connection.
        connection: ConnectionName,
        /// The person's id, or that of the chat.
        id: String,
        /// The bot's name for it.
        key: String,
        /// What it is.
        value: Stored,
    },
    /// An event that waits for its bot.
    Event {
        /// Its row.
        seq: InboxSeq,
        /// The bot.
        bot: BotName,
        /// Where it waits.
        chat: Chat,
        /// Tries so far.
        attempts: u32,
        /// The event; absent where it is not shown.
        event: Option<Arc<Event>>,
        /// Why it is not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unreadable: Option<String>,
    },
    /// An event that its bot could not handle.
    DeadLetter(OpenedLetter),
    /// A message that waits to be sent.
    Send {
        /// Its row.
        seq: OutboxSeq,
        /// The bot.
        bot: BotName,
        /// Where it goes.
        chat: Chat,
        /// Since when.
        queued: Millis,
        /// The message; absent where it is not shown.
        message: Option<Arc<Outgoing>>,
        /// Why it is not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unreadable: Option<String>,
    },
    /// A timer of a chat.
    Timer {
        /// The bot.
        bot: BotName,
        /// The chat.
        chat: Option<Chat>,
        /// The bot's name for it.
        id: String,
        /// When it fires.
        due: Millis,
        /// What becomes of it if the host is not running then.
        missed: Missed,
        /// What it brings the bot.
        payload: String,
    },
    /// A record of a connection, without what is sealed in it.
    Record {
        /// The kind.
        kind: String,
        /// What it is for.
        purpose: String,
        /// When it was written.
        written: Millis,
        /// When its time is over, if ever.
        expires: Option<Millis>,
    },
}

/// A stored value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stored {
    /// As text.
    Text(String),
    /// What is no text, in hex.
    Hex(String),
}

impl From<Vec<u8>> for Stored {
    fn from(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::Text(text),
            Err(error) => Self::Hex(hex(error.as_bytes())),
        }
    }
}

impl Item {
    pub(super) fn value(key: &ValueKey, value: Stored) -> Self {
        let (connection, id) = match &key.bucket {
            Bucket::Bot => (ConnectionName::from(""), String::new()),
            Bucket::Chat(chat) => (chat.connection.clone(), chat.id.to_string()),
            Bucket::User(connection, person) => (connection.clone(), person.to_string()),
        };
        let (bot, bucket, key) = (key.bot.clone(), key.bucket.kind().to_owned(), key.key.to_string());
        Self::Value { bot, bucket, connection, id, key, value }
    }

    pub(super) fn event(row: &WaitingEvent, read: Read<Event>) -> Result<Option<Self>, StoreError> {
        let WaitingEvent { seq, bot, chat, attempts, .. } = row.clone();
        let shown = shown(read, |event| event.weight())?;
        Ok(shown.map(|(event, unreadable)| Self::Event { seq, bot, chat, attempts, event, unreadable }))
    }

    pub(super) fn letter(letter: &DeadLetter, read: Read<Event>) -> Result<Option<Self>, StoreError> {
        let (shown, letter) = (shown(read, |event| event.weight())?, letter.clone());
        Ok(shown.map(|(event, unreadable)| Self::DeadLetter(OpenedLetter { letter, event, unreadable })))
    }

    pub(super) fn send(
        row: &ListedSend,
        read: Result<Option<QueuedSend>, StoreError>,
    ) -> Result<Option<Self>, StoreError> {
        let ListedSend { seq, bot, chat, queued, .. } = row.clone();
        let read = read.map(|send| send.map(|send| send.message));
        let shown = shown(read, |message| message.weight())?;
        Ok(shown.map(|(message, unreadable)| Self::Send { seq, bot, chat, queued, message, unreadable }))
    }

    pub(super) fn timer(key: &TimerKey, standing: &Standing) -> Self {
        let (TimerKey { bot, chat, id }, Standing { due, payload, missed }) = (key.clone(), standing.clone());
        Self::Timer { bot, chat, id, due, missed, payload }
    }

    pub(super) fn record(record: &ListedRecord) -> Self {
        let ListedRecord { kind, written, expires, .. } = record.clone();
        Self::Record { purpose: vault::purpose(&kind).to_owned(), kind, written, expires }
    }

    /// Bytes that it has, roughly.
    pub(super) fn weight(&self) -> usize {
        FRAME
            + match self {
                Self::Value { key, value: Stored::Text(text) | Stored::Hex(text), .. } => key.len() + text.len(),
                Self::Event { event, .. } | Self::DeadLetter(OpenedLetter { event, .. }) => {
                    event.as_ref().map_or(0, |event| event.weight())
                }
                Self::Send { message, .. } => message.as_ref().map_or(0, |message| message.weight()),
                Self::Timer { payload, .. } => payload.len(),
                Self::Record { .. } => 0,
            }
    }
}

type Read<T> = Result<Option<Arc<T>>, StoreError>;

/// What was read, or why it is not shown.
type Shown<T> = (Option<Arc<T>>, Option<String>);

fn shown<T>(read: Read<T>, weight: impl Fn(&T) -> usize) -> Result<Option<Shown<T>>, StoreError> {
    match read {
        Ok(None) => Ok(None),
        Ok(Some(body)) if weight(&body) > LARGEST => {
            Ok(Some((None, Some(format!("it has {} bytes, and at most {LARGEST} are shown", weight(&body))))))
        }
        Ok(Some(body)) => Ok(Some((Some(body), None))),
        Err(StoreError::Unreadable(why)) => Ok(Some((None, Some(why)))),
        Err(error) => Err(error),
    }
}
