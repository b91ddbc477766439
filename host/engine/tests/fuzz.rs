//! Components that no tool would make: looking at one neither fails badly nor takes long.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, and so do its helpers")]

use hodhod_core::manifest::Manifest;
use hodhod_core::testing::fuzz;
use hodhod_core::text::is_clean;
use hodhod_engine::{Inspection, SECTION, embed, inspect};

/// An empty component.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

const WORDS: [&[u8]; 30] = [
    EMPTY,
    b"\0asm\x01\0\0\0",
    b"\0asm",
    b"\x00",
    b"\x01",
    b"\x04",
    b"\x0a",
    b"\x0b",
    b"\x80\x80\x80\x80\x00",
    b"\xff\xff\xff\xff\x0f",
    b"\x7f",
    b"\x0fhodhod:manifest",
    b"\x07version",
    b"\x0bdescription",
    b"\x0ecomponent-name",
    b"\x00\x13\x0fhodhod:manifest{}",
    b"\x00\x09\x07version1",
    b"\x00\x08\x07version",
    b"{\"name\":\"a\"}",
    b"{\"grants\":{\"http\":\"x\"}}",
    b"\"hosts\":{",
    b"\"limits\":{\"wall\":1}",
    b"\\u001b",
    b"\x1b[2J",
    b"\xe2\x80\xae",
    b"\xff",
    b" ",
    b"hodhod:bot/messenger@0.1.0",
    b"wasi:cli/stdout@0.2.0",
    b"\x00\x0chodhod:bot/x",
];

/// A custom section.
fn section(name: &str, data: &[u8]) -> Vec<u8> {
    let name_length = u8::try_from(name.len()).unwrap();
    framed(0, &[&[name_length], name.as_bytes(), data].concat())
}

/// A section with its length.
fn framed(id: u8, data: &[u8]) -> Vec<u8> {
    let mut section = vec![id];
    let mut rest = data.len();
    while rest > 0x7f {
        section.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    section.push(u8::try_from(rest).unwrap());
    section.extend_from_slice(data);
    section
}

/// The input as a row of sections, each as long as it says, so that the reader gets behind the first.
fn sections(mut input: &[u8]) -> Vec<u8> {
    let mut component = EMPTY.to_vec();
    while let [id, length, rest @ ..] = input {
        let (data, behind) = rest.split_at(usize::from(*length).min(rest.len()));
        component.extend(framed(id % 13, data));
        input = behind;
    }
    component
}

fn look(bytes: &[u8]) -> Result<Inspection, String> {
    let inspection = inspect(bytes).map_err(|error| {
        let told = error.to_string();
        assert!(is_clean(&told) && told.len() < 1000, "{told:?}");
        fuzz::words(&told)
    })?;
    assert_eq!((inspection.size, inspection.digest.len()), (bytes.len() as u64, 64));
    assert!(
        inspection.imports.len() <= 1000
            && inspection.unknown.len() + inspection.needs.len() <= inspection.imports.len()
    );
    assert!(inspection.imports.iter().chain(&inspection.unknown).all(|import| is_clean(import) && import.len() <= 103));
    if let Some(manifest) = &inspection.manifest {
        // It is printed, and written into a configuration: it is as clean as one that was read.
        let written = serde_json::to_vec(manifest).unwrap();
        assert_eq!(Manifest::parse(&written).as_ref(), Ok(manifest), "{}", written.escape_ascii());
        let carrying = embed(EMPTY, manifest).unwrap_or_else(|error| panic!("{error}: {manifest:?}"));
        assert_eq!(inspect(&carrying).unwrap().manifest.as_ref(), Some(manifest));
    }
    Ok(inspection)
}

fn check(input: &[u8]) -> String {
    let of = |found: &Result<Inspection, String>| match found {
        Ok(found) => {
            let (imports, unknown) = (found.imports.len().min(4), found.unknown.len().min(4));
            format!("{imports} {unknown} {} {}", found.migrates, found.manifest.is_some())
        }
        Err(why) => why.clone(),
    };
    // The input as the whole, as sections, and as what a section says.
    let whole = look(input);
    let row = look(&sections(input));
    let inner = look(&[EMPTY, &section(SECTION, input)].concat());
    for name in ["version", "description"] {
        drop(look(&[EMPTY, &section(SECTION, b"{}"), &section(name, input)].concat()));
    }
    let name = framed(0, input);
    drop(look(&[EMPTY, &section(SECTION, b"{}"), &section("component-name", &name)].concat()));
    drop(look(
        &[EMPTY, &section(SECTION, b"{}"), &section("component-name", &framed(0, &framed(0, input)[1..]))].concat(),
    ));
    format!("{} {} {}", of(&whole), of(&row), of(&inner))
}

#[test]
fn fuzz_inspect_looks_at_any_bytes_and_tells_what_can_be_shown() {
    let corpus = fuzz::corpus(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/inspect"));
    // Components are written as text, so that a person can read them; other inputs are as they are.
    let component = |bytes: Vec<u8>| match std::str::from_utf8(&bytes) {
        Ok(text) if text.trim_start().starts_with('(') => wat::parse_str(text).unwrap(),
        _ => bytes,
    };
    fuzz::run("inspect", corpus.into_iter().map(component).collect(), &WORDS, check);
}
