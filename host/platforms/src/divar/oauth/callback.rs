//! The way back: a person comes from Divar with a code, or without one.
//!
//! Anybody can open this address with anything in it. What is not a state that this connection gave out goes no
//! further than a look into the vault, and no word of a stranger is shown.

use std::sync::Arc;

use bytes::Bytes;
use hodhod_core::platform::Intake;
use hodhod_core::store::StoreError;
use hodhod_core::time::Millis;
use http::{Method, Request};
use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded;

use super::grant::{Grant, Tries};
use super::links::Link;
use super::page::Page;
use super::parts::Parts;
use super::person::Person;
use super::scope;
use super::setup::App;
use super::state::{Claim, is_state};
use super::subscribe;
use super::token::{self, NoPair, Pair};
use super::told::{SOON, Told};

/// A query that Divar makes has some hundred bytes.
const MAX_QUERY: usize = 8 * 1024;

/// A code has some ninety characters.
const MAX_CODE: usize = 2_048;

/// The longest reason that a bot is told, in bytes.
const MAX_REASON: usize = 64;

/// What a person came back with.
struct Returned {
    state: String,
    said: Said,
}

enum Said {
    Code(SecretString),
    /// No code is a no.
    No {
        reason: String,
        description: Option<String>,
    },
}

impl Parts {
    /// What the person is shown. Cancelling it cuts nothing: what a code was exchanged for is kept, and what
    /// bots are to be told is told later.
    pub(super) async fn come_back(self: &Arc<Self>, request: &Request<Bytes>, intake: &dyn Intake) -> Page {
        if let Err(words) = self.setup.app() {
            tracing::debug!(words, "somebody came as if from a consent");
            return Page::NotSetUp;
        }
        if request.method() != Method::GET {
            return Page::WrongMethod;
        }
        let Some(Returned { state, said }) = request.uri().query().and_then(returned) else { return Page::BadLink };
        let (page, told) = match said {
            Said::Code(code) => {
                let parts = Arc::clone(self);
                let exchanging = tokio::spawn(async move { parts.exchange(&state, &code).await });
                exchanging.await.unwrap_or((Page::Failed, None))
            }
            Said::No { reason, description } => {
                let now = self.now();
                match self.claim_and_tell(&state, |claim| Told::refused(claim, &reason, now)).await {
                    Ok(Some(told)) => (Page::Refused(description), Some(told.key)),
                    Ok(None) => (Page::BadLink, None),
                    Err(error) => (self.later(&error), None),
                }
            }
        };
        if let Some(key) = told
            && let Err(error) = self.tell(&key, self.clock.sleep_until(self.now() + SOON), intake).await
        {
            tracing::warn!(connection = %self.setup.name, %error, "what became of a consent is told later");
            self.news.notify_one();
        }
        page
    }

    /// Uses a state and a code. Gives what the person is shown, and the key of what there is to tell.
    async fn exchange(&self, state: &str, code: &SecretString) -> (Page, Option<String>) {
        let claim = match self.claim(state).await {
            Ok(Some(claim)) => claim,
            Ok(None) => return (Page::BadLink, None),
            Err(error) => return (self.later(&error), None),
        };
        let app = match self.setup.app() {
            Ok(app) => app,
            Err(words) => {
                tracing::warn!(words, "a person came back from a consent");
                return (Page::NotSetUp, None);
            }
        };
        let now = self.now();
        let pair = match token::exchange(&self.http, app, &claim.asked.redirect, code).await {
            Ok(pair) => pair,
            Err(NoPair::NotSent(words)) => {
                tracing::warn!(connection = %self.setup.name, words, "a code was not exchanged, and can be again");
                return match self.put_back(claim).await {
                    Ok(()) => (Page::Later, None),
                    Err(error) => (self.later(&error), None),
                };
            }
            Err(error) => return self.failed(&claim, "failed", error.words()).await,
        };
        let person = match self.whose(&pair.access).await {
            Ok(person) => person,
            Err(words) => return self.failed(&claim, "failed", &words).await,
        };
        if claim.asked.whom().is_some_and(|asked| asked != person) {
            // A link that was passed on: who opened it would give their consent to another's chat.
            let (_, told) = self.failed(&claim, "another-person", "another person came back").await;
            return (Page::AnotherPerson, told);
        }
        let scopes = given(app, &claim, &pair);
        let told = Told::granted(&claim, &person, &scopes, now);
        let subscribes = !subscribe::wanted(&scopes).is_empty();
        let grant = grant(&claim, person, scopes, pair, now);
        let grant = Grant { subscribing: subscribes.then(Tries::default), ..grant };
        match self.keep(&grant, &told).await {
            Ok(true) => {
                tracing::info!(connection = %self.setup.name, bot = %claim.asked.bot, "a person gave their consent");
                self.wake.notify_one();
                self.news.notify_one();
                self.link_asked(&claim, &grant).await;
                (Page::Granted, Some(told.key))
            }
            Ok(false) => self.failed(&claim, "failed", "the person took their consents back meanwhile").await,
            Err(error) => {
                tracing::warn!(connection = %self.setup.name, %error, "the vault does not take a consent");
                (Page::Failed, None)
            }
        }
    }

