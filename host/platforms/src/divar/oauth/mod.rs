//! What people allowed the app to do in their names.

use std::sync::Arc;

use bytes::Bytes;
use hodhod_core::event::Event;
use hodhod_core::platform::{Call, CallError, Incoming, Intake};
use hodhod_core::store::StoreError;
use hodhod_core::time::Clock;
use hodhod_core::vault::Vault;
use hodhod_core::webhook::Reply;
use http::{Request, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::config::DivarConfig;
use super::door::refusal;

pub use super::config::ConfigError as SetupError;

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoToken {
    /// Nobody gave one; what to do.
    None(String),
    /// It cannot be had now.
    Unavailable(String),
}

/// The permissions of people.
pub struct OAuth {
    clock: Arc<dyn Clock>,
}

impl OAuth {
    /// Keeps them in the vault.
    pub fn new(_config: &DivarConfig, _vault: Arc<dyn Vault>, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        Ok(Self { clock })
    }

    /// The token for a conversation.
    pub async fn token_for(&self, _conversation: &str, _user: Option<&str>) -> Result<SecretString, NoToken> {
        Err(NoToken::None("nobody has allowed the app to write here; ask with divar.request-consent".to_owned()))
    }

    /// Notes whose permission brings the messages of a conversation about an ad.
    pub async fn link_about(&self, _conversation: &str, _user: &str, _post: Option<&str>) {}

    /// Answers the way back from consent.
    pub async fn callback(&self, _request: Request<Bytes>, _intake: &dyn Intake) -> Reply {
        refusal(StatusCode::NOT_FOUND, "this connection asks nobody for consent")
    }

    /// Does what only this platform can do.
    pub async fn call(&self, call: Call) -> Result<Value, CallError> {
        Err(CallError::Unsupported(format!("this connection has no {:?}", call.name)))
    }

    /// Forgets a person.
    pub async fn revoke(&self, user: &str, intake: &dyn Intake) -> Result<(), StoreError> {
        let event = Event::Other("divar.revoked".to_owned(), json!({"user": user}).to_string());
        let key = format!("revoked:{user}:{}", self.clock.now());
        intake.take(vec![Incoming::new(key, event)]).await.map(drop)
    }

    /// What only the operator can mend, if there is something.
    pub fn trouble(&self) -> Option<String> {
        None
    }

    /// Keeps tokens fresh until the intake closes.
    pub async fn run(&self, intake: &dyn Intake) {
        intake.closed().await;
    }
}
