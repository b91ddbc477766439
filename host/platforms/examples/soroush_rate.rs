//! Measures how fast ordinary streams are read, all the way from bytes to events.
//!
//! `cargo run --release -p hodhod-platforms --example soroush_rate`

#![expect(clippy::print_stdout, reason = "a measurement prints")]

use std::time::{Duration, Instant};

use hodhod_core::time::Millis;
use hodhod_platforms::soroush::{Decoder, Options};
use serde_json::json;

fn main() {
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
        // The shortest of some runs: other work on the machine only makes it longer.
        let runs = (0..5).map(|_| read(&stream, chunk));
        let (taken, events) = runs.min().unwrap_or_default();
        let seconds = taken.as_secs_f64();
        let megabytes = stream.len() as f64 / seconds / 1e6;
        println!("{chunk:6} B chunks: {megabytes:5.0} MB/s, {:4.0} ns an event", seconds * 1e9 / events as f64);
    }
}

fn read(stream: &str, chunk: usize) -> (Duration, usize) {
    let mut decoder = Decoder::new("shop".into(), &Options::default());
    let began = Instant::now();
    let events =
        stream.as_bytes().chunks(chunk).map(|chunk| decoder.push(chunk, Millis(1_763_700_000_000)).len()).sum();
    (began.elapsed(), events)
}
