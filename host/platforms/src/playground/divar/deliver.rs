//! The way to the app's server: one HTTP client whose connections are kept, a task for each lane with something
//! in it, and no more requests at a time than the settings say.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, redirect};
use serde_json::Value;

use super::error::Error;
use super::faults::Faults;
use super::push::{Attempt, Outcome, PushKind};
use super::server::Shared;
use super::settings::Pushing;

/// The header that tells the two forms of an opening apart.
pub(super) const API_VERSION: HeaderName = HeaderName::from_static("api-version");

/// The client for everything that Divar and a person's browser ask.
pub(super) fn client(pushing: &Pushing) -> reqwest::Result<Client> {
    Client::builder()
        // A proxy of the environment cannot reach this machine's own loopback.
        .no_proxy()
        .redirect(redirect::Policy::none())
        .http1_only()
        .tcp_nodelay(true)
        .pool_max_idle_per_host(pushing.connections)
        .timeout(pushing.timeout)
        .build()
}

impl Shared {
    /// Puts an event on its way. Without an address for events it goes nowhere.
    ///
    /// Returns how many pushes that makes.
    pub(super) fn push(
        self: &Arc<Self>,
        lane: &str,
        conversation: Option<&str>,
        event: &Value,
        faults: &Faults,
    ) -> Result<usize, Error> {
        if self.app().addresses.events.is_none() {
            return Ok(0);
        }
        let body = Bytes::from(event.to_string());
        let copies = if faults.duplicate { 2 } else { 1 };
        let mut idle = Vec::new();
        {
            let mut pushes = self.pushes();
            if faults.lose {
                pushes.lose(conversation, body);
                return Ok(0);
            }
            pushes.check_room(copies)?;
            for _ in 0..copies {
                let lane = if faults.unordered { format!("{lane}#{}", pushes.total()) } else { lane.to_owned() };
                if pushes.enqueue(&lane, conversation, body.clone(), faults.delay) {
                    idle.push(lane);
                }
            }
        }
        for lane in idle {
            let shared = Arc::clone(self);
            // Nobody waits for it: it ends with its lane, or with the server.
            drop(self.runtime.spawn(async move {
                tokio::select! {
                    () = shared.stopped() => {}
                    () = shared.work(&lane) => {}
                }
            }));
        }
        Ok(copies)
    }

    /// Pushes what is in a lane, one after another.
    async fn work(&self, lane: &str) {
        loop {
            let Some(job) = self.pushes().take(lane) else { return };
            if !job.delay.is_zero() {
                tokio::time::sleep(job.delay).await;
            }
            let pushing = self.settings.pushing;
            let mut delivered = false;
            for attempt in 0..pushing.attempts.max(1) {
                if attempt > 0 {
                    tokio::time::sleep(pushing.pause).await;
                }
                delivered = self.push_once(job.index, &job.body).await;
                if delivered {
                    break;
                }
            }
            self.pushes().end_event(job.index, delivered);
            self.pushes_changed();
        }
    }

    async fn push_once(&self, index: u64, body: &Bytes) -> bool {
        let Some(address) = self.app().addresses.events.clone() else { return false };
        // The semaphore is never closed.
        let _permit = self.permits.acquire().await.ok();
        let outcome = self.request(index, &address, body.clone(), HeaderMap::new()).await;
        matches!(outcome, Outcome::Answered { status: 200, .. })
    }

    /// Asks the app's server something that a person waits for: once, and not in turn with events.
    pub(super) async fn ask(
        &self,
        kind: PushKind,
        conversation: Option<&str>,
        body: &Value,
        headers: HeaderMap,
    ) -> Result<(u16, Bytes), Error> {
        let (address, name) = {
            let app = self.app();
            match kind {
                PushKind::Action => (app.addresses.action.clone(), "dynamic actions"),
                PushKind::Session => (app.addresses.session.clone(), "sessions"),
                PushKind::Event => (app.addresses.events.clone(), "events"),
            }
        };
        let address = address.ok_or(Error::NoAddress(name))?;
        let body = Bytes::from(body.to_string());
        let index = self.pushes().record(kind, conversation, body.clone());
        let outcome = tokio::select! {
            outcome = self.request(index, &address, body, headers) => outcome,
            () = self.stopped() => Outcome::Failed("the local server stops".to_owned()),
        };
        self.pushes().end(index, matches!(outcome, Outcome::Answered { status: 200, .. }));
        self.pushes_changed();
        match outcome {
            Outcome::Answered { status, body } => Ok((status, body)),
            Outcome::Failed(reason) => Err(Error::NoAnswer(reason)),
        }
    }

    async fn request(&self, index: u64, address: &str, body: Bytes, mut headers: HeaderMap) -> Outcome {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // Checked when the app was set up.
        if let Ok(key) = HeaderValue::from_bytes(self.app().identification.as_bytes()) {
            headers.insert(AUTHORIZATION, key);
        }
        let at = Instant::now();
        let answer = self.http.post(address).headers(headers).body(body).send().await;
        let outcome = match answer {
            Ok(answer) => self.read(answer).await,
            Err(error) => Err(error),
        };
        let outcome = match outcome {
            Ok((status, body)) => Outcome::Answered { status, body },
            Err(error) => Outcome::Failed(describe(&error)),
        };
        self.pushes().tried(index, Attempt { at, took: at.elapsed(), outcome: outcome.clone() });
        self.pushes_changed();
        outcome
    }

    /// An answer: its status, and its body as far as the limit.
    pub(super) async fn read(&self, mut answer: Response) -> reqwest::Result<(u16, Bytes)> {
        let status = answer.status().as_u16();
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await? {
            let room = self.settings.limits.answer_bytes.saturating_sub(body.len());
            if chunk.len() > room {
                body.extend_from_slice(&chunk.slice(..room));
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, body.freeze()))
    }
}

/// An error with its causes, on one line.
pub(super) fn describe(error: &reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(": ");
        words.push_str(&error.to_string());
        cause = error.source();
    }
    words
}
