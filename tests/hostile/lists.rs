//! Guests that lie about lengths and places, and pass more than anybody wants to read.

use hodhod_core::runtime::Reason;

use crate::kit::{Attack, Guest, import};

const MIB: u32 = 1 << 20;

/// Where nothing lies, not even the event.
const FREE: u32 = 131_072;

/// Sends the message that lies at 2048.
const SEND: &str = "(call $SEND (i32.const 2048) (i32.const 1024)) (call $told)";

/// A guest with memory enough that changes the message before it sends it.
fn sends(change: &str) -> Guest {
    Guest::new(&[import::SEND], &format!("{change} {SEND}")).memory("300")
}

/// The text of the message: where it lies, and how long it is.
fn text(at: u32, length: u32) -> Guest {
    sends(&format!("(i32.store (i32.const 2072) (i32.const {at})) (i32.store (i32.const 2076) (i32.const {length}))"))
}

fn is_too_much(guest: &Guest) {
    let failure = Attack::by(guest).run().fails(Reason::Quota);
    assert!(failure.detail.contains("fuel"), "{failure}");
}

#[test]
fn limit_host_call_ends_a_text_of_16_mib() {
    is_too_much(&text(FREE, 16 * MIB));
}

#[test]
fn a_text_of_two_mib() {
    Attack::by(&text(FREE, 2 * MIB)).run().rejects("buffer: 1048576 bytes of messages and values in one turn");
}

#[test]
fn a_text_of_nothing_but_what_takes_six_bytes_on_disk() {
    // A zero byte is written as an escape.
    Attack::by(&text(FREE, MIB / 4)).run().rejects("buffer: 1048576 bytes of messages and values in one turn");
}

#[test]
fn a_keyboard_of_a_million_rows() {
    let keyboard = "(i32.store8 (i32.const 2184) (i32.const 1))
        (i32.store (i32.const 2192) (i32.const 65536)) (i32.store (i32.const 2196) (i32.const 1000000))";
    is_too_much(&sends(keyboard));
}

#[test]
fn a_keyboard_of_seventy_thousand_rows_without_a_button() {
    let keyboard = "(i32.store8 (i32.const 2184) (i32.const 1))
        (i32.store (i32.const 2192) (i32.const 131072)) (i32.store (i32.const 2196) (i32.const 70000))";
    Attack::by(&sends(keyboard)).run().rejects("buffer: 1048576 bytes of messages and values in one turn");
}

#[test]
fn a_million_annotations() {
    let annotations = "(i32.store (i32.const 2216) (i32.const 65536)) (i32.store (i32.const 2220) (i32.const 1000000))";
    is_too_much(&sends(annotations));
}

#[test]
fn a_text_that_lies_outside_of_memory() {
    let failure = Attack::by(&text(300 << 16, 4)).run().fails(Reason::Panic);
    assert!(failure.detail.contains("out of bounds"), "{failure}");
}

#[test]
fn a_text_that_ends_outside_of_memory() {
    Attack::by(&text((300 << 16) - 4, 8)).run().fails(Reason::Panic);
}

#[test]
fn a_text_whose_end_is_before_its_beginning() {
    Attack::by(&text(0xffff_fff0, 0x20)).run().fails(Reason::Panic);
}

#[test]
fn a_text_of_four_gib() {
    Attack::by(&text(0, u32::MAX)).run().fails(Reason::Panic);
}

