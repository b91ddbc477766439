//! A platform that takes everything and notes when it was asked to.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use futures::future::BoxFuture;
use hodhod_core::ids::ChatId;
use hodhod_core::outgoing::{Body, Outgoing};
use hodhod_core::platform::{Call, CallError, Health, Intake, Platform, SendError, Sent, Unsendable};
use serde_json::{Value, json};

/// Sends that are kept: more than any test looks at.
const KEPT: usize = 10_000;

/// The platform.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    sent: Mutex<Vec<(ChatId, Outgoing)>>,
    texts: Mutex<HashMap<String, Instant>>,
}

impl Recording {
    /// What was sent.
    pub(crate) fn sent(&self) -> Vec<(ChatId, Outgoing)> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When each text was first sent.
    pub(crate) fn times(&self) -> HashMap<String, Instant> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Platform for Recording {
    fn receive<'a>(&'a self, _intake: &'a dyn Intake) -> BoxFuture<'a, ()> {
        Box::pin(std::future::pending())
    }

    fn send<'a>(&'a self, chat: &'a ChatId, message: &'a Outgoing) -> BoxFuture<'a, Result<Sent, SendError>> {
        let now = Instant::now();
        if let Body::Text(text) = &message.body {
            let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
            if texts.len() < KEPT {
                texts.entry(text.clone()).or_insert(now);
            }
        }
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.len() < KEPT {
            sent.push((chat.clone(), message.clone()));
        }
        Box::pin(std::future::ready(Ok(Sent::default())))
    }

    fn accepts(&self, _chat: &ChatId, _message: &Outgoing) -> Result<(), Unsendable> {
        Ok(())
    }

    /// What an ad is called says how it is answered.
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Value, CallError>> {
        let answer = match call.arguments["token"].as_str() {
            Some("hangs") => return Box::pin(std::future::pending()),
            Some("odd") => json!({ "token": ["odd"], "data": 7 }),
            Some("huge") => json!({ "token": "huge", "data": { "images": vec!["https://a.example"; 100_000] } }),
            _ => json!({ "token": "a" }),
        };
        Box::pin(std::future::ready(Ok(answer)))
    }

    fn health(&self) -> Health {
        Health { connected: true, ..Health::default() }
    }
}
