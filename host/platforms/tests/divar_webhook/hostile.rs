//! Callers who are not Divar, and a Divar that goes mad: no effect, and bounded memory.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use hodhod_core::platform::Platform;
use hodhod_platforms::divar::Options;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, Request};
use serde_json::json;

use super::divar_kit::{FROM, KEY, Kept, Rig, data, request, told};

const PATHS: [&str; 3] = ["/events", "/session", "/action"];

/// What a request is answered that must have no effect.
async fn refused(rig: &Rig, request: Request<Bytes>) -> u16 {
    let status = rig.call(request).await.status().as_u16();
    assert!(rig.kept.events().is_empty(), "it had an effect");
    status
}

fn keyless(path: &str) -> http::request::Builder {
    Request::post(path).header(CONTENT_TYPE, "application/json")
}

#[tokio::test]
async fn only_the_very_key_opens() {
    let rig = Rig::default();
    let body = || Bytes::from(data("bot_text"));
    let mut wrong: Vec<String> = vec![
        String::new(),
        KEY.get(1..).unwrap().to_owned(),
        format!("{KEY}x"),
        format!("Bearer {KEY}"),
        KEY.to_uppercase(),
    ];
    // Each with one byte changed, the first and the last included.
    wrong.extend((0..KEY.len()).map(|at| {
        let mut key = KEY.as_bytes().to_vec();
        key[at] ^= 1;
        String::from_utf8(key).unwrap()
    }));
    for path in PATHS {
        assert_eq!(refused(&rig, keyless(path).body(body()).unwrap()).await, 404);
        for key in &wrong {
            assert_eq!(
                refused(&rig, keyless(path).header(AUTHORIZATION, key).body(body()).unwrap()).await,
                404,
                "{key}"
            );
        }
    }
    let health = rig.divar.health();
    assert_eq!(health.skipped, [("wrong-key", 3 * (wrong.len() as u64 + 1))]);
    assert!(health.trouble.unwrap().contains("identification key"));
    rig.event(data("bot_text")).await;
    assert_eq!(rig.divar.health().trouble, None, "the right one came, so it is known to be right");
    assert_eq!(rig.call(keyless("/events").body(body()).unwrap()).await.status(), 404);
    assert_eq!(rig.divar.health().trouble, None, "a stranger's guess is no trouble");
}

#[tokio::test]
async fn two_keys_open_nothing_even_if_one_or_both_are_right() {
    let rig = Rig::default();
    for (first, second) in [(KEY, KEY), (KEY, "x"), ("x", KEY)] {
        let request = keyless("/events").header(AUTHORIZATION, first).header(AUTHORIZATION, second);
        assert_eq!(refused(&rig, request.body(data("bot_text").into()).unwrap()).await, 404);
    }
    let request = keyless("/events").header(AUTHORIZATION, format!("{KEY}, {KEY}"));
    assert_eq!(refused(&rig, request.body(data("bot_text").into()).unwrap()).await, 404);
}

#[tokio::test]
async fn a_key_may_be_of_any_letters_and_begin_like_a_scheme() {
    for key in ["Bearer my-own-key", "کلید ما"] {
        let rig = Rig::default();
        let mut config = super::divar_kit::config(Options::default());
        config.identification_key = format!(" {key}\n").into();
        let vault = hodhod_core::testing::MemoryVault::new(std::sync::Arc::new(rig.clock.clone()));
        let divar = hodhod_platforms::divar::Divar::new(
            config,
            std::sync::Arc::new(vault),
            std::sync::Arc::new(rig.clock.clone()),
        );
        let rig = Rig { divar: divar.unwrap(), ..rig };
        let key = HeaderValue::from_bytes(key.as_bytes()).unwrap();
        let request = keyless("/events").header(AUTHORIZATION, key).body(data("bot_text").into()).unwrap();
        assert_eq!(rig.call(request).await.status(), 200);
    }
}