#[test]
fn a_text_that_is_no_utf_8() {
    let guest = text(5000, 4).and(r#"(data (i32.const 5000) "\ff\fe\c0\80")"#);
    let failure = Attack::by(&guest).run().fails(Reason::Panic);
    assert!(failure.detail.contains("utf-8"), "{failure}");
}

#[test]
fn a_text_of_half_a_surrogate() {
    Attack::by(&text(5000, 3).and(r#"(data (i32.const 5000) "\ed\a0\80")"#)).run().fails(Reason::Panic);
}

fn allocates(answer: &str) {
    let realloc =
        format!(r#"(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const {answer}))"#);
    Attack::by(&Guest { realloc, ..Guest::with("") }).run().fails(Reason::Panic);
}

#[test]
fn memory_for_the_event_that_lies_outside_of_memory() {
    allocates("0x7ffffff0");
}

#[test]
fn memory_for_the_event_at_the_very_end() {
    allocates("131064");
}

#[test]
fn memory_for_the_event_at_an_odd_place() {
    allocates("65537");
}

#[test]
fn a_result_that_lies_outside_of_memory() {
    Attack::by(&Guest::new(&[], "(i32.const -8)")).run().fails(Reason::Panic);
}

#[test]
fn a_result_at_an_odd_place() {
    Attack::by(&Guest::new(&[], "(i32.const 17)")).run().fails(Reason::Panic);
}

#[test]
fn a_result_that_is_neither_good_nor_bad() {
    Attack::by(&Guest::new(&[], "(i32.store8 (i32.const 512) (i32.const 7)) (i32.const 512)"))
        .run()
        .fails(Reason::Panic);
}

#[test]
fn a_message_of_a_kind_that_there_is_not() {
    let failure = Attack::by(&sends("(i32.store8 (i32.const 2064) (i32.const 99))")).run().fails(Reason::Panic);
    assert!(failure.detail.contains("discriminant"), "{failure}");
}

#[test]
fn a_press_of_a_kind_that_there_is_not() {
    // One row at 5000 of one button at 5008: a label, and a press of kind 200.
    let keyboard = "(i32.store8 (i32.const 2184) (i32.const 1))
        (i32.store (i32.const 2192) (i32.const 5000)) (i32.store (i32.const 2196) (i32.const 1))
        (i32.store (i32.const 5000) (i32.const 5008)) (i32.store (i32.const 5004) (i32.const 1))
        (i32.store8 (i32.const 5016) (i32.const 200))";
    Attack::by(&sends(keyboard)).run().fails(Reason::Panic);
}

#[test]
fn a_way_to_miss_a_timer_that_there_is_not() {
    let timer = "(call $TIMER (i32.const 4096) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
        (i32.const 0) (i64.const 0) (i32.const 4096) (i32.const 4) (i32.const 9) (i32.const 1024)) (call $told)";
    Attack::by(&Guest::new(&[import::TIMER], timer)).run().fails(Reason::Panic);
}

/// A message that is a place.
fn at(latitude: &str, longitude: &str) -> Guest {
    sends(&format!(
        "(i32.store8 (i32.const 2064) (i32.const 2))
        (f64.store (i32.const 2072) (f64.const {latitude})) (f64.store (i32.const 2080) (f64.const {longitude}))"
    ))
}

#[test]
fn a_place_that_is_not_a_number() {
    Attack::by(&at("nan", "0")).run().rejects("there is no such place");
}

#[test]
fn a_place_that_is_infinitely_far() {
    Attack::by(&at("0", "-inf")).run().rejects("there is no such place");
}

/// Starts to upload a file: its name and its media type.
fn uploads(name: (u32, u32), mime: (u32, u32)) -> Guest {
    let upload = format!(
        "(call $UPLOAD (i32.const 4096) (i32.const 4) (i32.const {}) (i32.const {}) (i32.const {}) (i32.const {})
            (i32.const 1024))
        (call $told)",
        name.0, name.1, mime.0, mime.1
    );
    Guest::new(&[import::UPLOAD], &upload).memory("100").and(r#"(data (i32.const 5000) "image/png\0d\0aX: y")"#)
}

#[test]
fn a_name_of_a_file_of_two_lines() {
    Attack::by(&uploads((5000, 15), (5000, 9))).run().rejects("the name of the file holds control characters");
}

#[test]
fn a_media_type_of_two_lines() {
    Attack::by(&uploads((4096, 4), (5000, 15))).run().rejects("the media type is none, such as image/jpeg");
}
