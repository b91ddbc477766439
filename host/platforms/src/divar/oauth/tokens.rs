//! Whose token a send or a call goes out with.

use std::cmp::Reverse;
use std::sync::Arc;

use hodhod_core::store::StoreError;
use secrecy::SecretString;
use thiserror::Error;

use super::grant::Grant;
use super::parts::Parts;
use super::person::Person;
use super::refresh::Renewed;
use super::scope;

/// Why there is no token.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NoToken {
    /// Nobody has allowed it; what to do about it.
    #[error("{0}")]
    None(String),
    /// Trying again may help.
    #[error("{0}")]
    Unavailable(String),
}

impl From<StoreError> for NoToken {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(format!("what people allowed cannot be read: {error}"))
    }
}

impl Parts {
    /// A token to write in a conversation of two people with, in the name of one of them.
    pub(super) async fn token_to_write(
        self: &Arc<Self>,
        conversation: &str,
        user: Option<&str>,
    ) -> Result<SecretString, NoToken> {
        self.setup.app().map_err(NoToken::None)?;
        let link = self.linked(conversation).await?;
        let post = link.as_ref().and_then(|link| link.post.clone());
        let mut candidates = Vec::new();
        match user {
            Some(user) => candidates.extend(self.grants_of(&person(user)?).await?),
            None => {
                if let Some(link) = &link {
                    candidates.extend(self.grants_of(&link.person).await?);
                }
                // Who is linked may allow reading only, and another may allow to write.
                if !candidates.iter().any(|grant| may_write(grant, conversation, post.as_deref()).is_some()) {
                    candidates.extend(self.named(conversation).await?);
                }
            }
        }
        let rank = |grant: &Grant| may_write(grant, conversation, post.as_deref());
        self.best(candidates, rank, || {
            format!(
                "nobody has allowed to write in this conversation in their name: ask the person with \
                 divar.request-consent for the scope {} or CONVERSATION_SEND_MESSAGE.{{conversation}}",
                scope::SEND_ALL
            )
        })
        .await
    }

    /// A token with which the chatbot writes to a person first.
    pub(super) async fn token_to_write_first(self: &Arc<Self>, user: &str) -> Result<SecretString, NoToken> {
        self.setup.app().map_err(NoToken::None)?;
        let candidates = self.grants_of(&person(user)?).await?;
        let rank = |grant: &Grant| has(grant, scope::WRITE_FIRST).then_some(0);
        self.best(candidates, rank, || {
            format!(
                "this person has not allowed the chatbot to write first: ask with divar.request-consent for the \
                 scope {}",
                scope::WRITE_FIRST
            )
        })
        .await
    }

    /// The token of the best of some grants, the newest among equals.
    pub(super) async fn best(
        self: &Arc<Self>,
        candidates: Vec<Grant>,
        rank: impl Fn(&Grant) -> Option<u8>,
        none: impl FnOnce() -> String,
    ) -> Result<SecretString, NoToken> {
        let mut ranked: Vec<_> = candidates.into_iter().filter_map(|grant| Some((rank(&grant)?, grant))).collect();
        ranked.sort_by_key(|(rank, grant)| (*rank, Reverse(grant.granted)));
        let mut trouble = None;
        for (_, grant) in ranked {
            match self.token_of(grant).await {
                Ok(token) => return Ok(token),
                // Another may be well, and if none is, this one may be soon.
                Err(NoToken::Unavailable(words)) => trouble = trouble.or(Some(words)),
                Err(NoToken::None(_)) => {}
            }
        }
        Err(trouble.map_or_else(|| NoToken::None(none()), NoToken::Unavailable))
    }

    /// The token of a grant, renewed first where it has to be.
    async fn token_of(self: &Arc<Self>, grant: Grant) -> Result<SecretString, NoToken> {
        let now = self.now();
        // Where an answer got lost the token may be dead before its time, so it is better to ask again. Nobody
        // waits for somebody else's question while there is a token to show.
        let shaken = grant.renewing.failures > 0 && grant.is_due(now) && !self.renewing.is_busy(&grant.person);
        if grant.is_usable(now) && !shaken {
            return Ok(grant.access);
        }
        match self.renew(&grant).await {
            Ok(Renewed::Fresh(grant) | Renewed::Old(grant, _)) if grant.is_usable(self.now()) => Ok(grant.access),
            Ok(Renewed::Old(_, words)) => Err(NoToken::Unavailable(words)),
            Ok(Renewed::Fresh(_) | Renewed::Gone) => Err(NoToken::None("the consent is over".to_owned())),
            Err(_) if grant.is_usable(now) => Ok(grant.access),
            Err(error) => Err(error.into()),
        }
    }
}

/// The person that somebody names.
pub(super) fn person(user: &str) -> Result<Person, NoToken> {
    Person::parse(user).ok_or_else(|| NoToken::None("there is no such person".to_owned()))
}

/// True where a grant has a scope.
pub(super) fn has(grant: &Grant, wanted: &str) -> bool {
    grant.scopes.iter().any(|scope| scope == wanted)
}

fn may_write(grant: &Grant, conversation: &str, post: Option<&str>) -> Option<u8> {
    scope::may_write(&grant.scopes, conversation, post)
}
