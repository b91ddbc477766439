//! The joint to a messenger: events in, sends out.
//!
//! A platform turns bytes into events and knows nothing of bots, lanes or the store. It hands
//! arrivals to an [`Intake`], which returns when they are durable; only then may the platform be
//! told that they arrived.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use thiserror::Error;

use crate::event::Event;
use crate::ids::{BotName, Chat, ChatId, ConnectionName, InboxSeq, SenderId};
use crate::outgoing::{Answer, Outgoing};
use crate::people::Moment;
use crate::store::StoreError;
use crate::webhook::Webhook;

/// One account on a messenger.
pub trait Platform: Send + Sync + 'static {
    /// Receives until the intake is closed: connects, reconnects and backs off by itself. Then it
    /// reads no further, hands over what it has read, and returns. Dropping the future at any point
    /// loses nothing that was handed to `intake` and returned from it; what was not yet handed over
    /// is the platform's to deliver again, if it does.
    fn receive<'a>(&'a self, intake: &'a dyn Intake) -> BoxFuture<'a, ()>;

    /// Delivers one message, once. The caller has recorded the attempt, paces it and retries.
    ///
    /// # Errors
    /// See [`SendError`]: what is known about whether the message arrived.
    fn send<'a>(&'a self, chat: &'a ChatId, message: &'a Outgoing) -> BoxFuture<'a, Result<Sent, SendError>>;

    /// Says before anything is stored whether this platform can carry the message at all, and
    /// whether there can be such a chat.
    ///
    /// # Errors
    /// Why it cannot, for the bot to read.
    fn accepts(&self, chat: &ChatId, message: &Outgoing) -> Result<(), Unsendable>;

    /// Begins to read a file that an event of this platform named, or that was uploaded to it.
    ///
    /// # Errors
    /// See [`FileError`].
    fn download<'a>(&'a self, file: &'a str) -> BoxFuture<'a, Result<Download, FileError>> {
        let _ = file;
        Box::pin(std::future::ready(Err(FileError::Unsupported("this platform has no files".to_owned()))))
    }

    /// Puts a file on the platform, once, and gives the platform's key of it. The caller tries again
    /// where that may help: a second upload is another file, so it harms nobody.
    ///
    /// # Errors
    /// See [`FileError`].
    fn upload(&self, upload: Upload) -> BoxFuture<'_, Result<String, FileError>> {
        drop(upload);
        Box::pin(std::future::ready(Err(FileError::Unsupported("this platform has no files".to_owned()))))
    }

    /// The requests that this platform makes to the host, if it makes any.
    fn webhook(&self) -> Option<&dyn Webhook> {
        None
    }

    /// Does at once what only this platform can do, for a turn that is granted it.
    ///
    /// # Errors
    /// See [`CallError`].
    fn call(&self, call: Call) -> BoxFuture<'_, Result<serde_json::Value, CallError>> {
        drop(call);
        Box::pin(std::future::ready(Err(CallError::Unsupported("this platform has no such thing".to_owned()))))
    }

    /// The chat in which only this person and the bot read along, where its id follows from theirs.
    fn private_chat(&self, user: &SenderId) -> Option<ChatId> {
        let _ = user;
        None
    }

    /// Forgets what it holds of a person in memory. Called when what is stored of them is erased; what it then
    /// writes of them into its vault is kept, so what is under way for them must not.
    fn forget(&self, user: &SenderId) {
        let _ = user;
    }

    /// What the connection is doing, for status pages.
    fn health(&self) -> Health;
}

/// Something that only one platform can do.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The bot whose turn wants it.
    pub bot: BotName,
    /// The chat of the turn's event.
    pub chat: Chat,
    /// Who is behind the event, where the platform said so.
    pub sender: Option<SenderId>,
    /// Its name, as in "divar.get-post".
    pub name: &'static str,
    /// What it is told, as the platform's own part of the contract says.
    pub arguments: serde_json::Value,
}

/// Why a platform did not do it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CallError {
    /// The person or the operator has not allowed it.
    #[error("denied: {0}")]
    Denied(String),
    /// The platform has no such thing.
    #[error("{0}")]
    Unsupported(String),
    /// It cannot be asked so.
    #[error("{0}")]
    Invalid(String),
    /// The platform asks to wait.
    #[error("the platform asks to wait {} ms", .0.as_millis())]
    Wait(Duration),
    /// Trying again may help.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The platform refused.
    #[error("refused: {0}")]
    Refused(String),
}

/// The bytes of a file, piece by piece.
pub type FileBytes = BoxStream<'static, Result<Bytes, FileError>>;

/// A file that is being read.
pub struct Download {
    /// How long the platform says that it is, in bytes.
    pub size: Option<u64>,
    /// What is in it.
    pub bytes: FileBytes,
}

/// A file on its way to the platform.
pub struct Upload {
    /// Its name, as a person may read it.
    pub name: String,
    /// Its media type, such as `image/jpeg`.
    pub mime: String,
    /// Its length in bytes, known before the first of them goes out.
    pub size: u64,
    /// What is in it.
    pub bytes: FileBytes,
}

/// Why a file could not be read or put on the platform.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FileError {
    /// The platform has no such thing.
    #[error("{0}")]
    Unsupported(String),
    /// There is no such file, or the platform will never take this one.
    #[error("refused: {0}")]
    Refused(String),
    /// It is larger than the platform takes; the limit in bytes.
    #[error("larger than {0} bytes")]
    TooLarge(u64),
    /// The platform asks to wait.
    #[error("the platform asks to wait {} ms", .0.as_millis())]
    Wait(Duration),
    /// Trying again may help.
    #[error("unavailable: {0}")]
    Unavailable(String),
}

