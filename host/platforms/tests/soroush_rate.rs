//! No stream, however hostile, costs more than its length: the speed of reading it, and a
//! measurement of the speed of ordinary ones.
//!
//! `cargo test --release -p hodhod-platforms --test soroush_rate -- --ignored --nocapture`

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::time::{Duration, Instant};

use hodhod_core::platform::Incoming;
use hodhod_core::time::Millis;
use hodhod_platforms::soroush::{Decoder, Options};
use serde_json::json;

const NOW: Millis = Millis(1_763_700_000_000);

fn decoder(max_event: usize) -> Decoder {
    Decoder::new("shop".into(), &Options { max_event, ..Options::default() })
}

/// Feeds a stream in chunks of a length.
fn feed(decoder: &mut Decoder, stream: &[u8], length: usize) -> Vec<Incoming> {
    stream.chunks(length).flat_map(|chunk| decoder.push(chunk, NOW)).collect()
}

/// The shortest of some runs: other work on the machine only makes it longer.
fn shortest(mut run: impl FnMut()) -> Duration {
    (0..5).map(|_| time(&mut run)).min().unwrap()
}

fn time(run: &mut impl FnMut()) -> Duration {
    let began = Instant::now();
    run();
    began.elapsed()
}

/// Without optimisation everything takes longer; what is not linear takes minutes in any case.
const SLOWER: u32 = if cfg!(debug_assertions) { 40 } else { 1 };

#[test]
fn hostile_streams_take_linear_time() {
    const MIB: usize = 1 << 20;
    let lines_of_one_event = format!("data:{{\n{}", "data:\n".repeat(MIB / 6 - 2));
    let streams = [
        ("a mebibyte of empty lines", "\n".repeat(MIB), MIB),
        ("the same with CR", "\r".repeat(MIB), 1400),
        ("one event of a mebibyte in many lines", lines_of_one_event + "data:}\n\n", 1400),
        ("one line of four mebibytes", format!("data:{{\"a\":\"{}\"}}\n", "x".repeat(4 * MIB)), 1400),
        ("a mebibyte of short events in one chunk", "data:{}\n\n".repeat(MIB / 9), MIB),
        (
            "a long id with each of many events",
            "id:".to_owned() + &"x".repeat(1000) + "\n" + &"data:{}\n".repeat(MIB / 16),
            1400,
        ),
        ("escapes of half characters", format!("data:{{\"a\":\"{}\"}}\n", "\\ud800".repeat(MIB / 8)), 1400),
        ("objects in objects", format!("data:{}1{}\n", "{\"body\":".repeat(MIB / 10), "}".repeat(MIB / 10)), 1400),
        ("open braces", "data:".to_owned() + &"{".repeat(MIB), 1400),
    ];
    for (name, stream, chunk) in streams {
        let taken = shortest(|| drop(feed(&mut decoder(MIB), stream.as_bytes(), chunk)));
        assert!(taken < Duration::from_millis(250) * SLOWER, "{name}: {taken:?}");
    }
    let empty = "\n".repeat(MIB);
    let taken = shortest(|| drop(decoder(MIB).push(empty.as_bytes(), NOW)));
    assert!(taken < Duration::from_millis(50) * SLOWER, "a mebibyte of empty lines: {taken:?}");
}

#[test]
fn a_line_of_four_mebibytes_in_single_bytes_is_not_quadratic() {
    let stream = format!("data:{{\"a\":\"{}\"}}\n", "x".repeat(4 << 20));
    let mut decoder = decoder(8 << 20);
    let taken = time(&mut || drop(feed(&mut decoder, stream.as_bytes(), 1)));
    assert!(taken < Duration::from_millis(400) * SLOWER, "{taken:?}");
    assert_eq!(decoder.objects(), 1);
}

#[test]
#[ignore = "measures; meaningful only in release"]
fn rate() {
    let file = json!({
        "from": "z".repeat(59), "type": "FILE", "time": "1763690000000", "body": "پرواز هدهد", "fileType": "IMAGE",
        "fileUrl": "k".repeat(315), "fileSize": 1000, "fileName": "a.jpg", "imageWidth": 100, "imageHeight": 100,
    });
    let chat = json!({
        "from": "z".repeat(59), "type": "TEXT", "time": "1763690000000", "body": "سلام، hello, how are you? ".repeat(8),
    });
    let mut stream = String::new();
    while stream.len() < 16 << 20 {
        for _ in 0..6 {
            stream += &format!("data:{chat}\n\n");
        }
        stream += &format!("data:{file}\n\n");
    }
    for chunk in [1400, 16 << 10, 64 << 10] {
        let mut events = 0;
        let taken = shortest(|| events = feed(&mut decoder(1 << 20), stream.as_bytes(), chunk).len());
        println!(
            "{chunk:6} B chunks: {:5.0} MB/s, {:4.0} ns an event",
            stream.len() as f64 / taken.as_secs_f64() / 1e6,
            taken.as_nanos() as f64 / events as f64
        );
    }
}
