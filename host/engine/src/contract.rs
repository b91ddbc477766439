//! Whether a component's handler is the one of the contract, known before it runs.
//!
//! wasmtime compares the types of an export only when it is instantiated, and by then the component would
//! have been loaded as a bot that fails at every event.

use wasmtime::component::Component;
use wasmtime::component::types::{ComponentItem, Type, Variant};

/// The interface of the handler, and its function.
const HANDLER: &str = "hodhod:bot/handler@0.1.0";
const HANDLE: &str = "handle";

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

fn is(variant: &Variant, cases: &[&str]) -> bool {
    variant.cases().map(|case| case.name).eq(cases.iter().copied())
}
