//! What can be known of a component without compiling or running it: its digest, its imports, and
//! the manifest that it carries.
//!
//! The bytes are a stranger's. They are read in one pass, nothing is built that grows with more than
//! their length, and what is malformed is an error.

use hodhod_core::limits::MANIFEST;
use hodhod_core::manifest::{Manifest, ManifestError, NAME, TEXT};
use hodhod_core::text::{clean, hex};
use serde::Serialize;
use sha2::{Digest, Sha256};
use thiserror::Error;
use wasmparser::{
    ComponentExternalKind, ComponentNameSectionReader, CustomSectionReader, Encoding, KnownCustom, Parser, Payload,
};

use crate::contract::is_lifecycle;
use crate::grants::{Need, need};

/// The custom section that holds the manifest, in the component or in a module within it.
pub const SECTION: &str = "hodhod:manifest";

/// Custom sections that the tools of WebAssembly have for what a manifest says too.
const VERSION: &str = "version";
const DESCRIPTION: &str = "description";

/// Most imports that are looked at: more than any contract has.
const IMPORTS: usize = 1000;

/// What a component is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// The SHA-256 of the file, in hex.
    pub digest: String,
    /// Its size in bytes.
    pub size: u64,
    /// What it imports, in its order.
    pub imports: Vec<String>,
    /// The grants that its imports need.
    pub needs: Vec<&'static str>,
    /// Imports that no host has.
    pub unknown: Vec<String>,
    /// True where it exports `lifecycle`: it may bring what another build stored into its own shape. Whether its
    /// `migrate` is as the contract says is seen when it is loaded.
    pub migrates: bool,
    /// What it says of itself; absent where it says nothing.
    pub manifest: Option<Manifest>,
}

/// Why a component cannot be inspected.
#[derive(Debug, Error)]
pub enum InspectError {
    /// It is no component.
    #[error("not a WebAssembly component: {0}")]
    NotAComponent(String),
    /// It has too many imports.
    #[error("it has more than {IMPORTS} imports")]
    Imports,
    /// It has more than one manifest.
    #[error("it has more than one manifest")]
    TwoManifests,
    /// It is to get a manifest and has one.
    #[error("it has a manifest already; embed into the component as it was built")]
    HasManifest,
    /// Its manifest cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// Looks at a component.
///
/// # Errors
/// See [`InspectError`].
pub fn inspect(bytes: &[u8]) -> Result<Inspection, InspectError> {
    let malformed = |error: &dyn std::fmt::Display| InspectError::NotAComponent(clean(&error.to_string(), 300));
    let mut found = Found::default();
    // One entry for each component or module that is open; 0 is the file itself.
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| malformed(&error))? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(InspectError::NotAComponent("it is a core module; make a component of it".to_owned()));
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    let import = import.map_err(|error| malformed(&error))?;
                    if found.imports.len() >= IMPORTS {
                        return Err(InspectError::Imports);
                    }
                    found.imports.push(import.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(exports) if depth == 0 => {
                for export in exports {
                    let export = export.map_err(|error| malformed(&error))?;
                    found.migrates |= export.kind == ComponentExternalKind::Instance && is_lifecycle(export.name.name);
                }
            }
            Payload::CustomSection(section) => found.custom(&section, depth)?,
            _ => {}
        }
    }
    let mut needs = Vec::new();
    let mut unknown = Vec::new();
    for name in &found.imports {
        match need(name) {
            Need::Nothing => {}
            Need::Grant(grant) if needs.contains(&grant) => {}
            Need::Grant(grant) => needs.push(grant),
            Need::Unknown => unknown.push(clean(name, 100)),
        }
    }
    Ok(Inspection {
        digest: digest(bytes),
        size: bytes.len() as u64,
        manifest: found.manifest()?,
        imports: found.imports.iter().map(|name| clean(name, 100)).collect(),
        needs,
        unknown,
        migrates: found.migrates,
    })
}

/// The SHA-256 of a component, in hex.
pub fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The component with a manifest in it, and with what the tools of WebAssembly have fields for in those.
///
/// # Errors
/// Where it is no component, or has a manifest already.
pub fn embed(component: &[u8], manifest: &Manifest) -> Result<Vec<u8>, InspectError> {
    if inspect(component)?.manifest.is_some() {
        return Err(InspectError::HasManifest);
    }
    let mut rest = manifest.clone();
    let mut bytes = component.to_vec();
    let mut section = |name: &str, data: &[u8]| {
        let section = wasm_encoder::CustomSection { name: name.into(), data: data.into() };
        wasm_encoder::ComponentSection::append_to_component(&section, &mut bytes);
    };
    for (name, text) in [(VERSION, rest.version.take()), (DESCRIPTION, rest.description.take())] {
        if let Some(text) = text {
            section(name, text.as_bytes());
        }
    }
    let json = serde_json::to_vec(&rest).map_err(|error| ManifestError::Malformed(error.to_string()))?;
    section(SECTION, &json);
    inspect(&bytes)?;
    Ok(bytes)
}

