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

use super::grants::Held;
use super::parts::{Parts, Work};
use super::token::{self, NoPair};
use super::told::Told;
use super::{subscribe, token::Pair};

/// What became of a grant that should be renewed.
pub(super) enum Renewed {
    /// It has a good pair.
    Fresh(Held),
    /// It has its old pair; why.
    Old(Held, String),
    /// It is dead, or was taken away.
    Gone,
}

impl Parts {
    /// Renews a grant, once for all who ask at the same time.
    ///
    /// # Errors
    /// When the vault does not say what there is.
    pub(super) async fn renew(self: &Arc<Self>, held: &Held) -> Result<Renewed, StoreError> {
        let (parts, held) = (Arc::clone(self), held.clone());
        let renewing = tokio::spawn(async move { parts.renew_alone(held).await });
        renewing.await.unwrap_or_else(|error| Err(StoreError::Failed(error.to_string())))
    }

    async fn renew_alone(&self, asked: Held) -> Result<Renewed, StoreError> {
        let _alone = self.renewing.of(&asked.grant.person).await;
        let Some(grant) = self.grant(&asked.name).await? else { return Ok(Renewed::Gone) };
        let held = Held { grant, ..asked };
        let now = self.now();
        let Some(refresh) = held.grant.refresh.clone() else { return Ok(Renewed::Fresh(held)) };
        let not_before = held.grant.renewing.not_before;
        if now < not_before {
            let wait = not_before.since(now).as_millis();
            return Ok(Renewed::Old(held, format!("the last try failed; the next is in {wait} ms")));
        }
        if !held.grant.is_due(now) {
            return Ok(Renewed::Fresh(held));
        }
        let app = match self.setup.app() {
            Ok(app) => app,
            Err(words) => return Ok(Renewed::Old(held, words)),
        };
        let luck = rand::random();
        let Some(held) = self
            .rewrite(&held, |mut grant| {
                grant.renewing = grant.renewing.another(now, luck);
                grant
            })
            .await?
        else {
            return self.as_it_is(held).await;
        };
        let grant = &held.grant;
        match token::refresh(&self.http, app, &grant.redirect, &grant.access, &refresh).await {
            Ok(pair) => self.renewed(held, pair, now).await,
            Err(NoPair::InvalidGrant(words)) => {
                tracing::info!(connection = %self.setup.name, words, "a consent is over: the platform says so");
                self.end(&held).await?;
                self.as_it_is(held).await
            }
            Err(error) => {
                let words = format!("tokens are not renewed: {}", error.words());
                tracing::debug!(connection = %self.setup.name, words, "tried again");
                self.trouble.set(Work::Renewing, words.clone());
                Ok(Renewed::Old(held, words))
            }
        }
    }

    async fn renewed(&self, held: Held, pair: Pair, now: Millis) -> Result<Renewed, StoreError> {
        self.trouble.clear(Work::Renewing);
        let subscribes = !subscribe::wanted(&held.grant.scopes).is_empty();
        // The life of a token begins before its answer comes, so it is counted from the question.
        let written = self.rewrite(&held, |grant| grant.with(pair, subscribes, now)).await;
        if let Err(error) = &written {
            // The old pair lives two minutes more, and with it the next try.
            tracing::warn!(connection = %self.setup.name, %error, "the vault does not take new tokens");
        }
        // Nobody has seen them: who subscribes waits for this.
        self.wake.notify_one();
        match written? {
            Some(held) => Ok(Renewed::Fresh(held)),
            None => self.as_it_is(held).await,
        }
    }

    /// What there is of a grant that was changed by somebody else: another program has the same vault while a
    /// connection is made anew.
    async fn as_it_is(&self, held: Held) -> Result<Renewed, StoreError> {
        let grant = self.grant(&held.name).await?;
        let elsewhere = || "it is renewed elsewhere".to_owned();
        Ok(grant.map_or(Renewed::Gone, |grant| Renewed::Old(Held { grant, ..held }, elsewhere())))
    }

    /// Drops a grant that is dead, and has it told.
    async fn end(&self, held: &Held) -> Result<(), StoreError> {
        let now = self.now();
        let person = &held.grant.person;
        let key = format!("oauth:divar.revoked:{}", held.name);
        self.bury(held, |is_last| match is_last {
            true => Told::revoked(person, key, now),
            false => Told::ended(person, &held.grant.bot, &held.grant.scopes, key, now),
        })
        .await?;
        self.wake.notify_one();
        Ok(())
    }
}
