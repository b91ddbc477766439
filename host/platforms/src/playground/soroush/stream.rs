//! getMessage: from the queue of a bot into the body of a response.
//!
//! The body is pulled: hyper asks for a piece when its buffer has room, and only then do messages leave the
//! queue. All that waits goes into one piece, so a backlog costs a few system calls.
//!
//! A body that is dropped (the client is gone, the server stops) leaves every message in the queue that was
//! not in a piece already; those that were count as written.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use super::bot::Bot;
use super::faults::{Call, StreamEnd, StreamFaults};
use super::framing::{Chunks, Encoder};
use super::incoming::Taken;
use super::server::Shared;

/// A piece takes messages until it holds this much JSON: large enough to make a backlog cheap, small enough
/// that a client which dies loses little.
const PIECE: usize = 64 * 1024;

/// The misspelt type is the only one that was ever seen; its other members are not known.
const HEARTBEAT: &str = r#"{"type":"HEALTH_CEHCK"}"#;

/// `GET /{token}/getMessage`
pub(super) async fn get_message(State(server): State<Arc<Shared>>, Path(token): Path<String>) -> Response {
    open(&server, &token, None)
}

/// `GET /v2/{token}/getMessage`
pub(super) async fn get_message_v2(State(server): State<Arc<Shared>>, Path(token): Path<String>) -> Response {
    let heartbeat = server.settings.heartbeat;
    open(&server, &token, Some(heartbeat))
}

fn open(server: &Arc<Shared>, token: &str, v2: Option<Duration>) -> Response {
    let Some(bot) = server.bot(token) else {
        // A success without a content type, which ends at once: official Python SDK, client.py.
        return Response::new(Body::empty());
    };
    let (refusal, faults) = {
        let mut faults = server.faults();
        (faults.next_refusal(Call::GetMessage), faults.streams)
    };
    if let Some(status) = refusal {
        return StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response();
    }

    let consumer = Consumer {
        id: bot.open(v2.is_some()),
        bot,
        server: Arc::clone(server),
        heartbeat: v2.filter(|period| !period.is_zero()),
        next_beat: None,
        encoder: Encoder::default(),
        out: BytesMut::new(),
        opened: false,
        messages: 0,
        end: None,
    };
    let pieces = futures::stream::unfold(consumer, |mut consumer| async move {
        let piece = consumer.next().await?;
        Some((piece, consumer))
    });
    let mut response = Response::new(Body::from_stream(pieces));
    let content_type = HeaderValue::from_static(faults.framing.content_type());
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// One connection that reads the messages of a bot.
struct Consumer {
    id: u64,
    bot: Arc<Bot>,
    server: Arc<Shared>,
    heartbeat: Option<Duration>,
    next_beat: Option<Instant>,
    encoder: Encoder,
    /// Written and not yet handed over.
    out: BytesMut,
    /// Whether the opening was written.
    opened: bool,
    /// Messages written so far.
    messages: u64,
    /// How it shall end, once that is known.
    end: Option<StreamEnd>,
}

impl Consumer {
    /// The next piece of the body; `None` ends it well, an error closes the connection.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        let server = Arc::clone(&self.server);
        let bot = Arc::clone(&self.bot);
        loop {
            // Before the look into the queue, so that news in between is not missed.
            let news = bot.news();
            let faults = server.faults().streams;
            self.beat_if_due(faults);
            let step = self.step(faults);
            if let Some(piece) = self.piece(faults.framing.chunks) {
                return Some(Ok(piece));
            }
            match step {
                Step::Wait => {}
                Step::End => return None,
                Step::Close => {
                    // hyper writes out what it has when the body has to wait, so the pieces are on their way.
                    tokio::task::yield_now().await;
                    return Some(Err(io::ErrorKind::ConnectionAborted.into()));
                }
            }
            tokio::select! {
                () = news => {}
                () = server.stopped() => return None,
                () = until(self.next_beat) => {}
            }
        }
    }

    /// The next of the bytes that wait.
    fn piece(&mut self, chunks: Chunks) -> Option<Bytes> {
        let size = match chunks {
            Chunks::Bytes(size) => size.clamp(1, self.out.len().max(1)),
            Chunks::Coalesced | Chunks::Events => self.out.len(),
        };
        if self.out.is_empty() { None } else { Some(self.out.split_to(size).freeze()) }
    }

    /// Writes what can be written now, unless something waits to be handed over.
    fn step(&mut self, faults: StreamFaults) -> Step {
        if !self.out.is_empty() {
            return Step::Wait;
        }
        if self.bot.is_gone() {
            return Step::End;
        }
        if !self.opened {
            self.opened = true;
            Encoder::opening(faults.framing, &mut self.out);
        }
        let left = faults.cut.map_or(u64::MAX, |cut| cut.after.saturating_sub(self.messages));
        if let Some(cut) = faults.cut.filter(|_| left == 0) {
            self.end.get_or_insert(cut.end);
        }
        match self.end {
            Some(StreamEnd::Clean) => return Step::End,
            Some(StreamEnd::Reset) => return Step::Close,
            Some(StreamEnd::Torn) => return self.tear(faults),
            None => {}
        }
        let at_once = match faults.framing.chunks {
            // Nothing is taken, but a takeover or a request to end is noticed.
            _ if faults.frozen => 0,
            Chunks::Coalesced => usize::MAX,
            Chunks::Events | Chunks::Bytes(_) => 1,
        };
        match self.bot.take(self.id, at_once.min(usize::try_from(left).unwrap_or(usize::MAX)), PIECE) {
            Taken::Nothing => Step::Wait,
            Taken::End(end) => {
                self.end = Some(end);
                self.step(faults)
            }
            Taken::Messages(first, messages) => {
                self.messages += messages.len() as u64;
                let copies = if faults.duplicates { 2 } else { 1 };
                for (json, index) in messages.iter().zip(first..) {
                    for _ in 0..copies {
                        self.encoder.event(faults.framing, Some(index), json, &mut self.out);
                    }
                }
                Step::Wait
            }
        }
    }

    /// Writes half a message, if there is one.
    fn tear(&mut self, faults: StreamFaults) -> Step {
        match self.bot.take(self.id, 1, PIECE) {
            Taken::Nothing => Step::Wait,
            Taken::End(_) => Step::End,
            Taken::Messages(first, messages) => {
                self.end = Some(StreamEnd::Reset);
                for json in &messages {
                    self.encoder.event(faults.framing, Some(first), json, &mut self.out);
                }
                self.out.truncate(self.out.len() / 2);
                Step::Wait
            }
        }
    }

    /// Writes a heartbeat if its time has come.
    fn beat_if_due(&mut self, faults: StreamFaults) {
        let Some(period) = self.heartbeat else { return };
        let now = Instant::now();
        if self.next_beat.is_some_and(|due| now < due) {
            return;
        }
        // The first look only starts the clock.
        if self.next_beat.is_some() && !faults.frozen && self.out.is_empty() {
            self.encoder.event(faults.framing, None, HEARTBEAT, &mut self.out);
        }
        self.next_beat = now.checked_add(period);
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.bot.close(self.id);
    }
}

/// What to do when nothing waits to be handed over.
enum Step {
    Wait,
    End,
    Close,
}
