//! Grants in the vault: one record for each person, with all that they gave.
//!
//! A person may consent several times, to several things: each consent has tokens of its own, and a new one
//! replaces an older one only where it allows as much to the same bot.

use hodhod_core::store::StoreError;
use hodhod_core::vault::{Change, Record};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::grant::Grant;
use super::parts::{Parts, gone, put};
use super::person::Person;
use super::scope;
use super::told::Told;

/// The kind of its records.
const GRANT: &str = "grant";

/// The kind of the records that lead from a conversation to the grant that names it.
const NAMED: &str = "named";

/// With one more the oldest goes. A person with as many consents has asked for them one by one.
const MAX_PER_PERSON: usize = 16;

/// All of a person, in bytes: what a record of the vault can hold. A usual grant has some six hundred.
const MAX_BYTES: usize = 60_000;

/// Records that are read at once.
const PAGE: usize = 256;

/// Which grant names a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Named {
    person: Person,
    id: String,
}

impl Parts {
    /// All that a person gave and that is not over.
    pub(super) async fn grants_of(&self, person: &Person) -> Result<Vec<Grant>, StoreError> {
        let record = self.vault.get(GRANT, person.as_str()).await?;
        Ok(record.map(|record| self.read(&record)).unwrap_or_default())
    }

    /// One grant.
    pub(super) async fn grant(&self, person: &Person, id: &str) -> Result<Option<Grant>, StoreError> {
        Ok(self.grants_of(person).await?.into_iter().find(|grant| grant.id == id))
    }

    /// The grants of some people, each with all of theirs, and the person to go on after, if there are more.
    pub(super) async fn grants_after(
        &self,
        after: Option<&str>,
    ) -> Result<(Vec<Vec<Grant>>, Option<String>), StoreError> {
        let page = self.vault.list(GRANT, after, PAGE).await?;
        let next = page.last().filter(|_| page.len() == PAGE).map(|(name, _)| name.clone());
        Ok((page.iter().map(|(_, record)| self.read(record)).collect(), next))
    }

    /// The grant that names a conversation.
    pub(super) async fn named(&self, conversation: &str) -> Result<Option<Grant>, StoreError> {
        match self.name(conversation).await? {
            Some(Named { person, id }) => self.grant(&person, &id).await,
            None => Ok(None),
        }
    }

    /// Keeps a new consent, what it replaces gone, together with what is to be told of it. False where the person took
    /// everything back meanwhile.
    pub(super) async fn keep(&self, new: &Grant, told: &Told) -> Result<bool, StoreError> {
        let _writing = self.writing.lock().await;
        if self.took_back_since(&new.person, new.granted).await? {
            return Ok(false);
        }
        let (mut going, mut staying): (Vec<_>, Vec<_>) =
            self.readable(&new.person).await?.into_iter().partition(|old| new.replaces(old));
        staying.sort_by_key(|grant| grant.granted);
        staying.push(new.clone());
        let too_many = |staying: &[Grant]| staying.len() > MAX_PER_PERSON || bytes(staying) > MAX_BYTES;
        while staying.len() > 1 && too_many(&staying) {
            going.push(staying.remove(0));
        }
        let mut changes = Vec::new();
        for old in &going {
            changes.extend(self.unname(old).await?);
        }
        changes.push(write(&new.person, &staying)?);
        for conversation in scope::conversations(&new.scopes) {
            let named = Named { person: new.person.clone(), id: new.id.clone() };
            let value = serde_json::to_string(&named).map_err(|error| StoreError::Failed(error.to_string()))?;
            let record = Record { person: Some(new.person.sender()), expires: new.ends(), value: value.into() };
            // What an older one was named by is named by this one from now on.
            changes.retain(|change| change.kind != NAMED || change.name != conversation);
            changes.push(put(NAMED, conversation, record));
        }
        changes.push(told.change()?);
        self.vault.change(changes).await?;
        Ok(true)
    }

