//! Makes clean, bounded frames of whatever the platform sends, before the event-stream parser.
//!
//! The parser is a fine reader of clean streams and a weak one of hostile streams: it copies its
//! whole buffer for each line, never lets go of a byte that is not UTF-8, panics on a byte-order
//! mark, and waits for a blank line that this platform is known to send late (with the next
//! message, so that each message is read one too late). So each frame that leaves here is one
//! complete JSON object, as one short chunk, and leaves with the object's last brace:
//!
//! * `data:` lines of one event are joined until the object is closed; then the event ends, and the
//!   real blank line means nothing. Text behind the object on its line is dropped.
//! * A line that begins with `{` is an event without its `data:`.
//! * Data that is not an object, or ends in its middle, is no message: it is dropped and counted.
//! * Lines end with LF, CRLF or CR in any mixture, and chunks end anywhere.
//! * An event over the limit is dropped and counted; reading goes on at the next line.
//!
//! Each byte is looked at a fixed number of times, and what is held is bounded by the limit.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::object::{Object, find_either};
use super::status::{Skip, Status};

/// Fields other than `data` are short: an id, a name, a number. A longer one is dropped, because
/// the parser keeps the id and copies it with every event.
const MAX_FIELD: usize = 1024;

/// Room for an event that is kept from one to the next; more is given back.
const KEPT_CAPACITY: usize = 64 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The longest beginning that must be seen to know what a line is: `event:` or `retry:`.
const MAX_HEAD: usize = 6;

/// What the line at hand is.
#[derive(Debug, Default)]
enum Line {
    /// Not known yet; its bytes so far are in `head`.
    #[default]
    Head,
    /// A `data:` line.
    Data,
    /// A JSON object without `data:`.
    Bare,
    /// An `id:`, `event:` or `retry:` line; its bytes are in `field`.
    Field,
    /// Nothing more of it is wanted.
    Rest,
}

/// The state between two chunks of one response.
#[derive(Debug)]
pub(super) struct Normaliser {
    max_event: usize,
    status: Arc<Status>,
    line: Line,
    head: Vec<u8>,
    field: Vec<u8>,
    /// The frame of the object that is open: `data:` lines.
    event: Vec<u8>,
    /// Whole lines in `event`.
    lines: usize,
    object: Object,
    /// Nothing but a byte-order mark can have come.
    at_start: bool,
    /// The last byte was a CR: a LF that follows belongs to it.
    after_cr: bool,
    /// An `event:` field went out, and no end of an event since.
    named: bool,
    retry: Option<Duration>,
}

impl Normaliser {
    /// Starts at the beginning of a response. No event may be longer than `max_event` bytes.
    pub(super) fn new(max_event: usize, status: Arc<Status>) -> Self {
        Self {
            max_event,
            status,
            line: Line::Head,
            head: Vec::with_capacity(MAX_HEAD),
            field: Vec::new(),
            event: Vec::new(),
            lines: 0,
            object: Object::default(),
            at_start: true,
            after_cr: false,
            named: false,
            retry: None,
        }
    }

    /// The delay that the server asked for last. It is read here, because the parser gives it only
    /// with an event and a server may send it alone.
    pub(super) fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Bytes that wait for the rest of their line or event.
    pub(super) fn buffered(&self) -> usize {
        self.head.len() + self.field.len() + self.event.len()
    }

    /// Takes the next chunk and appends the frames that are complete now.
    pub(super) fn push(&mut self, mut bytes: &[u8], out: &mut VecDeque<Bytes>) {
        while let Some((first, behind)) = bytes.split_first() {
            if std::mem::take(&mut self.after_cr) && *first == b'\n' {
                bytes = behind;
                continue;
            }
            let Some(end) = find_either(bytes, b'\n', b'\r') else {
                return self.read(bytes, out);
            };
            let (piece, rest) = bytes.split_at(end);
            self.read(piece, out);
            self.end_line(out);
            self.after_cr = rest.first() == Some(&b'\r');
            bytes = rest.get(1..).unwrap_or_default();
        }
    }

    /// Reads a piece of the line at hand.
    fn read(&mut self, mut piece: &[u8], out: &mut VecDeque<Bytes>) {
        while matches!(self.line, Line::Head) {
            let Some((byte, rest)) = piece.split_first() else { return };
            self.head.push(*byte);
            piece = rest;
            self.recognise(out);
        }
        match self.line {
            Line::Data | Line::Bare => self.read_data(piece, out),
            Line::Field if self.field.len() + piece.len() > MAX_FIELD => {
                self.field.clear();
                self.skip_line(Skip::LongField);
            }
            Line::Field => self.field.extend_from_slice(piece),
            Line::Head | Line::Rest => {}
        }
    }

