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

fn is(variant: &Variant, cases: &[&str]) -> bool {
    variant.cases().map(|case| case.name).eq(cases.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with a component that exports these functions as its lifecycle.
    fn wrong(functions: &str) -> Option<&'static str> {
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
                (export "{LIFECYCLE}" (instance $lifecycle)))"#
        );
        let engine = wasmtime::Engine::default();
        migration(&Component::new(&engine, wat::parse_str(text).unwrap()).unwrap()).err()
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
    fn a_component_without_a_lifecycle_has_none() {
        let component = Component::new(&wasmtime::Engine::default(), wat::parse_str("(component)").unwrap()).unwrap();
        assert!(migration(&component).unwrap().is_none());
    }
}
