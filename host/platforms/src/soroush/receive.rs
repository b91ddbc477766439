//! The endless loop that receives.
//!
//! The platform has no acknowledgement: what it wrote to us it will not write again. So what was
//! read is handed over before anything else is read, and handed over again for as long as the store
//! refuses it; meanwhile the network holds the rest back.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::FutureExt;
use futures::future::{Either, select};
use hodhod_core::event::Event;
use hodhod_core::ids::ConnectionName;
use hodhod_core::platform::{Incoming, Intake};
use hodhod_core::text::clean;
use hodhod_core::time::{Millis, whole_millis};
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use tokio::time::{Instant, sleep, timeout};

use super::api::Api;
use super::config::Options;
use super::decode::Decoder;
use super::patience::{Course, Ending, Patience, jittered};
use super::status::{Skip, Status};

/// Events in one hand-over: enough to share one commit of the store among a burst, few enough that
/// the first of them does not wait for long.
const MAX_BATCH: usize = 256;

/// Bytes that are read without waiting before what they brought is handed over: some milliseconds
/// of work.
const MAX_READY: usize = 256 * 1024;

/// Most bytes of a content type that are shown.
const FORM: usize = 100;

/// Longest wait before the store is asked again: when the disk has room, people are answered soon.
const LONGEST_REFUSAL: Duration = Duration::from_secs(1);

/// Everything the loop works with; what it remembers is in [`Receiver::run`].
#[derive(Clone, Copy)]
pub(super) struct Receiver<'a> {
    pub(super) name: &'a ConnectionName,
    pub(super) api: &'a Api,
    pub(super) options: &'a Options,
    pub(super) status: &'a Arc<Status>,
    pub(super) intake: &'a dyn Intake,
}