    /// Says what the line is, as soon as its beginning tells.
    fn recognise(&mut self, out: &mut VecDeque<Bytes>) {
        self.line = match self.head.as_slice() {
            BYTE_ORDER_MARK if self.at_start => {
                self.at_start = false;
                Line::Head
            }
            b"data:" => {
                if self.object.is_open() {
                    self.keep(b"data:")
                } else {
                    Line::Data
                }
            }
            b"id:" | b"event:" | b"retry:" => {
                self.field.clone_from(&self.head);
                Line::Field
            }
            b"{" => {
                if self.object.is_open() {
                    self.abandon(Skip::NotJson);
                }
                self.line = Line::Bare;
                self.head.clear();
                return self.read_data(b"{", out);
            }
            [.., b':'] => Line::Rest,
            head if head.len() >= MAX_HEAD => Line::Rest,
            _ => return,
        };
        self.head.clear();
    }

    /// Reads a piece of JSON.
    fn read_data(&mut self, mut piece: &[u8], out: &mut VecDeque<Bytes>) {
        if !self.object.is_open() {
            piece = piece.trim_ascii_start();
            match piece.first() {
                None => return,
                Some(b'{') => self.event.extend_from_slice(b"data:"),
                Some(_) => return self.skip_line(Skip::NotJson),
            }
        }
        let end = self.object.read(piece);
        let wanted = end.and_then(|end| piece.get(..end)).unwrap_or(piece);
        let line = std::mem::take(&mut self.line);
        self.line = self.keep(wanted);
        match self.line {
            Line::Rest => {}
            _ if end.is_some() => {
                self.emit(out);
                self.line = Line::Rest;
            }
            _ => self.line = line,
        }
    }

    /// Adds to the event, or drops it if it grows over the limit; returns what the line is then.
    fn keep(&mut self, bytes: &[u8]) -> Line {
        if self.event.len() + bytes.len() > self.max_event {
            self.abandon(Skip::Oversized);
            return Line::Rest;
        }
        self.event.extend_from_slice(bytes);
        Line::Data
    }

    fn end_line(&mut self, out: &mut VecDeque<Bytes>) {
        self.at_start = false;
        match std::mem::take(&mut self.line) {
            Line::Head if self.head.is_empty() => self.end_event(out),
            Line::Head => {
                // A field without a colon has the empty value, which says something only for an id.
                if self.head == b"id" {
                    out.push_back(Bytes::from_static(b"id:\n"));
                }
                self.head.clear();
            }
            Line::Data if self.object.is_open() => {
                self.event.push(b'\n');
                self.lines += 1;
            }
            Line::Bare if self.object.is_open() => self.abandon(Skip::NotJson),
            Line::Field => self.end_field(out),
            Line::Data | Line::Bare | Line::Rest => {}
        }
    }

    /// A blank line: the end of an event that, if it was one, has gone out already.
    fn end_event(&mut self, out: &mut VecDeque<Bytes>) {
        if self.object.is_open() {
            self.abandon(Skip::NotJson);
        }
        if std::mem::take(&mut self.named) {
            out.push_back(Bytes::from_static(b"\n"));
        }
    }

    fn end_field(&mut self, out: &mut VecDeque<Bytes>) {
        let field = std::mem::take(&mut self.field);
        if let Some(value) = field.strip_prefix(b"retry:") {
            let digits = value.strip_prefix(b" ").unwrap_or(value);
            if digits.iter().all(u8::is_ascii_digit)
                && let Some(millis) = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok())
            {
                self.retry = Some(Duration::from_millis(millis));
            }
            return;
        }
        self.named |= field.starts_with(b"event:");
        let mut line = self.text(&field);
        line.push('\n');
        out.push_back(Bytes::from(line));
    }

    /// The object is complete: out it goes, with the blank line that ends it.
    fn emit(&mut self, out: &mut VecDeque<Bytes>) {
        let frame = std::mem::take(&mut self.event);
        let mut text = self.text(&frame);
        text.push_str("\n\n");
        let text = Bytes::from(text);
        if self.lines == 0 {
            out.push_back(text);
        } else {
            // Line by line: the parser copies what is behind each line of a chunk.
            let mut start = 0;
            for line in text.split_inclusive(|byte| *byte == b'\n') {
                out.push_back(text.slice(start..start + line.len()));
                start += line.len();
            }
        }
        self.named = false;
        self.event = frame;
        self.clear();
    }

    /// Bytes as text, with a mark in place of what is not UTF-8: a message with a hole is better
    /// than no message.
    fn text(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        if matches!(text, std::borrow::Cow::Owned(_)) {
            self.status.skip(Skip::Mended);
        }
        // Room for the line ends that follow.
        let mut owned = String::with_capacity(text.len() + 2);
        owned.push_str(&text);
        owned
    }

    fn abandon(&mut self, why: Skip) {
        self.status.skip(why);
        self.clear();
    }

    fn clear(&mut self) {
        self.event.clear();
        self.event.shrink_to(KEPT_CAPACITY);
        self.lines = 0;
        self.object = Object::default();
    }

    fn skip_line(&mut self, why: Skip) {
        self.status.skip(why);
        self.line = Line::Rest;
    }
}
