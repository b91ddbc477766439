//! Files that are no bots, and bots that do not fit.

use hodhod_core::limits::{COMPONENT, MANIFEST};
use hodhod_core::manifest::ManifestError;
use hodhod_core::runtime::{Limits, Reason, Setup};
use hodhod_engine::{Cache, Component, Engine, InspectError, LoadError, PoolSize};
use wasm_encoder::ComponentSection as _;

use crate::kit::{Attack, Guest, looked_at, wat};

fn is_no_component(bytes: &[u8]) {
    let error = Attack::of(bytes.to_vec()).refused();
    assert!(matches!(error, LoadError::NotAComponent(_)), "{error:?}");
}

fn does_not_fit(text: &str) {
    let error = Attack::of(wat(text)).refused();
    assert!(matches!(error, LoadError::Contract(_)), "{error:?}");
}

#[test]
fn garbage() {
    is_no_component(&(0..100_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect::<Vec<_>>());
}

#[test]
fn nothing() {
    is_no_component(b"");
}

#[test]
fn a_script() {
    is_no_component(b"#!/bin/sh\nrm -rf /\n");
}

#[test]
fn half_a_component() {
    let whole = crate::kit::built("guests");
    is_no_component(&whole[..whole.len() / 2]);
}

#[test]
fn a_component_with_one_byte_changed_in_its_middle() {
    // Somewhere in the sizes of its sections, so that all that follows is read amiss.
    let mut whole = Guest::with("").component();
    whole[9] ^= 0x7f;
    is_no_component(&whole);
}

#[test]
fn a_module_in_the_place_of_a_component() {
    is_no_component(&wat("(module)"));
}

#[test]
fn text_in_the_place_of_a_component() {
    is_no_component(b"(component)");
}

/// What the host itself keeps of a compiled component: a seal, and the code.
fn kept() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::new(PoolSize { turns: 1, memory: 1 << 20 }).unwrap();
    let engine = engine.with_cache(Cache::new(folder.path().to_owned(), [7; 32]));
    let limits = Limits { memory: 1 << 20, ..Limits::default() };
    Component::load(&engine, &Guest::with("").component(), Setup { limits, ..Setup::default() }).unwrap();
    let engines = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap();
    let entry = std::fs::read_dir(engines.path()).unwrap().next().unwrap().unwrap();
    std::fs::read(entry.path()).unwrap()
}

#[test]
fn compiled_code() {
    let kept = kept();
    let code = kept.windows(4).position(|bytes| bytes == b"\x7fELF").unwrap();
    let error = Attack::of(kept[code..].to_vec()).refused();
    assert!(matches!(error, LoadError::Compiled), "{error:?}");
}

#[test]
fn compiled_code_with_the_seal_of_another_host() {
    is_no_component(&kept());
}

fn is_too_large(length: u64) {
    let mut bytes = Guest::with("").component();
    bytes.resize(usize::try_from(length).unwrap(), 0);
    let error = Attack::of(bytes).refused();
    assert!(matches!(error, LoadError::TooLarge { bytes } if bytes as u64 == length), "{error:?}");
}

#[test]
fn a_component_of_one_byte_too_many() {
    is_too_large(COMPONENT + 1);
}

#[test]
fn a_component_of_100_mb() {
    is_too_large(100_000_000);
}