    /// Remembers in whose name to write in the conversation in which consent was asked. Where that fails the bot has
    /// to name the person itself.
    async fn link_asked(&self, claim: &Claim, grant: &Grant) {
        let Some(conversation) = claim.asked.chat.id.as_str().strip_prefix("post:") else { return };
        if scope::may_write(&grant.scopes, conversation, None).is_none() {
            return;
        }
        let link = Link { person: grant.person.clone(), post: None };
        if let Err(error) = self.remember(conversation, link, None).await {
            tracing::warn!(connection = %self.setup.name, %error, "a conversation is linked to nobody");
        }
    }

    /// The state is used up and nothing came of it: the bot need not wait.
    async fn failed(&self, claim: &Claim, reason: &str, words: &str) -> (Page, Option<String>) {
        tracing::warn!(connection = %self.setup.name, bot = %claim.asked.bot, words, "a consent came to nothing");
        let told = Told::refused(claim, reason, self.now());
        let kept = async { self.vault.change(vec![told.change()?]).await };
        (Page::Failed, kept.await.is_ok().then_some(told.key))
    }

    fn later(&self, error: &StoreError) -> Page {
        tracing::warn!(connection = %self.setup.name, %error, "the vault does not know who came back");
        Page::Later
    }
}

/// What was allowed: what the server says of it, within what the operator allows. Where it says nothing of the
/// kind, what was asked for; Divar's own examples have dots there.
fn given(app: &App, claim: &Claim, pair: &Pair) -> Vec<String> {
    let said = pair.scopes.iter().flatten();
    let given: Vec<_> = said.filter(|scope| app.allowed.allows(scope)).cloned().collect();
    if given.is_empty() { claim.asked.scopes.clone() } else { given }
}

fn grant(claim: &Claim, person: Person, scopes: Vec<String>, pair: Pair, now: Millis) -> Grant {
    Grant {
        // Long enough to be one of a person's few.
        id: claim.id.chars().take(16).collect(),
        person,
        bot: claim.asked.bot.clone(),
        scopes,
        granted: now,
        redirect: claim.asked.redirect.clone(),
        access: pair.access,
        refresh: pair.refresh,
        issued: now,
        expires: now + pair.life,
        renewing: Tries::default(),
        subscribing: None,
    }
}

/// What a query says, if it says one thing.
fn returned(query: &str) -> Option<Returned> {
    if query.len() > MAX_QUERY {
        return None;
    }
    let (mut state, mut code, mut error, mut description) = (None, None, None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let place = match &*name {
            "state" => &mut state,
            "code" => &mut code,
            "error" => &mut error,
            "error_description" => &mut description,
            _ => continue,
        };
        // Twice the same name is a trick on whoever reads the other one: RFC 6749, section 3.1.
        if place.replace(value.into_owned()).is_some() {
            return None;
        }
    }
    let state = state.filter(|state| is_state(state))?;
    let code = code.filter(|code| !code.is_empty()).map(SecretString::from);
    let said = match (code, error) {
        (Some(code), None) => {
            let text = code.expose_secret();
            let fits = text.len() <= MAX_CODE && text.bytes().all(|byte| byte.is_ascii_graphic());
            fits.then_some(Said::Code(code))?
        }
        (_, error) => Said::No { reason: reason(error.as_deref()), description },
    };
    Some(Returned { state, said })
}

/// The platform's word for a no, where it is one; whoever has the link can write anything there.
fn reason(error: Option<&str>) -> String {
    let is_word = |error: &&str| {
        let of_word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        !error.is_empty() && error.len() <= MAX_REASON && error.bytes().all(of_word)
    };
    error.filter(is_word).unwrap_or("access_denied").to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_a_query_is_no_more_than_a_state_and_a_word_comes_of_it(
            query in r"((state|code|error|error_description|x)?=?[ -~]{0,80}&?|state=[0-9a-f]{64}&|\PC){0,5}",
        ) {
            if let Some(Returned { state, said }) = returned(&query) {
                prop_assert!(is_state(&state));
                match said {
                    Said::Code(code) => prop_assert!(code.expose_secret().bytes().all(|byte| byte.is_ascii_graphic())),
                    Said::No { reason, .. } => {
                        prop_assert!(reason.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
                    }
                }
            }
        }
    }

    #[test]
    fn a_state_and_a_code_are_found_in_any_order() {
        let state = "0f".repeat(32);
        for query in [format!("code=a.b&state={state}&scope=x"), format!("scope=x&state={state}&code=a%2Eb")] {
            let Some(Returned { state: found, said: Said::Code(code) }) = returned(&query) else { panic!("{query}") };
            assert_eq!((found.as_str(), code.expose_secret()), (state.as_str(), "a.b"));
        }
    }
}