#[tokio::test]
async fn only_the_operators_sources_may_call_where_he_lists_any() {
    let sources = ["78.111.6.41", "31.214.250.128/27"].map(|source| source.parse().unwrap()).to_vec();
    let rig = Rig::with(Options { sources, ..Options::default() });
    for bad in ["78.111.6.44", "31.214.250.127", "127.0.0.1", "::1", "::ffff:10.0.0.1"] {
        let reply = rig.call_from(request("/events", data("bot_text")), bad).await;
        assert_eq!(reply.status(), 404, "{bad}");
    }
    assert!(rig.kept.events().is_empty());
    assert_eq!(rig.divar.health().skipped, [("foreign-source", 5)]);
    for (good, name) in [(FROM, "bot_text"), ("31.214.250.150", "post_text"), ("::ffff:78.111.6.41", "post_voice")] {
        assert_eq!(rig.call_from(request("/events", data(name)), good).await.status(), 200, "{good}");
    }
    assert_eq!(rig.kept.events().len(), 3);
}

#[tokio::test]
async fn other_addresses_and_methods_are_not_answered() {
    let rig = Rig::default();
    for path in ["/", "/event", "/events/x", "//events", "/EVENTS", "/events%2f", "/../events", "/admin", "/events//"] {
        assert_eq!(refused(&rig, request(path, data("bot_text"))).await, 404, "{path}");
    }
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS, Method::HEAD, Method::TRACE] {
        for path in PATHS {
            let mut request = request(path, data("bot_text"));
            *request.method_mut() = method.clone();
            let reply = rig.call(request).await;
            assert_eq!(reply.status(), 404);
        }
    }
    assert_eq!(refused(&rig, request("/oauth", "{}")).await, 404);
    assert!(rig.kept.events().is_empty());
    rig.post("/events/", data("bot_text")).await;
    rig.post("/events?x=1", data("post_text")).await;
    assert_eq!(rig.kept.events().len(), 2, "a slash at the end or a query makes no other address");
}

#[tokio::test]
async fn nothing_but_json_is_read() {
    let rig = Rig::default();
    let of = |form: &str| {
        let mut request = request("/events", data("bot_text"));
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_str(form).unwrap());
        request
    };
    for form in [
        "text/plain",
        "text/html",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=json",
        "",
        "json/x",
    ] {
        assert_eq!(refused(&rig, of(form)).await, 415, "{form}");
    }
    let mut packed = request("/events", data("bot_text"));
    packed.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    assert_eq!(refused(&rig, packed).await, 415);
    for form in ["application/json; charset=utf-8", "Application/JSON", "text/json", "application/cloudevents+json"] {
        assert_eq!(rig.call(of(form)).await.status(), 200, "{form}");
    }
    let mut bare = request("/events", data("post_text"));
    bare.headers_mut().remove(CONTENT_TYPE);
    assert_eq!(rig.call(bare).await.status(), 200, "many senders leave it out");
    assert_eq!(rig.divar.health().skipped, [("no-json-type", 7)]);
}

#[tokio::test]
async fn ten_megabytes_are_refused_by_their_head_and_also_where_the_head_lied() {
    let rig = Rig::default();
    let mut long = request("/events", "x");
    long.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(10_u64 << 20));
    assert_eq!(refused(&rig, long).await, 413);
    // Whoever serves the address reads no more than was admitted; should it, this is not parsed.
    let body = format!(r#"{{"type":"X","x":"{}"}}"#, "y".repeat(10 << 20));
    for path in PATHS {
        let reply = rig.divar.webhook().unwrap().answer(request(path, body.clone()), &rig.kept).await;
        assert_eq!(reply.status(), 413);
    }
    assert!(rig.kept.events().is_empty());
    assert_eq!(rig.divar.health().skipped, [("oversized", 4)]);
}

