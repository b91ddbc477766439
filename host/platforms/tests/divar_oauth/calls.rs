//! What a bot can have done at once.

use std::time::Duration;

use hodhod_core::platform::CallError;
use http::Method;
use serde_json::json;

use crate::kit::*;
use crate::play::{Fault, POST, USER_POSTS, USERS};

#[tokio::test]
async fn a_post_is_read_with_the_key_alone() {
    let shop = Shop::new().await;
    let post = shop.call("divar.get-post", json!({ "token": "gZd7omnS" })).await.unwrap();
    assert_eq!(post, json!({ "token": "gZd7omnS", "data": { "title": "دوچرخه" } }));
    let seen = shop.play.seen(&format!("{POST}gZd7omnS")).pop().unwrap();
    assert_eq!((&seen.method, seen.header("x-api-key")), (&Method::GET, Some(API_KEY)));
    assert_eq!(seen.header("authorization"), None);
}

#[tokio::test]
async fn a_post_that_is_no_word_is_not_asked_for() {
    let shop = Shop::new().await;
    for token in ["", "..", "../users", "a/b", "a%2fb", "a?b=c", "a#b", "a b", "آگهی", &"x".repeat(65)] {
        let refused = shop.call("divar.get-post", json!({ "token": token })).await;
        assert!(matches!(refused, Err(CallError::Invalid(_))), "{token}: {refused:?}");
    }
    assert!(matches!(shop.call("divar.get-post", json!({ "token": 7 })).await, Err(CallError::Invalid(_))));
}

#[tokio::test]
async fn a_person_and_their_posts_are_read_by_the_bot_that_they_allowed_it() {
    let shop = Shop::new().await;
    let user = json!({ "user": "ann" });
    let denied = shop.call("divar.get-user", user.clone()).await;
    assert!(matches!(&denied, Err(CallError::Denied(words)) if words.contains("USER_PHONE or USER_ID")), "{denied:?}");
    shop.consent("ann", &["USER_ID"]).await;
    assert_eq!(shop.call("divar.get-user", user.clone()).await.unwrap(), json!({ "user_id": "ann" }));
    let denied = shop.call("divar.user-posts", user.clone()).await;
    assert!(matches!(&denied, Err(CallError::Denied(words)) if words.contains("USER_POSTS_GET")), "{denied:?}");
    shop.consent("ann", &["USER_PHONE", "USER_POSTS_GET"]).await;
    let both = shop.call("divar.get-user", user.clone()).await.unwrap();
    assert_eq!(both, json!({ "user_id": "ann", "phone_number": "09990000000" }));
    let posts = shop.call("divar.user-posts", user.clone()).await.unwrap();
    assert_eq!(posts, json!({ "posts": [{ "token": "gZd7omnS" }] }));
    for name in ["divar.get-user", "divar.user-posts"] {
        let other = shop.call_as("other", "bot:c1", name, user.clone()).await;
        assert!(matches!(other, Err(CallError::Denied(_))), "bots do not share people: {other:?}");
        let nobody = shop.call(name, json!({ "user": "a b" })).await;
        assert!(matches!(nobody, Err(CallError::Denied(_))), "{nobody:?}");
    }
}

#[tokio::test]
async fn a_token_that_died_is_renewed_for_a_call() {
    let shop = Shop::new().await;
    shop.consent("ann", &["USER_PHONE", "offline_access"]).await;
    shop.clock.advance(Duration::from_secs(3600));
    assert!(shop.call("divar.get-user", json!({ "user": "ann" })).await.is_ok());
    assert_eq!(shop.play.renewals(), 1);
}

#[tokio::test]
async fn an_answer_is_judged_by_what_it_proves() {
    let shop = Shop::new().await;
    shop.consent("ann", &["USER_POSTS_GET"]).await;
    let huge = format!("{{\"x\":\"{}\"}}", "x".repeat(1 << 20));
    let mut kinds = Vec::new();
    for fault in [
        Fault::Answer(200, "[]".to_owned()),
        Fault::Answer(200, "<html>".to_owned()),
        Fault::Answer(200, huge),
        Fault::Break,
        Fault::Answer(302, String::new()),
        Fault::Answer(429, String::new()),
        Fault::Answer(403, r#"{"code":7,"message":"no"}"#.to_owned()),
        Fault::Answer(401, r#"{"code":16,"message":"no"}"#.to_owned()),
        Fault::Answer(404, r#"{"code":5,"message":"no"}"#.to_owned()),
        Fault::Answer(400, r#"{"code":3,"message":"no"}"#.to_owned()),
        Fault::Answer(503, "busy".to_owned()),
    ] {
        shop.play.fault(USER_POSTS, [fault]);
        let error = shop.call("divar.user-posts", json!({ "user": "ann" })).await.unwrap_err();
        kinds.push(error.to_string().split([':', ' ']).next().unwrap().to_owned());
    }
    let no = "unavailable";
    assert_eq!(kinds, [no, no, no, no, no, "the", "denied", "denied", "refused", "HTTP", no]);
}

#[tokio::test]
async fn an_answer_with_a_secret_in_it_goes_to_no_bot() {
    let shop = Shop::new().await;
    shop.consent("ann", &["USER_ID"]).await;
    let token = {
        let seen = shop.play.seen(USERS).pop().unwrap();
        seen.header("authorization").unwrap().strip_prefix("Bearer ").unwrap().to_owned()
    };
    let encoded: String = url::form_urlencoded::byte_serialize(CLIENT_SECRET.as_bytes()).collect();
    for secret in [&token, API_KEY, CLIENT_SECRET, &encoded] {
        shop.play.fault(USERS, [Fault::Answer(200, json!({ "echo": format!("<{secret}>") }).to_string())]);
        let answer = shop.call("divar.get-user", json!({ "user": "ann" })).await;
        assert!(matches!(&answer, Err(CallError::Unavailable(words)) if !words.contains(secret)), "{answer:?}");
    }
}
