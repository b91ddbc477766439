//! Guests that do something and then come to no good end: none of it happens.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hodhod_core::runtime::{Reason, TurnResult};
use hodhod_core::text::is_clean;

use crate::kit::{Attack, Guest, import};

/// Sends, and then does `end`.
fn sends_and(imports: &[&str], end: &str) -> Guest {
    let imports: Vec<_> = [import::SEND].iter().chain(imports).copied().collect();
    Guest::new(&imports, &format!("(call $SEND (i32.const 2048) (i32.const 1024)) {end}"))
}

#[test]
fn a_trap_after_sending_and_storing() {
    Attack::told("then-trap psst").run().fails(Reason::Panic);
}

#[test]
fn spinning_after_sending_and_storing() {
    Attack::told("then-spin psst").run().fails(Reason::Cpu);
}

#[test]
fn taking_all_memory_after_sending_and_storing() {
    Attack::told("then-alloc psst").run().fails(Reason::Memory);
}

#[test]
fn rejecting_after_sending_and_storing() {
    Attack::told("then-reject psst").run().rejects("psst");
}

#[test]
fn asking_for_it_again_after_sending_and_storing() {
    let seen = Attack::told("then-retry 50").run();
    seen.leaves_nothing();
    assert_eq!(*seen.ended(), TurnResult::Retry(Duration::from_millis(50)));
    assert_eq!(seen.dead, ["the bot asked for it again 1 times"]);
}

#[test]
fn a_trap_in_post_return_after_sending() {
    let post = r#"(func (export "cabi_post_hodhod:bot/handler@0.1.0#handle") (param i32) unreachable)"#;
    Attack::by(&sends_and(&[], "(call $told)").and(post)).run().fails(Reason::Panic);
}

#[test]
fn sending_in_post_return() {
    // The guest may not leave its component there.
    let post = r#"(func (export "cabi_post_hodhod:bot/handler@0.1.0#handle") (param i32)
        (call $SEND (i32.const 2048) (i32.const 1024)))"#;
    Attack::by(&Guest::new(&[import::SEND], "(i32.const 16)").and(post)).run().fails(Reason::Panic);
}

#[test]
fn exiting_with_success_after_sending() {
    let failure = Attack::by(&sends_and(&[import::EXIT], "(call $EXIT (i32.const 0)) unreachable")).run();
    assert!(failure.fails(Reason::Panic).detail.contains("exit"));
}

#[test]
fn exiting_with_failure_after_sending() {
    let failure = Attack::by(&sends_and(&[import::EXIT], "(call $EXIT (i32.const 1)) unreachable")).run();
    assert!(failure.fails(Reason::Panic).detail.contains("exit"));
}

#[test]
fn asking_for_it_again_at_the_end_of_time() {
    let retry = "(i32.store (i32.const 512) (i32.const 1)) (i64.store (i32.const 528) (i64.const -1)) (i32.const 512)";
    let attack = Attack::by(&sends_and(&[], retry)).limits(|limits| limits.attempts = 5);
    let seen = attack.run();
    seen.leaves_nothing();
    assert_eq!(*seen.ended(), TurnResult::Retry(Duration::from_millis(u64::MAX)));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let wait = u128::from(seen.again[0].0).saturating_sub(now);
    assert!(wait <= 24 * 3600 * 1000 && wait > 23 * 3600 * 1000, "it comes again after a day at the latest: {wait}");
}

#[test]
fn rejecting_with_a_mib_of_escapes() {
    let reject = "(memory.fill (i32.const 65536) (i32.const 27) (i32.const 1048576))
        (call $reject (i32.const 65536) (i32.const 1048576))";
    let seen = Attack::by(&Guest::new(&[], reject).memory("20")).run();
    seen.leaves_nothing();
    let TurnResult::Reject(reason) = seen.ended() else { panic!("{:?}", seen.ended()) };
    assert!(is_clean(reason) && reason.len() < 1100, "{} bytes", reason.len());
    assert!(seen.dead.iter().all(|dead| is_clean(dead) && dead.len() < 1200));
}

#[test]
fn rejecting_with_eight_mib() {
    let reject = "(call $reject (i32.const 65536) (i32.const 8388608))";
    Attack::by(&Guest::new(&[], reject).memory("200")).run().fails(Reason::Quota);
}

#[test]
fn answering_twice() {
    let respond = "(call $RESPOND (i32.const 0) (i32.const 4104) (i32.const 2) (i32.const 1024))";
    let guest = Guest::new(&[import::RESPOND], &format!("{respond} {respond} (call $told)"));
    Attack::by(&guest).run().rejects("this event has been answered");
}

#[test]
fn words_at_the_end_that_command_a_terminal() {
    let seen = Attack::told("panic \u{1b}]0;owned\u{7}\u{1b}[2J").run();
    let failure = seen.fails(Reason::Panic);
    assert!(is_clean(&failure.detail), "{failure:?}");
}