#[tokio::test]
async fn what_is_no_json_of_an_event_is_refused_everywhere() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(20_000), close.repeat(20_000));
    let long = "x".repeat(100_000);
    for body in [
        "",
        "{",
        "null",
        "true",
        "5",
        "\"{}\"",
        "{\"type\":\"NEW_MESSAGE\"",
        "{\"type\":\"X\"} {}",
        "{'type':'X'}",
        "\u{feff}{}",
        "<html>",
        "NaN",
        "{\"a\":\"\\ud83d\"}",
        &deep("[", "]"),
        &deep("{\"a\":", "}"),
        &deep("[{\"a\":", "}]"),
        &long,
    ] {
        let rig = Rig::default();
        for path in PATHS {
            assert_eq!(refused(&rig, request(path, body.to_owned())).await, 400, "{path} {:.40}", body);
        }
        let not_text: &[u8] = b"{\"type\":\"\xff\xfe\"}";
        assert_eq!(refused(&rig, request("/events", not_text)).await, 400);
        assert_eq!(rig.divar.health().skipped, [("not-json", 4)]);
    }
}

#[tokio::test]
async fn a_replay_has_no_effect() {
    let rig = Rig::default();
    for name in ["bot_text", "post_text", "post_image", "transaction", "unknown"] {
        for _ in 0..20 {
            assert_eq!(rig.post("/events", data(name)).await.0, 200);
        }
    }
    for _ in 0..20 {
        assert_eq!(rig.post("/action", data("press")).await.0, 200);
        assert_eq!(rig.post("/session", data("session")).await.0, 200);
    }
    assert_eq!(rig.kept.events().len(), 7);
}

#[tokio::test]
async fn an_answer_tells_a_caller_nothing_of_what_he_sent_or_of_the_host() {
    let rig = Rig::default();
    for request in [
        request("/s3cret", "{}"),
        keyless("/events").header(AUTHORIZATION, "s3cret").body(Bytes::new()).unwrap(),
        request("/events", "s3cret"),
        request("/events", r#"{"type":"s3cret"}"#),
        request("/action", r#"{"extra_data":"s3cret"}"#),
        request("/session", r#"{"extra_data":"s3cret","completion_url":"https://s3cret.example"}"#),
    ] {
        let reply = rig.call(request).await;
        let words = format!("{:?} {}", reply.headers(), String::from_utf8_lossy(reply.body()));
        assert!(!words.contains("s3cret") && !words.contains(KEY) && !words.contains("shop"), "{words}");
        if !reply.body().is_empty() {
            assert_eq!(reply.headers()["content-type"], "application/json");
            told(&reply);
        }
    }
}

/// Kilobytes of memory that the process holds.
fn held() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn a_hundred_thousand_conversations_take_no_memory_that_grows_with_them() {
    const CONVERSATIONS: usize = 100_000;
    let rig = Rig { kept: Kept::forgetful(), ..Rig::default() };
    let flood = async |from: usize, to: usize| {
        for n in from..to {
            let id = format!("{n:08x}-0000-4000-8000-000000000000");
            let press = json!({"conversation_id": id, "user_id": id, "extra_data": {"k": "v".repeat(200)}});
            assert_eq!(rig.post("/action", press).await.0, 200);
            // Without an id, so that one is made and remembered; and of a type that is noted.
            let event = json!({"type": format!("TYPE_{n}"), "metadata": {"hodhod_user": id}});
            assert_eq!(rig.post("/events", event).await.0, 200);
        }
    };
    // Enough to fill whatever is bounded.
    flood(0, 20_000).await;
    let before = held();
    flood(20_000, CONVERSATIONS).await;
    let grown = held().saturating_sub(before);
    assert_eq!(rig.kept.count.load(Ordering::SeqCst), 2 * CONVERSATIONS);
    assert!(grown < 8 << 10, "{grown} KB more for {} conversations more", CONVERSATIONS - 20_000);
}
