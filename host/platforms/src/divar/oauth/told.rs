//! What bots are told of consents: kept in the vault until it is in the inbox.
//!
//! A grant and the event that tells of it lie in two stores. So the event is kept in the same change as what
//! it tells of, handed over, and forgotten only when it was taken. Its key is the same each time, so a second
//! hand-over is dropped.

use std::time::Duration;

use hodhod_core::event::{Content, Event, Message, Sender};
use hodhod_core::ids::{BotName, SenderId};
use hodhod_core::platform::{Incoming, Intake};
use hodhod_core::store::StoreError;
use hodhod_core::time::Millis;
use hodhod_core::vault::{Change, Record};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::parts::{Parts, gone, put};
use super::person::Person;
use super::state::{Asked, Claim};

/// The kind of its records.
const TOLD: &str = "told";

/// News that nobody took for so long is none.
const LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Records that are read at once.
const PAGE: usize = 256;

/// An event that is to be handed over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) key: String,
    event: Event,
    only: Option<BotName>,
    at: Millis,
    person: Option<Person>,
    /// True where the person's links go before it is told.
    forget: bool,
}

impl Told {
    /// A person allowed what a bot asked for.
    pub(super) fn granted(claim: &Claim, person: &Person, scopes: &[String], now: Millis) -> Self {
        let words = json!({ "user": person.as_str(), "scopes": scopes, "data": claim.asked.data });
        Self::answer("divar.granted", claim, Some(person.clone()), words, now)
    }

    /// A person did not allow it, or it came to nothing; why, in a word.
    pub(super) fn refused(claim: &Claim, reason: &str, now: Millis) -> Self {
        let words = json!({ "scopes": claim.asked.scopes, "data": claim.asked.data, "reason": reason });
        Self::answer("divar.refused", claim, Person::of_chat(claim.asked.chat.id.as_str()), words, now)
    }

    /// A person took everything back, or nobody can tell that they did not.
    pub(super) fn revoked(person: &Person, key: String, now: Millis) -> Self {
        let event = Event::Other("divar.revoked".to_owned(), json!({ "user": person.as_str() }).to_string());
        Self { key, event, only: None, at: now, person: Some(person.clone()), forget: true }
    }

    /// One consent of a person who gave several is over.
    pub(super) fn ended(person: &Person, bot: &BotName, scopes: &[String], key: String, now: Millis) -> Self {
        let words = json!({ "user": person.as_str(), "scopes": scopes });
        let event = Event::Other("divar.revoked".to_owned(), words.to_string());
        Self { key, event, only: Some(bot.clone()), at: now, person: Some(person.clone()), forget: false }
    }

    fn answer(kind: &str, claim: &Claim, person: Option<Person>, words: Value, now: Millis) -> Self {
        let asked = &claim.asked;
        let key = format!("oauth:{kind}:{}", claim.id);
        let sender = person.as_ref().map(Person::sender);
        let event = match in_chat(asked) {
            true => {
                Event::Message(message(&key, asked, sender, Content::Other(kind.to_owned(), words.to_string()), now))
            }
            false => Event::Other(kind.to_owned(), words.to_string()),
        };
        Self { key, event, only: Some(asked.bot.clone()), at: now, person, forget: false }
    }

    /// Its record. Written together with what it tells of.
    pub(super) fn change(&self) -> Result<Change, StoreError> {
        let value = serde_json::to_string(self).map_err(|error| StoreError::Failed(error.to_string()))?;
        let record = Record {
            person: self.person.as_ref().map(Person::sender),
            expires: Some(self.at + LIFE),
            value: value.into(),
        };
        Ok(put(TOLD, &self.key, record))
    }
}

/// True where the bot asked within a chat of this connection.
fn in_chat(asked: &Asked) -> bool {
    asked.chat.connection == asked.connection && !asked.chat.id.as_str().is_empty()
}

fn message(key: &str, asked: &Asked, sender: Option<SenderId>, content: Content, now: Millis) -> Message {
    Message {
        id: key.to_owned(),
        platform: "divar".to_owned(),
        chat: asked.chat.clone(),
        private: !asked.chat.id.as_str().starts_with("post:"),
        sender: Sender { id: sender, name: None, automated: false },
        sent_at: now,
        edited: false,
        content,
        reply_to: None,
        annotations: Vec::new(),
    }
}

impl Parts {
    /// Hands over what is kept under a key, if it still is. Cancelling it leaves it to be handed over again.
    pub(super) async fn tell(&self, key: &str, intake: &dyn Intake) -> Result<(), StoreError> {
        let Some(record) = self.vault.get(TOLD, key).await? else { return Ok(()) };
        match serde_json::from_str::<Told>(record.value.expose_secret()) {
            Ok(told) => {
                if let (true, Some(person)) = (told.forget, &told.person) {
                    self.forget_links(person).await?;
                }
                let incoming = Incoming { only: told.only, ..Incoming::new(told.key, told.event) };
                intake.take(vec![incoming]).await?;
            }
            Err(_) => tracing::warn!(connection = %self.setup.name, "an event that was kept cannot be read"),
        }
        self.vault.change(vec![gone(TOLD, key)]).await
    }

    /// Hands over all that is kept, the oldest first.
    pub(super) async fn tell_all(&self, intake: &dyn Intake) -> Result<(), StoreError> {
        let mut kept = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.vault.list(TOLD, after.as_deref(), PAGE).await?;
            let full = page.len() == PAGE;
            after = page.last().map(|(key, _)| key.clone());
            // What ends first was kept first.
            kept.extend(page.into_iter().map(|(key, record)| (record.expires, key)));
            if !full {
                break;
            }
        }
        kept.sort_unstable();
        for (_, key) in kept {
            self.tell(&key, intake).await?;
        }
        Ok(())
    }
}
