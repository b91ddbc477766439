//! What the rest of the connection asks of this folder.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use hodhod_core::platform::{Call, CallError, Intake};
use hodhod_core::store::StoreError;
use hodhod_core::time::Clock;
use hodhod_core::vault::Vault;
use hodhod_core::webhook::Reply;
use http::Request;
use secrecy::SecretString;
use serde_json::Value;

use super::parts::Parts;
use super::person::Person;
use super::setup::SetupError;
use super::tokens::NoToken;
use crate::divar::config::DivarConfig;

/// The consents that people gave to one app, and what is done with them.
pub struct OAuth(Arc<Parts>);

impl fmt::Debug for OAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth").field("setup", &self.0.setup).finish_non_exhaustive()
    }
}

impl OAuth {
    /// Checks the configuration; asks nobody anything.
    ///
    /// # Errors
    /// When nothing could be done with it, in words for the operator.
    pub fn new(config: &DivarConfig, vault: Arc<dyn Vault>, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        Parts::new(config, vault, clock).map(|parts| Self(Arc::new(parts)))
    }

    /// A token to write in a conversation with: in the name of `user`, or else of whoever is linked to it or
    /// has a grant that names it. With an empty conversation: a token with which the chatbot writes to `user`
    /// first. It is good now; where it has to be renewed for that, cancelling this does not cut the renewal.
    ///
    /// # Errors
    /// See [`NoToken`].
    pub async fn token_for(&self, conversation: &str, user: Option<&str>) -> Result<SecretString, NoToken> {
        match user {
            Some(user) if conversation.is_empty() => self.0.token_to_write_first(user).await,
            user => self.0.token_to_write(conversation, user).await,
        }
    }

    /// Learns who is behind what comes in a conversation, perhaps about a post, where that person allows anything: of
    /// people who gave one consent for each post, it tells which one counts. False where the person lately took back
    /// all that they had given: what still comes by it is nobody's business any more.
    ///
    /// It is a help and no promise: where it fails, that is logged.
    pub async fn hears(&self, user: &str, conversation: Option<&str>, post: Option<&str>) -> bool {
        let Some(person) = Person::parse(user) else { return true };
        let (learned, now) = (self.0.learn(person, conversation, post).await, self.0.now());
        match learned {
            Ok(counts) => {
                self.0.links.over(now);
                counts
            }
            Err(error) => {
                if self.0.links.refused(now) {
                    tracing::warn!(connection = %self.0.setup.name, %error, "nobody knows who is behind conversations");
                }
                true
            }
        }
    }

    /// Answers a person who comes back from the page that asked them. Cancelling it cuts nothing.
    pub async fn callback(&self, request: Request<Bytes>, intake: &dyn Intake) -> Reply {
        self.0.come_back(&request, intake).await.reply(&self.0.setup)
    }

    /// Does what a bot asks for: `divar.get-post`, `divar.user-posts`, `divar.get-user` and
    /// `divar.request-consent`.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call(&self, call: Call) -> Result<Value, CallError> {
        self.0.call(call).await
    }

    /// Drops all that people gave, has what is stored of them taken away, and tells every bot. When it returns, it is
    /// certain to happen, and as a rule it has; where turns have to be waited for it happens later.
    ///
    /// # Errors
    /// When a store does not take it: then nothing is done of it, and it has to be asked for again.
    pub async fn revoke(&self, users: &[String], intake: &dyn Intake) -> Result<(), StoreError> {
        self.0.revoke(users, intake).await
    }

    /// Keeps tokens fresh and subscriptions alive, and tells what was not told, until the intake closes.
    /// Dropping it loses nothing.
    pub async fn run(&self, intake: &dyn Intake) {
        self.0.run(intake).await;
    }

    /// What only the operator can mend, if there is something.
    pub fn trouble(&self) -> Option<String> {
        self.0.trouble.get()
    }
}
