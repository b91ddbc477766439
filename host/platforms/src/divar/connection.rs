//! One app on Divar, as the host knows it.

use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, join};
use hodhod_core::event::Media;
use hodhod_core::ids::{ChatId, SenderId};
use hodhod_core::outgoing::Outgoing;
use hodhod_core::platform::{
    Call, CallError, Download, FileError, Health, Intake, Platform, SendError, Sent, Unsendable, Upload,
};
use hodhod_core::time::Clock;
use hodhod_core::vault::Vault;
use hodhod_core::webhook::Webhook;
use secrecy::SecretString;
use serde_json::Value;

use super::address::Address;
use super::api::Api;
use super::config::{ConfigError, DivarConfig};
use super::door::Door;
use super::incoming::Reader;
use super::judge::{Failure, send_error};
use super::link;
use super::oauth::{NoToken, OAuth};
use super::outgoing::{self, Letter, TOKEN, Words};
use super::pace::{Held, Pace};
use super::secret::Secret;
use super::status::{Concern, Status};
use super::upload::{Failed, Parcel, kind_of};
use super::wire::Fields;

/// Sends a second through one connection, where the operator says nothing. Divar's own limit is one of
/// a minute that its panel tells: a guess on the careful side.
pub const PACE_PER_CONNECTION: u32 = 10;

/// Sends a second to one chat; a person reads no faster.
pub const PACE_PER_CHAT: u32 = 1;

/// One app on Divar.
pub struct Divar {
    pub(super) config: DivarConfig,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) oauth: OAuth,
    pub(super) door: Door,
    pub(super) reader: Reader,
    pub(super) status: Arc<Status>,
    api: Api,
    links: link::Reader,
    pace: Pace,
}

impl fmt::Debug for Divar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Divar").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Divar {
    /// Checks the configuration; connects to nothing.
    ///
    /// # Errors
    /// When no call could be made with it, in words for the operator.
    pub fn new(config: DivarConfig, vault: Arc<dyn Vault>, clock: Arc<dyn Clock>) -> Result<Self, ConfigError> {
        config.check()?;
        let options = &config.options;
        let status = Arc::new(Status::default());
        let identification = Secret::new(&config.identification_key, "identification_key")?;
        let reader = Reader::new(config.name.clone(), options.max_age, options.press_window, Arc::clone(&status));
        Ok(Self {
            api: Api::new(&config)?,
            links: link::Reader::new(options)?,
            pace: Pace::new(options.pace, Arc::clone(&vault)),
            door: Door::new(&identification, options.sources.clone(), options.max_event),
            oauth: OAuth::new(&config, vault, Arc::clone(&clock))
                .map_err(|error| ConfigError::OAuth(error.to_string()))?,
            reader,
            status,
            clock,
            config,
        })
    }

    /// Sends one message, once. Cancelling it leaves it in doubt.
    async fn deliver(&self, chat: &ChatId, message: &Outgoing) -> Result<Sent, SendError> {
        let refused = |error: Unsendable| SendError::Refused(error.to_string());
        let letter = Letter::new(chat, message).map_err(refused)?;
        let token = self.token(&letter).await?;
        // A file that came with another message is uploaded anew, which is a call of its own.
        let calls = if matches!(letter.words, Words::Elsewhere(..)) { 2 } else { 1 };
        self.pace.take(calls, self.clock.now()).await.map_err(|held| match held {
            Held::Wait(wait) => SendError::Wait(wait),
            Held::Unknown(_) => SendError::NotSent(held.to_string()),
        })?;
        let file = match letter.words {
            Words::Elsewhere(media, link) => self.moved(media, link).await.map_err(send_error)?,
            Words::Text(_) => String::new(),
            Words::Uploaded(token) => token.to_owned(),
        };
        let json = letter.json(&file, &self.config.options).map_err(refused)?;
        let answer = self.api.post(&letter.path, token.as_ref(), json).await;
        let answer = self.judged(answer)?;
        Ok(Sent { id: conversation(&letter.to, &answer) })
    }

    /// The token of the person in whose name a message goes, where it goes in one.
    async fn token(&self, letter: &Letter<'_>) -> Result<Option<SecretString>, SendError> {
        let token = match &letter.to {
            Address::Bot(_) | Address::App => return Ok(None),
            Address::Post(conversation) => self.oauth.token_for(conversation, letter.user).await,
            // Divar demands the token of the very person.
            Address::User(user) => self.oauth.token_for("", Some(user)).await,
        };
        token.map(Some).map_err(|error| match error {
            NoToken::None(words) => SendError::Refused(words),
            NoToken::Unavailable(words) => SendError::NotSent(words),
        })
    }

    /// Moves a file that came with another message to where it can be sent from.
    async fn moved(&self, media: &Media, link: &str) -> Result<String, FileError> {
        let read = self.links.read(link).await;
        // Where the file lies is not Divar, and what that wants holds up no other message.
        let Download { size, bytes } = read.map_err(|error| match error {
            FileError::Wait(_) => FileError::Unavailable(error.to_string()),
            other => other,
        })?;
        let name = media.name.clone().unwrap_or_else(|| last(link));
        self.put(Parcel { kind: outgoing::media_type(media.kind), name, mime: media.mime.clone(), size, bytes }).await
    }

    async fn put(&self, parcel: Parcel) -> Result<String, FileError> {
        let put = self.api.upload(parcel).await;
        if let Err(Failed::Call(failure)) = &put {
            self.told(failure);
        }
        put.map_err(Failed::told)
    }

    fn judged<T>(&self, answer: Result<T, Failure>) -> Result<T, SendError> {
        match answer {
            Ok(answer) => {
                self.status.mended(Concern::Calls);
                Ok(answer)
            }
            Err(failure) => {
                self.told(&failure);
                Err(failure.error)
            }
        }
    }

    /// Tells the operator what only he can mend.
    fn told(&self, failure: &Failure) {
        if failure.is_about_keys {
            let words =
                format!("Divar refuses calls, by the API key, its permissions or a person's: {}", failure.error);
            self.status.trouble(Concern::Calls, words);
        }
    }
}

