//! Log lines of a guest: bounded, cut inside no character, and cleaned of whatever could command a
//! terminal.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use hodhod_core::text::clean;
use hodhod_core::trace::EventTrace;
use hodhod_core::turn::Actor;
use tokio::io::AsyncWrite;
use tracing::field::display;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::clock::TurnClock;

/// Bytes that a guest may write to a stream at once.
const WRITE: usize = 64 << 10;

/// Bytes of a line that are kept until its end: more than is shown of any.
const LINE: usize = 8 << 10;

/// Longest context of a line, in bytes.
const CONTEXT: usize = 64;

/// How loud a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// Where the lines of one turn go. Clones share the bounds.
#[derive(Clone)]
pub(crate) struct Lines(Arc<Mutex<Inner>>);

struct Inner {
    actor: Arc<Actor>,
    trace: Option<EventTrace>,
    clock: TurnClock,
    left: usize,
    dropped: usize,
    last_error: Option<String>,
    /// What was written of lines that have not ended, on standard output and on standard error.
    partial: [Vec<u8>; 2],
}

impl Lines {
    /// Lines of one turn.
    pub(crate) fn new(actor: Arc<Actor>, trace: Option<EventTrace>, clock: TurnClock) -> Self {
        let left = actor.limits.log_lines;
        Self(Arc::new(Mutex::new(Inner {
            actor,
            trace,
            clock,
            left,
            dropped: 0,
            last_error: None,
            partial: Default::default(),
        })))
    }

    /// Begins another turn of the same guest, whose streams go on.
    pub(crate) fn begin(&self, trace: Option<EventTrace>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.trace = trace;
        (inner.left, inner.dropped, inner.last_error) = (inner.actor.limits.log_lines, 0, None);
    }

    /// Writes one line.
    pub(crate) fn write(&self, level: Level, context: &str, text: &str) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.left == 0 {
            inner.dropped += 1;
            return;
        }
        inner.left -= 1;
        let listening = match level {
            Level::Trace => tracing::enabled!(target: "bot", tracing::Level::TRACE),
            Level::Debug => tracing::enabled!(target: "bot", tracing::Level::DEBUG),
            Level::Info => tracing::enabled!(target: "bot", tracing::Level::INFO),
            Level::Warn => tracing::enabled!(target: "bot", tracing::Level::WARN),
            Level::Error => tracing::enabled!(target: "bot", tracing::Level::ERROR),
        };
        // What nobody reads costs nobody anything.
        if !listening {
            return;
        }
        let actor = inner.actor.clone();
        let bot = &actor.bot;
        let text = clean(text, actor.limits.log_line);
        let context = clean(context, CONTEXT);
        if !actor.quotas.line(bot, text.len() + context.len(), &actor.limits, inner.clock.now()) {
            inner.dropped += 1;
            return;
        }
        let trace_id = inner.trace.map(display);
        match level {
            Level::Trace => tracing::trace!(target: "bot", %bot, trace_id, %context, "{text}"),
            Level::Debug => tracing::debug!(target: "bot", %bot, trace_id, %context, "{text}"),
            Level::Info => tracing::info!(target: "bot", %bot, trace_id, %context, "{text}"),
            Level::Warn => tracing::warn!(target: "bot", %bot, trace_id, %context, "{text}"),
            Level::Error => tracing::error!(target: "bot", %bot, trace_id, %context, "{text}"),
        }
    }

    /// Takes bytes of standard output or standard error, and writes the lines that end in them.
    fn take(&self, error: bool, bytes: &[u8]) {
        let mut rest = bytes;
        let mut partial = self.swap(error, Vec::new());
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            partial.extend_from_slice(&rest[..end]);
            self.emit(error, &partial);
            partial.clear();
            rest = &rest[end + 1..];
        }
        // A line is shown cut, so the rest of a long one need not be kept.
        let room = LINE.saturating_sub(partial.len());
        partial.extend_from_slice(&rest[..rest.len().min(room)]);
        drop(self.swap(error, partial));
    }

    /// Writes the lines that have not ended: nothing more comes of this turn.
    pub(crate) fn flush(&self) {
        for error in [false, true] {
            let partial = self.swap(error, Vec::new());
            self.emit(error, &partial);
        }
    }

    /// Puts what there is of a line in the place of what there was.
    fn swap(&self, error: bool, partial: Vec<u8>) -> Vec<u8> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut inner.partial[usize::from(error)], partial)
    }

    fn emit(&self, error: bool, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches('\r');
        if error {
            self.remember(text);
        }
        if !text.is_empty() {
            let (level, context) = if error { (Level::Warn, "stderr") } else { (Level::Info, "stdout") };
            self.write(level, context, text);
        }
    }

    /// Remembers the line as a possible reason why the guest gave up.
    fn remember(&self, line: &str) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !line.trim().is_empty() && !line.starts_with("note: ") {
            inner.last_error = Some(clean(line, 300));
        }
    }

    /// What the guest last said on its standard error.
    pub(crate) fn last_error(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).last_error.clone()
    }

    /// Says how many lines were dropped, now and then.
    pub(crate) fn end(&self) {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.dropped > 0
            && let Some(lines) = inner.actor.quotas.dropped(inner.dropped as u64, inner.clock.now())
        {
            tracing::warn!(target: "bot", bot = %inner.actor.bot, trace_id = inner.trace.map(display),
                "{lines} more lines were dropped");
        }
    }
}

/// A guest's standard output or standard error, as log lines.
#[derive(Clone)]
pub(crate) struct LineStream {
    lines: Lines,
    error: bool,
}

impl LineStream {
    pub(crate) fn output(lines: Lines) -> Self {
        Self { lines, error: false }
    }

    pub(crate) fn error(lines: Lines) -> Self {
        Self { lines, error: true }
    }
}

impl IsTerminal for LineStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LineStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only the preview-2 form below is linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LineStream {
    async fn ready(&mut self) {}
}

impl OutputStream for LineStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > WRITE {
            return Err(StreamError::trap("more was written at once than was permitted"));
        }
        self.lines.take(self.error, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use hodhod_core::runtime::Limits;
    use hodhod_core::time::Millis;

    use super::*;

    #[test]
    fn a_line_that_one_turn_began_is_not_in_front_of_what_the_next_one_writes() {
        let actor = Actor::new("bot".into(), [].into(), Limits::default(), Arc::default());
        let lines = Lines::new(Arc::new(actor), None, TurnClock::new(Millis(0), Instant::now()));
        lines.take(true, "نیمه\nha".as_bytes());
        lines.take(true, b"lf");
        assert_eq!(lines.last_error().as_deref(), Some("نیمه"));
        lines.flush();
        assert_eq!(lines.last_error().as_deref(), Some("half"));
        lines.begin(None);
        assert_eq!(lines.last_error(), None);
        lines.take(true, b"whole\n");
        assert_eq!(lines.last_error().as_deref(), Some("whole"));
    }
}
