//! How events become bytes: the plain form, and every odd form that a client must still read.

use std::time::Duration;

use bytes::{BufMut, BytesMut};

/// The form of the events on a stream. The default is what the platform does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Framing {
    /// What ends a line.
    pub line_end: LineEnd,
    /// `data: {…}` instead of `data:{…}`.
    pub space_after_colon: bool,
    /// No fields at all: one JSON object on each line, sent as `application/stream+json`.
    pub bare_json: bool,
    /// When the end of an event is written.
    pub terminator: Terminator,
    /// A U+FEFF as the first character of each stream.
    pub byte_order_mark: bool,
    /// A comment line in front of each event.
    pub comments: bool,
    /// An `id:` line in each event: the number of the message.
    pub ids: bool,
    /// A `retry:` line, in milliseconds, in each event.
    pub retry: Option<Duration>,
    /// How the bytes are cut into HTTP chunks.
    pub chunks: Chunks,
}

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineEnd {
    /// `\n`
    #[default]
    Lf,
    /// `\r\n`
    CrLf,
    /// `\r`
    Cr,
}

/// When the end of an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Terminator {
    /// With the event.
    #[default]
    Prompt,
    /// The data line is whole, its blank line comes just before the next event.
    LateBlankLine,
    /// Even the end of the data line comes just before the next event.
    LateLineEnd,
}

/// How the bytes of a stream are cut into HTTP chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Chunks {
    /// As many events in one chunk as there are, up to 64 KiB.
    #[default]
    Coalesced,
    /// Each event one chunk.
    Events,
    /// Chunks of this many bytes (0 counts as 1), wherever that cuts: also inside a character.
    Bytes(usize),
}

impl Framing {
    pub(super) fn content_type(self) -> &'static str {
        if self.bare_json { "application/stream+json" } else { "text/event-stream" }
    }
}

/// Writes the events of one stream. The form may change between two events.
#[derive(Default)]
pub(super) struct Encoder {
    /// What the last event is still owed.
    owed: Vec<u8>,
}

impl Encoder {
    /// What stands before the first event.
    pub(super) fn opening(framing: Framing, out: &mut BytesMut) {
        if framing.byte_order_mark {
            out.put_slice("\u{feff}".as_bytes());
        }
    }

    /// One event. JSON with line breaks in it becomes several data lines, as the standard has it.
    pub(super) fn event(&mut self, framing: Framing, id: Option<u64>, json: &str, out: &mut BytesMut) {
        let end = framing.line_end.bytes();
        out.put_slice(&self.owed);
        self.owed.clear();
        let blank = if framing.bare_json {
            out.put_slice(json.as_bytes());
            b"".as_slice()
        } else {
            self.fields(framing, id, json, out);
            end
        };
        match framing.terminator {
            Terminator::Prompt => {
                out.put_slice(end);
                out.put_slice(blank);
            }
            Terminator::LateBlankLine if !framing.bare_json => {
                out.put_slice(end);
                self.owed.extend_from_slice(blank);
            }
            Terminator::LateBlankLine | Terminator::LateLineEnd => {
                self.owed.extend_from_slice(end);
                self.owed.extend_from_slice(blank);
            }
        }
    }

    /// The lines of one event, without the end of the last one.
    fn fields(&self, framing: Framing, id: Option<u64>, json: &str, out: &mut BytesMut) {
        let end = framing.line_end.bytes();
        let mut line = |text: &str| {
            out.put_slice(text.as_bytes());
            out.put_slice(end);
        };
        if framing.comments {
            line(":a comment");
        }
        if let Some(id) = id.filter(|_| framing.ids) {
            line(&format!("id:{id}"));
        }
        if let Some(retry) = framing.retry {
            line(&format!("retry:{}", retry.as_millis()));
        }
        let name = if framing.space_after_colon { "data: " } else { "data:" };
        for (number, part) in json.split(['\n', '\r']).enumerate() {
            if number > 0 {
                out.put_slice(end);
            }
            out.put_slice(name.as_bytes());
            out.put_slice(part.as_bytes());
        }
    }
}

impl LineEnd {
    fn bytes(self) -> &'static [u8] {
        match self {
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
            Self::Cr => b"\r",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_events(framing: Framing) -> String {
        let mut out = BytesMut::new();
        let mut encoder = Encoder::default();
        Encoder::opening(framing, &mut out);
        encoder.event(framing, Some(0), "{1}", &mut out);
        out.put_slice(b"|");
        encoder.event(framing, Some(1), "{2}", &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn each_form_has_its_bytes() {
        let plain = Framing::default();
        for (framing, expected) in [
            (plain, "data:{1}\n\n|data:{2}\n\n"),
            (Framing { space_after_colon: true, ..plain }, "data: {1}\n\n|data: {2}\n\n"),
            (Framing { line_end: LineEnd::CrLf, ..plain }, "data:{1}\r\n\r\n|data:{2}\r\n\r\n"),
            (Framing { line_end: LineEnd::Cr, ..plain }, "data:{1}\r\r|data:{2}\r\r"),
            (Framing { bare_json: true, ..plain }, "{1}\n|{2}\n"),
            (Framing { terminator: Terminator::LateBlankLine, ..plain }, "data:{1}\n|\ndata:{2}\n"),
            (Framing { terminator: Terminator::LateLineEnd, ..plain }, "data:{1}|\n\ndata:{2}"),
            (Framing { terminator: Terminator::LateLineEnd, bare_json: true, ..plain }, "{1}|\n{2}"),
            (Framing { byte_order_mark: true, ..plain }, "\u{feff}data:{1}\n\n|data:{2}\n\n"),
            (
                Framing { comments: true, ids: true, retry: Some(Duration::from_secs(3)), ..plain },
                ":a comment\nid:0\nretry:3000\ndata:{1}\n\n|:a comment\nid:1\nretry:3000\ndata:{2}\n\n",
            ),
        ] {
            assert_eq!(two_events(framing), expected, "{framing:?}");
        }
    }

    #[test]
    fn json_over_several_lines_becomes_several_data_lines() {
        let mut out = BytesMut::new();
        Encoder::default().event(Framing::default(), None, "{\n}", &mut out);
        assert_eq!(&out[..], b"data:{\ndata:}\n\n");
    }
}
