//! Guests that look for the machine around them.

use hodhod_core::runtime::Reason;

use crate::kit::{Attack, Guest, import};

/// Asks for a list, and traps if there is anything in it.
fn finds_nothing(import: &str, call: &str) {
    let look =
        format!("(call {call} (i32.const 1024)) (if (i32.load (i32.const 1028)) (then unreachable)) (i32.const 16)");
    Attack::by(&Guest::new(&[import], &look)).run().ends_well().leaves_nothing();
}

#[test]
fn the_variables_of_the_environment() {
    finds_nothing(import::ENVIRONMENT, "$ENVIRONMENT");
}

#[test]
fn the_arguments() {
    finds_nothing(import::ARGUMENTS, "$ARGUMENTS");
}

#[test]
fn the_folders() {
    finds_nothing(import::PREOPENS, "$PREOPENS");
}

#[test]
fn a_connection_to_this_machine() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let seen = Attack::told(&format!("connect {}", listener.local_addr().unwrap())).run().ends_well();
    assert_eq!(seen.texts(), ["PermissionDenied"]);
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nobody came");
}

#[test]
fn a_name_that_is_looked_up() {
    let seen = Attack::told("connect localhost:80").run().ends_well();
    assert_eq!(seen.texts().len(), 1);
    assert_ne!(seen.texts(), ["connected"]);
}

#[test]
fn limit_random_ends_a_request_for_a_tib() {
    let random = "(call $RANDOM (i64.const 1099511627776) (i32.const 1024)) (i32.const 16)";
    Attack::by(&Guest::new(&[import::RANDOM], random)).run().fails(Reason::Quota);
}

#[test]
fn random_bytes_without_end() {
    // The allocator gives the same place again.
    let realloc = r#"(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))"#;
    let random = "(loop (call $RANDOM (i64.const 65536) (i32.const 1024)) (br 0)) (i32.const 16)";
    let guest = Guest { realloc: realloc.to_owned(), ..Guest::new(&[import::RANDOM], random).memory("4") };
    Attack::by(&guest).run().fails(Reason::Cpu);
}
