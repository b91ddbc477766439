//! Guests that want more memory, tables and instances than there are.

use std::time::Duration;

use hodhod_core::runtime::Reason;
use hodhod_engine::{CompileError, LoadError};

use crate::kit::{Attack, Guest, beside};

const MIB: u64 = 1 << 20;

#[test]
fn limit_memory_one_memory_that_grows_without_end() {
    let grow = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable";
    let failure = Attack::by(&Guest::new(&[], grow)).run().fails(Reason::Memory);
    assert_eq!(failure.detail, "limit 32 MiB reached");
}

#[test]
fn growth_in_one_leap() {
    let grow = "(if (i32.eq (memory.grow (i32.const 60000)) (i32.const -1)) (then unreachable)) (i32.const 16)";
    Attack::by(&Guest::new(&[], grow)).run().fails(Reason::Memory);
}

#[test]
fn a_growth_that_is_refused_and_does_not_matter() {
    let grow = "(drop (memory.grow (i32.const 60000))) (i32.const 16)";
    Attack::by(&Guest::new(&[], grow)).run().ends_well().leaves_nothing();
}

#[test]
fn seven_memories_that_grow_side_by_side() {
    let memories = "(memory 1)".repeat(7);
    let grow: String = (1..8)
        .map(|n| format!("(if (i32.eq (memory.grow {n} (i32.const 100)) (i32.const -1)) (then unreachable))"))
        .collect();
    let guest = Guest::new(&[], &format!("{grow} (i32.const 16)")).and(&memories);
    Attack::by(&guest).run().fails(Reason::Memory);
}

#[test]
fn tables_that_grow_side_by_side() {
    let tables = "(table 1 funcref)".repeat(8);
    let grow: String = (0..8)
        .map(|n| {
            format!(
                "(if (i32.eq (table.grow {n} (ref.null func) (i32.const 19000)) (i32.const -1)) (then unreachable))"
            )
        })
        .collect();
    let guest = Guest::new(&[], &format!("{grow} (i32.const 16)")).and(&tables);
    Attack::by(&guest).limits(|limits| limits.memory = 2 * MIB).run().fails(Reason::Memory);
}

#[test]
fn a_program_that_takes_memory_without_end() {
    // Also where a busy machine is slow at handing memory out.
    Attack::told("alloc").limits(|limits| limits.cpu = Duration::from_secs(10)).run().fails(Reason::Memory);
}

#[test]
fn beginning_with_more_than_the_limit() {
    let error = Attack::by(&Guest::with("").memory("600")).refused();
    assert!(
        matches!(error, LoadError::Memory { needed, limit } if needed == 600 << 16 && limit == 32 * MIB),
        "{error}"
    );
}

#[test]
fn beginning_with_two_memories_that_are_more_than_the_limit_together() {
    Attack::by(&Guest::with("(memory 300)").memory("300")).run().fails(Reason::Memory);
}

/// Refused before it has run, because the host has no room for such components.
fn has_no_room(attack: Attack, what: &str) {
    let error = attack.refused();
    assert!(matches!(&error, LoadError::Compile(CompileError::Room(why)) if why.contains(what)), "{error:?}");
}

#[test]
fn beginning_with_more_than_any_memory_of_the_host() {
    has_no_room(Attack::by(&Guest::with("").memory("2000")), "memory");
}

#[test]
fn limit_memories_of_one_module() {
    has_no_room(Attack::by(&Guest::with(&"(memory 0)".repeat(8))), "memories");
}

#[test]
fn memories_of_many_modules() {
    let component = beside(&Guest::with("").component(), "(module (memory 0))", 9);
    has_no_room(Attack::of(component), "memories");
}

#[test]
fn limit_tables_of_one_module() {
    has_no_room(Attack::by(&Guest::with(&"(table 0 funcref)".repeat(65))), "tables");
}

#[test]
fn a_table_larger_than_any_of_the_host() {
    has_no_room(Attack::by(&Guest::with("(table 20000000 funcref)")), "table");
}

#[test]
fn limit_instances_of_one_component() {
    let component = beside(&Guest::with("").component(), "(module)", 65);
    has_no_room(Attack::of(component), "instances");
}

#[test]
fn instances_that_double_with_each_component_around_them() {
    let mut inside = "(core module $m) (core instance (instantiate $m))".to_owned();
    for _ in 0..7 {
        inside = format!("(component $c {inside}) (instance (instantiate $c)) (instance (instantiate $c))");
    }
    has_no_room(Attack::of(crate::kit::wat(&format!("(component {inside})"))), "instances");
}

#[test]
fn instances_that_each_spin_as_they_begin() {
    let component = beside(&Guest::with("").component(), "(module (func $s (loop (br 0))) (start $s))", 60);
    Attack::of(component).run().fails(Reason::Cpu);
}
