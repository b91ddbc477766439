//! Guests that collect handles, and that use ones which they do not have.

use hodhod_core::runtime::Reason;

use crate::kit::{Attack, Guest, around, import};

/// Opens the bucket «bot».
const OPEN: &str = "(call $OPEN (i32.const 4101) (i32.const 3) (i32.const 1024))";

#[test]
fn limit_resources_buckets_that_are_never_closed() {
    let opens = format!("(loop {OPEN} (br_if 0 (i32.eqz (i32.load8_u (i32.const 1024))))) (call $told_of_values)");
    Attack::by(&Guest::new(&[import::OPEN], &opens)).run().rejects("quota exceeded: resources: 256 are open");
}

#[test]
fn pollables_that_are_never_dropped() {
    let guest = Guest::new(&[import::SLEEP], "(loop (drop (call $SLEEP (i64.const 1))) (br 0)) (i32.const 16)");
    let failure = Attack::by(&guest).run().fails(Reason::Quota);
    assert_eq!(failure.detail, "too many handles are open");
}

#[test]
fn streams_that_are_never_dropped() {
    let guest = Guest::new(&[import::STDOUT], "(loop (drop (call $STDOUT)) (br 0)) (i32.const 16)");
    Attack::by(&guest).run().fails(Reason::Quota);
}

#[test]
fn uploads_that_are_never_finished() {
    let upload = "(loop
            (call $UPLOAD (i32.const 4096) (i32.const 4) (i32.const 4101) (i32.const 3)
                (i32.const 5000) (i32.const 9) (i32.const 1024))
            (br_if 0 (i32.eqz (i32.load8_u (i32.const 1024)))))
        (call $told)";
    let guest = Guest::new(&[import::UPLOAD], upload).and(r#"(data (i32.const 5000) "image/png")"#);
    Attack::by(&guest).run().rejects("files: 8 in one turn");
}

#[test]
fn a_bucket_that_was_never_opened() {
    let get = "(call $GET (i32.const 77) (i32.const 4096) (i32.const 4) (i32.const 1024)) (call $told_of_values)";
    let failure = Attack::by(&Guest::new(&[import::GET], get)).run().fails(Reason::Panic);
    assert!(failure.detail.contains("handle"), "{failure}");
}

#[test]
fn a_bucket_that_was_closed() {
    let get = format!(
        "{OPEN} (local.set $n (i32.load (i32.const 1028))) (call $CLOSE (local.get $n))
        (call $GET (local.get $n) (i32.const 4096) (i32.const 4) (i32.const 1024)) (call $told_of_values)"
    );
    Attack::by(&Guest::new(&[import::OPEN, import::CLOSE, import::GET], &get)).run().fails(Reason::Panic);
}

#[test]
fn a_bucket_that_is_closed_twice() {
    let close = format!(
        "{OPEN} (local.set $n (i32.load (i32.const 1028)))
        (call $CLOSE (local.get $n)) (call $CLOSE (local.get $n)) (i32.const 16)"
    );
    Attack::by(&Guest::new(&[import::OPEN, import::CLOSE], &close)).run().fails(Reason::Panic);
}

#[test]
fn a_pollable_in_the_place_of_a_bucket() {
    let get = "(call $GET (call $SLEEP (i64.const 1)) (i32.const 4096) (i32.const 4) (i32.const 1024)) (i32.const 16)";
    Attack::by(&Guest::new(&[import::SLEEP, import::GET], get)).run().fails(Reason::Panic);
}

/// Waits for one pollable as often as this at once.
fn waits_for(times: u32) -> Attack {
    let poll = format!(
        "(local.set $n (i32.const 0))
        (i32.store (i32.const 5000) (call $SLEEP (i64.const 0x7fffffffffffffff)))
        (loop
            (i32.store (i32.add (i32.const 131072) (i32.mul (local.get $n) (i32.const 4)))
                (i32.load (i32.const 5000)))
            (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const {times}))))
        (call $POLL (i32.const 131072) (i32.const {times}) (i32.const 1024)) (i32.const 16)"
    );
    let guest = Guest::new(&[import::SLEEP, import::POLL], &poll).memory("20");
    Attack::by(&guest).limits(|limits| limits.wall = std::time::Duration::from_millis(200))
}

#[test]
fn waiting_for_one_thing_five_hundred_times_at_once() {
    waits_for(500).run().fails(Reason::Wall);
}

#[test]
fn waiting_for_one_thing_ten_thousand_times_at_once() {
    waits_for(10_000).run().fails(Reason::Quota);
}

#[test]
fn limit_handles_of_resources_that_the_component_makes_itself() {
    // The host keeps nothing of these but the handles.
    let makes = r#"(component
        (type $own (resource (rep i32)))
        (core func $new (canon resource.new $own))
        (core instance $host (export "new" (func $new)))
        (core module $m
            (import "host" "new" (func $new (param i32) (result i32)))
            (func $start (loop (drop (call $new (i32.const 1))) (br 0)))
            (start $start))
        (core instance (instantiate $m (with "host" (instance $host)))))"#;
    Attack::of(around(&Guest::with("").component(), makes)).run().fails(Reason::Quota);
}
