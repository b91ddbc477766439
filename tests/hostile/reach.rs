//! Guests that reach for chats and files of others.

use crate::kit::{Attack, Guest, import};

/// Sends to the chat whose connection and id stand at 5000, so long.
fn sends_to(connection: &str, id: &str) -> Guest {
    let escaped: String = [connection, id].concat().bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let send = format!(
        "(i32.store (i32.const 2048) (i32.const 5000)) (i32.store (i32.const 2052) (i32.const {}))
        (i32.store (i32.const 2056) (i32.const {})) (i32.store (i32.const 2060) (i32.const {}))
        (call $SEND (i32.const 2048) (i32.const 1024)) (call $told)",
        connection.len(),
        5000 + connection.len(),
        id.len()
    );
    Guest::new(&[import::SEND], &send).and(&format!(r#"(data (i32.const 5000) "{escaped}")"#))
}

#[test]
fn a_chat_of_another_connection() {
    let attack = Attack::by(&sends_to("quiet", "q0"));
    attack.run().rejects("the bot does not serve the connection \"quiet\"");
}

#[test]
fn a_connection_whose_name_goes_on_after_a_zero() {
    let attack = Attack::by(&sends_to("loud\0quiet", "q0"));
    attack.run().rejects("the bot does not serve the connection \"loud\\0quiet\"");
}

#[test]
fn a_chat_whose_id_has_two_lines() {
    Attack::by(&sends_to("loud", "a\r\nX: y")).run().rejects("no chat has such an id");
}

#[test]
fn a_chat_whose_id_commands_a_terminal() {
    Attack::by(&sends_to("loud", "a\u{1b}[2J")).run().rejects("no chat has such an id");
}

#[test]
fn a_chat_whose_id_is_read_from_the_right() {
    Attack::by(&sends_to("loud", "a\u{202e}b")).run().rejects("no chat has such an id");
}

#[test]
fn a_chat_without_an_id() {
    Attack::by(&sends_to("loud", "")).run().rejects("no chat has such an id");
}

#[test]
fn a_chat_whose_id_has_600_bytes() {
    Attack::by(&sends_to("loud", &"a".repeat(600))).run().rejects("no chat has such an id");
}

/// Reads a file of this name.
fn reads(name: &str) {
    let read = format!(
        "(call $READ (i32.const 5000) (i32.const {}) (i64.const 0) (i32.const 100) (i32.const 1024)) (call $told)",
        name.len()
    );
    let guest = Guest::new(&[import::READ], &read).and(&format!(r#"(data (i32.const 5000) "{name}")"#));
    Attack::by(&guest).run().rejects("this bot was given no such file");
}

#[test]
fn a_file_of_the_machine() {
    reads("/etc/passwd");
}

#[test]
fn a_file_whose_code_is_made_up() {
    reads("00000000000000000000000000000000.4.loudkey");
}

#[test]
fn a_file_whose_length_is_a_lie() {
    reads("00000000000000000000000000000000.99999999999999999999.loudkey");
}

#[test]
fn a_file_without_a_code() {
    reads(".4.loudkey");
}

#[test]
fn sending_a_file_whose_code_is_made_up() {
    // A document whose file is what stands at 5000.
    let send = "(i32.store8 (i32.const 2064) (i32.const 1)) (i32.store8 (i32.const 2072) (i32.const 5))
        (i32.store (i32.const 2076) (i32.const 5000)) (i32.store (i32.const 2080) (i32.const 42))
        (call $SEND (i32.const 2048) (i32.const 1024)) (call $told)";
    let guest = Guest::new(&[import::SEND], send)
        .and(r#"(data (i32.const 5000) "00000000000000000000000000000000.4.loudkey")"#);
    Attack::by(&guest).run().rejects("this bot was given no such file");
}

#[test]
fn uploading_through_another_connection() {
    let upload = "(call $UPLOAD (i32.const 5009) (i32.const 5) (i32.const 4101) (i32.const 3)
            (i32.const 5000) (i32.const 9) (i32.const 1024))
        (call $told)";
    let guest = Guest::new(&[import::UPLOAD], upload).and(r#"(data (i32.const 5000) "image/pngquiet")"#);
    Attack::by(&guest).run().rejects("the bot does not serve the connection \"quiet\"");
}

/// Sets a timer: the place and length of its id, that of the connection, and when it is due.
fn sets(id: (u32, u32), connection: (u32, u32), due: i64) -> Guest {
    let timer = format!(
        "(call $TIMER (i32.const {}) (i32.const {}) (i32.const 1) (i32.const {}) (i32.const {})
            (i32.const 4100) (i32.const 1) (i64.const {due}) (i32.const 4096) (i32.const 4) (i32.const 0)
            (i32.const 1024))
        (call $told)",
        id.0, id.1, connection.0, connection.1
    );
    Guest::new(&[import::TIMER], &timer).memory("20").and(r#"(data (i32.const 5000) "quiet")"#)
}

#[test]
fn a_timer_for_a_chat_of_another_connection() {
    let attack = Attack::by(&sets((4096, 4), (5000, 5), 0));
    attack.run().rejects("the bot does not serve the connection \"quiet\"");
}

#[test]
fn a_timer_without_an_id() {
    Attack::by(&sets((4096, 0), (4096, 4), 0)).run().rejects("the key is empty");
}

#[test]
fn a_timer_with_an_id_of_a_mib() {
    Attack::by(&sets((131_072, 1 << 20), (4096, 4), 0)).run().rejects("too-large");
}

#[test]
fn a_timer_at_the_end_of_time() {
    let seen = Attack::by(&sets((4096, 4), (4096, 4), -1)).run().ends_well();
    assert_eq!(seen.timers.len(), 1);
    assert_eq!(seen.timers[0].1.due.0, u64::MAX, "it stands, and fires when that is");
}