impl Receiver<'_> {
    /// Receives until the intake is closed. Cancelling it drops the connection and what was read but
    /// not yet taken.
    pub(super) async fn run(self) {
        let timing = &self.options.timing;
        let mut patience = Patience::default();
        let mut last_event_id = String::new();
        loop {
            let began = Instant::now();
            let mut decoder = Decoder::with_status(self.name.clone(), self.options, Arc::clone(self.status));
            let listening = self.listen(&mut decoder, &last_event_id, patience.suspects_token());
            let Some(ending) = listening.await else { return };

            if decoder.buffered() > 0 {
                self.status.skip(Skip::CutOff);
            }
            if !decoder.last_event_id().is_empty() {
                decoder.last_event_id().clone_into(&mut last_event_id);
            }
            let course = Course { lasted: began.elapsed(), objects: decoder.objects(), retry: decoder.retry() };
            let wait = patience.after(&ending, course, timing, rand::random());
            self.report(&ending, course, patience.suspects_token());
            tracing::info!(
                connection = %self.name, ?ending, lasted_ms = whole_millis(course.lasted),
                objects = course.objects, wait_ms = whole_millis(wait), "the connection ended"
            );
            if let Either::Right(_) = select(pin!(sleep(wait)), self.intake.closed()).await {
                return;
            }
            self.status.count_reconnect();
        }
    }

    /// One connection, from its beginning to its end; `None` if that was the intake's.
    async fn listen(&self, decoder: &mut Decoder, last_event_id: &str, suspicious: bool) -> Option<Ending> {
        let idle = self.options.idle();
        let mut closed = self.intake.closed();
        // The head of the answer may come as late as the first message.
        let asking = pin!(timeout(idle, self.api.get_message(last_event_id)));
        let mut response = match select(asking, &mut closed).await {
            Either::Left((Ok(Ok(response)), _)) => response,
            Either::Left((Ok(Err(ending)), _)) => return Some(ending),
            Either::Left((Err(_), _)) => return Some(Ending::Idle),
            Either::Right(_) => return None,
        };
        let _connected = Connected::new(self.status);
        let typed = response.headers().contains_key(CONTENT_TYPE);
        match strange_type(response.headers()) {
            Some(form) => {
                let form = clean(&self.api.token().redact(form), FORM);
                self.status.set_trouble(format!("getMessage is answered with {form}: is the address right?"));
            }
            None if typed || !suspicious => self.status.clear_trouble(),
            None => {}
        }
        let mut proven = false;
        loop {
            if !proven && decoder.objects() > 0 {
                proven = true;
                self.status.clear_trouble();
            }
            // Nothing that was read waits here, so this is where to stop.
            let read = {
                let reading = pin!(timeout(idle, response.chunk()));
                // A stream that never pauses must not hide that it is time to stop.
                match select(&mut closed, reading).await {
                    Either::Left(_) => None,
                    Either::Right((read, _)) => Some(read),
                }
            };
            let Some(read) = read else {
                // What has come meanwhile the platform will not write again.
                let mut arrived = Vec::new();
                self.read_ready(&mut response, decoder, &mut arrived);
                self.hand_over(arrived).await;
                return None;
            };
            let chunk = match read {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => return Some(Ending::Ended { typed }),
                Ok(Err(error)) => {
                    tracing::debug!(connection = %self.name, error = self.api.describe(error), "the stream broke");
                    return Some(Ending::Ended { typed });
                }
                Err(_) => return Some(Ending::Idle),
            };
            let mut arrived = decoder.push(&chunk, now());
            let ended = self.read_ready(&mut response, decoder, &mut arrived);
            self.hand_over(arrived).await;
            if ended {
                return Some(Ending::Ended { typed });
            }
            // A server that never pauses must not keep this thread to itself.
            tokio::task::yield_now().await;
        }
    }

    /// Reads on for as long as there is something to read at once; true where the stream ended.
    fn read_ready(&self, response: &mut Response, decoder: &mut Decoder, arrived: &mut Vec<Incoming>) -> bool {
        let mut bytes = 0;
        while arrived.len() < MAX_BATCH && bytes < MAX_READY {
            match response.chunk().now_or_never() {
                Some(Ok(Some(chunk))) => {
                    bytes += chunk.len();
                    arrived.append(&mut decoder.push(&chunk, now()));
                }
                Some(Ok(None) | Err(_)) => return true,
                None => break,
            }
        }
        false
    }

    async fn hand_over(&self, mut arrived: Vec<Incoming>) {
        // What waited at the platform comes in one go and not always in order. Nothing else tells
        // the order than the platform's clock, to the millisecond; equals stay as they came.
        arrived.sort_by_key(|incoming| match &*incoming.event {
            Event::Message(message) => message.sent_at,
            _ => Millis::default(),
        });
        while !arrived.is_empty() {
            let rest = arrived.split_off(arrived.len().min(MAX_BATCH));
            self.take(arrived).await;
            arrived = rest;
        }
    }

    /// Hands events over until they are taken.
    async fn take(&self, batch: Vec<Incoming>) {
        let timing = &self.options.timing;
        let mut delay = timing.store_delay;
        let mut refused = false;
        while let Err(error) = self.intake.take(batch.clone()).await {
            if self.status.refusals.refused(now()) {
                tracing::warn!(connection = %self.name, %error, "the store refuses events; they are kept and reading waits");
            }
            self.status.set_trouble(format!("the store refuses events: {error}"));
            refused = true;
            sleep(jittered(delay, rand::random())).await;
            delay = delay.saturating_mul(2).min(timing.max_delay).min(LONGEST_REFUSAL);
        }
        if refused {
            if let Some(lasted) = self.status.refusals.over(now()) {
                let lasted_ms = whole_millis(lasted);
                tracing::info!(connection = %self.name, lasted_ms, "the store takes events again");
            }
            self.status.clear_trouble();
        }
    }

    /// Tells the operator what only he can mend.
    fn report(&self, ending: &Ending, course: Course, suspects_token: bool) {
        if suspects_token {
            self.status.set_trouble(
                "the token is probably not valid: the platform ends each stream at once, without a content type"
                    .to_owned(),
            );
            return;
        }
        match ending {
            Ending::NotConnected(why) => self.status.set_trouble(format!("cannot connect: {why}")),
            Ending::Status { code, elsewhere: Some(host), .. } => self.status.set_trouble(format!(
                "getMessage is answered with HTTP {code} and points to {host}: has the platform moved?"
            )),
            Ending::Status { code, .. } => {
                self.status.set_trouble(format!("getMessage is answered with HTTP {code}"));
            }
            // A link that lasted was a good one, whatever was wrong before it.
            Ending::Ended { .. } | Ending::Idle if course.lasted >= self.options.timing.quick => {
                self.status.clear_trouble();
            }
            Ending::Ended { .. } | Ending::Idle => {}
        }
    }
}

/// The content type, where it is none in which messages come: then it is a page of somebody else.
fn strange_type(headers: &HeaderMap) -> Option<&str> {
    let form = headers.get(CONTENT_TYPE)?.to_str().ok()?.split(';').next()?.trim();
    let known = ["text/event-stream", "application/stream+json", "application/json", "application/x-ndjson"];
    (!known.iter().any(|known| known.eq_ignore_ascii_case(form))).then_some(form)
}

/// Says that the platform is connected, for as long as it is.
struct Connected<'a>(&'a Status);

impl<'a> Connected<'a> {
    fn new(status: &'a Status) -> Self {
        status.set_connected(true);
        Self(status)
    }
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.0.set_connected(false);
    }
}

/// The time at which something arrives; zero if the clock stands before 1970.
pub(super) fn now() -> Millis {
    Millis(SystemTime::now().duration_since(UNIX_EPOCH).map(whole_millis).unwrap_or_default())
}
