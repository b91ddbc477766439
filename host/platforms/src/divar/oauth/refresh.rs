//! The next pair of a person's tokens.
//!
//! The server takes a pair and gives the next; from then on the old one lives two minutes more. In between
//! anything can break, so the order is: write down that it is tried, ask, write down what came, and only then
//! show it to anybody. A vault that takes no writes is thus found out while the old pair is still good; a
//! lost answer is asked for again, soon; and who waits at the person's lock finds the work done.
//!
//! It runs by itself once begun: a turn that is cancelled does not cut it.

use std::sync::Arc;

use hodhod_core::store::StoreError;
use hodhod_core::time::Millis;

use super::grant::Grant;
use super::parts::{Parts, Work};
use super::token::{self, NoPair};
use super::told::Told;
use super::{subscribe, token::Pair};

/// What became of a grant that should be renewed.
pub(super) enum Renewed {
    /// It has a good pair.
    Fresh(Grant),
    /// It has its old pair; why.
    Old(Grant, String),
    /// It is dead, or was taken away.
    Gone,
}

impl Parts {
    /// Renews a grant, once for all who ask at the same time.
    ///
    /// # Errors
    /// When the vault does not say what there is.
    pub(super) async fn renew(self: &Arc<Self>, grant: &Grant) -> Result<Renewed, StoreError> {
        let (parts, grant) = (Arc::clone(self), grant.clone());
        let renewing = tokio::spawn(async move { parts.renew_alone(grant).await });
        renewing.await.unwrap_or_else(|error| Err(StoreError::Failed(error.to_string())))
    }

    async fn renew_alone(&self, asked: Grant) -> Result<Renewed, StoreError> {
        let _alone = self.renewing.of(&asked.person).await;
        let Some(grant) = self.grant(&asked.person, &asked.id).await? else { return Ok(Renewed::Gone) };
        let now = self.now();
        let Some(refresh) = grant.refresh.clone() else { return Ok(Renewed::Fresh(grant)) };
        let not_before = grant.renewing.not_before;
        if now < not_before {
            let wait = not_before.since(now).as_millis();
            return Ok(Renewed::Old(grant, format!("the last try failed; the next is in {wait} ms")));
        }
        if !grant.is_due(now) {
            return Ok(Renewed::Fresh(grant));
        }
        let app = match self.setup.app() {
            Ok(app) => app,
            Err(words) => return Ok(Renewed::Old(grant, words)),
        };
        let luck = rand::random();
        let tried = self.rewrite(&grant, |grant| grant.renewing = grant.renewing.another(now, luck)).await?;
        let Some(grant) = tried else { return self.as_it_is(grant).await };
        match token::refresh(&self.http, app, &grant.redirect, &grant.access, &refresh).await {
            Ok(pair) => self.renewed(grant, pair, now).await,
            Err(NoPair::InvalidGrant(words)) => {
                tracing::info!(connection = %self.setup.name, words, "a consent is over: the platform says so");
                self.end(&grant).await?;
                self.as_it_is(grant).await
            }
            Err(error) => {
                let words = format!("tokens are not renewed: {}", error.words());
                tracing::debug!(connection = %self.setup.name, words, "tried again");
                self.trouble.set(Work::Renewing, words.clone());
                Ok(Renewed::Old(grant, words))
            }
        }
    }

    async fn renewed(&self, grant: Grant, pair: Pair, now: Millis) -> Result<Renewed, StoreError> {
        self.trouble.clear(Work::Renewing);
        let subscribes = !subscribe::wanted(&grant.scopes).is_empty();
        // The life of a token begins before its answer comes, so it is counted from the question.
        let written = self.rewrite(&grant, |grant| grant.take(pair, subscribes, now)).await;
        if let Err(error) = &written {
            // The old pair lives two minutes more, and with it the next try.
            tracing::warn!(connection = %self.setup.name, %error, "the vault does not take new tokens");
        }
        // Nobody has seen them: who subscribes waits for this.
        self.wake.notify_one();
        match written? {
            Some(grant) => Ok(Renewed::Fresh(grant)),
            None => self.as_it_is(grant).await,
        }
    }

    /// What there is of a grant that was changed by somebody else: another program has the same vault while a
    /// connection is made anew.
    async fn as_it_is(&self, grant: Grant) -> Result<Renewed, StoreError> {
        let now = self.grant(&grant.person, &grant.id).await?;
        Ok(now.map_or(Renewed::Gone, |grant| Renewed::Old(grant, "it is renewed elsewhere".to_owned())))
    }

    /// Drops a grant that is dead, and has it told.
    async fn end(&self, grant: &Grant) -> Result<(), StoreError> {
        let now = self.now();
        let person = &grant.person;
        let key = format!("oauth:divar.revoked:{}:{}", person.as_str(), grant.id);
        self.bury(grant, |was_last| match was_last {
            true => Told::lost(person, key, now),
            false => Told::ended(person, &grant.bot, &grant.scopes, key, now),
        })
        .await?;
        self.news.notify_one();
        Ok(())
    }
}
