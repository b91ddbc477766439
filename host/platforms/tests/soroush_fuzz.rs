//! Streams that no server would write, however they are cut.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use hodhod_core::event::Event;
use hodhod_core::platform::Incoming;
use hodhod_core::testing::fuzz;
use hodhod_core::text::is_clean;
use hodhod_core::time::Millis;
use hodhod_platforms::soroush::{Decoder, Options};

const WORDS: [&[u8]; 34] = [
    b"data:",
    b"data: ",
    b"data",
    b"id:",
    b"event:x",
    b"retry:",
    b"retry:18446744073709551616",
    b":",
    b"\n",
    b"\r\n",
    b"\r",
    b"\n\n",
    b"\xEF\xBB\xBF",
    b"{",
    b"}",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud83d",
    b"\xff",
    b"\0",
    b"[[[[",
    b"{\"a\":",
    b"\"type\":\"TEXT\"",
    b"\"type\":\"FILE\"",
    b"\"type\":\"START\"",
    b"\"type\":\"LOCATION\"",
    b"\"from\":\"a\"",
    b"\"fileUrl\":\"../x\"",
    b"\"time\":-1",
    b"1e999",
    b"data:{\"type\":\"STOP\",\"from\":\"b\"}",
    b"\"latitude\":\"35\",\"longitude\":51",
    b"\"body\":null",
];

/// Limits of an event, in bytes: one that cuts nearly all, one that cuts some, and the usual one.
const LIMITS: [usize; 3] = [48, 600, 1 << 20];

/// A field that is not data, and the beginning of a line, beside the event.
const BESIDE: usize = 1024 + 16;

/// What a stream was, cut into pieces whose lengths come from `lengths`.
fn read(stream: &[u8], limit: usize, mut lengths: impl FnMut() -> usize) -> (Vec<Incoming>, String) {
    let mut decoder = Decoder::new("shop".into(), &Options { max_event: limit, ..Options::default() });
    let (mut rest, mut events) = (stream, Vec::new());
    while !rest.is_empty() {
        let (chunk, behind) = rest.split_at(lengths().clamp(1, rest.len()));
        events.extend(decoder.push(chunk, Millis(1_763_700_000_000)));
        assert!(decoder.buffered() <= limit + BESIDE, "{} bytes are held", decoder.buffered());
        rest = behind;
    }
    assert!(decoder.last_event_id().len() <= 3 * BESIDE);
    let state = (decoder.objects(), decoder.skipped(), decoder.retry(), decoder.buffered());
    (events, format!("{state:?} {:?}", decoder.last_event_id()))
}

fn check(stream: &[u8]) -> Vec<(usize, Vec<String>)> {
    let mut choice = fuzz::number(stream);
    let mut outcomes = Vec::new();
    for limit in LIMITS {
        let whole = read(stream, limit, || usize::MAX);
        assert_eq!(read(stream, limit, || 1), whole, "byte by byte, limit {limit}");
        let mut lengths = || {
            // Knuth's generator: any numbers will do, as long as they are the same for the same stream.
            choice = choice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(choice >> 59).unwrap_or_default()
        };
        for _ in 0..3 {
            assert_eq!(read(stream, limit, &mut lengths), whole, "in pieces, limit {limit}");
        }
        let closed = stream.iter().filter(|byte| **byte == b'}').count();
        assert!(whole.0.len() <= closed, "more events than objects");
        let mut kinds = Vec::new();
        for incoming in &whole.0 {
            let Event::Message(message) = &*incoming.event else { continue };
            assert!(is_clean(message.chat.id.as_str()) && is_clean(&incoming.key), "{incoming:?}");
            // Bytes that are no text grow to a mark of three.
            let words = serde_json::to_string(&message.annotations).unwrap().len();
            assert!(words <= 12 * limit.min(stream.len()) + 512, "{words} bytes of annotations");
            kinds.push(format!("{:?}", message.content).chars().take(5).collect());
        }
        kinds.truncate(3);
        outcomes.push((whole.0.len().min(3), kinds));
    }
    outcomes
}

#[test]
fn fuzz_sse_means_the_same_however_it_is_cut_and_holds_little() {
    let mut seeds = fuzz::corpus(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/sse"));
    let framed = |json: Vec<u8>| [b"data:", json.as_slice(), b"\n\n"].concat();
    seeds.extend(fuzz::corpus(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/soroush")).into_iter().map(framed));
    fuzz::run("sse", seeds, &WORDS, check);
}
