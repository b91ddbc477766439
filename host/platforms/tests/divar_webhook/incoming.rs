//! What becomes of events as such: each once, none lost, unknown ones too.

use std::sync::atomic::Ordering;
use std::time::Duration;

use hodhod_core::event::{Content, Event};
use hodhod_core::platform::Platform;
use hodhod_platforms::divar::Options;
use serde_json::{Value, json};

use super::divar_kit::{Rig, data, message, request, told};

async fn other(body: impl ToString) -> (String, Value) {
    let incoming = Rig::default().event(body).await;
    match &*incoming.event {
        Event::Other(name, json) => (name.clone(), serde_json::from_str(json).unwrap()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_event_that_comes_again_has_the_same_key_also_after_a_restart() {
    let first = Rig::default().event(data("post_text")).await;
    let rig = Rig::default();
    for _ in 0..3 {
        assert_eq!(rig.post("/events", data("post_text")).await.0, 200);
        rig.clock.advance(Duration::from_secs(3600));
    }
    assert_eq!(rig.kept.keys(), [first.key]);
}

#[tokio::test]
async fn a_change_of_an_ad_is_told_with_whose_it_is_and_once_a_minute() {
    let (name, json) = other(data("post_update")).await;
    assert_eq!(name, "divar.post-update");
    assert_eq!((&json["type"], &json["user"]), (&json!("PUBLISH"), &json!("Ab9+/x3Kq0=")));
    assert_eq!(json["post"]["data"]["title"], "نهال انار");
    let rig = Rig::default();
    let times = async |times: u32| {
        for _ in 0..times {
            assert_eq!(rig.post("/events", data("post_update")).await.0, 200);
        }
        rig.kept.events().len()
    };
    assert_eq!(times(3).await, 1, "it is known to come twice");
    rig.clock.advance(Duration::from_secs(61));
    assert_eq!(times(2).await, 2, "but what is changed back and forth is changed");
}

#[tokio::test]
async fn a_transaction_is_told_by_either_name_and_its_numbers_by_theirs() {
    let (name, json) = other(data("transaction")).await;
    assert_eq!(name, "divar.transaction");
    assert_eq!(json["state"], "TRANSACTION_STATE_COMPLETED");
    assert_eq!(json["type"], "TRANSACTION_TYPE_REORDER");
    let named = data("transaction").replace("\"transaction\"", "\"payment_transaction\"");
    assert_eq!(other(named).await.1, json);
    let rig = Rig::default();
    rig.event(data("transaction")).await;
    rig.clock.advance(Duration::from_secs(3600));
    assert_eq!(rig.post("/events", data("transaction")).await.0, 200);
    assert_eq!(rig.kept.events().len(), 1, "a state is reached once");
    rig.event(data("transaction").replace("\"state\": 2", "\"state\": \"TRANSACTION_STATE_REFUNDED\"")).await;
}

#[tokio::test]
async fn what_nobody_has_described_is_told_whole() {
    let (name, json) = other(data("unknown")).await;
    assert_eq!(name, "divar.wallet-opened");
    assert_eq!(json, serde_json::from_str::<Value>(&data("unknown")).unwrap());
    let (name, _) = other(json!({"type": "x".repeat(5000)})).await;
    assert!(name.len() < 100, "{name}");
}

#[tokio::test]
async fn a_revocation_is_told_to_all_bots() {
    let rig = Rig::default();
    assert_eq!(rig.post("/events", data("revocation")).await, (200, json!({})));
    let told: Vec<_> = rig.kept.events();
    assert_eq!(told.len(), 1);
    let Event::Other(name, json) = &*told[0].event else { panic!("{told:?}") };
    assert_eq!(name, "divar.revoked");
    assert_eq!(serde_json::from_str::<Value>(json).unwrap()["user"], "Ab9+/x3Kq0=");
    assert_eq!(told[0].only, None);
}

#[tokio::test]
async fn what_comes_by_a_consent_that_was_taken_back_is_no_event_and_all_else_is() {
    let rig = Rig::default();
    let of = |user: &str, id: &str| {
        let mut event: Value = serde_json::from_str(&data("post_text")).unwrap();
        event["metadata"]["hodhod_user"] = json!(user);
        event["new_message"]["id"] = json!(id);
        event
    };
    rig.event(of("Ab9+/x3Kq0=", "before")).await;
    assert_eq!(rig.post("/events", data("revocation")).await.0, 200);
    rig.kept.clear();
    for late in [of("Ab9+/x3Kq0=", "late"), serde_json::from_str(&data("post_update")).unwrap()] {
        assert_eq!(rig.skip(late).await, "taken-back");
    }
    let mut unknown: Value = serde_json::from_str(&data("unknown")).unwrap();
    unknown["metadata"]["hodhod_user"] = json!("Ab9+/x3Kq0=");
    assert_eq!(rig.skip(unknown).await, "taken-back");
    // By another's consent, and by nobody's: what the person writes to the app themselves.
    rig.event(of("another", "other")).await;
    rig.event(data("bot_text")).await;
    rig.event(data("unknown")).await;
    rig.clock.advance(Duration::from_secs(3600));
    rig.event(of("Ab9+/x3Kq0=", "long after")).await;
}

#[tokio::test]
async fn what_says_too_little_is_skipped_with_a_reason() {
    for (body, reason) in [
        (json!({}), "no-type"),
        (json!({"type": ""}), "no-type"),
        (json!({"type": ["NEW_MESSAGE"]}), "no-type"),
        (json!({"type": "NEW_MESSAGE"}), "no-conversation"),
        (json!({"type": "NEW_MESSAGE", "new_message": "x"}), "no-conversation"),
        (json!({"type": "NEW_MESSAGE", "new_message": {"conversation": {"id": ""}}}), "no-conversation"),
        (json!({"type": "NEW_MESSAGE", "new_message": {"conversation": {"id": "a b"}}}), "no-conversation"),
        (
            json!({"type": "NEW_CHATBOT_MESSAGE", "new_chatbot_message": {"conversation": {"id": ".."}}}),
            "no-conversation",
        ),
        (json!({"type": "USER_ACCESS_REVOCATION", "user_access_revocation": {}}), "no-user"),
    ] {
        assert_eq!(Rig::default().skip(&body).await, reason, "{body}");
    }
}

#[tokio::test]
async fn several_events_in_one_request_are_taken_together() {
    let events: Vec<Value> =
        ["post_text", "post_echo", "unknown", "bot_text"].map(|name| serde_json::from_str(&data(name)).unwrap()).into();
    let rig = Rig::default();
    assert_eq!(rig.post("/events", Value::from(events)).await, (200, json!({})));
    assert_eq!(rig.kept.events().len(), 3);
    let health = rig.divar.health();
    assert_eq!((health.events, health.skipped), (3, vec![("echo", 1)]));
    assert_eq!(rig.post("/events", "[]").await.0, 200);
}

#[tokio::test]
async fn a_store_that_refuses_is_told_to_divar_and_what_comes_again_is_taken() {
    for name in ["post_text", "unknown", "post_update", "revocation"] {
        let rig = Rig::default();
        rig.kept.refusals.store(2, Ordering::SeqCst);
        for _ in 0..2 {
            let reply = rig.call(request("/events", data(name))).await;
            assert_eq!(reply.status(), 503);
            assert_eq!(reply.headers()["retry-after"], "1");
            assert!(rig.divar.health().trouble.unwrap().contains("disk full"));
            assert!(!told(&reply).1.to_string().contains("disk full"), "a caller is not told of disks");
        }
        assert_eq!(rig.post("/events", data(name)).await.0, 200);
        assert_eq!(rig.kept.events().len(), 1);
        assert_eq!(rig.divar.health().trouble, None);
        assert_eq!(rig.divar.health().events, 1);
    }
}

#[tokio::test]
async fn what_is_older_than_the_operator_wants_is_dropped() {
    let rig = Rig::with(Options { max_age: Some(Duration::from_secs(60)), ..Options::default() });
    let at = |seconds: u64| {
        json!({"type": "NEW_CHATBOT_MESSAGE", "new_chatbot_message": {
            "id": format!("m{seconds}"), "conversation": {"id": "c", "type": "BOT"}, "text": "x",
            "sent_at": seconds * 1_000_000 + 1_763_690_000_000_000,
        }})
    };
    // The rig's clock stands in 1970, so everything is new; an hour on, one of the beginning is old.
    rig.event(at(0)).await;
    rig.clock.advance(Duration::from_secs(1_763_690_000));
    rig.event(at(960)).await;
    assert_eq!(rig.post("/events", at(930)).await.0, 200);
    assert_eq!(rig.kept.events().len(), 2);
    assert_eq!(rig.divar.health().skipped, [("too-old", 1)]);
}

#[tokio::test]
async fn texts_of_a_chatbot_are_not_believed_to_be_commands_elsewhere() {
    let rig = Rig::default();
    let told = message(&rig.event(data("bot_start_post").replace("BOT\"", "POST\"")).await);
    assert_eq!(told.content, Content::Text("/start MY_POST QYx7bT2k".to_owned()));
}
