//! How much an app may ask, and how much the server keeps.

use std::time::Duration;

use hodhod_platforms::playground::divar::{Error, Person, Post, Quotas, Side};
use reqwest::StatusCode;
use serde_json::json;

use crate::kit::{POST, Rig, ask, refusal, rig, rig_with};

async fn call(rig: &Rig) -> (StatusCode, String) {
    let answer = ask(rig.get(&format!("/v1/open-platform/finder/post/{POST}"))).await;
    if answer.0 != StatusCode::OK {
        assert_eq!(refusal(&answer), (429, 8));
    }
    (answer.0, answer.1["message"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn calls_beyond_the_minute_or_the_day_are_refused_until_the_next_one() {
    let rig = rig().await;
    rig.divar.set_quotas(Quotas { per_minute: Some(2), per_day: Some(5), retry_after: false });
    for _ in 0..2 {
        assert_eq!(call(&rig).await.0, StatusCode::OK);
    }
    assert!(call(&rig).await.1.contains("minute"));
    rig.clock.advance(Duration::from_secs(60));
    for _ in 0..2 {
        assert_eq!(call(&rig).await.0, StatusCode::OK);
    }
    rig.clock.advance(Duration::from_secs(60));
    assert_eq!(call(&rig).await.0, StatusCode::OK, "what was refused did not count");
    assert!(call(&rig).await.1.contains("daily"));
    // A call without a good key does not count, and is not told of the quota.
    let stranger = ask(rig.http.get(rig.url("/v1/open-platform/users")).header("x-api-key", "x")).await;
    assert_eq!(refusal(&stranger), (401, 16));
    rig.clock.advance(Duration::from_secs(24 * 60 * 60));
    assert_eq!(call(&rig).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_refusal_says_when_to_come_back_if_that_is_wanted() {
    let rig = rig().await;
    rig.divar.set_quotas(Quotas { per_minute: Some(0), per_day: None, retry_after: true });
    // 1,760,001,000 is a whole minute.
    rig.clock.advance(Duration::from_millis(18_500));
    let response = rig.get("/v1/open-platform/users").send().await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (429, &"42".parse().unwrap()));
}

#[tokio::test]
async fn every_limit_ends_in_an_error() {
    let rig = rig_with(|settings| {
        settings.limits.people = 3;
        settings.limits.posts = 3;
        settings.limits.conversations = 1;
        settings.limits.sent = 2;
        settings.limits.waiting = 2;
        settings.limits.grants = 2;
        settings.limits.body_bytes = 1000;
        settings.pushing.attempts = u32::MAX;
        settings.pushing.pause = Duration::from_secs(3600);
    })
    .await;
    rig.divar.add_person(Person::new("third", "3").post(Post::new("Third1", "c", "t"))).unwrap();
    let full = rig.divar.add_person(Person::new("fourth", "4"));
    assert!(matches!(full, Err(Error::Full { what: "people", limit: 3 })));
    assert!(matches!(rig.divar.put_post("sara", Post::new("a", "c", "t")), Err(Error::Full { what: "posts", .. })));
    rig.divar.put_post("sara", Post::new(POST, "c", "changed")).unwrap();

    rig.divar.say_in_post(POST, "babak", Side::Buyer, "?").unwrap();
    let full = rig.divar.say_in_post(POST, "third", Side::Buyer, "?");
    assert!(matches!(full, Err(Error::Full { what: "conversations", .. })));

    let chat = rig.chat("sara");
    for expected in [StatusCode::OK, StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE] {
        assert_eq!(ask(rig.to_bot(&chat, &json!({ "text_message": "x" }))).await.0, expected);
    }
    assert_eq!(rig.divar.take_sent().len(), 2);
    assert_eq!(ask(rig.to_bot(&chat, &json!({ "text_message": "x" }))).await.0, StatusCode::OK);
    let large = json!({ "text_message": "x".repeat(2000) });
    assert_eq!(refusal(&ask(rig.to_bot(&chat, &large)).await), (413, 3));

    for _ in 0..2 {
        rig.app.answer(500, &json!({}));
        rig.divar.say("sara", "x").unwrap();
    }
    assert!(matches!(rig.divar.say("sara", "x"), Err(Error::Full { what: "events that wait", limit: 2 })));

    for _ in 0..2 {
        rig.token("sara", "USER_ID").await;
    }
    let back = rig.divar.answer_consent("sara", &rig.consent_url("USER_ID"), true).await.unwrap();
    assert_eq!(crate::kit::query(&back, "error").as_deref(), Some("temporarily_unavailable"));
    // What has expired makes room.
    rig.clock.advance(Duration::from_secs(3600));
    rig.token("sara", "USER_ID").await;
}

#[tokio::test]
async fn the_newest_pushes_are_remembered() {
    let rig = rig_with(|settings| settings.limits.pushes = 3).await;
    for number in 0..5 {
        rig.divar.say("sara", &number.to_string()).unwrap();
    }
    rig.divar.wait_until_pushed(crate::kit::PATIENCE).await.unwrap();
    let indices: Vec<_> = rig.divar.pushes().iter().map(|push| push.index).collect();
    assert_eq!(indices, [2, 3, 4]);
    assert_eq!(rig.divar.push_counts().delivered, 5);
}
