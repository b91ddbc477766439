//! The whole way from bytes to events, without a network.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use eventsource_stream::{EventStream, Eventsource};
use futures::{FutureExt, Stream, StreamExt};
use hodhod_core::event::Event;
use hodhod_core::ids::ConnectionName;
use hodhod_core::platform::Incoming;
use hodhod_core::time::Millis;

use super::config::Options;
use super::incoming::{Read, read};
use super::normalise::Normaliser;
use super::status::{Skip, Status};

/// Reads one response of `getMessage`, chunk by chunk, however it is cut.
///
/// ```
/// use hodhod_core::time::Millis;
/// use hodhod_platforms::soroush::{Decoder, Options};
///
/// let mut decoder = Decoder::new("shop".into(), &Options::default());
/// assert!(decoder.push(br#"data:{"type":"TEXT","from":"k3Ja","body":"sal"#, Millis(1)).is_empty());
/// let events = decoder.push(br#"am","time":"1763690000000"}"#, Millis(2));
/// assert_eq!(events.len(), 1, "delivered with its last brace, before any line end");
/// ```
pub struct Decoder {
    connection: ConnectionName,
    max_age: Option<Duration>,
    status: Arc<Status>,
    normaliser: Normaliser,
    frames: Frames,
    events: EventStream<Frames>,
    objects: u64,
}

impl Decoder {
    /// Starts at the beginning of a response, with its own counters.
    pub fn new(connection: ConnectionName, options: &Options) -> Self {
        Self::with_status(connection, options, Arc::default())
    }

    pub(super) fn with_status(connection: ConnectionName, options: &Options, status: Arc<Status>) -> Self {
        let frames = Frames::default();
        Self {
            connection,
            max_age: options.max_age,
            normaliser: Normaliser::new(options.max_event, Arc::clone(&status)),
            status,
            events: frames.clone().eventsource(),
            frames,
            objects: 0,
        }
    }

    /// Takes the next chunk, which arrived at `received`, and returns the events that are complete
    /// now, in the order in which they came.
    pub fn push(&mut self, chunk: &[u8], received: Millis) -> Vec<Incoming> {
        let mut arrived = Vec::new();
        let nothing_new = self.frames.with(|queue| {
            self.normaliser.push(chunk, queue);
            queue.is_empty()
        });
        if nothing_new {
            return arrived;
        }
        // The frames are all there, so the parser is asked until it wants more of them.
        while let Some(Some(event)) = self.events.next().now_or_never() {
            match event {
                Ok(event) => arrived.extend(self.convert(&event.data, received)),
                Err(_) => {
                    // Frames are clean, so it has nothing to complain about; if it does, it never
                    // stops, and a new one goes on behind what it did not like.
                    self.status.skip(Skip::NotJson);
                    self.events = self.frames.clone().eventsource();
                }
            }
        }
        arrived
    }

    fn convert(&mut self, json: &str, received: Millis) -> Option<Incoming> {
        let skipped = match read(json, &self.connection, received, &self.status) {
            Read::Event(incoming) if self.is_too_old(&incoming, received) => Skip::TooOld,
            Read::Event(incoming) => {
                self.objects += 1;
                self.status.count_event();
                return Some(*incoming);
            }
            Read::Heartbeat => {
                self.objects += 1;
                return None;
            }
            Read::Skipped(why) => why,
        };
        self.objects += u64::from(skipped != Skip::NotJson);
        self.status.skip(skipped);
        None
    }

    fn is_too_old(&self, incoming: &Incoming, received: Millis) -> bool {
        let Event::Message(message) = &*incoming.event else { return false };
        self.max_age.is_some_and(|limit| received.since(message.sent_at) > limit)
    }

    /// The id of the last event, for `Last-Event-ID`; empty if the server gives none. May lag one
    /// event behind, never ahead.
    pub fn last_event_id(&self) -> &str {
        self.events.last_event_id()
    }

    /// The delay before the next connection that the server asked for.
    pub fn retry(&self) -> Option<Duration> {
        self.normaliser.retry()
    }

    /// Well-formed objects so far, heartbeats and skipped ones among them: a sign that a real
    /// server speaks.
    pub fn objects(&self) -> u64 {
        self.objects
    }

    /// What was skipped or mended, by reason.
    pub fn skipped(&self) -> Vec<(&'static str, u64)> {
        self.status.skipped()
    }

    /// Bytes that are held until the rest of their event comes; never much more than
    /// [`Options::max_event`].
    pub fn buffered(&self) -> usize {
        self.normaliser.buffered()
    }
}

/// The frames on their way from the normaliser to the parser: filled by the one, emptied by the
/// other, within each [`Decoder::push`].
#[derive(Clone, Default)]
struct Frames(Arc<Mutex<VecDeque<Bytes>>>);

impl Frames {
    fn with<R>(&self, act: impl FnOnce(&mut VecDeque<Bytes>) -> R) -> R {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Stream for Frames {
    type Item = Result<Bytes, Infallible>;

    /// Wakes nobody: it is asked again when there is more.
    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.with(VecDeque::pop_front) {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => Poll::Pending,
        }
    }
}
