//! Guests that are granted Divar and ask it for what it should not do, or without end.

use std::time::Duration;

use hodhod_core::runtime::Reason;

use crate::kit::{Attack, Guest, import};

/// Asks for the ad called `token`, of the connection called `connection`, and then does this.
fn asks(connection: &str, token: &str, then: &str) -> Guest {
    let escaped: String = [connection, token].concat().bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let post = format!(
        "(call $POST (i32.const 5000) (i32.const {}) (i32.const {}) (i32.const {}) (i32.const 1024)) {then}",
        connection.len(),
        5000 + connection.len(),
        token.len()
    );
    Guest::new(&[import::POST], &post).and(&format!(r#"(data (i32.const 5000) "{escaped}")"#))
}

/// Asks for a consent to so many scopes, which lie from the third page on, each nothing.
fn consents(scopes: u32) -> Guest {
    let consent = format!(
        "(call $CONSENT (i32.const 4096) (i32.const 4) (i32.const 131072) (i32.const {scopes})
            (i32.const 4096) (i32.const 4) (i32.const 1024))
        (call $told)"
    );
    Guest::new(&[import::CONSENT], &consent).memory("300")
}

#[test]
fn divar_through_another_connection() {
    let attack = Attack::by(&asks("quiet", "AZir15UU", "(call $told)"));
    attack.run().rejects("the bot does not serve the connection \"quiet\"");
}

#[test]
fn divar_and_an_ad_that_is_a_way_elsewhere() {
    Attack::by(&asks("loud", "../users", "(call $told)")).run().rejects("no ad has such a token");
}

#[test]
fn divar_and_an_ad_with_a_header_in_it() {
    Attack::by(&asks("loud", "a\r\nx: y", "(call $told)")).run().rejects("no ad has such a token");
}

#[test]
fn divar_and_scopes_that_say_nothing() {
    Attack::by(&consents(1000)).run().rejects("a scope is a word");
}

#[test]
fn divar_and_a_million_scopes() {
    Attack::by(&consents(1 << 20)).run().fails(Reason::Quota);
}

#[test]
fn divar_and_a_list_of_scopes_beyond_the_memory() {
    Attack::by(&consents(1 << 28)).run().fails(Reason::Panic);
}

#[test]
fn divar_asked_more_often_than_a_minute_has() {
    let guest = asks(
        "loud",
        "a",
        "(local.set $n (i32.const 100))
        (loop $again
            (call $POST (i32.const 5000) (i32.const 4) (i32.const 5004) (i32.const 1) (i32.const 1024))
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (call $told)",
    );
    Attack::by(&guest).limits(|limits| limits.platform_minute = 20).run().rejects("rate-limited");
}

#[test]
fn divar_asked_without_end() {
    let guest = asks(
        "loud",
        "a",
        "(loop $again
            (global.set $next (i32.const 65536))
            (call $POST (i32.const 5000) (i32.const 4) (i32.const 5004) (i32.const 1) (i32.const 1024))
            (br $again))
        unreachable",
    );
    let attack = Attack::by(&guest).limits(|limits| {
        limits.platform_minute = 1_000_000;
        limits.wall = Duration::from_millis(500);
    });
    let seen = attack.run();
    seen.leaves_nothing();
    // Waiting for the platform is no work of the guest's; whichever limit it reaches first.
    let words = format!("{:?}", seen.ended());
    assert!(words.contains("Cpu") || words.contains("Wall"), "{words}");
}

#[test]
fn a_divar_that_never_answers() {
    let attack = Attack::by(&asks("loud", "hangs", "(call $told)"));
    attack.limits(|limits| limits.platform_time = Duration::from_millis(20)).run().rejects("timeout");
}

#[test]
fn a_divar_whose_answer_is_of_another_shape() {
    let attack = Attack::by(&asks("loud", "odd", "(call $told)"));
    attack.run().rejects("Divar's answer is not of the shape that it documents");
}

#[test]
fn a_divar_whose_answer_has_two_megabytes() {
    Attack::by(&asks("loud", "huge", "(call $told)")).run().rejects("too-large");
}
