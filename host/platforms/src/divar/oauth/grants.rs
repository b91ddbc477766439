//! Grants in the vault: a record for each consent.
//!
//! A person may consent several times, to several things: each consent has tokens of its own, and a new one
//! replaces an older one only where it allows as much to the same bot.

use hodhod_core::store::StoreError;
use hodhod_core::vault::{Change, Record};
use secrecy::ExposeSecret;

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
pub(super) const MAX_PER_PERSON: usize = 16;

/// Records that are read at once.
pub(super) const PAGE: usize = 256;

/// A grant under its name.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) name: String,
    pub(super) grant: Grant,
}

impl Held {
    /// A new one; `id` is the consent's.
    pub(super) fn new(id: &str, grant: Grant) -> Self {
        // Long enough to be one of a person's few.
        let short: String = id.chars().take(16).collect();
        Self { name: format!("{}{short}", prefix(&grant.person)), grant }
    }
}

fn prefix(person: &Person) -> String {
    // No person has a blank.
    format!("{} ", person.as_str())
}

impl Parts {
    /// All that a person gave.
    pub(super) async fn grants_of(&self, person: &Person) -> Result<Vec<Held>, StoreError> {
        let theirs = self.vault.list_of(GRANT, &person.sender(), 2 * MAX_PER_PERSON).await?.into_iter();
        Ok(theirs.filter_map(|(name, record)| Some(Held { grant: self.read(&record)?, name })).collect())
    }

    /// One grant.
    pub(super) async fn grant(&self, name: &str) -> Result<Option<Grant>, StoreError> {
        Ok(self.vault.get(GRANT, name).await?.and_then(|record| self.read(&record)))
    }

    /// The grants after a name, and the name to go on after, if there are more.
    pub(super) async fn grants_after(&self, after: Option<&str>) -> Result<(Vec<Held>, Option<String>), StoreError> {
        let page = self.vault.list(GRANT, after, PAGE).await?;
        let next = page.last().filter(|_| page.len() == PAGE).map(|(name, _)| name.clone());
        let held = page.into_iter().filter_map(|(name, record)| Some(Held { grant: self.read(&record)?, name }));
        Ok((held.collect(), next))
    }

    /// The person and the grant that names a conversation.
    pub(super) async fn named(&self, conversation: &str) -> Result<Option<Held>, StoreError> {
        let Some(record) = self.vault.get(NAMED, conversation).await? else { return Ok(None) };
        let name = record.value.expose_secret().to_owned();
        Ok(self.grant(&name).await?.map(|grant| Held { name, grant }))
    }

    /// Keeps a new consent, what it replaces gone, together with what is to be told of it.
    pub(super) async fn keep(&self, new: &Held, told: &Told) -> Result<(), StoreError> {
        let _writing = self.writing.lock().await;
        let (mut going, mut staying): (Vec<_>, Vec<_>) =
            self.grants_of(&new.grant.person).await?.into_iter().partition(|old| new.grant.replaces(&old.grant));
        staying.sort_by_key(|held| held.grant.granted);
        let surplus = (staying.len() + 1).saturating_sub(MAX_PER_PERSON);
        going.extend(staying.drain(..surplus));
        let mut changes = writes(new)?;
        changes.push(told.change()?);
        for old in &going {
            for removal in self.removal(old).await? {
                // What goes with the old one may have come with the new one.
                if !changes.iter().any(|change| change.kind == removal.kind && change.name == removal.name) {
                    changes.push(removal);
                }
            }
        }
        self.vault.change(changes).await
    }

    /// Changes a grant, unless it is gone or has another pair by now: `None` where it is so. A person who was
    /// erased meanwhile does not come back.
    pub(super) async fn rewrite(
        &self,
        held: &Held,
        change: impl FnOnce(Grant) -> Grant,
    ) -> Result<Option<Held>, StoreError> {
        let _writing = self.writing.lock().await;
        let now = self.grant(&held.name).await?.filter(|now| now.is_same_pair(&held.grant));
        let Some(grant) = now.map(change) else { return Ok(None) };
        self.vault.change(vec![write(&held.name, &grant)?]).await?;
        Ok(Some(Held { name: held.name.clone(), grant }))
    }

    /// Drops a grant that is dead, together with what is to be told of it, unless it has another pair by now.
    pub(super) async fn bury(&self, held: &Held, told: impl FnOnce(bool) -> Told) -> Result<(), StoreError> {
        let _writing = self.writing.lock().await;
        if !self.grant(&held.name).await?.is_some_and(|now| now.is_same_pair(&held.grant)) {
            return Ok(());
        }
        let is_last = self.grants_of(&held.grant.person).await?.len() == 1;
        let mut changes = self.removal(held).await?;
        changes.push(told(is_last).change()?);
        self.vault.change(changes).await
    }

    /// What has to go with a grant.
    pub(super) async fn removal(&self, held: &Held) -> Result<Vec<Change>, StoreError> {
        let mut changes = vec![gone(GRANT, &held.name)];
        for conversation in scope::conversations(&held.grant.scopes) {
            let record = self.vault.get(NAMED, conversation).await?;
            if record.is_some_and(|record| record.value.expose_secret() == held.name) {
                changes.push(gone(NAMED, conversation));
            }
        }
        Ok(changes)
    }

    fn read(&self, record: &Record) -> Option<Grant> {
        let grant = serde_json::from_str(record.value.expose_secret()).ok();
        if grant.is_none() {
            // The reader's own words would quote a token.
            tracing::warn!(connection = %self.setup.name, "a grant of the vault cannot be read");
        }
        grant
    }
}

fn writes(held: &Held) -> Result<Vec<Change>, StoreError> {
    let grant = &held.grant;
    let mut changes = vec![write(&held.name, grant)?];
    for conversation in scope::conversations(&grant.scopes) {
        let record =
            Record { person: Some(grant.person.sender()), expires: grant.ends(), value: held.name.as_str().into() };
        changes.push(put(NAMED, conversation, record));
    }
    Ok(changes)
}

fn write(name: &str, grant: &Grant) -> Result<Change, StoreError> {
    let value = serde_json::to_string(grant).map_err(|_| StoreError::Failed("a grant cannot be written".to_owned()))?;
    let record = Record { person: Some(grant.person.sender()), expires: grant.ends(), value: value.into() };
    Ok(put(GRANT, name, record))
}
