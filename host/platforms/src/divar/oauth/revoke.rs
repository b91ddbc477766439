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

/// A person took everything back.
pub(super) struct Revocation {
    /// Under which key it is, or was, to be told.
    pub(super) key: String,
    /// When it was said last.
    pub(super) at: Millis,
}

impl Parts {
    /// Drops all that people gave, has what is stored of them taken away, and has it told. When it returns, that is
    /// on disk to be done, and as a rule it is done; what takes longer than [`SOON`], or fails at first, is done later.
    ///
    /// # Errors
    /// When that is on disk of none of them. The caller asks for it again.
    pub(super) async fn revoke(&self, users: &[String], intake: &dyn Intake) -> Result<(), StoreError> {
        let connection = &self.setup.name;
        let people: Vec<_> = users.iter().filter_map(|user| Person::parse(user)).collect();
        if people.len() < users.len() {
            tracing::warn!(%connection, "a consent was taken back by nobody who can be");
        }
        if people.is_empty() {
            return Ok(());
        }
        if let Err(words) = self.setup.app() {
            // What was given before it was taken out of the configuration goes all the same.
            tracing::debug!(%connection, words, "a consent was taken back");
        }
        let keys = self.take_back(&people, intake).await?;
        let soon = self.now() + SOON;
        for key in keys {
            if let Err(error) = self.tell(&key, self.clock.sleep_until(soon), intake).await {
                // Not asked for again: a second time would take what was given in between.
                tracing::warn!(%connection, %error, "that a consent was taken back is told later");
                self.news.notify_one();
            }
        }
        Ok(())
    }

    /// Writes down that all of them took everything back. Gives the keys under which it is, or was, to be told.
    async fn take_back(&self, people: &[Person], intake: &dyn Intake) -> Result<Vec<String>, StoreError> {
        let _writing = self.writing.lock().await;
        let row = intake.reserve().await?;
        let now = self.now();
        let (mut keys, mut changes) = (Vec::new(), Vec::new());
        for person in people {
            let name = digest(person.as_str());
            let (removal, gave) = self.removal(person).await?;
            let key = match self.revocation(person).await? {
                Some(before) if !gave => before.key,
                _ => {
                    let key = format!("oauth:divar.revoked:{name}:{row}");
                    changes.push(Told::revoked(person, key.clone(), Moment { row, time: now }).change()?);
                    key
                }
            };
            // Anew also where it is said again: what is being given just now goes with it.
            let record = Record { person: None, expires: Some(now + REVOCATION_LIFE), value: key.as_str().into() };
            changes.push(put(REVOKED, &name, record));
            changes.extend(removal);
            keys.push(key);
        }
        self.vault.change(changes).await?;
        Ok(keys)
    }

    /// True where a person took everything back at `began` or since. What they were giving then went with the rest.
    pub(super) async fn took_back_since(&self, person: &Person, began: Millis) -> Result<bool, StoreError> {
        let revocation = self.revocation(person).await?;
        // One that is still to come was written by a clock that was set back since: nobody knows when it was.
        Ok(revocation.is_some_and(|revocation| (began..=self.now()).contains(&revocation.at)))
    }

    /// What is known of a person having lately taken everything back.
    pub(super) async fn revocation(&self, person: &Person) -> Result<Option<Revocation>, StoreError> {
        match self.vault.get(REVOKED, &digest(person.as_str())).await {
            Ok(record) => Ok(record.map(|record| Revocation {
                key: record.value.expose_secret().to_owned(),
                at: record.expires.unwrap_or_default() - REVOCATION_LIFE,
            })),
            // Or nothing could be told of them, and nothing taken back, for as long as it lies there.
            Err(StoreError::Unreadable(why)) => {
                tracing::warn!(connection = %self.setup.name, why, "it cannot be read whether a consent was taken back");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
