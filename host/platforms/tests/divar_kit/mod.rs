//! A connection to nowhere, requests as Divar makes them, and an intake that remembers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, and so do its helpers")]

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use hodhod_core::event::{Event, Message};
use hodhod_core::ids::{Chat, InboxSeq, SenderId};
use hodhod_core::outgoing::Answer;
use hodhod_core::people::Moment;
use hodhod_core::platform::{Incoming, Intake, Platform};
use hodhod_core::store::{Appended, Arrival, Store, StoreError};
use hodhod_core::testing::{MemoryStore, MemoryVault, TestClock};
use hodhod_core::time::Clock;
use hodhod_core::webhook::Reply;
use hodhod_platforms::divar::{Divar, DivarConfig, Options};
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::Value;
use tokio::sync::Notify;

/// Long, and of the alphabets of real ones, so that a leak is found by searching for it.
pub(crate) const API_KEY: &str = "eyJhbGciOiJSUzI1NiJ9.Tq7vX2kLm9ZrB4wNc8YhJ3pF";

pub(crate) const KEY: &str = "iDk3y-9ZrB4wNc8YhJ3pFd6sGa1eUoI5tKx0";

/// From where the requests come.
pub(crate) const FROM: &str = "78.111.6.41";

pub(crate) fn config(options: Options) -> DivarConfig {
    DivarConfig {
        name: "shop".into(),
        slug: "my-app".to_owned(),
        api_key: API_KEY.into(),
        identification_key: KEY.into(),
        oauth: None,
        options,
    }
}

pub(crate) struct Rig {
    pub(crate) clock: TestClock,
    pub(crate) vault: MemoryVault,
    pub(crate) divar: Divar,
    pub(crate) kept: Kept,
}

impl Default for Rig {
    fn default() -> Self {
        Self::with(Options::default())
    }
}

impl Rig {
    pub(crate) fn with(options: Options) -> Self {
        let clock = TestClock::default();
        let vault = MemoryVault::new(Arc::new(clock.clone()));
        let divar = Divar::new(config(options), Arc::new(vault.clone()), Arc::new(clock.clone())).unwrap();
        let kept = Kept { clock: clock.clone(), ..Kept::default() };
        Self { clock, vault, divar, kept }
    }

    /// The same connection, opened anew: all that it had in memory is gone.
    pub(crate) fn again(self, options: Options) -> Self {
        let vault = Arc::new(self.vault.clone());
        let divar = Divar::new(config(options), vault, Arc::new(self.clock.clone())).unwrap();
        Self { divar, ..self }
    }

    /// What a request is answered, by the head where that is enough.
    pub(crate) async fn call(&self, request: Request<Bytes>) -> Reply {
        self.call_from(request, FROM).await
    }

    pub(crate) async fn call_from(&self, request: Request<Bytes>, from: &str) -> Reply {
        let from: IpAddr = from.parse().unwrap();
        let webhook = self.divar.webhook().unwrap();
        let (head, body) = request.into_parts();
        match webhook.admit(&head, from) {
            Err(reply) => reply,
            Ok(longest) if body.len() > longest => panic!("{} bytes were admitted as {longest}", body.len()),
            Ok(_) => webhook.answer(Request::from_parts(head, body), &self.kept).await,
        }
    }

    /// A request to one of the addresses, as Divar makes it.
    pub(crate) async fn post(&self, path: &str, body: impl ToString) -> (u16, Value) {
        told(&self.call(request(path, body.to_string())).await)
    }

    /// The one event that a request to the events address brings.
    pub(crate) async fn event(&self, body: impl ToString) -> Incoming {
        let before = self.kept.events().len();
        assert_eq!(self.post("/events", body).await, (200, Value::Object(Default::default())));
        let events = self.kept.events();
        assert_eq!(events.len(), before + 1, "{:?}", self.divar.health().skipped);
        events.last().unwrap().clone()
    }

    /// The one message of a request to the events address.
    pub(crate) async fn message(&self, body: impl ToString) -> Message {
        message(&self.event(body).await)
    }

    /// Why nothing came of a request to the events address.
    pub(crate) async fn skip(&self, body: impl ToString) -> &'static str {
        let before = self.divar.health().skipped;
        let body = body.to_string();
        assert_eq!(self.post("/events", &body).await.0, 200);
        assert!(self.kept.events().is_empty(), "{body}");
        let after = self.divar.health().skipped;
        after.into_iter().find(|count| !before.contains(count)).unwrap().0
    }
}

