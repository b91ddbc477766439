//! Who is behind a conversation: what is sent into it goes out in their name, with their token.
//!
//! Divar's events do not say it. What a subscription carries along does, so each message that comes says it
//! anew; what a conversation was last told of is kept for a while, for as many as the vault keeps of a kind.

use std::time::Duration;

use hodhod_core::store::StoreError;
use hodhod_core::time::Millis;
use hodhod_core::vault::{LINK_LIFE, Record};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::parts::{Parts, gone, put};
use super::person::Person;

/// The kind of its records.
const LINK: &str = "link";

/// A link is written anew only when it is as old: a talk is many messages, and each write is one of the disk.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// Records that are read or dropped at once.
const PAGE: usize = 500;

/// Divar's pages allow 64 characters in the id of a conversation.
const MAX_CONVERSATION: usize = 128;

/// The token of a post has eight.
const MAX_POST: usize = 64;

/// Who is behind a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Link {
    pub(super) person: Person,
    /// The post that the conversation is about, where somebody said it.
    pub(super) post: Option<String>,
}

impl Parts {
    /// Learns who is behind a conversation. False where the person lately took everything back, and has given nothing
    /// since.
    pub(super) async fn learn(
        &self,
        person: Person,
        conversation: Option<&str>,
        post: Option<&str>,
    ) -> Result<bool, StoreError> {
        let revoked = self.revocation(&person).await?.map(|revocation| revocation.at);
        if revoked.is_some() && self.grants_of(&person).await?.is_empty() {
            return Ok(false);
        }
        let Some(conversation) = conversation else { return Ok(true) };
        if let Err(words) = self.setup.app() {
            tracing::debug!(connection = %self.setup.name, words, "a conversation is linked to nobody");
            return Ok(true);
        }
        // No post has a longer name; one that has is not kept.
        let post = post.filter(|post| !post.is_empty() && post.len() <= MAX_POST).map(str::to_owned);
        self.remember(conversation, Link { person, post }, revoked).await?;
        Ok(true)
    }

    /// Remembers who is behind a conversation, where they allow anything: who took all back, or was erased, does not
    /// come back by an event that is late. `revoked` is when they took all back, where they lately did.
    pub(super) async fn remember(
        &self,
        conversation: &str,
        link: Link,
        revoked: Option<Millis>,
    ) -> Result<(), StoreError> {
        if conversation.is_empty() || conversation.len() > MAX_CONVERSATION {
            return Ok(());
        }
        let now = self.now();
        let known = self.vault.get(LINK, conversation).await?;
        // What was written before they took all back may be about to go, and is written anew for a consent since.
        let is_good = |written: Millis| now < written + STALE && revoked.is_none_or(|revoked| revoked < written);
        if let Some(record) = known
            && read(&record).as_ref() == Some(&link)
            && record.expires.is_some_and(|expires| is_good(expires - LINK_LIFE))
        {
            return Ok(());
        }
        let _writing = self.writing.lock().await;
        if self.grants_of(&link.person).await?.is_empty() {
            return Ok(());
        }
        let value = serde_json::to_string(&link).map_err(|error| StoreError::Failed(error.to_string()))?;
        let record = Record { person: Some(link.person.sender()), expires: Some(now + LINK_LIFE), value: value.into() };
        self.vault.change(vec![put(LINK, conversation, record)]).await?;
        // An operator has people erased without a look at who is writing of them.
        if self.grants_of(&link.person).await?.is_empty() {
            self.vault.change(vec![gone(LINK, conversation)]).await?;
        }
        Ok(())
    }

    /// Who is behind a conversation.
    pub(super) async fn linked(&self, conversation: &str) -> Result<Option<Link>, StoreError> {
        Ok(self.vault.get(LINK, conversation).await?.as_ref().and_then(read))
    }

    /// Drops all links to a person that were written until then.
    pub(super) async fn forget_links(&self, person: &Person, until: Millis) -> Result<(), StoreError> {
        let sender = person.sender();
        let mut theirs = Vec::new();
        self.each_link(|name, record| {
            let is_later = record.expires.is_some_and(|expires| expires > until + LINK_LIFE);
            if record.person.as_ref() == Some(&sender) && !is_later {
                theirs.push(name);
            }
        })
        .await?;
        self.drop_links(theirs).await
    }