/// What was met on the way through the file.
#[derive(Default)]
struct Found {
    imports: Vec<String>,
    migrates: bool,
    section: Option<Vec<u8>>,
    name: Option<String>,
    version: Option<String>,
    description: Option<String>,
}

impl Found {
    fn custom(&mut self, section: &CustomSectionReader<'_>, depth: usize) -> Result<(), InspectError> {
        if section.name() == SECTION {
            if self.section.is_some() {
                return Err(InspectError::TwoManifests);
            }
            if section.data().len() > MANIFEST {
                return Err(ManifestError::TooLarge(section.data().len()).into());
            }
            self.section = Some(section.data().to_vec());
        }
        if depth > 0 {
            return Ok(());
        }
        let text = || (section.data().len() <= MANIFEST).then(|| String::from_utf8_lossy(section.data()).into_owned());
        match section.name() {
            VERSION => self.version = text(),
            DESCRIPTION => self.description = text(),
            _ => {
                if let KnownCustom::ComponentName(names) = section.as_known() {
                    self.name = component_name(names);
                }
            }
        }
        Ok(())
    }

    /// The manifest, with what stands in the fields of WebAssembly's own tools.
    fn manifest(&self) -> Result<Option<Manifest>, ManifestError> {
        let Some(section) = &self.section else { return Ok(None) };
        let mut manifest = Manifest::parse(section)?;
        let merge = |own: &mut Option<String>, standard: Option<&str>, longest: usize| {
            if own.is_none() {
                *own = standard.map(|text| shortened(text, longest)).filter(|text| !text.trim().is_empty());
            }
        };
        merge(&mut manifest.name, self.name.as_deref(), NAME);
        merge(&mut manifest.version, self.version.as_deref(), NAME);
        merge(&mut manifest.description, self.description.as_deref(), TEXT);
        Ok(Some(manifest))
    }
}

/// A text as a manifest may have it: clean, and with the mark of a cut not over its limit.
fn shortened(text: &str, longest: usize) -> String {
    let whole = clean(text, longest);
    if whole.len() > longest { clean(text, longest - '…'.len_utf8()) } else { whole }
}

fn component_name(names: ComponentNameSectionReader<'_>) -> Option<String> {
    names.into_iter().find_map(|name| match name {
        Ok(wasmparser::ComponentName::Component { name, .. }) => Some(name.to_owned()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest::parse(br#"{"name":"a","version":"1.0","description":"b","grants":{"messenger":"to answer"}}"#)
            .unwrap()
    }

    #[test]
    fn a_manifest_travels_inside_the_component() {
        let bytes = wat::parse_str(r#"(component (import "hodhod:bot/messenger@0.1.0" (instance)))"#).unwrap();
        let before = inspect(&bytes).unwrap();
        assert_eq!((before.manifest, before.needs), (None, vec!["messenger"]));
        let carrying = embed(&bytes, &manifest()).unwrap();
        let after = inspect(&carrying).unwrap();
        assert_eq!(after.manifest, Some(manifest()));
        assert_ne!(after.digest, before.digest);
        assert!(matches!(embed(&carrying, &manifest()), Err(InspectError::HasManifest)));
    }

    #[test]
    fn a_manifest_inside_a_module_is_found_and_two_are_refused() {
        let section = r#"(@custom "hodhod:manifest" "{\"grants\":{\"http\":\"x\"}}")"#;
        let one = wat::parse_str(format!("(component (core module {section}))")).unwrap();
        assert!(inspect(&one).unwrap().manifest.unwrap().grants.contains_key("http"));
        let two = wat::parse_str(format!("(component (core module {section}) (core module {section}))")).unwrap();
        assert!(matches!(inspect(&two), Err(InspectError::TwoManifests)));
    }

    #[test]
    fn only_an_instance_that_the_component_itself_exports_is_its_lifecycle() {
        let name = "hodhod:bot/lifecycle@0.1.0";
        for (text, migrates) in [
            (format!(r#"(component (instance $i) (export "{name}" (instance $i)))"#), true),
            (format!(r#"(component (component $c) (export "{name}" (component $c)))"#), false),
            (format!(r#"(component (component (instance $i) (export "{name}" (instance $i))))"#), false),
            (format!(r#"(component (import "{name}" (instance)))"#), false),
        ] {
            assert_eq!(inspect(&wat::parse_str(&text).unwrap()).unwrap().migrates, migrates, "{text}");
        }
    }

    #[test]
    fn what_is_no_component_is_told_and_nothing_panics() {
        let module = wat::parse_str("(module)").unwrap();
        assert!(inspect(&module).unwrap_err().to_string().contains("core module"));
        let whole = embed(&wat::parse_str("(component (core module))").unwrap(), &manifest()).unwrap();
        for length in 0..whole.len() {
            // Some cuts fall between two sections.
            drop(inspect(&whole[..length]));
            let mut changed = whole.clone();
            changed[length] ^= 0x5a;
            drop(inspect(&changed));
        }
    }
}
