//! A platform that calls the host, and whose requests say what is to become of them.
#![expect(clippy::panic, reason = "a test wants to see what a panic does")]

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use tokio::sync::Semaphore;

use super::TestPlatform;
use crate::event::{Content, Event, Message, Sender};
use crate::ids::{Chat, ChatId, ConnectionName};
use crate::outgoing::{Answer, Outgoing};
use crate::platform::{Health, Incoming, Intake, Platform, SendError, Sent, Unsendable};
use crate::time::Millis;
use crate::webhook::{Reply, Webhook, nothing};

/// The key that every request has to bring, in `Authorization`.
const KEY: &str = "key";

/// The chat to which nothing can be sent.
const SILENT: &str = "app";

/// A platform that calls. What it sends goes to a [`TestPlatform`].
///
/// | path | what becomes of a request |
/// |---|---|
/// | `/events/{chat}` | its body is a message |
/// | `/ask/{chat}` | the same, and the answer to it is the body that comes back; 204 where there is none |
/// | `/from` | where it comes from, told before its body is read |
/// | `/length` | the length of its body |
/// | `/panic`, `/panic/head` | a panic |
/// | `/hang` | waits for [`go_on`](Self::go_on) |
pub struct CallingPlatform {
    connection: ConnectionName,
    /// Where sends go.
    pub sends: TestPlatform,
    /// Longest body, in bytes.
    pub most: usize,
    /// How long it waits for an answer.
    pub patience: Duration,
    hanging: AtomicUsize,
    may_go_on: Semaphore,
}

impl CallingPlatform {
    /// The key that every request has to bring.
    pub const KEY: &str = KEY;

    /// An account of that name.
    pub fn new(connection: impl Into<ConnectionName>) -> Self {
        Self {
            connection: connection.into(),
            sends: TestPlatform::default(),
            most: 1 << 10,
            patience: Duration::from_secs(2),
            hanging: AtomicUsize::new(0),
            may_go_on: Semaphore::new(0),
        }
    }

    /// Requests that wait for [`go_on`](Self::go_on).
    pub fn hanging(&self) -> usize {
        self.hanging.load(Ordering::SeqCst)
    }

    /// Lets so many of them end.
    pub fn go_on(&self, requests: usize) {
        self.may_go_on.add_permits(requests);
    }

    /// A message in one of its chats; its text is its key.
    pub fn message(&self, chat: &str, text: &str) -> Incoming {
        let message = Message {
            id: text.to_owned(),
            platform: "calling".to_owned(),
            chat: Chat::new(self.connection.clone(), chat),
            private: true,
            sender: Sender::default(),
            sent_at: Millis(0),
            edited: false,
            content: Content::Text(text.to_owned()),
            reply_to: None,
            annotations: Vec::new(),
        };
        Incoming::new(text, Event::Message(message))
    }
}

fn reply(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(body.into());
    *reply.status_mut() = status;
    reply
}

impl Webhook for CallingPlatform {
    fn platform(&self) -> &'static str {
        "calling"
    }

    fn admit(&self, head: &Parts, from: IpAddr) -> Result<usize, Reply> {
        if head.headers.get(AUTHORIZATION).is_none_or(|given| given != KEY) {
            return Err(nothing());
        }
        match head.uri.path() {
            "/from" => Err(reply(StatusCode::OK, from.to_string())),
            "/panic/head" => panic!("the test wants it so"),
            _ => Ok(self.most),
        }
    }

    fn answer<'a>(&'a self, request: Request<Bytes>, intake: &'a dyn Intake) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let text = String::from_utf8_lossy(&body);
            let refused = |_error| reply(StatusCode::SERVICE_UNAVAILABLE, "");
            let path = head.uri.path();
            if let Some(chat) = path.strip_prefix("/events/") {
                let taken = intake.take(vec![self.message(chat, &text)]).await;
                return taken.map_or_else(refused, |new| reply(StatusCode::OK, new.to_string()));
            }
            if let Some(chat) = path.strip_prefix("/ask/") {
                return match intake.ask(self.message(chat, &text), self.patience).await {
                    Ok(Some(Answer::Notice(text) | Answer::Url(text))) => reply(StatusCode::OK, text),
                    Ok(None) => reply(StatusCode::NO_CONTENT, ""),
                    Err(error) => refused(error),
                };
            }
            match path {
                "/length" => reply(StatusCode::OK, body.len().to_string()),
                "/panic" => panic!("the test wants it so"),
                "/hang" => {
                    self.hanging.fetch_add(1, Ordering::SeqCst);
                    if let Ok(permit) = self.may_go_on.acquire().await {
                        permit.forget();
                    }
                    self.hanging.fetch_sub(1, Ordering::SeqCst);
                    reply(StatusCode::OK, "")
                }
                _ => nothing(),
            }
        })
    }
}

impl Platform for CallingPlatform {
    fn receive<'a>(&'a self, intake: &'a dyn Intake) -> BoxFuture<'a, ()> {
        intake.closed()
    }

    fn send<'a>(&'a self, chat: &'a ChatId, message: &'a Outgoing) -> BoxFuture<'a, Result<Sent, SendError>> {
        self.sends.send(chat, message)
    }

    fn accepts(&self, chat: &ChatId, _message: &Outgoing) -> Result<(), Unsendable> {
        if chat.as_str() == SILENT {
            return Err(Unsendable::Unsupported("nothing can be sent there".to_owned()));
        }
        Ok(())
    }

    fn webhook(&self) -> Option<&dyn Webhook> {
        Some(self)
    }

    fn health(&self) -> Health {
        self.sends.health()
    }
}