    async fn each_link(&self, mut visit: impl FnMut(String, Record)) -> Result<(), StoreError> {
        let mut after: Option<String> = None;
        loop {
            let page = self.vault.list(LINK, after.as_deref(), PAGE).await?;
            let full = page.len() == PAGE;
            after = page.last().map(|(name, _)| name.clone());
            page.into_iter().for_each(|(name, record)| visit(name, record));
            if !full {
                return Ok(());
            }
        }
    }

    async fn drop_links(&self, names: Vec<String>) -> Result<(), StoreError> {
        for names in names.chunks(PAGE) {
            self.vault.change(names.iter().map(|name| gone(LINK, name)).collect()).await?;
        }
        Ok(())
    }
}

fn read(record: &Record) -> Option<Link> {
    serde_json::from_str(record.value.expose_secret()).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hodhod_core::testing::{MemoryVault, TestClock};
    use hodhod_core::time::Clock;
    use hodhod_core::vault::Vault;

    use super::super::grant::{Grant, Tries};
    use super::*;
    use crate::divar::config::{DivarConfig, Options};

    fn parts(clock: &TestClock, vault: &MemoryVault) -> Parts {
        let config = DivarConfig {
            name: "shop".into(),
            slug: "my-app".to_owned(),
            api_key: "key".into(),
            identification_key: "identification".into(),
            oauth: None,
            options: Options::default(),
        };
        Parts::new(&config, Arc::new(vault.clone()), Arc::new(clock.clone())).unwrap()
    }

    /// A person allows something.
    async fn allow(clock: &TestClock, vault: &MemoryVault, person: &str) {
        let now = clock.now();
        let grant = Grant {
            id: "1".to_owned(),
            person: Person::parse(person).unwrap(),
            bot: "clerk".into(),
            scopes: Vec::new(),
            granted: now,
            redirect: String::new(),
            access: "token".into(),
            refresh: Some("refresh".into()),
            issued: now,
            expires: now + LINK_LIFE,
            renewing: Tries::default(),
            subscribing: None,
        };
        let value = serde_json::to_string(&[grant]).unwrap();
        let record = Record { person: Some(person.into()), expires: None, value: value.into() };
        vault.change(vec![put("grant", person, record)]).await.unwrap();
    }

    fn link(person: &str) -> Link {
        Link { person: Person::parse(person).unwrap(), post: None }
    }

    async fn names(vault: &MemoryVault) -> Vec<String> {
        vault.list(LINK, None, 1_000_000).await.unwrap().into_iter().map(|(name, _)| name).collect()
    }

    #[tokio::test]
    async fn a_link_is_written_once_a_day_and_at_once_where_it_changed() {
        let clock = TestClock::default();
        let vault = MemoryVault::new(Arc::new(clock.clone()));
        let parts = parts(&clock, &vault);
        allow(&clock, &vault, "ann").await;
        allow(&clock, &vault, "bob").await;
        parts.remember("c", link("ann"), None).await.unwrap();
        let expires = async || vault.get(LINK, "c").await.unwrap().unwrap().expires.unwrap();
        let first = expires().await;
        clock.advance(STALE / 2);
        parts.remember("c", link("ann"), None).await.unwrap();
        assert_eq!(expires().await, first);
        parts.remember("c", link("bob"), None).await.unwrap();
        assert_eq!(expires().await, clock.now() + LINK_LIFE);
        assert_eq!(parts.linked("c").await.unwrap(), Some(link("bob")));
        clock.advance(LINK_LIFE);
        assert_eq!(parts.linked("c").await.unwrap(), None, "it ends by itself");
    }

    #[tokio::test]
    async fn a_person_takes_all_their_links_along() {
        let clock = TestClock::default();
        let vault = MemoryVault::new(Arc::new(clock.clone()));
        let parts = parts(&clock, &vault);
        allow(&clock, &vault, "ann").await;
        allow(&clock, &vault, "bob").await;
        for (name, person) in [("a", "ann"), ("b", "bob"), ("c", "ann")] {
            parts.remember(name, link(person), None).await.unwrap();
        }
        let until = clock.now();
        clock.advance(Duration::from_millis(1));
        parts.remember("d", link("ann"), None).await.unwrap();
        parts.forget_links(&Person::parse("ann").unwrap(), until).await.unwrap();
        assert_eq!(names(&vault).await, ["b", "d"], "what came later is another consent's");
    }
}
