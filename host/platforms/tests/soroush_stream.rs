//! What reading the stream promises: however the bytes come, each message comes out once, as early
//! as it is complete, and no stream can stop it or make it grow.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, and so do its helpers")]

use std::time::Duration;

use eventsource_stream::Eventsource;
use futures::{FutureExt, StreamExt};
use hodhod_core::event::{Content, Event};
use hodhod_core::platform::Incoming;
use hodhod_core::time::Millis;
use hodhod_platforms::soroush::{Decoder, Options};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

const NOW: Millis = Millis(1_763_700_000_000);

fn decoder(max_event: usize) -> Decoder {
    Decoder::new("shop".into(), &Options { max_event, ..Options::default() })
}

fn text(body: &str) -> String {
    json!({"from": "zahra", "type": "TEXT", "time": "1763690000000", "body": body}).to_string()
}

fn bodies(events: &[Incoming]) -> Vec<String> {
    events
        .iter()
        .map(|incoming| match &*incoming.event {
            Event::Message(message) => match &message.content {
                Content::Text(text) => text.clone(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        })
        .collect()
}

/// The bodies that each of the chunks brings.
fn each<const N: usize>(chunks: [&str; N]) -> [Vec<String>; N] {
    let mut decoder = decoder(1 << 20);
    chunks.map(|chunk| bodies(&decoder.push(chunk.as_bytes(), NOW)))
}

fn skipped(stream: &[u8], max_event: usize) -> Vec<(&'static str, u64)> {
    let mut decoder = decoder(max_event);
    decoder.push(stream, NOW);
    decoder.skipped()
}

#[test]
fn a_message_is_delivered_with_its_last_brace_not_with_the_next_message() {
    let (first, second) = (text("1"), text("2"));
    assert_eq!(
        each(["data:", &first, "\n", "\n", "data: ", &second]),
        [vec![], vec!["1".to_owned()], vec![], vec![], vec![], vec!["2".to_owned()]]
    );
}

#[test]
fn messages_need_no_blank_line_between_them() {
    let stream = format!("data:{}\ndata:{}\r{}\r\n{}", text("1"), text("2"), text("3"), text("4"));
    assert_eq!(each([&stream])[0], ["1", "2", "3", "4"]);
}

#[test]
fn the_lines_of_one_event_are_joined() {
    let pretty = serde_json::to_string_pretty(&json!({"from": "a", "type": "TEXT", "body": "x"})).unwrap();
    let event: String = pretty.lines().map(|line| format!("data: {line}\n")).collect();
    assert!(event.lines().count() > 3);
    assert_eq!(each([&event, "\n"]), [vec!["x".to_owned()], vec![]]);
}

#[test]
fn a_byte_order_mark_comments_and_fields_do_not_disturb() {
    let stream = format!("\u{feff}: hi\nid: 7\nretry: 2500\nevent: note\nfoo: bar\nid\nid: 8\ndata: {}\n\n", text("1"));
    for cut in 0..stream.len() {
        let mut decoder = decoder(1 << 20);
        let (head, tail) = stream.as_bytes().split_at(cut);
        let mut events = decoder.push(head, NOW);
        events.extend(decoder.push(tail, NOW));
        assert_eq!(bodies(&events), ["1"], "cut at {cut}");
        assert_eq!(decoder.last_event_id(), "8");
        assert_eq!(decoder.retry(), Some(Duration::from_millis(2500)));
    }
}

#[test]
fn marks_of_byte_order_never_stop_the_stream() {
    let stream = format!("\u{feff}\u{feff}data:{}\n\u{feff}\ndata:{}\n", text("lost"), text("1"));
    assert_eq!(each([&stream])[0], ["1"]);
}

#[test]
fn a_wish_to_wait_is_heard_without_an_event() {
    let mut decoder = decoder(1 << 20);
    for (field, wish) in [("retry:10", Some(10)), ("retry: x", Some(10)), ("retry:", Some(10)), ("retry: 20", Some(20))]
    {
        decoder.push(format!("{field}\n\n").as_bytes(), NOW);
        assert_eq!(decoder.retry(), wish.map(Duration::from_millis), "{field}");
    }
}

#[test]
fn what_is_no_object_costs_no_message() {
    let good = text("1");
    for bad in
        ["data:ping", "data:[1]", "data:null", "data:{\"a\":\n", "data:{\"a\"}", "{\"a\":", "<html>", "data:}", "data"]
    {
        let stream = format!("{bad}\ndata:{good}\n");
        assert_eq!(each([&stream])[0], ["1"], "{bad}");
    }
}

#[test]
fn text_behind_an_object_on_its_line_is_not_read() {
    let stream = format!("data:{}{}\ndata:{} \u{0} }} x\n", text("1"), text("not"), text("2"));
    assert_eq!(each([&stream])[0], ["1", "2"]);
}

#[test]
fn an_event_over_the_limit_is_dropped_and_the_next_is_read() {
    let (long, good) = (text(&"x".repeat(2000)), text("1"));
    let many_lines = "data:{\n".to_owned() + &"data:\"a\":1,\n".repeat(500);
    for bad in [format!("data:{long}\n\n"), format!("{long}\n"), format!("data:{long}\n"), many_lines] {
        let mut decoder = decoder(1024);
        let mut events = Vec::new();
        for byte in (bad + "data:" + &good + "\n\n").bytes() {
            events.extend(decoder.push(&[byte], NOW));
            assert!(decoder.buffered() <= 1024 + 16);
        }
        assert_eq!(bodies(&events), ["1"]);
        assert!(decoder.skipped().contains(&("oversized", 1)), "{:?}", decoder.skipped());
    }
}

#[test]
fn a_long_field_is_dropped() {
    let stream = format!("id: 1\nid: {}\ndata:{}\n", "x".repeat(2000), text("1"));
    let mut decoder = decoder(1 << 20);
    assert_eq!(bodies(&decoder.push(stream.as_bytes(), NOW)), ["1"]);
    assert_eq!(decoder.last_event_id(), "1");
    assert_eq!(decoder.skipped(), [("long-field", 1)]);
}

#[test]
fn bytes_that_are_no_text_leave_a_mark_and_the_stream_goes_on() {
    let mut stream = format!("data:{}\n\n", text("a?b")).into_bytes();
    let hole = stream.iter().position(|byte| *byte == b'?').unwrap();
    stream[hole] = 0xFF;
    stream.extend(format!("id: \u{1}\ndata:{}\n\n", text("2")).bytes());
    let mut decoder = decoder(1 << 20);
    assert_eq!(bodies(&decoder.push(&stream, NOW)), ["a\u{fffd}b", "2"]);
    assert_eq!(decoder.skipped(), [("mended", 1)]);
}

#[test]
fn what_was_skipped_is_counted_by_reason() {
    let stream = "data:nonsense\n\ndata:{\"type\":\"CHANGE\"}\n\ndata:{\"from\":\"a\"}\n\ndata:{\"type\":\"NEW\"}\n\n\
                  data:{\"type\":\"TEXT\"}\n\ndata:{\"type\":\"HEALTH_CEHCK\"}\n\ndata:{\"x\": \n\n";
    assert_eq!(
        skipped(stream.as_bytes(), 1 << 20),
        [("not-json", 2), ("no-type", 1), ("unknown-type", 1), ("ignored-type", 1), ("no-sender", 1)]
    );
}

#[test]
fn a_heartbeat_is_a_sign_of_life_and_no_message() {
    let mut decoder = decoder(1 << 20);
    for kind in ["HEALTH_CEHCK", "HEALTH_CHECK"] {
        assert!(decoder.push(format!("data:{{\"type\":\"{kind}\"}}\n\n").as_bytes(), NOW).is_empty());
    }
    assert_eq!((decoder.objects(), decoder.skipped()), (2, vec![]));
}

/// How one event is written.
#[derive(Clone, Debug)]
enum Framing {
    Data(&'static str),
    Lines(&'static str),
    Bare,
}

#[derive(Clone, Debug)]
struct Sent {
    body: String,
    noise: &'static str,
    framing: Framing,
    line_end: &'static str,
    blank_lines: usize,
}

impl Sent {
    fn write(&self, stream: &mut String) {
        let value = json!({"from": "zahra", "type": "TEXT", "time": 1_763_690_000_000_u64, "body": self.body});
        stream.push_str(self.noise);
        match self.framing {
            Framing::Data(prefix) => *stream += &format!("{prefix}{value}{}", self.line_end),
            Framing::Bare => *stream += &format!("{value}{}", self.line_end),
            Framing::Lines(prefix) => {
                for line in serde_json::to_string_pretty(&value).unwrap().lines() {
                    *stream += &format!("{prefix}{line}{}", self.line_end);
                }
            }
        }
        *stream += &self.line_end.repeat(self.blank_lines);
    }

    /// A body of nothing but white space counts as none.
    fn expected(&self) -> &str {
        if self.body.trim().is_empty() { "" } else { &self.body }
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let body = prop_oneof![
        any::<String>(),
        "[ {}\\[\\]\"\\\\:,\n\r\t]{0,20}",
        "[\u{200c}یيک۰-۹ \u{202b}😀👩‍👧\u{feff}\u{2028}]{0,20}",
        Just("data:{}\n\ndata:{\"type\":\"START\"}".to_owned()),
    ];
    let noise = prop_oneof![
        6 => Just(""),
        1 => Just("\n\n\n"),
        1 => Just("\r\r\n\n\r"),
        1 => Just(": comment {\"a\":1}\n"),
        1 => Just("id: 17\r\n"),
        1 => Just("event: e\n\n"),
        1 => Just("retry: 9\r"),
        1 => Just("foo: {}\n"),
        1 => Just("data:\n\n"),
        1 => Just("data: pong\n"),
        1 => Just("data:{\"cut\": \"short\n\n"),
        1 => Just("data:{\"type\":\"HEALTH_CEHCK\"}\n\n"),
    ];
    let framing = prop_oneof![
        Just(Framing::Data("data:")),
        Just(Framing::Data("data: ")),
        Just(Framing::Data("data:\t ")),
        Just(Framing::Lines("data:")),
        Just(Framing::Lines("data: ")),
        Just(Framing::Bare),
    ];
    let line_end = prop_oneof![Just("\n"), Just("\r\n"), Just("\r")];
    (body, noise, framing, line_end, 0..3_usize).prop_map(|(body, noise, framing, line_end, blank_lines)| Sent {
        body,
        noise,
        framing,
        line_end,
        blank_lines,
    })
}

/// Feeds a stream in chunks of the given lengths, over and over.
fn feed(decoder: &mut Decoder, mut stream: &[u8], lengths: &[usize]) -> Vec<Incoming> {
    let mut events = Vec::new();
    for length in lengths.iter().cycle() {
        if stream.is_empty() {
            break;
        }
        let (chunk, rest) = stream.split_at((*length).min(stream.len()));
        events.extend(decoder.push(chunk, NOW));
        stream = rest;
    }
    events
}

/// Pieces that mean something, so that chance meets the rules more often than with plain bytes.
fn spice() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"data:".to_vec()),
        Just(b"{".to_vec()),
        Just(b"}".to_vec()),
        Just(b"\"".to_vec()),
        Just(b"\\".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"id:".to_vec()),
        Just(b"event:x".to_vec()),
        Just(b"retry:1".to_vec()),
        Just(b"\xEF\xBB\xBF".to_vec()),
        Just(b"data:{\"type\":\"START\",\"from\":\"a\"}".to_vec()),
        vec(any::<u8>(), 0..4),
    ];
    vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_framing_and_any_cutting_give_the_same_messages(
        sent in vec(sent(), 0..12),
        lengths in vec(1..40_usize, 1..8),
    ) {
        let mut stream = String::new();
        sent.iter().for_each(|event| event.write(&mut stream));
        let mut decoder = decoder(1 << 20);
        let events = feed(&mut decoder, stream.as_bytes(), &lengths);
        prop_assert_eq!(bodies(&events), sent.iter().map(Sent::expected).collect::<Vec<_>>(), "{:?}", stream);
    }

    #[test]
    fn a_clean_stream_means_what_the_standard_says(sent in vec(sent(), 0..12)) {
        let mut stream = String::new();
        for event in &sent {
            let clean = match event.framing {
                Framing::Lines(_) => Framing::Lines("data: "),
                Framing::Data(_) | Framing::Bare => Framing::Data("data: "),
            };
            Sent { noise: "", framing: clean, blank_lines: 1, ..event.clone() }.write(&mut stream);
        }
        // The parser waits behind a CR for a LF.
        let chunks = futures::stream::iter([Ok::<_, std::convert::Infallible>(stream.clone() + ":\n")]);
        let standard: Vec<_> = chunks.eventsource().collect::<Vec<_>>().now_or_never().unwrap();
        let standard = standard.into_iter().map(|event| format!("data:{}\n", event.unwrap().data.replace('\n', " ")));

        let ours = decoder(1 << 20).push(stream.as_bytes(), NOW);
        prop_assert_eq!(ours, decoder(1 << 20).push(standard.collect::<String>().as_bytes(), NOW));
    }

    #[test]
    fn arbitrary_bytes_mean_the_same_however_they_are_cut(
        stream in prop_oneof![vec(any::<u8>(), 0..300), spice()],
        lengths in vec(1..9_usize, 1..8),
    ) {
        let (mut whole, mut cut) = (decoder(48), decoder(48));
        let events = whole.push(&stream, NOW);
        prop_assert_eq!(feed(&mut cut, &stream, &lengths), events);
        prop_assert_eq!(cut.skipped(), whole.skipped());
        prop_assert_eq!(cut.retry(), whole.retry());
        prop_assert_eq!(cut.last_event_id(), whole.last_event_id());
        prop_assert!(whole.buffered() <= 48 + 6 + 1024 && cut.buffered() == whole.buffered());
    }
}
