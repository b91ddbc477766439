//! What is refused when a plugin is loaded, and in which words.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use hodhod_core::runtime::{Limits, Setup};
use hodhod_engine::{Component, Engine, LoadError, PoolSize};

fn engine() -> Engine {
    Engine::new(PoolSize { turns: 8, memory: 64 << 20 }).unwrap()
}

fn load_bytes(bytes: &[u8], limits: Limits) -> Result<(), LoadError> {
    Component::load(&engine(), bytes, Setup { limits, ..Setup::default() }).map(|_| ())
}

fn refusal(wat: &str) -> String {
    load_bytes(&wat::parse_str(wat).unwrap(), Limits::default()).unwrap_err().to_string()
}

#[test]
fn what_is_no_component_is_refused() {
    for bytes in [&b""[..], b"\0asm", b"#!/bin/sh\n", &[0xff; 100]] {
        assert!(matches!(load_bytes(bytes, Limits::default()), Err(LoadError::NotAComponent(_))));
    }
    let module = wat::parse_str("(module)").unwrap();
    assert!(matches!(load_bytes(&module, Limits::default()), Err(LoadError::NotAComponent(_))));
}

#[test]
fn compiled_code_from_outside_is_refused() {
    let config = wasmtime::Config::new();
    let compiled =
        wasmtime::Engine::new(&config).unwrap().precompile_component(&wat::parse_str("(component)").unwrap()).unwrap();
    assert!(matches!(load_bytes(&compiled, Limits::default()), Err(LoadError::Compiled)));
}

#[test]
fn an_import_that_was_not_granted_is_named_with_the_line_to_add() {
    let text = refusal(r#"(component (import "hodhod:bot/messenger@0.1.0" (instance)))"#);
    assert_eq!(text, "it imports hodhod:bot/messenger@0.1.0, which is not granted: add `messenger = true` to grants");
}

#[test]
fn what_divar_alone_can_do_is_granted_apart() {
    let text = refusal(r#"(component (import "hodhod:divar/kenar@0.1.0" (instance)))"#);
    assert_eq!(text, "it imports hodhod:divar/kenar@0.1.0, which is not granted: add `divar = true` to grants");
}

#[test]
fn imports_that_do_not_exist_are_refused() {
    for import in
        ["hodhod:divar/wallet@0.1.0", "wasi:nn/graph@0.2.0", "wasi:keyvalue/batch@0.2.0-draft", "evil:corp/backdoor"]
    {
        let text = refusal(&format!(r#"(component (import "{import}" (instance)))"#));
        assert_eq!(text, format!("it imports {import}, which this host does not serve"));
    }
}

#[test]
fn an_import_of_another_shape_is_refused() {
    let text = refusal(r#"(component (import "hodhod:bot/types@0.1.0" (instance (export "extra" (func)))))"#);
    assert!(text.starts_with("it does not fit hodhod:bot@0.1.0: "), "{text}");
}

#[test]
fn a_component_without_a_handler_is_refused() {
    assert!(refusal("(component)").contains("it does not fit hodhod:bot@0.1.0"));
}

#[test]
fn a_component_that_begins_with_more_memory_than_its_limit_is_refused_in_words() {
    let wat = "(component (core module $m (memory 256)) (core instance (instantiate $m)))";
    let limits = Limits { memory: 1 << 20, ..Limits::default() };
    let text = load_bytes(&wat::parse_str(wat).unwrap(), limits).unwrap_err().to_string();
    assert_eq!(
        text,
        "it needs 16777216 bytes of memory to begin with, and its limit is 1048576: raise `memory` in limits"
    );
}

#[test]
fn a_limit_above_the_pool_is_refused() {
    let limits = Limits { memory: 1 << 30, ..Limits::default() };
    assert!(matches!(load_bytes(b"", limits), Err(LoadError::LimitTooHigh { .. })));
}

#[test]
fn names_that_a_component_chose_cannot_command_a_terminal() {
    // Component import names are kebab-case words, so an escape is refused before it is printed.
    let mut bytes = wat::parse_str(r#"(component (import "abcd" (func)))"#).unwrap();
    let place = bytes.windows(4).position(|window| window == b"abcd").unwrap();
    bytes[place] = 0x1b;
    let text = load_bytes(&bytes, Limits::default()).unwrap_err().to_string();
    assert!(!text.contains('\u{1b}'), "{text:?}");
}
