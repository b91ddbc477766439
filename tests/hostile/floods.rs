//! Guests that send, set and print without end.

use hodhod_core::runtime::Reason;
use hodhod_core::text::is_clean;

use crate::kit::{Attack, Guest, import};

#[test]
fn sends_without_end() {
    let send = "(loop
            (call $SEND (i32.const 2048) (i32.const 1024))
            (br_if 0 (i32.eqz (i32.load8_u (i32.const 1024)))))
        (call $told)";
    Attack::by(&Guest::new(&[import::SEND], send)).run().rejects("sends: 32 messages in one turn");
}

#[test]
fn sends_over_many_turns() {
    let send = "(call $SEND (i32.const 2048) (i32.const 1024)) (call $told)";
    let attack = Attack::by(&Guest::new(&[import::SEND], &send.repeat(2).replacen("(call $told)", "", 1)));
    attack.limits(|limits| limits.sends_minute = 1).run().rejects("rate-limited");
}

#[test]
fn timers_without_end() {
    // Its id is a number that grows, in letters.
    let timer = "(i32.store (i32.const 5000) (i32.const 0x61616120))
        (loop
            (call $TIMER (i32.const 5000) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                (i32.const 0) (i64.const -1) (i32.const 4096) (i32.const 4) (i32.const 0) (i32.const 1024))
            (i32.store8 (i32.const 5000) (i32.add (i32.load8_u (i32.const 5000)) (i32.const 1)))
            (if (i32.gt_u (i32.load8_u (i32.const 5000)) (i32.const 126))
                (then (i32.store (i32.const 5000) (i32.add (i32.load (i32.const 5000)) (i32.const 0xa1)))))
            (br_if 0 (i32.eqz (i32.load8_u (i32.const 1024)))))
        (call $told)";
    Attack::by(&Guest::new(&[import::TIMER], timer)).run().rejects("writes: 256 timers in one turn");
}

#[test]
fn a_timer_that_sets_itself_again_at_once() {
    // The message becomes a timer that is due, and each timer the next one.
    let timer = "(call $TIMER (i32.const 4096) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
            (i32.const 0) (i64.const 0) (i32.const 4096) (i32.const 4) (i32.const 0) (i32.const 1024))
        (call $told)";
    let seen = Attack::by(&Guest::new(&[import::TIMER], timer)).run().ends_well();
    assert!(seen.timers.len() <= 1, "one of a name stands: {:?}", seen.timers);
}

#[test]
fn limit_log_lines_drops_the_others_of_a_turn_and_says_so() {
    let log = "(loop (call $LOG (i32.const 2) (i32.const 4096) (i32.const 4) (i32.const 4134) (i32.const 13)) (br 0))
        (i32.const 16)";
    let seen = Attack::by(&Guest::new(&[import::LOG], log)).run();
    let lines = seen.log.iter().filter(|line| line.contains("no-such-store")).count();
    assert!(lines <= 64, "{lines} lines of one turn");
    assert!(seen.log.iter().any(|line| line.contains("more lines were dropped")));
    seen.fails(Reason::Cpu);
}

#[test]
fn lines_of_the_log_that_command_a_terminal() {
    let log =
        "(call $LOG (i32.const 4) (i32.const 5000) (i32.const 26) (i32.const 5000) (i32.const 26)) (i32.const 16)";
    let guest = Guest::new(&[import::LOG], log)
        .and(r#"(data (i32.const 5000) "\1b[2J\1b]0;owned\07\0d\0a\c2\9b2J\e2\80\aeend")"#);
    let seen = Attack::by(&guest).run().ends_well();
    let line = seen.log.iter().find(|line| line.contains("owned")).unwrap();
    assert!(is_clean(line), "{line:?}");
}

/// Writes the 64 KiB at 65536 to standard output without end.
const FLOOD: &str = "(local.set $n (call $STDOUT))
    (loop (call $WRITE (local.get $n) (i32.const 65536) (i32.const 65536) (i32.const 1024)) (br 0))
    (i32.const 16)";

#[test]
fn limit_log_line_cuts_output_without_a_line_break() {
    let fill = "(memory.fill (i32.const 65536) (i32.const 120) (i32.const 65536))";
    let seen = Attack::by(&Guest::new(&[import::STDOUT, import::WRITE], &format!("{fill} {FLOOD}"))).run();
    let lines: Vec<_> = seen.log.iter().filter(|line| line.contains("xxx")).map(String::len).collect();
    assert!(lines.len() == 1 && lines[0] < 4300, "one line, cut: {lines:?}");
    seen.fails(Reason::Cpu);
}

#[test]
fn output_of_nothing_but_line_breaks_without_end() {
    let fill = "(memory.fill (i32.const 65536) (i32.const 10) (i32.const 65536))";
    let seen = Attack::by(&Guest::new(&[import::STDOUT, import::WRITE], &format!("{fill} {FLOOD}"))).run();
    seen.fails(Reason::Cpu);
}

#[test]
fn more_output_at_once_than_was_permitted() {
    let write = "(call $WRITE (call $STDOUT) (i32.const 0) (i32.const 131072) (i32.const 1024)) (i32.const 16)";
    let failure = Attack::by(&Guest::new(&[import::STDOUT, import::WRITE], write)).run().fails(Reason::Panic);
    assert!(failure.detail.contains("more was written at once"), "{failure}");
}

#[test]
fn what_a_program_prints_commands_no_terminal() {
    let seen = Attack::told("print \u{1b}[31mprinted-red\u{7}").run().ends_well();
    assert!(seen.log.iter().any(|line| line.contains("printed-red")));
}