#[test]
fn an_import_that_there_is_not() {
    let error = Attack::of(wat(r#"(component (import "evil:corp/backdoor" (instance)))"#)).refused();
    assert!(matches!(&error, LoadError::Unknown(name) if name == "evil:corp/backdoor"), "{error:?}");
}

#[test]
fn an_import_of_neural_networks() {
    let error = Attack::of(wat(r#"(component (import "wasi:nn/graph@0.2.0" (instance)))"#)).refused();
    assert!(matches!(error, LoadError::Unknown(_)), "{error:?}");
}

#[test]
fn an_import_that_was_not_granted() {
    let error = Attack::of(wat(r#"(component (import "wasi:http/outgoing-handler@0.2.12" (instance)))"#)).refused();
    assert!(matches!(&error, LoadError::NotGranted { missing, .. } if *missing == ["http"]), "{error:?}");
}

#[test]
fn a_known_import_of_another_shape() {
    does_not_fit(
        r#"(component (import "hodhod:bot/messenger@0.1.0" (instance (export "send" (func (param "x" u32))))))"#,
    );
}

#[test]
fn a_known_import_with_one_function_more() {
    does_not_fit(r#"(component (import "wasi:cli/exit@0.2.12" (instance (export "fork" (func)))))"#);
}

#[test]
fn no_handler() {
    does_not_fit("(component)");
}

#[test]
fn a_handler_that_takes_nothing() {
    does_not_fit(&handler("hodhod:bot/handler@0.1.0", "handle"));
}

#[test]
fn a_handler_of_another_version() {
    does_not_fit(&handler("hodhod:bot/handler@9.0.0", "handle"));
}

#[test]
fn a_handler_under_another_name() {
    does_not_fit(&handler("hodhod:bot/handler@0.1.0", "hijack"));
}

#[test]
fn a_handler_that_is_an_instance_of_nothing() {
    does_not_fit(r#"(component (instance $i) (export "hodhod:bot/handler@0.1.0" (instance $i)))"#);
}

/// A component that exports one function without parameters, so.
fn handler(interface: &str, function: &str) -> String {
    format!(
        r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $h (export "{function}" (func $f)))
            (export "{interface}" (instance $h)))"#
    )
}

#[test]
fn two_handlers_of_which_one_is_of_an_odd_version() {
    // The other one is not looked at: the bot is what its 0.1.0 is, and that handles the event.
    let mut bytes = Guest::with("").component();
    let mut exports = wasm_encoder::ComponentExportSection::new();
    exports.export("hodhod:bot/handler@0.0.1", wasm_encoder::ComponentExportKind::Instance, exported(&bytes), None);
    exports.append_to_component(&mut bytes);
    Attack::of(bytes).run().ends_well().leaves_nothing();
}

/// The number of the instance that the component exports as its handler.
fn exported(bytes: &[u8]) -> u32 {
    let mut depth = 0_usize;
    for payload in wasmparser::Parser::new(0).parse_all(bytes) {
        match payload.unwrap() {
            wasmparser::Payload::ModuleSection { .. } | wasmparser::Payload::ComponentSection { .. } => depth += 1,
            wasmparser::Payload::End(_) => depth = depth.saturating_sub(1),
            wasmparser::Payload::ComponentExportSection(exports) if depth == 0 => {
                for export in exports {
                    let export = export.unwrap();
                    if export.name.name == "hodhod:bot/handler@0.1.0" {
                        return export.index;
                    }
                }
            }
            _ => {}
        }
    }
    panic!("it exports no handler")
}

/// A component in a component in a component, so deep.
fn nested(depth: usize) -> Vec<u8> {
    let mut bytes = wat("(component)");
    for _ in 0..depth {
        let mut outer = wat("(component)");
        // Section 4 is a component.
        wasm_encoder::RawSection { id: 4, data: &bytes }.append_to_component(&mut outer);
        bytes = outer;
    }
    bytes
}

#[test]
fn components_nested_a_thousand_deep() {
    let error = Attack::of(nested(1000)).refused();
    assert!(matches!(error, LoadError::NotAComponent(_) | LoadError::Contract(_)), "{error:?}");
}

#[test]
fn components_nested_ten_thousand_deep() {
    let error = Attack::of(nested(10_000)).refused();
    assert!(matches!(error, LoadError::NotAComponent(_) | LoadError::Contract(_)), "{error:?}");
}

#[test]
fn types_nested_five_thousand_deep() {
    let mut types = "(type $t0 (list u8))".to_owned();
    for n in 1..5000 {
        types.push_str(&format!("(type $t{n} (list $t{}))", n - 1));
    }
    is_no_component(&wat(&format!("(component {types})")));
}

#[test]
fn types_that_double_with_each_type_around_them() {
    let mut types = "(type $t0 (tuple u8 u8))".to_owned();
    for n in 1..60 {
        let inner = n - 1;
        types.push_str(&format!("(type $t{n} (tuple $t{inner} $t{inner}))"));
    }
    is_no_component(&wat(&format!("(component {types})")));
}

#[test]
fn a_function_with_a_hundred_thousand_locals() {
    is_no_component(&wat(&format!("(component (core module (func (local {}))))", "i64 ".repeat(100_000))));
}

/// A component with these manifests.
fn carrying(manifests: &[&[u8]]) -> Vec<u8> {
    let mut bytes = wat("(component)");
    for manifest in manifests {
        let section = wasm_encoder::CustomSection { name: "hodhod:manifest".into(), data: (*manifest).into() };
        section.append_to_component(&mut bytes);
    }
    bytes
}

#[test]
fn a_manifest_that_is_no_json() {
    let error = looked_at(&carrying(&[b"name = \"toml\""]));
    assert!(matches!(error, InspectError::Manifest(ManifestError::Malformed(_))), "{error:?}");
}

#[test]
fn two_manifests() {
    let error = looked_at(&carrying(&[b"{}", b"{}"]));
    assert!(matches!(error, InspectError::TwoManifests), "{error:?}");
}

#[test]
fn a_manifest_that_is_too_large() {
    let error = looked_at(&carrying(&[&b" ".repeat(MANIFEST + 1)]));
    assert!(matches!(error, InspectError::Manifest(ManifestError::TooLarge(65537))), "{error:?}");
}

#[test]
fn a_manifest_nested_thirty_thousand_deep() {
    let error = looked_at(&carrying(&[&b"[".repeat(30_000)]));
    assert!(matches!(error, InspectError::Manifest(ManifestError::Malformed(_))), "{error:?}");
}

#[test]
fn a_manifest_that_commands_a_terminal() {
    let error = looked_at(&carrying(&[br#"{"name":"\u001b[2Jowned"}"#]));
    assert!(matches!(error, InspectError::Manifest(ManifestError::Wrong { .. })), "{error:?}");
}

#[test]
fn a_manifest_that_asks_for_all_there_is() {
    let error = looked_at(&carrying(&[br#"{"limits":{"memory":18446744073709551615}}"#]));
    assert!(matches!(error, InspectError::Manifest(ManifestError::Wrong { .. })), "{error:?}");
}

#[test]
fn a_thousand_and_one_imports() {
    let imports: String = (0..1001).map(|n| format!("(import \"i{n}\" (func))")).collect();
    let error = looked_at(&wat(&format!("(component {imports})")));
    assert!(matches!(error, InspectError::Imports), "{error:?}");
}

#[test]
fn an_endless_loop_at_its_beginning_is_seen_before_it_serves() {
    let endless = "(func $start (loop (br 0))) (start $start)";
    let failure = Attack::by(&Guest::with(endless)).probed().unwrap_err();
    assert_eq!(failure.reason, Reason::Cpu);
}

#[test]
fn a_component_that_begins_well_may_serve() {
    assert_eq!(Attack::by(&Guest::with("")).probed(), Ok(()));
}
