//! What bots are told of consents: kept in the vault until it is in the inbox.
//!
//! A grant and the event that tells of it lie in two stores. So the event is kept in the same change as what
//! it tells of, handed over, and forgotten only when it was taken. Its key is the same each time, so a second
//! hand-over is dropped.
//!
//! Where a person took everything back, what is stored of them goes before bots are told, so what bots write when
//! they are told stays. That may have to wait for turns. It is noted when it is done, and not done again: what
//! comes of the person after that is new.

use std::collections::HashMap;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use futures::future::{Either, select};
use futures::stream;
use hodhod_core::event::{Content, Event, Message, Sender};
use hodhod_core::ids::{BotName, SenderId};
use hodhod_core::people::Moment;
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

/// People whose news are told side by side.
const AT_ONCE: usize = 16;

/// Whoever is waited for waits no longer for what can be told later. Divar wants its answers within two seconds.
pub(super) const SOON: Duration = Duration::from_secs(1);

/// An event that is to be handed over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) key: String,
    event: Event,
    only: Option<BotName>,
    at: Millis,
    person: Option<Person>,
    goes: Goes,
}

/// What goes before an event is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Goes {
    /// Nothing, or it has gone.
    Nothing,
    /// The person's links.
    Links,
    /// All that is stored of the person and came before then.
    All(Moment),
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
        Self::answer("divar.refused", claim, claim.asked.whom(), words, now)
    }

    /// A person took everything back.
    pub(super) fn revoked(person: &Person, key: String, moment: Moment) -> Self {
        Self { goes: Goes::All(moment), ..Self::lost(person, key, moment.time) }
    }

    /// The platform says that the last consent of a person is over, and not why. They may have taken it back; it may
    /// also have got lost, as where a backup was put back, and that is no reason to take away what bots keep.
    pub(super) fn lost(person: &Person, key: String, now: Millis) -> Self {
        let event = Event::Other("divar.revoked".to_owned(), json!({ "user": person.as_str() }).to_string());
        Self { key, event, only: None, at: now, person: Some(person.clone()), goes: Goes::Links }
    }

    /// One consent of a person who gave several is over.
    pub(super) fn ended(person: &Person, bot: &BotName, scopes: &[String], key: String, now: Millis) -> Self {
        let words = json!({ "user": person.as_str(), "scopes": scopes });
        let event = Event::Other("divar.revoked".to_owned(), words.to_string());
        Self { key, event, only: Some(bot.clone()), at: now, person: Some(person.clone()), goes: Goes::Nothing }
    }

    /// True for what tells all bots that a person is gone.
    fn is_farewell(&self) -> bool {
        self.only.is_none()
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
        Self { key, event, only: Some(asked.bot.clone()), at: now, person, goes: Goes::Nothing }
    }

    /// Its record. Written together with what it tells of.
    pub(super) fn change(&self) -> Result<Change, StoreError> {
        let value = serde_json::to_string(self).map_err(|error| StoreError::Failed(error.to_string()))?;
        // What tells bots to forget a person outlives what is stored of them.
        let person = self.person.as_ref().filter(|_| !self.is_farewell());
        let record = Record { person: person.map(Person::sender), expires: Some(self.at + LIFE), value: value.into() };
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
    /// Hands over what is kept under a key, if it still is. Where something is to happen first that takes longer than
    /// `until`, it is told later: false. Cancelling it leaves it to be handed over again.
    pub(super) async fn tell(
        &self,
        key: &str,
        until: impl Future<Output = ()>,
        intake: &dyn Intake,
    ) -> Result<bool, StoreError> {
        let Some(told) = self.untold(key).await? else { return Ok(true) };
        let mut until = pin!(until);
        // One after the other for each person: nothing is taken away twice.
        let _alone = match &told.person {
            None => None,
            Some(person) => match select(&mut until, pin!(self.telling.of(person))).await {
                Either::Left(_) => return Ok(self.put_off()),
                Either::Right((alone, _)) => Some(alone),
            },
        };
        let before = self.revocation_before(&told).await?;
        for key in before.iter().map(String::as_str).chain([key]) {
            let Some(mut told) = self.untold(key).await? else { continue };
            if let Some(person) = &told.person {
                if !told.is_farewell() && self.took_back_since(person, told.at).await? {
                    // It is of what has gone since, and goes with the rest.
                    self.vault.change(vec![gone(TOLD, key)]).await?;
                    continue;
                }
                let goes = async {
                    match told.goes {
                        Goes::Nothing => Ok(()),
                        // There may be many of all people to look through.
                        Goes::Links => self.forget_links(person, told.at).await,
                        Goes::All(moment) => intake.forget(&person.sender(), moment).await,
                    }
                };
                match select(&mut until, pin!(goes)).await {
                    Either::Left(_) => return Ok(self.put_off()),
                    Either::Right((gone, _)) => gone?,
                }
            }
            if matches!(told.goes, Goes::All(_)) {
                told.goes = Goes::Nothing;
                self.vault.change(vec![told.change()?]).await?;
            }
            // To its end, whoever waits: what is on disk has to come into its lane.
            let incoming = Incoming { only: told.only, ..Incoming::new(told.key, told.event) };
            intake.take(vec![incoming]).await?;
            self.vault.change(vec![gone(TOLD, key)]).await?;
        }
        Ok(true)
    }

    fn put_off(&self) -> bool {
        self.news.notify_one();
        false
    }

    /// What is kept under a key, if it is. What cannot be read goes.
    async fn untold(&self, key: &str) -> Result<Option<Told>, StoreError> {
        let Some(record) = self.vault.get(TOLD, key).await? else { return Ok(None) };
        if let Ok(told) = serde_json::from_str(record.value.expose_secret()) {
            return Ok(Some(told));
        }
        tracing::warn!(connection = %self.setup.name, "an event that was kept cannot be read");
        self.vault.change(vec![gone(TOLD, key)]).await?;
        Ok(None)
    }

    /// The key of what a person took back before this, where it is not told yet.
    async fn revocation_before(&self, told: &Told) -> Result<Option<String>, StoreError> {
        let Some(person) = &told.person else { return Ok(None) };
        let key = self.revocation(person).await?.map(|revocation| revocation.key);
        let Some(key) = key.filter(|key| *key != told.key) else { return Ok(None) };
        let before = self.untold(&key).await?;
        Ok(before.is_some_and(|before| before.at < told.at).then_some(key))
    }

    /// Hands over all that is kept until `closed`: of each person the oldest first, whatever holds up another's.
    pub(super) async fn tell_all(
        &self,
        closed: impl Future<Output = ()> + Clone,
        intake: &dyn Intake,
    ) -> Result<(), StoreError> {
        let mut kept = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.vault.list(TOLD, after.as_deref(), PAGE).await?;
            let full = page.len() == PAGE;
            after = page.last().map(|(key, _)| key.clone());
            // What ends first was kept first.
            kept.extend(page.into_iter().map(|(key, record)| (record.expires, key, person_of(&record))));
            if !full {
                break;
            }
        }
        kept.sort_unstable();
        let (mut news, mut places) = (Vec::<Vec<String>>::new(), HashMap::new());
        for (_, key, person) in kept {
            let place = *places.entry(person).or_insert(news.len());
            match news.get_mut(place) {
                Some(of_person) => of_person.push(key),
                None => news.push(vec![key]),
            }
        }
        let telling = stream::iter(news).map(|of_person| {
            let closed = closed.clone();
            async move {
                for key in of_person {
                    if !self.tell(&key, closed.clone(), intake).await? {
                        break;
                    }
                }
                Ok::<_, StoreError>(())
            }
        });
        let told: Vec<_> = telling.buffer_unordered(AT_ONCE).collect().await;
        told.into_iter().collect()
    }
}

/// Whose news it is.
fn person_of(record: &Record) -> Option<Person> {
    serde_json::from_str::<Told>(record.value.expose_secret()).ok()?.person
}
