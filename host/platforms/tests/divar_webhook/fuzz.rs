//! Requests that no server would make: each is answered, what comes of it is bounded and clean, and the
//! same again means the same.

use std::time::Duration;

use hodhod_core::event::{Content, Event};
use hodhod_core::platform::{Incoming, Platform};
use hodhod_core::testing::fuzz;
use hodhod_core::text::is_clean;
use serde_json::Value;

use super::divar_kit::{Rig, request, told};

const WORDS: [&[u8]; 40] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b",",
    b":",
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"\\u0000",
    b"\\ud83d",
    b"\\u202e",
    b"\xff",
    b"\0",
    b"[[[[",
    b"{\"a\":",
    b"\"type\":\"NEW_MESSAGE\"",
    b"\"type\":\"NEW_CHATBOT_MESSAGE\"",
    b"\"type\":\"USER_ACCESS_REVOCATION\"",
    b"\"type\":\"POST_UPDATE\"",
    b"\"type\":\"IMAGE\"",
    b"\"type\":\"LOCATION\"",
    b"\"new_message\":",
    b"\"conversation\":{\"id\":\"..\"}",
    b"\"sender\":{\"type\":\"BOT\"}",
    b"\"sent_at\":\"2025-07-16T10:41:42.648410Z\"",
    b"\"sent_at\":99999999999999999999",
    b"\"text\":\"/start CHAT x\"",
    b"\"link\":\"http://169.254.169.254/\"",
    b"\"extra_data\":{\"hodhod\":\"post\",\"event\":\"x\"}",
    b"\"provider_data\":",
    b"\"conversation_id\":\"a b\"",
    b"\"user_id\":\"../../x\"",
    b"\"completion_url\":\"https://divar.ir@evil.example\"",
    b"\"metadata\":{\"hodhod_user\":\"u\"}",
    b"/start",
];

/// Longest of what an event may be over its request: names of fields, a date, an id.
const BESIDE: usize = 4096;

fn check(runtime: &tokio::runtime::Runtime, rig: &Rig, body: &[u8]) -> Vec<String> {
    let mut outcomes = Vec::new();
    for path in ["/events", "/action", "/session"] {
        // What was before is over.
        rig.clock.advance(Duration::from_secs(3600));
        rig.kept.clear();
        let before = rig.divar.health().skipped;
        let call = || {
            let reply = runtime.block_on(rig.call(request(path, body.to_vec())));
            assert!(matches!(reply.status().as_u16(), 200 | 400), "{reply:?}");
            told(&reply)
        };
        let (status, answer) = call();
        let events = rig.kept.events();
        match (path, status) {
            (_, 400) => assert!(events.is_empty() && answer["error"].is_string()),
            ("/session", _) => assert!(answer["url"].as_str().unwrap().starts_with("https://")),
            _ => assert_eq!(answer, Value::Object(Default::default())),
        }
        assert_eq!(call(), (status, answer));
        // Of nobody in no conversation the same again is another's.
        let is_of_somebody = |incoming: &Incoming| match &*incoming.event {
            Event::Message(message) => message.sender.id.is_some() || message.private,
            _ => true,
        };
        let nobodys = events.iter().filter(|event| !is_of_somebody(event)).count();
        let most = events.len() + nobodys;
        assert!((events.len()..=most).contains(&rig.kept.events().len()), "the same again is the same");
        assert!(path == "/events" || events.len() == usize::from(status == 200));
        let mut size = 0;
        for incoming in &events {
            assert!(is_clean(&incoming.key) && incoming.key.len() < 1024, "{incoming:?}");
            size += incoming.event.weight();
            match &*incoming.event {
                Event::Message(message) => {
                    let chat = message.chat.id.as_str();
                    assert!(is_clean(chat) && chat.len() < 300 && !chat.contains(char::is_whitespace), "{chat:?}");
                    assert!(matches!(chat.split(':').next(), Some("bot" | "post" | "user" | "app")), "{chat}");
                    assert!(message.annotations.len() <= 8, "{message:?}");
                    if let Content::Media(media) = &message.content {
                        assert!(media.file.starts_with("link:http"), "{media:?}");
                    }
                    outcomes.push(format!("{path} {:.5}", format!("{:?}", message.content)));
                }
                Event::Other(name, json) => {
                    assert!(name.starts_with("divar.") && is_clean(name) && name.len() < 100, "{name:?}");
                    serde_json::from_str::<Value>(json).unwrap();
                    outcomes.push(format!("{path} other {:.12}", name));
                }
                other => panic!("{other:?}"),
            }
        }
        // A character that is written as an escape of six bytes is told in as many at most.
        assert!(size <= 8 * body.len() + BESIDE * events.len(), "{size} of {}", body.len());
        let skipped = rig.divar.health().skipped.into_iter().find(|count| !before.contains(count));
        outcomes.push(format!("{path} {status} {:?}", skipped.map(|(why, _)| why)));
    }
    outcomes.truncate(8);
    outcomes
}

#[test]
fn fuzz_divar_answers_every_request_and_believes_little() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut seeds = fuzz::corpus(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/divar"));
    seeds.extend(fuzz::corpus(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/divar")));
    let rig = Rig::default();
    fuzz::run("divar", seeds, &WORDS, |body| check(&runtime, &rig, body));
}
