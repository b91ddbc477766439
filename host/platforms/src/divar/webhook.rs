//! What Divar is answered.
//!
//! An event is answered once it is on disk, and with nothing but that. What cannot be read is refused,
//! what cannot be stored is refused for now, so that it is sent again if Divar does that; and what is
//! read but means nothing here is answered like the rest, because it would only come again.

use std::net::IpAddr;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use hodhod_core::outgoing::Answer;
use hodhod_core::platform::Intake;
use hodhod_core::store::StoreError;
use hodhod_core::time::{Millis, whole_millis};
use hodhod_core::webhook::{Entry, Reply, Webhook};
use http::header::RETRY_AFTER;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use serde_json::{Value, json};

use super::connection::Divar;
use super::door::{Place, Refused, refusal, reply};
use super::incoming::{Link, Read};
use super::press::Asked;
use super::status::{Concern, Skip};
use super::{press, session};

impl Webhook for Divar {
    fn platform(&self) -> &'static str {
        "divar"
    }

    fn entries(&self) -> &'static [Entry] {
        const ENTRIES: [Entry; 4] = [
            Entry { path: "/events", what: "the address for events («آدرس ارسال رویدادها»)" },
            Entry {
                path: "/session",
                what: "the session initialization address («لینک درخواست دیوار برای گرفتن آدرس شروع»)",
            },
            Entry {
                path: "/action",
                what: "the address for dynamic actions («لینک درخواست دیوار برای دریافت اکشن پویا»)",
            },
            Entry { path: "/oauth", what: "an allowed redirect address of OAuth" },
        ];
        &ENTRIES
    }

    fn admit(&self, head: &Parts, from: IpAddr) -> Result<usize, Reply> {
        self.door.admit(head, from, &self.status).map_err(Refused::reply)
    }

    fn answer<'a>(&'a self, request: Request<Bytes>, intake: &'a dyn Intake) -> BoxFuture<'a, Reply> {
        let place = Place::of(request.uri().path());
        async move {
            let Some(place) = place else { return Refused::Address.reply() };
            if place == Place::OAuth {
                return self.oauth.callback(request, intake).await;
            }
            if request.body().len() > self.door.max_event() {
                self.status.skip(Skip::Oversized);
                return Refused::Length.reply();
            }
            let Ok(body) = serde_json::from_slice::<Value>(request.body()) else { return self.unreadable() };
            match place {
                Place::Events => self.events(&body, intake).await,
                Place::Session => self.session(request.headers(), &body, intake).await,
                Place::Action | Place::OAuth => self.press(&body, intake).await,
            }
        }
        .boxed()
    }
}

impl Divar {
    async fn events(&self, body: &Value, intake: &dyn Intake) -> Reply {
        // Each example has one in a request; nothing says that there cannot be more.
        let events = match body {
            Value::Array(events) => events.as_slice(),
            Value::Object(_) => std::slice::from_ref(body),
            _ => return self.unreadable(),
        };
        let now = self.clock.now();
        let (mut arrived, mut revoked) = (Vec::new(), Vec::new());
        for event in events {
            match self.reader.read(event, now) {
                Read::Event(incoming, link) => {
                    if let Some(Link { user, conversation, post }) = link {
                        // Before the event, so that a bot that answers at once can. What was on its way when the person
                        // took their consent back is none.
                        if !self.oauth.hears(&user, conversation.as_deref(), post.as_deref()).await {
                            self.status.skip(Skip::TakenBack);
                            continue;
                        }
                    }
                    arrived.push(*incoming);
                }
                Read::Revoked(user) => revoked.push(user),
                Read::Skipped(why) => self.status.skip(why),
            }
        }
        let count = arrived.len() + revoked.len();
        if !arrived.is_empty()
            && let Err(error) = intake.take(arrived).await
        {
            return self.refused(&error, now);
        }
        if let Err(error) = self.oauth.revoke(&revoked, intake).await {
            return self.refused(&error, now);
        }
        if count > 0 {
            self.taken(count, now);
        }
        reply(StatusCode::OK, &json!({}))
    }

    async fn press(&self, body: &Value, intake: &dyn Intake) -> Reply {
        let now = self.clock.now();
        let Some(asked) = press::read(body, &self.reader, now) else { return self.unreadable() };
        match self.ask(asked, now, intake).await {
            Ok(answer) => reply(StatusCode::OK, &press::answer(answer)),
            Err(reply) => reply,
        }
    }

    async fn session(&self, headers: &HeaderMap, body: &Value, intake: &dyn Intake) -> Reply {
        let now = self.clock.now();
        let options = &self.config.options;
        let read = session::read(headers, body, &options.completion_url, &self.reader, now);
        let Some((asked, version)) = read else { return self.unreadable() };
        let otherwise = options.opening_url.as_ref().unwrap_or(&options.completion_url);
        match self.ask(asked, now, intake).await {
            Ok(answer) => reply(StatusCode::OK, &session::answer(answer, version, otherwise)),
            Err(reply) => reply,
        }
    }

    /// Asks a bot, once for what comes several times: who sends it again gets what was answered then.
    async fn ask(&self, asked: Asked, now: Millis, intake: &dyn Intake) -> Result<Option<Answer>, Reply> {
        let mut slot = asked.slot.lock().await;
        // Whether what nobody answered is another by now, the store alone knows: if it came first before the connection
        // was opened, it is forgotten later here than there.
        if let Some((over, answer)) = &*slot
            && (answer.is_some() || now < *over)
        {
            return Ok(answer.clone());
        }
        let answer = intake.ask(asked.incoming, self.config.options.answer_within).await;
        let answer = answer.map_err(|error| self.refused(&error, now))?;
        *slot = Some((self.clock.now(), answer.clone().filter(press::is_kept)));
        self.taken(1, now);
        Ok(answer)
    }

    fn unreadable(&self) -> Reply {
        self.status.skip(Skip::NotJson);
        refusal(StatusCode::BAD_REQUEST, "it is not the JSON of an event")
    }

    fn taken(&self, count: usize, now: Millis) {
        self.status.count_events(count);
        if let Some(lasted) = self.status.refusals.over(now) {
            let lasted_ms = whole_millis(lasted);
            tracing::info!(connection = %self.config.name, lasted_ms, "the store takes events again");
        }
        self.status.mended(Concern::Store);
    }

    fn refused(&self, error: &StoreError, now: Millis) -> Reply {
        if self.status.refusals.refused(now) {
            tracing::warn!(connection = %self.config.name, %error, "the store refuses events; Divar is told so");
        }
        self.status.trouble(Concern::Store, format!("the store refuses events: {error}"));
        let mut reply = refusal(StatusCode::SERVICE_UNAVAILABLE, "it cannot be stored now");
        reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        reply
    }
}
