//! What a plugin may say of itself, and what of it the operator has to grant.

use proptest::prelude::*;

use super::*;

const WEATHER: &str = r#"{
    "name": "هوا", "version": "1.2.0", "description": "Tells the weather.",
    "grants": { "messenger": "to answer", "http": "to ask for the forecast" },
    "hosts": { "https://api.example.com": "the forecast" },
    "limits": { "wall": 8000 },
    "config": {
        "city": { "type": "text", "description": "where it is asked for" },
        "days": { "type": "integer", "default": "3" }
    }
}"#;

fn weather() -> Manifest {
    Manifest::parse(WEATHER.as_bytes()).unwrap()
}

#[test]
fn what_is_wanted_and_not_granted_is_told_with_its_reason() {
    let missing = weather().missing(&["messenger", "files"], Grants::default(), &Limits::default(), &BotConfig::new());
    let told: Vec<_> = missing.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "it wants the grant http: to ask for the forecast",
            "it wants the grant messenger: to answer",
            "it wants the grant files",
            "it needs the limit wall to be 8 s, and it is 5 s",
            "it needs the key city in its configuration, text: where it is asked for",
        ]
    );
}

#[test]
fn what_nobody_asked_for_is_told() {
    let grants = Grants { messenger: true, http: true, keyvalue: true, timers: true, ..Grants::default() };
    assert_eq!(weather().unasked(&["timers"], grants), ["keyvalue"]);
}

#[test]
fn a_configuration_gets_defaults_and_its_types_are_checked() {
    let config = |pairs: &[(&str, &str)]| -> BotConfig {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let full = weather().configure(&config(&[("city", "شیراز")])).unwrap();
    assert_eq!(full, config(&[("city", "شیراز"), ("days", "3")]));
    let misfits = weather().configure(&config(&[("days", "many")])).unwrap_err();
    assert_eq!(misfits, [("days".to_owned(), Kind::Integer)]);
}

#[test]
fn limit_manifest_and_what_cannot_be_are_refused_in_words() {
    let told = |text: &str| Manifest::parse(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(told(&" ".repeat(MANIFEST + 1)), "the manifest has 65537 bytes; it may have 65536");
    assert_eq!(told(r#"{"grants":{"root":"why not"}}"#), "the manifest is wrong at grants: there is no grant \"root\"");
    assert_eq!(
        told(r#"{"limits":{"memory":0}}"#),
        "the manifest is wrong at limits: \"memory\": must be from 1 MiB to 4 GiB"
    );
    assert_eq!(
        told(r#"{"name":"a\u001b[2Jb"}"#),
        "the manifest is wrong at name: it has characters that cannot be shown"
    );
    assert_eq!(told(r#"{"grants":{"http":" "}}"#), "the manifest is wrong at grants.http: it says nothing");
    assert!(told("[]").starts_with("the manifest cannot be read: "));
    assert!(told(&r#"{"name":"#.repeat(5000)).starts_with("the manifest cannot be read: "), "deep nesting");
}

proptest! {
    #[test]
    fn no_manifest_makes_it_panic_or_prints_what_cannot_be_shown(
        text in r#"(\{"(name|grants|hosts|limits|config|version)":[\{\["a-z0-9:,. \}\]\\u001b-]{0,40}\})|.*"#,
    ) {
        if let Err(error) = Manifest::parse(text.as_bytes()) {
            prop_assert!(is_clean(&error.to_string()));
        }
    }
}
