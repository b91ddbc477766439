//! Components changed as bytes: with something more in them, without building them anew.

use wasm_encoder::{ComponentSection as _, RawSection};
use wasmparser::{Parser, Payload};

/// Text as binary.
///
/// # Panics
/// Where it is no WebAssembly text.
pub fn wat(text: &str) -> Vec<u8> {
    ::wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The component with a custom section more: the same program, and another digest.
pub fn noted(component: &[u8], number: u32) -> Vec<u8> {
    let mut bytes = component.to_vec();
    // Section 0, nine bytes, a name of four.
    bytes.extend([0, 9, 4, b'n', b'o', b't', b'e']);
    bytes.extend(number.to_le_bytes());
    bytes
}

/// The component with one more module in it, instantiated so often. The module may import nothing.
pub fn beside(component: &[u8], module: &str, times: u32) -> Vec<u8> {
    let (modules, _) = parts(component);
    let mut bytes = component.to_vec();
    // Section 1 is a module.
    RawSection { id: 1, data: &wat(module) }.append_to_component(&mut bytes);
    let mut instances = wasm_encoder::InstanceSection::new();
    for _ in 0..times {
        instances.instantiate::<[(&str, wasm_encoder::ModuleArg); 0], &str>(modules, []);
    }
    instances.append_to_component(&mut bytes);
    bytes
}

/// The component with one more component in it, which is instantiated with it and may import nothing.
pub fn around(component: &[u8], inner: &str) -> Vec<u8> {
    let (_, components) = parts(component);
    let mut bytes = component.to_vec();
    // Section 4 is a component.
    RawSection { id: 4, data: &wat(inner) }.append_to_component(&mut bytes);
    let mut instances = wasm_encoder::ComponentInstanceSection::new();
    instances.instantiate::<[(&str, wasm_encoder::ComponentExportKind, u32); 0], &str>(components, []);
    instances.append_to_component(&mut bytes);
    bytes
}

/// How many modules and components there are in a component, not counting what is in those.
fn parts(component: &[u8]) -> (u32, u32) {
    let mut depth = 0_usize;
    let (mut modules, mut components) = (0, 0);
    for payload in Parser::new(0).parse_all(component) {
        match payload.expect("a component") {
            Payload::ModuleSection { .. } => {
                modules += u32::from(depth == 0);
                depth += 1;
            }
            Payload::ComponentSection { .. } => {
                components += u32::from(depth == 0);
                depth += 1;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    (modules, components)
}