    /// Changes a grant, unless it is gone or has another pair by now: `None` where it is so. A person who was
    /// erased meanwhile does not come back.
    pub(super) async fn rewrite(
        &self,
        old: &Grant,
        change: impl FnOnce(&mut Grant),
    ) -> Result<Option<Grant>, StoreError> {
        let _writing = self.writing.lock().await;
        let mut theirs = self.grants_of(&old.person).await?;
        let Some(grant) = theirs.iter_mut().find(|grant| grant.is_same(old)) else { return Ok(None) };
        change(grant);
        let new = grant.clone();
        self.vault.change(vec![write(&new.person, &theirs)?]).await?;
        Ok(Some(new))
    }

    /// Drops a grant that is dead, together with what is to be told of it, unless it has another pair by now.
    /// `told` learns whether it was the last.
    pub(super) async fn bury(&self, dead: &Grant, told: impl FnOnce(bool) -> Told) -> Result<(), StoreError> {
        let _writing = self.writing.lock().await;
        let theirs = self.grants_of(&dead.person).await?;
        let (dead, alive): (Vec<_>, Vec<_>) = theirs.into_iter().partition(|grant| grant.is_same(dead));
        let Some(dead) = dead.first() else { return Ok(()) };
        let mut changes = self.unname(dead).await?;
        changes.push(write(&dead.person, &alive)?);
        changes.push(told(alive.is_empty()).change()?);
        self.vault.change(changes).await
    }

    /// What has to go for all that a person gave to be gone, and whether there was anything.
    pub(super) async fn removal(&self, person: &Person) -> Result<(Vec<Change>, bool), StoreError> {
        let theirs = self.readable(person).await?;
        let mut changes = vec![gone(GRANT, person.as_str())];
        for grant in &theirs {
            changes.extend(self.unname(grant).await?);
        }
        Ok((changes, !theirs.is_empty()))
    }

    /// All that a person gave, as far as it can be read: what cannot is no reason to keep it, nor to take no
    /// new consent.
    async fn readable(&self, person: &Person) -> Result<Vec<Grant>, StoreError> {
        match self.grants_of(person).await {
            Err(StoreError::Unreadable(words)) => {
                tracing::warn!(connection = %self.setup.name, words, "what a person gave cannot be read and goes");
                Ok(Vec::new())
            }
            other => other,
        }
    }

    /// What leads to a grant.
    async fn unname(&self, grant: &Grant) -> Result<Vec<Change>, StoreError> {
        let mut changes = Vec::new();
        for conversation in scope::conversations(&grant.scopes) {
            let named = self.name(conversation).await?;
            if named.is_some_and(|named| named.person == grant.person && named.id == grant.id) {
                changes.push(gone(NAMED, conversation));
            }
        }
        Ok(changes)
    }

    async fn name(&self, conversation: &str) -> Result<Option<Named>, StoreError> {
        let record = self.vault.get(NAMED, conversation).await?;
        Ok(record.and_then(|record| serde_json::from_str(record.value.expose_secret()).ok()))
    }

    fn read(&self, record: &Record) -> Vec<Grant> {
        let now = self.now();
        let grants: Result<Vec<Grant>, _> = serde_json::from_str(record.value.expose_secret());
        let mut grants = grants.unwrap_or_else(|_| {
            // The reader's own words would quote a token.
            tracing::warn!(connection = %self.setup.name, "what a person gave is written in a way that nobody knows");
            Vec::new()
        });
        grants.retain(|grant| !grant.is_over(now));
        grants
    }
}

fn bytes(grants: &[Grant]) -> usize {
    serde_json::to_string(grants).map_or(usize::MAX, |text| text.len())
}

/// The record of a person; none where nothing is left.
fn write(person: &Person, grants: &[Grant]) -> Result<Change, StoreError> {
    if grants.is_empty() {
        return Ok(gone(GRANT, person.as_str()));
    }
    let value =
        serde_json::to_string(grants).map_err(|_| StoreError::Failed("a grant cannot be written".to_owned()))?;
    // It ends with the last of them, and not at all where one does not.
    let ends = grants.iter().map(Grant::ends).try_fold(None, |latest, ends| Some(latest.max(Some(ends?))));
    let record = Record { person: Some(person.sender()), expires: ends.flatten(), value: value.into() };
    Ok(put(GRANT, person.as_str(), record))
}
