//! Manifests that nobody would write.

use super::*;
use crate::testing::fuzz;

const WORDS: [&[u8]; 36] = [
    b"\"name\":",
    b"\"version\":",
    b"\"description\":",
    b"\"grants\":{",
    b"\"hosts\":{",
    b"\"limits\":{",
    b"\"config\":{",
    b"\"type\":",
    b"\"default\":",
    b"\"text\"",
    b"\"integer\"",
    b"\"number\"",
    b"\"boolean\"",
    b"\"messenger\"",
    b"\"http\"",
    b"\"memory\"",
    b"\"wall\"",
    b"\"stack\"",
    b"\"https://*.example.org\"",
    b"18446744073709551615",
    b"-1",
    b"1e999",
    b"0.1",
    b"null",
    b"true",
    b"{",
    b"}",
    b"[",
    b"\\u001b[2J",
    b"\\ud800",
    b"\\u202e",
    b"\xe2\x80\xae",
    b"\x1b",
    b"\xff",
    b"\\u0085",
    b" ",
];

fn check(bytes: &[u8]) -> String {
    let manifest = match Manifest::parse(bytes) {
        Ok(manifest) => manifest,
        Err(error) => {
            let told = error.to_string();
            assert!(is_clean(&told), "{told:?}");
            assert!(told.len() < 1000, "{} bytes of an error", told.len());
            return fuzz::words(&error);
        }
    };
    assert!(bytes.len() <= MANIFEST);
    let written = serde_json::to_vec(&manifest).unwrap();
    assert_eq!(Manifest::parse(&written).as_ref(), Ok(&manifest), "{}", written.escape_ascii());
    let missing = manifest.missing(&["messenger"], Grants::default(), &Limits::default(), &BotConfig::new());
    for told in missing.into_iter().chain(manifest.missing_hosts(&[])) {
        assert!(is_clean(&told.to_string()), "{told:?}");
    }
    // Defaults are of their own kind; what has none is for the operator to write.
    let config = manifest.configure(&BotConfig::new()).unwrap();
    assert_eq!(manifest.configure(&config).as_ref(), Ok(&config));
    let [grants, hosts] = [manifest.grants.len(), manifest.hosts.len()];
    format!("read {} {grants} {hosts} {} {}", manifest.name.is_some(), manifest.limits.len(), manifest.config.len())
}

#[test]
fn fuzz_manifest_reads_again_what_it_read_and_tells_what_it_refuses() {
    let seeds = fuzz::corpus(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/manifest"));
    fuzz::run("manifest", seeds, &WORDS, check);
}