/// The chatbot's conversation with a person, whether or not there is one yet.
pub fn private_chat(user: &SenderId) -> ChatId {
    Address::User(user.as_str().to_owned()).to_string().into()
}

impl Platform for Divar {
    fn receive<'a>(&'a self, intake: &'a dyn Intake) -> BoxFuture<'a, ()> {
        async move {
            let _connected = Connected::new(&self.status);
            if let Err(error) = self.pace.recall(self.clock.now()).await {
                tracing::debug!(connection = %self.config.name, %error, "the calls of this day are read with the first");
            }
            join(self.oauth.run(intake), intake.closed()).await;
        }
        .boxed()
    }

    fn send<'a>(&'a self, chat: &'a ChatId, message: &'a Outgoing) -> BoxFuture<'a, Result<Sent, SendError>> {
        self.deliver(chat, message).boxed()
    }

    fn private_chat(&self, user: &SenderId) -> Option<ChatId> {
        Some(private_chat(user))
    }

    fn accepts(&self, chat: &ChatId, message: &Outgoing) -> Result<(), Unsendable> {
        outgoing::check(chat, message, &self.config.options)
    }

    fn download<'a>(&'a self, file: &'a str) -> BoxFuture<'a, Result<Download, FileError>> {
        async move {
            if file.starts_with(TOKEN) {
                return Err(FileError::Unsupported("Divar gives no bytes of what was uploaded to it".to_owned()));
            }
            let link = link::address(file);
            self.links
                .read(link.ok_or_else(|| FileError::Refused("it is not a file of this platform".to_owned()))?)
                .await
        }
        .boxed()
    }

    fn upload(&self, upload: Upload) -> BoxFuture<'_, Result<String, FileError>> {
        async move {
            let Upload { name, mime, size, bytes } = upload;
            self.pace.take(1, self.clock.now()).await.map_err(|held| match held {
                Held::Wait(wait) => FileError::Wait(wait),
                Held::Unknown(_) => FileError::Unavailable(held.to_string()),
            })?;
            let parcel = Parcel { kind: kind_of(&mime, &name), name, mime: Some(mime), size: Some(size), bytes };
            Ok(format!("{TOKEN}{}", self.put(parcel).await?))
        }
        .boxed()
    }

    fn webhook(&self) -> Option<&dyn Webhook> {
        Some(self)
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Result<Value, CallError>> {
        self.oauth.call(call).boxed()
    }

    fn health(&self) -> Health {
        let others = || self.oauth.trouble().or_else(|| self.pace.trouble(self.clock.now()));
        self.status.health(others)
    }
}

/// The conversation that a message to a person came into, which nothing else tells: what the person
/// answers comes from there, and without his id.
fn conversation(to: &Address, answer: &Value) -> Option<String> {
    match to {
        Address::User(_) => Fields::of(answer).id("conversation_id").map(|id| Address::Bot(id).to_string()),
        Address::Bot(_) | Address::Post(_) | Address::App => None,
    }
}

/// The last part of an address's path.
fn last(link: &str) -> String {
    let path = link.split(['?', '#']).next().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

/// Says that the platform can call, for as long as somebody receives.
struct Connected<'a>(&'a Status);

impl<'a> Connected<'a> {
    fn new(status: &'a Status) -> Self {
        status.set_connected(true);
        Self(status)
    }
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.0.set_connected(false);
    }
}
