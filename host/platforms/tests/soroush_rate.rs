//! No stream, however hostile, costs more than its length: what is eight times as long takes about
//! eight times as long, where something quadratic would take sixty-four times.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::time::{Duration, Instant};

use hodhod_core::time::Millis;
use hodhod_platforms::soroush::{Decoder, Options};

const NOW: Millis = Millis(1_763_700_000_000);

/// Between eight times and sixty-four times, with room for a busy machine.
const MOST: u32 = 30;

/// How long it takes to read a stream in chunks of a length: the shortest of some runs, since other
/// work on the machine only makes it longer.
fn time(stream: &str, chunk: usize) -> Duration {
    let run = || {
        let options = Options { max_event: 1 << 20, ..Options::default() };
        let mut decoder = Decoder::new("shop".into(), &options);
        let began = Instant::now();
        for chunk in stream.as_bytes().chunks(chunk) {
            drop(decoder.push(chunk, NOW));
        }
        began.elapsed()
    };
    (0..5).map(|_| run()).min().unwrap()
}

#[test]
fn hostile_streams_take_time_in_proportion_to_their_length() {
    const SHORT: usize = 64 << 10;
    type Stream = fn(usize) -> String;
    let streams: [(&str, usize, Stream); 11] = [
        ("empty lines in one chunk", usize::MAX, |n| "\n".repeat(n)),
        ("empty lines of CR", 1400, |n| "\r".repeat(n)),
        ("one event in many lines", 1400, |n| format!("data:{{\n{}data:}}\n\n", "data:\n".repeat(n / 6 - 2))),
        ("one long line", 1400, |n| format!("data:{{\"a\":\"{}\"}}\n", "x".repeat(n))),
        ("one long line in single bytes", 1, |n| format!("data:{{\"a\":\"{}\"}}\n", "x".repeat(n))),
        ("short events in one chunk", usize::MAX, |n| "data:{}\n\n".repeat(n / 9)),
        ("a long id with each event", 1400, |n| {
            "id:".to_owned() + &"x".repeat(1000) + "\n" + &"data:{}\n".repeat(n / 16)
        }),
        ("escapes of half characters", 1400, |n| format!("data:{{\"a\":\"{}\"}}\n", "\\ud800".repeat(n / 8))),
        ("objects in objects", 1400, |n| format!("data:{}1{}\n", "{\"body\":".repeat(n / 10), "}".repeat(n / 10))),
        ("open braces", 1400, |n| "data:".to_owned() + &"{".repeat(n)),
        ("a line that never ends", 1400, |n| "data:{\"a\":\"".to_owned() + &"x".repeat(n)),
    ];
    for (name, chunk, stream) in streams {
        let (short, long) = (stream(SHORT), stream(8 * SHORT));
        let chunk = chunk.min(long.len());
        let (short, long) = (time(&short, chunk), time(&long, chunk));
        assert!(long < short * MOST + Duration::from_millis(2), "{name}: {short:?}, and eight times as long {long:?}");
    }
}
