//! Guests that pass a text or a list of eight MiB, or of two, into each import that takes one.

use hodhod_core::runtime::Reason;

use crate::kit::{Attack, Guest, import};

/// More than one call takes out of a component.
const MUCH: u32 = 8 << 20;

/// As much as one call takes, and more than anything is meant to be.
const LESS: u32 = 2 << 20;

/// Opens the bucket «bot», and an upload; the handle is left in `$n`.
const BUCKET: &str = "(call $OPEN (i32.const 4101) (i32.const 3) (i32.const 1024))
    (local.set $n (i32.load (i32.const 1028)))";
const UPLOAD: &str = "(call $UPLOAD (i32.const 4096) (i32.const 4) (i32.const 4101) (i32.const 3)
        (i32.const 5000) (i32.const 9) (i32.const 1024))
    (local.set $n (i32.load (i32.const 1032)))";

/// How what a call answered at 1024 is told.
const TOLD: &str = "(call $told)";
const OF_VALUES: &str = "(call $told_of_values)";
/// A sum has its place eight bytes behind, and so has what is said instead of one.
const COUNTED: &str = "(call $reject (i32.load (i32.const 1036)) (i32.load (i32.const 1040)))";
/// Nothing is.
const WELL: &str = "(i32.const 16)";

/// A guest that makes one call; `{}` in it is a text or a list where nothing else lies.
fn calls(imports: &[&str], before: &str, call: &str, after: &str, length: u32) -> Attack {
    let call = call.replace("{}", &format!("(i32.const 131072) (i32.const {length})"));
    let guest = Guest::new(imports, &format!("{before} {call} {after}")).memory("200");
    Attack::by(&guest.and(r#"(data (i32.const 5000) "image/png")"#))
}

/// With the beginning of it, as far as it can be shown.
const NO_CONNECTION: &str = "the bot does not serve the connection \"\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\
    \\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0…\"";

/// What becomes of two MiB: the host says what is wrong with them, or takes them.
enum Less {
    Rejects(&'static str),
    Ends,
}
use Less::{Ends, Rejects};

macro_rules! into_each {
    ($($name:ident: [$($import:ident),+] $before:expr, $call:literal, $after:expr, $less:expr;)+) => {
        $(
            #[test]
            fn $name() {
                let imports = [$(import::$import),+];
                let failure = calls(&imports, $before, $call, $after, MUCH).run().fails(Reason::Quota);
                assert!(failure.detail.contains("fuel"), "{failure}");
                let seen = calls(&imports, $before, $call, $after, LESS).run();
                match $less {
                    Rejects(words) => seen.rejects(words),
                    Ends => seen.ends_well().leaves_nothing(),
                }
            }
        )+
    };
}

into_each! {
    the_answer_to_a_press: [RESPOND] "",
        "(call $RESPOND (i32.const 0) {} (i32.const 1024))", TOLD,
        Rejects("buffer: 1048576 bytes of messages and values in one turn");
    the_id_of_a_timer: [TIMER] "",
        "(call $TIMER {} (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0)
            (i32.const 4096) (i32.const 4) (i32.const 0) (i32.const 1024))", TOLD,
        Rejects("too-large");
    what_a_timer_brings: [TIMER] "",
        "(call $TIMER (i32.const 4096) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
            (i64.const 0) {} (i32.const 0) (i32.const 1024))", TOLD,
        Rejects("too-large");
    the_chat_of_a_timer: [TIMER] "",
        "(call $TIMER (i32.const 4096) (i32.const 4) (i32.const 1) (i32.const 4096) (i32.const 4) {}
            (i64.const 0) (i32.const 4096) (i32.const 4) (i32.const 0) (i32.const 1024))", TOLD,
        Rejects("no chat has such an id");
    the_id_of_a_timer_that_is_cancelled: [CANCEL] "",
        "(call $CANCEL {} (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1024))", TOLD,
        Rejects("too-large");
    the_name_of_a_file_to_read: [READ] "",
        "(call $READ {} (i64.const 0) (i32.const 1) (i32.const 1024))", TOLD,
        Rejects("this bot was given no such file");
    the_connection_of_an_upload: [UPLOAD] "",
        "(call $UPLOAD {} (i32.const 4101) (i32.const 3) (i32.const 5000) (i32.const 9) (i32.const 1024))", TOLD,
        Rejects(NO_CONNECTION);
    the_name_of_an_upload: [UPLOAD] "",
        "(call $UPLOAD (i32.const 4096) (i32.const 4) {} (i32.const 5000) (i32.const 9) (i32.const 1024))", TOLD,
        Rejects("the name of the file is too long");
    the_media_type_of_an_upload: [UPLOAD] "",
        "(call $UPLOAD (i32.const 4096) (i32.const 4) (i32.const 4101) (i32.const 3) {} (i32.const 1024))", TOLD,
        Rejects("the media type is none, such as image/jpeg");
    a_piece_of_an_upload: [UPLOAD, PIECE] UPLOAD,
        "(call $PIECE (local.get $n) {} (i32.const 1024))", TOLD,
        Rejects("too-large");
    the_name_of_a_bucket: [OPEN] "",
        "(call $OPEN {} (i32.const 1024))", OF_VALUES,
        Rejects("no-such-store");
    a_key_that_is_read: [OPEN, GET] BUCKET,
        "(call $GET (local.get $n) {} (i32.const 1024))", OF_VALUES,
        Rejects("too large: at most 256 bytes");
    a_key_that_is_looked_for: [OPEN, EXISTS] BUCKET,
        "(call $EXISTS (local.get $n) {} (i32.const 1024))", OF_VALUES,
        Rejects("too large: at most 256 bytes");
    a_key_that_is_written: [OPEN, SET] BUCKET,
        "(call $SET (local.get $n) {} (i32.const 4096) (i32.const 4) (i32.const 1024))", OF_VALUES,
        Rejects("too large: at most 256 bytes");
    a_key_that_is_deleted: [OPEN, DELETE] BUCKET,
        "(call $DELETE (local.get $n) {} (i32.const 1024))", OF_VALUES,
        Rejects("too large: at most 256 bytes");
    a_key_that_is_counted: [OPEN, INCREMENT] BUCKET,
        "(call $INCREMENT (local.get $n) {} (i64.const 1) (i32.const 1024))", COUNTED,
        Rejects("too large: at most 256 bytes");
    a_value_that_is_written: [OPEN, SET] BUCKET,
        "(call $SET (local.get $n) (i32.const 4096) (i32.const 4) {} (i32.const 1024))", OF_VALUES,
        Rejects("too large: at most 65536 bytes");
    a_key_of_the_configuration: [CONFIG] "",
        "(call $CONFIG {} (i32.const 1024))", WELL,
        Ends;
    what_is_logged: [LOG] "",
        "(call $LOG (i32.const 2) (i32.const 4096) (i32.const 4) {})", WELL,
        Ends;
    what_a_log_line_is_about: [LOG] "",
        "(call $LOG (i32.const 2) {} (i32.const 4096) (i32.const 4))", WELL,
        Ends;
    the_token_of_a_post: [POST] "",
        "(call $POST (i32.const 4096) (i32.const 4) {} (i32.const 1024))", TOLD,
        Rejects("no ad has such a token");
}

/// The guest that asks other servers: eight MiB in one part of its request.
fn asks(request: &str) {
    let policy = hodhod_core::egress::Policy::default();
    let network = hodhod_engine::Network::new(std::sync::Arc::new(super::http::nobody()), None).unwrap();
    let attack = Attack::asks(request, policy, network).limits(|limits| limits.memory = 64 << 20);
    let failure = attack.run().fails(Reason::Quota);
    assert!(failure.detail.contains("fuel"), "{failure}");
}

#[test]
fn the_path_of_a_request() {
    asks("GET\thttps\texample.com\t/\\*8388608;");
}

#[test]
fn the_server_of_a_request() {
    asks("GET\thttps\t\\*8388608;\t/");
}

#[test]
fn the_scheme_of_a_request() {
    asks("GET\t\\*8388608;\texample.com\t/");
}

#[test]
fn the_method_of_a_request() {
    asks("\\*8388608;\thttps\texample.com\t/");
}

#[test]
fn the_name_of_a_field_of_a_request() {
    asks("GET\thttps\texample.com\t/\n\\*8388608;: a");
}

#[test]
fn the_value_of_a_field_of_a_request() {
    asks("GET\thttps\texample.com\t/\na: \\*8388608;");
}
