//! An app that wants to hurt: whatever it sends, there is an answer, and the server goes on.

use hodhod_platforms::playground::divar::Faults;
use proptest::prelude::*;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::kit::{KEY, ask, rig};

#[tokio::test]
async fn strange_paths_and_headers_get_an_answer() {
    let rig = rig().await;
    for path in ["/", "/oauth2/auth", "/oauth2/auth?%ff=%fe", "/media/%00/%2e%2e", "/upload/%F0%9F", "/completion?x"] {
        let status = rig.http.get(rig.url(path)).send().await.unwrap().status();
        assert!(status != StatusCode::INTERNAL_SERVER_ERROR, "{path}: {status}");
    }
    let conversation = "%00%ff%2f".repeat(500);
    let url = rig.url(&format!("/v1/open-platform/chat/bot/conversations/{conversation}/messages"));
    let status = rig.http.post(url).header("x-api-key", KEY).json(&json!({})).send().await.unwrap().status();
    assert!(status.is_client_error());
    let odd = rig.get("/v1/open-platform/users").header("Authorization", [0xff, b'B'].as_slice());
    assert_eq!(ask(odd).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(rig.get("/v1/open-platform/users").bearer_auth("")).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn json_that_is_deep_or_long_is_refused() {
    let rig = rig().await;
    let chat = rig.chat("sara");
    let url = rig.url(&format!("/v1/open-platform/chat/bot/conversations/{chat}/messages"));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in [deep, "9".repeat(100_000), "\u{0}".to_owned()] {
        let request = rig.http.post(&url).header("x-api-key", KEY).header("Content-Type", "application/json");
        assert_eq!(ask(request.body(body)).await.0, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let rig = crate::kit::rig_with(|settings| settings.limits.answer_bytes = 1000).await;
    rig.app.answer_text(200, &"x".repeat(1_000_000));
    rig.divar.say("sara", "x").unwrap();
    rig.divar.wait_until_pushed(crate::kit::PATIENCE).await.unwrap();
    assert_eq!(rig.divar.pushes()[0].answer().unwrap().1.len(), 1000);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    let names = prop::sample::select(vec![
        "text_message",
        "message",
        "type",
        "media_token",
        "buttons",
        "rows",
        "action",
        "caption",
        "icon",
        "data",
        "open_direct_link",
        "open_server_link",
        "get_dynamic_action",
        "open_post_page",
        "post_token",
        "x",
    ]);
    leaf.prop_recursive(6, 40, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..5).prop_map(|members| {
                Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    })
}

#[test]
fn any_json_is_taken_or_refused_and_never_a_failure() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rig = runtime.block_on(rig());
    rig.divar.set_faults(Faults { echo: true, ..Faults::default() });
    let chat = rig.chat("sara");
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(200));
    let outcome = runner.run(&any_json(), |body| {
        let (status, answer) = runtime.block_on(ask(rig.to_bot(&chat, &body)));
        let refused = status == StatusCode::BAD_REQUEST && answer["code"] == 3;
        prop_assert!(status == StatusCode::OK || refused, "{status} {answer}");
        Ok(())
    });
    outcome.unwrap();
}
