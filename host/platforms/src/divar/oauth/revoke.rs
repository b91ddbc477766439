//! A person takes back what they gave: their tokens and links go, and every bot is told.
//!
//! Divar says it by an event without an id, and may say it twice. What was just told is remembered for an hour,
//! so a second time tells nobody anything, unless the person has consented again in between. That outlives what is
//! stored of the person, so it is remembered under a hash of who they are, and belongs to nobody.

use hodhod_core::people::Moment;
use hodhod_core::platform::Intake;
use hodhod_core::store::StoreError;
use hodhod_core::time::Millis;
use hodhod_core::vault::{REVOCATION_LIFE, Record};
use secrecy::ExposeSecret;

use super::digest::digest;
use super::parts::{Parts, put};
use super::person::Person;
use super::told::{SOON, Told};

/// The kind of its records.
const REVOKED: &str = "revoked";

impl Parts {
    /// Drops all that people gave, has what is stored of them taken away, and has it told. When it returns, that is
    /// on disk to be done, and as a rule it is done; what takes longer than [`SOON`], or fails at first, is done later.
    ///
    /// # Errors
    /// When that is not on disk of all of them. The caller asks for it again.
    pub(super) async fn revoke(&self, users: &[String], intake: &dyn Intake) -> Result<(), StoreError> {
        let mut keys = Vec::new();
        for user in users {
            let Some(person) = Person::parse(user) else {
                tracing::warn!(connection = %self.setup.name, "a consent was taken back by nobody who can be");
                continue;
            };
            if let Err(words) = self.setup.app() {
                // What was given before it was taken out of the configuration goes all the same.
                tracing::debug!(connection = %self.setup.name, words, "a consent was taken back");
            }
            keys.push(self.take_back(&person, intake).await?);
        }
        let soon = self.now() + SOON;
        for key in keys {
            if let Err(error) = self.tell(&key, self.clock.sleep_until(soon), intake).await {
                // Not asked for again: a second time would take what was given in between.
                tracing::warn!(connection = %self.setup.name, %error, "that a consent was taken back is told later");
                self.news.notify_one();
            }
        }
        Ok(())
    }

    async fn take_back(&self, person: &Person, intake: &dyn Intake) -> Result<String, StoreError> {
        let _writing = self.writing.lock().await;
        let (removal, gave) = self.removal(person).await?;
        let repeated = self.revocation(person).await?;
        if let Some(key) = repeated
            && !gave
        {
            return Ok(key);
        }
        let row = intake.reserve().await?;
        let now = self.now();
        let name = digest(person.as_str());
        let key = format!("oauth:divar.revoked:{name}:{now}");
        let record = Record { person: None, expires: Some(now + REVOCATION_LIFE), value: key.as_str().into() };
        let mut changes = vec![put(REVOKED, &name, record)];
        changes.push(Told::revoked(person, key.clone(), Moment { row, time: now }).change()?);
        changes.extend(removal);
        self.vault.change(changes).await?;
        Ok(key)
    }

    /// True where a person took everything back after `began`. What they were giving then went with the rest.
    pub(super) async fn took_back_since(&self, person: &Person, began: Millis) -> Result<bool, StoreError> {
        let record = self.revocation_record(person).await?;
        Ok(record.and_then(|record| record.expires).is_some_and(|expires| expires > began + REVOCATION_LIFE))
    }

    /// True where a person lately took everything back, and has given nothing since.
    pub(super) async fn has_taken_back(&self, person: &Person) -> Result<bool, StoreError> {
        Ok(self.revocation(person).await?.is_some() && self.grants_of(person).await?.is_empty())
    }

    /// Under which key it is or was to be told that a person took everything back, where they did lately.
    pub(super) async fn revocation(&self, person: &Person) -> Result<Option<String>, StoreError> {
        Ok(self.revocation_record(person).await?.map(|record| record.value.expose_secret().to_owned()))
    }

    async fn revocation_record(&self, person: &Person) -> Result<Option<Record>, StoreError> {
        match self.vault.get(REVOKED, &digest(person.as_str())).await {
            // Or nothing could be told of them, and nothing taken back, for as long as it lies there.
            Err(StoreError::Unreadable(why)) => {
                tracing::warn!(connection = %self.setup.name, why, "it cannot be read whether a consent was taken back");
                Ok(None)
            }
            other => other,
        }
    }
}
