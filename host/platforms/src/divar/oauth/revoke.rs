//! A person takes back what they gave: their tokens and links go, and every bot is told.
//!
//! Divar says it by an event without an id, and may say it twice. What was just told is remembered for an hour,
//! so a second time tells nobody anything, unless the person has consented again in between.

use std::time::Duration;

use hodhod_core::platform::Intake;
use hodhod_core::store::StoreError;
use hodhod_core::vault::Record;
use secrecy::ExposeSecret;

use super::parts::{Parts, put};
use super::person::Person;
use super::told::Told;

/// The kind of its records.
const REVOKED: &str = "revoked";

/// The longest that the same event is taken for a repetition.
const REPEATS: Duration = Duration::from_secs(60 * 60);

impl Parts {
    /// Drops all that a person gave and has it told. When it returns, it is in the inbox; where it does not, it
    /// is told later, or the caller may ask for it again.
    pub(super) async fn revoke(&self, user: &str, intake: &dyn Intake) -> Result<(), StoreError> {
        let Some(person) = Person::parse(user) else {
            tracing::warn!(connection = %self.setup.name, "a consent was taken back by nobody who can be");
            return Ok(());
        };
        if let Err(words) = self.setup.app() {
            // What was given before it was taken out of the configuration goes all the same.
            tracing::debug!(connection = %self.setup.name, words, "a consent was taken back");
        }
        let key = self.take_back(&person).await?;
        self.tell(&key, intake).await
    }

    async fn take_back(&self, person: &Person) -> Result<String, StoreError> {
        let _writing = self.writing.lock().await;
        let (removal, gave) = self.removal(person).await?;
        let repeated = self.vault.get(REVOKED, person.as_str()).await?;
        if let Some(record) = repeated
            && !gave
        {
            return Ok(record.value.expose_secret().to_owned());
        }
        let now = self.now();
        let key = format!("oauth:divar.revoked:{}:{now}", person.as_str());
        let record = Record { person: Some(person.sender()), expires: Some(now + REPEATS), value: key.as_str().into() };
        let mut changes = vec![put(REVOKED, person.as_str(), record)];
        changes.push(Told::revoked(person, key.clone(), now).change()?);
        changes.extend(removal);
        self.vault.change(changes).await?;
        Ok(key)
    }
}
