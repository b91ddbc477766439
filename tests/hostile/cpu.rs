//! Guests that never end, or wait for ever.

use std::time::Duration;

use hodhod_core::runtime::Reason;

use crate::kit::{Attack, Guest, import};

const SPIN: &str = "(loop (br 0)) (i32.const 16)";

fn spins(guest: &Guest) {
    let failure = Attack::by(guest).run().fails(Reason::Cpu);
    assert_eq!(failure.detail, "limit 100 ms reached");
}

#[test]
fn an_endless_loop() {
    spins(&Guest::new(&[], SPIN));
}

#[test]
fn an_endless_loop_in_start() {
    spins(&Guest::with("(func $start (loop (br 0))) (start $start)"));
}

#[test]
fn an_endless_loop_in_initialize() {
    spins(&Guest::with(r#"(func (export "_initialize") (loop (br 0)))"#));
}

#[test]
fn an_endless_loop_in_cabi_realloc() {
    let realloc = r#"(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (loop (br 0)) (i32.const 0))"#;
    spins(&Guest { realloc: realloc.to_owned(), ..Guest::with("") });
}

#[test]
fn an_endless_loop_in_post_return_after_sending() {
    let post = r#"(func (export "cabi_post_hodhod:bot/handler@0.1.0#handle") (param i32) (loop (br 0)))"#;
    spins(&Guest::new(&[import::SEND], "(call $SEND (i32.const 2048) (i32.const 1024)) (call $told)").and(post));
}

#[test]
fn filling_16_mib_of_memory_without_end() {
    let fill = "(loop (memory.fill (i32.const 65536) (i32.const 1) (i32.const 16777216)) (br 0)) (i32.const 16)";
    spins(&Guest::new(&[], fill).memory("300"));
}

#[test]
fn copying_16_mib_of_memory_without_end() {
    let copy = "(loop (memory.copy (i32.const 65537) (i32.const 65536) (i32.const 16777216)) (br 0)) (i32.const 16)";
    spins(&Guest::new(&[], copy).memory("300"));
}

#[test]
fn filling_a_table_without_end() {
    let fill = "(loop (table.fill $t (i32.const 0) (ref.null func) (i32.const 20000)) (br 0)) (i32.const 16)";
    spins(&Guest::new(&[], fill).and("(table $t 20000 funcref)"));
}

#[test]
fn a_host_call_without_end() {
    spins(&Guest::new(&[import::RESOLUTION], "(loop (drop (call $RESOLUTION)) (br 0)) (i32.const 16)"));
}

#[test]
fn ten_thousand_host_calls_without_a_loop() {
    Attack::told("call-on").run().fails(Reason::Cpu);
}

#[test]
fn a_program_that_spins() {
    Attack::told("spin").run().fails(Reason::Cpu);
}

#[test]
fn two_seconds_of_work() {
    Attack::told("burn 2000").run().fails(Reason::Cpu);
}

#[test]
fn calls_nested_without_end() {
    let nest = "(func $nest (param i64) (result i64)
        (i64.add (call $nest (i64.add (local.get 0) (i64.const 1))) (local.get 0)))";
    let guest = Guest::new(&[], "(drop (call $nest (i64.const 1))) (i32.const 16)").and(nest);
    Attack::by(&guest).run().fails(Reason::Stack);
}

#[test]
fn limit_stack_ends_calls_nested_without_end_in_start() {
    let nest = "(func $nest (param i64) (result i64)
            (i64.add (call $nest (i64.add (local.get 0) (i64.const 1))) (local.get 0)))
        (func $start (drop (call $nest (i64.const 1))))
        (start $start)";
    Attack::by(&Guest::with(nest)).run().fails(Reason::Stack);
}

#[test]
fn a_program_that_calls_itself_without_end() {
    Attack::told("recurse").run().fails(Reason::Stack);
}

fn waits(guest: &Guest) {
    let attack = Attack::by(guest).limits(|limits| limits.wall = Duration::from_millis(200));
    assert_eq!(attack.run().fails(Reason::Wall).detail, "limit 200 ms reached");
}

#[test]
fn a_sleep_until_the_far_future() {
    let sleep = "(call $BLOCK (call $SLEEP (i64.const 0x7fffffffffffffff))) (i32.const 16)";
    waits(&Guest::new(&[import::SLEEP, import::BLOCK], sleep));
}

#[test]
fn a_sleep_beyond_the_end_of_time() {
    let sleep = "(call $BLOCK (call $SLEEP (i64.const -1))) (i32.const 16)";
    waits(&Guest::new(&[import::SLEEP, import::BLOCK], sleep));
}

#[test]
fn short_sleeps_without_end() {
    let sleep = "(loop
            (local.set $n (call $SLEEP (i64.const 5000000)))
            (call $BLOCK (local.get $n))
            (call $WAKE (local.get $n))
            (br 0))
        (i32.const 16)";
    waits(&Guest::new(&[import::SLEEP, import::BLOCK, import::WAKE], sleep));
}

#[test]
fn limit_cpu_is_for_the_whole_turn_and_not_for_each_call() {
    // Works for a while, waits, works again: what it waits is no processor time, what it works adds up.
    let work = "(loop
            (local.set $n (i32.const 0))
            (loop (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 5000000))))
            (local.set $n (call $SLEEP (i64.const 1000000)))
            (call $BLOCK (local.get $n))
            (call $WAKE (local.get $n))
            (br 0))
        (i32.const 16)";
    let attack = Attack::by(&Guest::new(&[import::SLEEP, import::BLOCK, import::WAKE], work));
    let attack = attack.limits(|limits| limits.cpu = Duration::from_millis(50));
    assert_eq!(attack.run().fails(Reason::Cpu).detail, "limit 50 ms reached");
}

#[test]
fn limit_wall_ends_a_program_that_sleeps() {
    let attack = Attack::told("sleep 60000").limits(|limits| limits.wall = Duration::from_millis(200));
    attack.run().fails(Reason::Wall);
}