/// Where a connection hands over what arrived.
pub trait Intake: Send + Sync {
    /// Stores the events for every bot that serves the connection and returns when they are
    /// durable, with the number that was new. Events seen before are dropped.
    ///
    /// # Errors
    /// When the store cannot keep them; nothing was kept, and the same events may be handed over again.
    fn take(&self, events: Vec<Incoming>) -> BoxFuture<'_, Result<usize, StoreError>>;

    /// Takes an event that the platform waits to be told something about, and gives what a bot answers, once
    /// that is as durable as the rest of its turn; `None` where none answers within `patience`, and at once where
    /// none will. Who asks again for the same event while the first is waited for is told the same, and so is who does
    /// after a restart while the event still waits for its turn. It may take a few
    /// seconds more than `patience`, while an answer is on its way to the disk. Dropping it takes nothing back.
    ///
    /// # Errors
    /// When the store cannot keep the event; nothing was kept.
    fn ask(&self, event: Incoming, patience: Duration) -> BoxFuture<'_, Result<Option<Answer>, StoreError>> {
        let _ = patience;
        Box::pin(async move {
            self.take(vec![event]).await?;
            Ok(None)
        })
    }

    /// Takes a row that no event will have: what was taken before has smaller ones, and what comes later larger ones, as
    /// does a dead letter that is tried again.
    ///
    /// # Errors
    /// When the store refuses it.
    fn reserve(&self) -> BoxFuture<'_, Result<InboxSeq, StoreError>> {
        Box::pin(std::future::ready(Err(nothing_stored())))
    }

    /// Takes away all that is stored of a person who wants that, as an operator may have it done, but no event and no
    /// record of the vault that came after `until`: a new consent, a message that arrives meanwhile. What bots keep goes
    /// as it is then. Resolves when it is gone. That may take as long as a turn does. Dropping it does not stop it, and
    /// asking again soon, for the same `until`, has it done once.
    ///
    /// # Errors
    /// When it is not all gone; it may be asked for again.
    fn forget(&self, person: &SenderId, until: Moment) -> BoxFuture<'_, Result<(), StoreError>> {
        let _ = (person, until);
        Box::pin(std::future::ready(Err(nothing_stored())))
    }

    /// Resolves when nothing more should be read. What has been read is still taken.
    fn closed(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}

/// Of an intake that is asked for more than it does.
fn nothing_stored() -> StoreError {
    StoreError::Failed("nothing is stored here".to_owned())
}

/// One event as a platform delivered it.
#[derive(Clone, Debug, PartialEq)]
pub struct Incoming {
    /// Identifies it within the connection, so that a second delivery is recognised.
    pub key: String,
    /// How long it does, from the first delivery on; `None` for ever. For what has no id and is known by what it says
    /// alone, which somebody may say again.
    pub within: Option<Duration>,
    /// The event; shared, so that a batch can be kept until it is taken.
    pub event: Arc<Event>,
    /// The one bot that it is for; `None` for all that serve the connection.
    pub only: Option<BotName>,
}

impl Incoming {
    /// An event for every bot that serves the connection.
    pub fn new(key: impl Into<String>, event: Event) -> Self {
        Self { key: key.into(), within: None, event: Arc::new(event), only: None }
    }

    /// Its key stands for it for so long only, and then for another.
    #[must_use]
    pub fn within(self, window: Duration) -> Self {
        Self { within: Some(window), ..self }
    }
}

/// A message that the platform took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// The platform's id of it, where it gives one.
    pub id: Option<String>,
}

/// Why a message did not go out. Each case says what is known about whether it arrived.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SendError {
    /// It did not arrive and never will.
    #[error("refused: {0}")]
    Refused(String),
    /// It did not arrive; the platform asks to wait.
    #[error("the platform asks to wait {} ms", .0.as_millis())]
    Wait(Duration),
    /// It did not arrive; trying again may help.
    #[error("not sent: {0}")]
    NotSent(String),
    /// Nobody knows whether it arrived: the line broke between request and reply.
    #[error("in doubt: {0}")]
    InDoubt(String),
}

impl SendError {
    /// The kind, as one word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Wait(_) => "wait",
            Self::NotSent(_) => "not-sent",
            Self::InDoubt(_) => "in-doubt",
        }
    }
}

/// Why a platform can never carry a message.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Unsendable {
    /// The platform has no such thing.
    #[error("{0}")]
    Unsupported(String),
    /// The message is malformed.
    #[error("{0}")]
    Invalid(String),
}

/// What a connection is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// True while the platform is connected and answering.
    pub connected: bool,
    /// How often it had to connect anew.
    pub reconnects: u64,
    /// Events that were understood.
    pub events: u64,
    /// Input that was skipped, by reason; the reasons are a fixed set.
    pub skipped: Vec<(&'static str, u64)>,
    /// What the operator should know, such as "the token is probably not valid".
    pub trouble: Option<String>,
}

/// A connection: an account under its configured name.
pub struct Connection {
    /// Its name in the configuration.
    pub name: ConnectionName,
    /// The account.
    pub platform: Arc<dyn Platform>,
}
