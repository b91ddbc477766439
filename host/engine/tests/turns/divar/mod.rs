//! Requests of a bot to Divar itself: what is asked, what is not, and what comes back.

mod kit;
mod limits;

use std::sync::Arc;
use std::time::Duration;

use hodhod_core::ids::{Chat, InboxSeq};
use hodhod_core::platform::{Call, CallError};
use hodhod_core::runtime::{Limits, TurnResult};
use hodhod_core::time::Millis;
use hodhod_core::turn::{NothingStored, Turn};
use serde_json::{Value, json};

use kit::{Asker, Divar};

fn asker() -> Asker {
    Asker::new(Divar::default(), Limits::default())
}

#[tokio::test]
async fn an_ad_comes_with_its_fields_and_the_whole_answer() {
    let answer = json!({
        "token": "AZir15UU", "category": "mobile-phones", "city": "tehran", "district": "nazi-abad",
        "chat_enabled": true, "state": "PUBLISHED",
        "data": { "title": "گوشی", "description": "سالم", "images": ["https://a.example/1.jpg"], "price": { "value": 11 } },
    });
    let asker = asker();
    let told = asker.told("post shop AZir15UU", Ok(answer.clone())).await;
    for part in [
        r#"token: "AZir15UU""#,
        r#"category: Some("mobile-phones")"#,
        r#"city: Some("tehran")"#,
        r#"district: Some("nazi-abad")"#,
        r#"state: Some("PUBLISHED")"#,
        "chat-enabled: true",
        r#"title: Some("گوشی")"#,
        r#"description: Some("سالم")"#,
        r#"images: ["https://a.example/1.jpg"]"#,
        &format!("json: {:?}", answer.to_string()),
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let call = Call {
        bot: "bot".into(),
        chat: Chat::new("shop", "a"),
        sender: None,
        name: "divar.get-post",
        arguments: json!({ "token": "AZir15UU" }),
    };
    assert_eq!(*asker.divar.calls.lock().unwrap(), [call]);
}

#[tokio::test]
async fn what_divar_leaves_out_is_absent() {
    for answer in [json!({ "token": "a" }), json!({ "token": "a", "category": null, "data": null })] {
        let told = asker().told("post shop a", Ok(answer)).await;
        assert!(told.contains("category: None") && told.contains("chat-enabled: false"), "{told}");
        assert!(told.contains("title: None") && told.contains("images: []"), "{told}");
    }
}

#[tokio::test]
async fn the_ads_of_a_person_come_each_with_its_own_json() {
    let asker = asker();
    let entry = json!({ "token": "b", "title": "خانه", "is_phone_hidden": true, "images": [], "category": "x" });
    let told = asker.told("posts shop u+/=", Ok(json!({ "posts": [entry.clone(), { "token": "c" }] }))).await;
    for part in [r#"token: "b""#, r#"title: Some("خانه")"#, "phone-hidden: true", &format!("{:?}", entry.to_string())]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(told.contains(r#"token: "c", category: None"#), "{told}");
    let call = asker.divar.calls.lock().unwrap()[0].clone();
    assert_eq!((call.name, call.arguments), ("divar.user-posts", json!({ "user": "u+/=" })));
}

#[tokio::test]
async fn a_person_comes_with_what_they_consented_to() {
    let asker = asker();
    let told = asker.told("user shop u", Ok(json!({ "user_id": "u", "phone_number": "0912" }))).await;
    assert!(told.contains(r#"id: Some("u"), phone: Some("0912")"#), "{told}");
    let call = asker.divar.calls.lock().unwrap()[0].clone();
    assert_eq!((call.name, call.arguments), ("divar.get-user", json!({ "user": "u" })));
}

#[tokio::test]
async fn a_consent_is_asked_for_with_its_scopes_and_the_bots_own_data() {
    let asker = asker();
    let address = "https://oauth.divar.ir/oauth2/auth?state=x";
    let told = asker.told("consent shop mine USER_ID SEND.6b3d-5cf7", Ok(json!({ "url": address }))).await;
    assert_eq!(told, address);
    let call = asker.divar.calls.lock().unwrap()[0].clone();
    let arguments = json!({ "scopes": ["USER_ID", "SEND.6b3d-5cf7"], "data": "mine" });
    assert_eq!((call.name, call.arguments), ("divar.request-consent", arguments));
}

#[tokio::test]
async fn the_chat_with_a_person_is_known_without_asking() {
    let asker = asker();
    assert_eq!(asker.ask("chat shop u1").await, r#"Chat { connection: "shop", id: "user:u1" }"#);
    assert_eq!(asker.asked(), 0);
}

#[tokio::test]
async fn a_connection_that_the_bot_does_not_serve_is_denied() {
    let asker = asker();
    let text = "post bank a\nposts bank u\nuser bank u\nchat bank u\nconsent bank mine USER_ID\npost  a";
    for line in asker.ask(text).await.lines() {
        assert!(line.starts_with("denied: the bot does not serve the connection"), "{line}");
    }
    assert_eq!(asker.asked(), 0, "Divar heard of none of it");
}

#[tokio::test]
async fn what_nobody_is_called_is_not_asked_for() {
    let asker = asker();
    for line in ["post shop a/../b", "post shop a%2f", "post shop a b", "post shop ", "post shop ا"] {
        assert_eq!(asker.ask(line).await, "invalid: no ad has such a token", "{line}");
    }
    for verb in ["posts", "user", "chat"] {
        for user in ["", "a b", "a\u{202e}b", "a\u{7}"] {
            assert_eq!(asker.ask(&format!("{verb} shop {user}")).await, "invalid: nobody has such an id");
        }
    }
    let long = "x".repeat(300);
    assert_eq!(asker.ask(&format!("post shop {long}")).await, "invalid: no ad has such a token");
    assert_eq!(asker.ask(&format!("chat shop {long}")).await, "invalid: nobody has such an id");
    assert_eq!(asker.ask("consent shop mine").await, "invalid: there is nothing to consent to");
    assert_eq!(asker.ask("odd-scopes shop x").await, "invalid: a scope is a word");
    assert_eq!(asker.asked(), 0);
}

#[tokio::test]
async fn an_answer_of_another_shape_is_a_value_to_the_bot() {
    let asker = asker();
    for answer in [json!(null), json!([]), json!("<html>"), json!({ "token": 7 }), json!({ "url": 7, "posts": 7 })] {
        for line in ["post shop a", "posts shop u", "consent shop x USER_ID"] {
            // A list may be left out, which means that it is empty.
            if line.starts_with("posts") && answer.is_object() && answer.get("posts").is_none() {
                continue;
            }
            let told = asker.told(line, Ok(answer.clone())).await;
            assert!(told.starts_with("unavailable: Divar's answer is not of the shape"), "{line} {answer}: {told}");
        }
    }
}

#[tokio::test]
async fn each_way_to_refuse_keeps_its_meaning() {
    let asker = asker();
    for (error, told) in [
        (CallError::Denied("no consent".to_owned()), "denied: no consent"),
        (CallError::Unsupported("no such thing".to_owned()), "unsupported: no such thing"),
        (CallError::Invalid("no scope".to_owned()), "invalid: no scope"),
        (CallError::Wait(Duration::from_millis(700)), "rate limited: try again after 700 ms"),
        (CallError::Unavailable("cut off".to_owned()), "unavailable: cut off"),
        (CallError::Refused("no such ad\u{1b}[2J".to_owned()), "refused: no such ad\u{fffd}[2J"),
    ] {
        assert_eq!(asker.told("post shop a", Err(error)).await, told);
    }
    let long = asker.told("post shop a", Err(CallError::Refused("x".repeat(10_000)))).await;
    assert!(long.len() < 400, "{} bytes", long.len());
}

#[tokio::test]
async fn a_bot_that_migrates_asks_nothing() {
    for what in ["post shop a", "chat shop u", "consent shop x USER_ID"] {
        let asker = Asker::configured(Divar::default(), Limits::default(), what);
        let turn = Turn::of_no_event(InboxSeq(7), Millis(0), asker.actor.clone(), Arc::new(NothingStored));
        let result = asker.migrate(turn).await;
        let denied = "denied: a bot that does not handle an event asks nothing of a platform";
        assert_eq!(result, TurnResult::Reject(denied.to_owned()), "{what}");
        assert_eq!(asker.asked(), 0);
    }
}

#[tokio::test]
async fn an_instance_that_is_used_again_asks_in_each_of_its_turns() {
    let asker = Asker::new(Divar::default(), Limits { reuse: 10, ..Limits::default() });
    for _ in 0..3 {
        assert!(asker.told("post shop a", Ok(json!({ "token": "a" }))).await.starts_with("Post"));
    }
    assert_eq!(asker.asked(), 3);
}

#[tokio::test]
async fn a_bot_that_is_killed_asks_no_longer() {
    let asker = Asker::new(Divar { hangs: true, ..Divar::default() }, Limits::default());
    let turn = asker.turn("post shop a");
    let kill = async {
        asker.divar.begun.notified().await;
        asker.actor.kill.kill();
    };
    let (ended, ()) = tokio::join!(turn, kill);
    assert!(matches!(ended.result, TurnResult::Failed(_)), "{:?}", ended.result);
    nobody_asks(&asker).await;
}

/// Waits until no call is under way.
async fn nobody_asks(asker: &Asker) {
    while asker.divar.under_way.load(std::sync::atomic::Ordering::SeqCst) > 0 {
        tokio::task::yield_now().await;
    }
}

/// An answer whose text has so many bytes.
fn answer_of(bytes: usize) -> Value {
    let empty = json!({ "token": "a", "x": "" }).to_string().len();
    json!({ "token": "a", "x": "x".repeat(bytes - empty) })
}