/// A request as Divar makes it.
pub(crate) fn request(path: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    Request::post(path).header(AUTHORIZATION, KEY).header(CONTENT_TYPE, "application/json").body(body.into()).unwrap()
}

pub(crate) fn told(reply: &Reply) -> (u16, Value) {
    let value = serde_json::from_slice(reply.body()).unwrap_or_else(|_| panic!("{reply:?} is no JSON"));
    (reply.status().as_u16(), value)
}

pub(crate) fn message(incoming: &Incoming) -> Message {
    match &*incoming.event {
        Event::Message(message) => message.clone(),
        other => panic!("{other:?}"),
    }
}

/// A file of our own data.
pub(crate) fn data(name: &str) -> String {
    let path = format!("{}/tests/data/divar/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Remembers what it took, with a store that knows what comes again, refuses as often as it is told to, and answers what it is asked.
#[derive(Default)]
pub(crate) struct Kept {
    events: Mutex<Vec<Incoming>>,
    pub(crate) refusals: AtomicUsize,
    /// What a bot answers.
    pub(crate) answer: Mutex<Option<Answer>>,
    pub(crate) patience: Mutex<Option<Duration>>,
    /// Whether the clock goes on until the patience is at its end, where somebody asks.
    pub(crate) is_slow: AtomicBool,
    forgets: bool,
    clock: TestClock,
    store: MemoryStore,
    pub(crate) count: AtomicUsize,
    pub(crate) closed: Notify,
}

impl Kept {
    /// One that keeps numbers only.
    pub(crate) fn forgetful() -> Self {
        Self { forgets: true, ..Self::default() }
    }

    pub(crate) fn events(&self) -> Vec<Incoming> {
        self.events.lock().unwrap().clone()
    }

    pub(crate) fn clear(&self) {
        self.events.lock().unwrap().clear();
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.events().into_iter().map(|incoming| incoming.key).collect()
    }

    pub(crate) fn answers(&self, answer: Option<Answer>) {
        *self.answer.lock().unwrap() = answer;
    }

    fn check(&self) -> Result<(), StoreError> {
        let refused = self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match refused {
            Ok(_) => Err(StoreError::Failed("disk full".to_owned())),
            Err(_) => Ok(()),
        }
    }

    fn keep(&self, events: Vec<Incoming>) -> Result<usize, StoreError> {
        self.check()?;
        self.count.fetch_add(events.len(), Ordering::SeqCst);
        if self.forgets {
            return Ok(events.len());
        }
        let new: Vec<_> = events.into_iter().filter(|event| self.is_new(event)).collect();
        let count = new.len();
        self.events.lock().unwrap().extend(new);
        Ok(count)
    }
}

impl Kept {
    fn is_new(&self, event: &Incoming) -> bool {
        let arrival = Arrival {
            chat: Chat::new("shop", ""),
            key: event.key.clone(),
            within: event.within,
            asked: false,
            received: self.clock.now(),
            routes: Vec::new(),
            event: event.event.clone(),
        };
        let stored = self.store.append(vec![arrival]).now_or_never().unwrap();
        stored.unwrap() != [Appended::Duplicate]
    }
}

impl Intake for Kept {
    fn take(&self, events: Vec<Incoming>) -> BoxFuture<'_, Result<usize, StoreError>> {
        async move {
            tokio::task::yield_now().await;
            self.keep(events)
        }
        .boxed()
    }

    fn ask(&self, event: Incoming, patience: Duration) -> BoxFuture<'_, Result<Option<Answer>, StoreError>> {
        async move {
            *self.patience.lock().unwrap() = Some(patience);
            // Others come meanwhile.
            tokio::task::yield_now().await;
            let new = self.keep(vec![event])?;
            if self.is_slow.load(Ordering::SeqCst) {
                self.clock.advance(patience);
            }
            Ok(self.answer.lock().unwrap().clone().filter(|_| new > 0))
        }
        .boxed()
    }

    fn reserve(&self) -> BoxFuture<'_, Result<InboxSeq, StoreError>> {
        async {
            self.check()?;
            self.store.reserve().await
        }
        .boxed()
    }

    /// Nothing is stored of anybody.
    fn forget(&self, _person: &SenderId, _until: Moment) -> BoxFuture<'_, Result<(), StoreError>> {
        std::future::ready(Ok(())).boxed()
    }

    fn closed(&self) -> BoxFuture<'_, ()> {
        self.closed.notified().boxed()
    }
}
