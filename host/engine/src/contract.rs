//! Whether a component's exports are those of the contract, known before it runs.
//!
//! wasmtime compares the types of an export only when it is instantiated, and by then the component would
//! have been loaded as a bot that fails at every event.

use wasmtime::component::types::{ComponentItem, Type, Variant};
use wasmtime::component::{Component, ComponentExportIndex};

/// The interface of the handler, and its function.
const HANDLER: &str = "hodhod:bot/handler@0.1.0";
const HANDLE: &str = "handle";

/// The interface of what a bot may export beside it, and its function.
const LIFECYCLE: &str = "hodhod:bot/lifecycle@0.1.0";
const MIGRATE: &str = "migrate";

/// What the names of all versions of it begin with that wasmtime takes for it.
const LIFECYCLES: &str = "hodhod:bot/lifecycle@0.1.";

/// What tells an event, and a failure, from other variants.
const EVENT: [&str; 4] = ["message", "timer", "delivery", "other"];
const FAILURE: [&str; 2] = ["retry", "reject"];

/// What is wrong with the handler, if it takes or gives something else. One that is not there at all is told
/// by whoever links it; what lies deeper in an event is compared when the first turn begins.
pub(crate) fn misfit(component: &Component) -> Option<&'static str> {
    let (_, interface) = component.get_export(None, HANDLER)?;
    let (item, _) = component.get_export(Some(&interface), HANDLE)?;
    let ComponentItem::ComponentFunc(handle) = item else { return Some("its `handle` is no function") };
    let takes: Vec<Type> = handle.params().map(|(_, ty)| ty).collect();
    let gives: Vec<Type> = handle.results().collect();
    match &takes[..] {
        [Type::Variant(event)] if is(event, &EVENT) => {}
        _ => return Some("its `handle` does not take an event"),
    }
    match &gives[..] {
        [Type::Result(result)] if result.ok().is_none() => match result.err() {
            Some(Type::Variant(failure)) if is(&failure, &FAILURE) => None,
            _ => Some("its `handle` does not fail as a handler does"),
        },
        _ => Some("its `handle` does not give a result"),
    }
}

/// The export that migrates values, if there is one, or what is wrong with it.
pub(crate) fn migration(component: &Component) -> Result<Option<ComponentExportIndex>, &'static str> {
    let Some((_, interface)) = component.get_export(None, LIFECYCLE) else { return Ok(None) };
    let Some((item, export)) = component.get_export(Some(&interface), MIGRATE) else {
        return Err("its `lifecycle` has no `migrate`");
    };
    let ComponentItem::ComponentFunc(migrate) = item else { return Err("its `migrate` is no function") };
    let takes: Vec<Type> = migrate.params().map(|(_, ty)| ty).collect();
    let gives: Vec<Type> = migrate.results().collect();
    match (&takes[..], &gives[..]) {
        ([Type::String], [Type::Result(result)])
            if result.ok().is_none() && matches!(result.err(), Some(Type::String)) =>
        {
            Ok(Some(export))
        }
        ([Type::String], _) => Err("its `migrate` does not give nothing or the reason as a text"),
        _ => Err("its `migrate` does not take a version as a text"),
    }
}

/// True for the name of an export that [`migration`] finds: of this version, or of a later one that fits it.
pub(crate) fn is_lifecycle(export: &str) -> bool {
    let patch = export.strip_prefix(LIFECYCLES);
    patch.is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is(variant: &Variant, cases: &[&str]) -> bool {
    variant.cases().map(|case| case.name).eq(cases.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with a component that exports these functions as its lifecycle.
    fn wrong(functions: &str) -> Option<&'static str> {
        let engine = wasmtime::Engine::default();
        migration(&Component::new(&engine, exporting(functions, LIFECYCLE)).unwrap()).err()
    }

    /// A component that exports these functions under a name.
    fn exporting(functions: &str, name: &str) -> Vec<u8> {
        let text = format!(
            r#"(component
                (core module $m
                    (memory (export "m") 1)
                    (func (export "nothing"))
                    (func (export "text") (param i32 i32))
                    (func (export "number") (param i32 i32) (result i32) (i32.const 0))
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
                (core instance $i (instantiate $m))
                {functions}
                (export "{name}" (instance $lifecycle)))"#
        );
        wat::parse_str(text).unwrap()
    }

    fn lifting(signature: &str, of: &str) -> String {
        format!(
            r#"(func $f {signature} (canon lift (core func $i "{of}") (memory (core memory $i "m")) (realloc (core func $i "realloc"))))
            (instance $lifecycle (export "migrate" (func $f)))"#
        )
    }

    #[test]
    fn a_migration_of_another_shape_is_told() {
        assert_eq!(wrong("(instance $lifecycle)"), Some("its `lifecycle` has no `migrate`"));
        let takes = Some("its `migrate` does not take a version as a text");
        assert_eq!(wrong(&lifting("", "nothing")), takes);
        assert_eq!(wrong(&lifting("(param \"a\" u32) (param \"b\" u32)", "text")), takes);
        let gives = Some("its `migrate` does not give nothing or the reason as a text");
        assert_eq!(wrong(&lifting("(param \"from\" string)", "text")), gives);
        assert_eq!(wrong(&lifting("(param \"from\" string) (result (result))", "number")), gives);
        assert_eq!(wrong(&lifting("(param \"from\" string) (result (result (error string)))", "number")), None);
    }

    #[test]
    fn what_is_seen_of_a_migration_without_compiling_is_what_is_found_in_the_compiled_component() {
        let engine = wasmtime::Engine::default();
        let migrate = lifting("(param \"from\" string) (result (result (error string)))", "number");
        for (name, migrates) in [
            (LIFECYCLE, true),
            ("hodhod:bot/lifecycle@0.1.12", true),
            ("hodhod:bot/lifecycle@0.1.0-rc1", false),
            ("hodhod:bot/lifecycle@0.2.0", false),
            ("hodhod:bot/lifecycle@0.10.0", false),
            ("hodhod:bot/lifecycle", false),
            ("hodhod:bot/handler@0.1.0", false),
            ("lifecycle", false),
        ] {
            let bytes = exporting(&migrate, name);
            assert_eq!(crate::inspect(&bytes).unwrap().migrates, migrates, "{name}");
            let found = migration(&Component::new(&engine, bytes).unwrap()).unwrap();
            assert_eq!(found.is_some(), migrates, "{name}");
        }
    }

    #[test]
    fn a_component_without_a_lifecycle_has_none() {
        let component = Component::new(&wasmtime::Engine::default(), wat::parse_str("(component)").unwrap()).unwrap();
        assert!(migration(&component).unwrap().is_none());
    }
}
