//! Subscriptions: who hears of what is said about a post, and for how long.

use std::time::Duration;

use hodhod_platforms::playground::divar::{Faults, Side};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::kit::{OTHER, POST, Rig, ask, refusal, rig};

const ALL: &str = "CHAT_SUPPLIER_ALL_CONVERSATIONS_READ";

fn to_messages(post: Option<&str>, tag: &str) -> Value {
    json!({ "event_type": "NEW_MESSAGE_ON_POST", "event_resource_id": post, "metadata": { "tag": tag } })
}

/// How many events a word of the buyer makes.
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
fn word(rig: &Rig) -> usize {
    rig.divar.say_in_post(POST, "babak", Side::Buyer, "?").unwrap().pushes
}

#[tokio::test]
async fn both_sides_of_a_conversation_are_heard_with_the_metadata_of_the_subscription() {
    let rig = rig().await;
    assert_eq!(word(&rig), 0, "nobody subscribed");
    let token = rig.token("sara", ALL).await;
    let answer = ask(rig.subscribe(&token, &to_messages(None, "one"))).await;
    assert_eq!(answer, (StatusCode::OK, json!({})));

    let first = rig.divar.say_in_post(POST, "babak", Side::Buyer, "سلام").unwrap();
    let second = rig.divar.say_in_post(POST, "babak", Side::Seller, "بله؟").unwrap();
    let seen = rig.app.wait(2).await;
    let conversation = json!({ "id": first.conversation, "type": "POST", "post_token": POST });
    assert_eq!(
        seen[0].body,
        json!({
            "type": "NEW_MESSAGE",
            "metadata": { "tag": "one" },
            "new_message": {
                "id": first.message,
                "conversation": conversation,
                "sender": { "type": "HUMAN", "side": "BUYER" },
                "type": "TEXT",
                // Later than the word before, on a clock that stands still.
                "sent_at": 1_760_001_000_000_001_u64,
                "text": "سلام",
            },
        })
    );
    assert_eq!(seen[1].body["new_message"]["id"], second.message);
    assert_eq!(seen[1].body["new_message"]["sender"], json!({ "type": "HUMAN", "side": "SELLER" }));
    assert_eq!(second.conversation, first.conversation);
}

#[tokio::test]
async fn a_subscription_to_one_post_or_of_a_buyer_hears_nothing_else() {
    let rig = rig().await;
    let one = rig.token("sara", &format!("CHAT_POST_CONVERSATIONS_READ.{POST}")).await;
    assert_eq!(ask(rig.subscribe(&one, &to_messages(Some(POST), "one"))).await.0, StatusCode::OK);
    // Babak's subscription is for his own posts: he is a buyer here.
    let buyer = rig.token("babak", ALL).await;
    assert_eq!(ask(rig.subscribe(&buyer, &to_messages(None, "buyer"))).await.0, StatusCode::OK);
    assert_eq!(word(&rig), 1);
    assert_eq!(rig.app.next(0).await.body["metadata"]["tag"], "one");
    assert_eq!(rig.divar.say_in_post(OTHER, "sara", Side::Buyer, "?").unwrap().pushes, 1);
    assert_eq!(rig.app.next(1).await.body["metadata"]["tag"], "buyer");
}

#[tokio::test]
async fn a_subscription_dies_with_its_token() {
    let rig = rig().await;
    let token = rig.token("sara", ALL).await;
    ask(rig.subscribe(&token, &to_messages(None, "one"))).await;
    rig.clock.advance(Duration::from_secs(3599));
    assert_eq!(word(&rig), 1);
    rig.clock.advance(Duration::from_secs(1));
    assert_eq!(word(&rig), 0);
    assert_eq!(refusal(&ask(rig.subscribe(&token, &to_messages(None, "one"))).await), (401, 16));
}

#[tokio::test]
async fn a_refresh_leaves_the_old_subscription_its_grace_and_a_new_one_is_needed() {
    let rig = rig().await;
    let code = rig.code("sara", &format!("{ALL} offline_access")).await;
    let (_, first) = rig.exchange(&code).await;
    let token = |answer: &Value, name: &str| answer[name].as_str().unwrap().to_owned();
    ask(rig.subscribe(&token(&first, "access_token"), &to_messages(None, "old"))).await;
    let (_, second) = rig.refresh(&token(&first, "refresh_token")).await;
    assert_eq!(word(&rig), 1, "within the grace");
    rig.clock.advance(Duration::from_secs(120));
    assert_eq!(word(&rig), 0, "and not after it");

    ask(rig.subscribe(&token(&second, "access_token"), &to_messages(None, "new"))).await;
    assert_eq!(word(&rig), 1);
    assert_eq!(rig.app.next(1).await.body["metadata"]["tag"], "new");
}

#[tokio::test]
async fn of_two_subscriptions_the_newer_one_counts_unless_both_do() {
    let rig = rig().await;
    let token = rig.token("sara", ALL).await;
    ask(rig.subscribe(&token, &to_messages(None, "all"))).await;
    ask(rig.subscribe(&token, &to_messages(Some(POST), "one"))).await;
    ask(rig.subscribe(&token, &to_messages(Some(POST), "again"))).await;
    assert_eq!(word(&rig), 1);
    assert_eq!(rig.app.next(0).await.body["metadata"]["tag"], "again");
    rig.divar.set_faults(Faults { per_subscription: true, ..Faults::default() });
    assert_eq!(word(&rig), 2);
    let tags: Vec<_> = rig.app.wait(3).await[1..].iter().map(|seen| seen.body["metadata"]["tag"].clone()).collect();
    assert_eq!(tags, ["again", "all"]);
}

#[tokio::test]
async fn revocation_ends_subscriptions() {
    let rig = rig().await;
    let token = rig.token("sara", ALL).await;
    ask(rig.subscribe(&token, &to_messages(None, "one"))).await;
    rig.divar.revoke("sara").unwrap();
    assert_eq!(word(&rig), 0);
}

#[tokio::test]
async fn a_subscription_that_is_not_allowed_or_makes_no_sense_is_refused() {
    let rig = rig().await;
    let messages = rig.token("sara", &format!("CHAT_POST_CONVERSATIONS_READ.{POST}")).await;
    let all = rig.token("sara", &format!("{ALL} USER_POSTS_GET")).await;
    let other = json!({ "event_type": "NEW_MESSAGE_ON_POST", "event_resource_id": "unknown" });
    for (token, body, expected) in [
        (&messages, to_messages(None, "all of them"), (403, 7)),
        (&messages, json!({ "event_type": "POST_UPDATE" }), (403, 7)),
        (&all, to_messages(Some(OTHER), "somebody else's"), (403, 7)),
        (&all, other, (404, 5)),
        (&all, json!({ "event_type": "NEW_MESSAGE" }), (400, 3)),
        (&all, json!({}), (400, 3)),
        (&all, json!({ "event_type": "POST_UPDATE", "metadata": "text" }), (400, 3)),
        (&all, json!({ "event_type": "POST_UPDATE", "meta_data": {} }), (400, 3)),
    ] {
        assert_eq!(refusal(&ask(rig.subscribe(token, &body)).await), expected, "{body}");
    }
    let bare = rig.post("/v1/open-platform/events/subscriptions", &to_messages(None, "x"));
    assert_eq!(refusal(&ask(bare).await), (401, 16));
    assert_eq!(word(&rig), 0);
}

#[tokio::test]
async fn what_becomes_of_a_post_is_told_to_who_subscribed_to_it() {
    let rig = rig().await;
    let token = rig.token("sara", "USER_POSTS_GET").await;
    assert_eq!(rig.divar.update_post(POST, "PUBLISH").unwrap(), 0);
    ask(rig.subscribe(&token, &json!({ "event_type": "POST_UPDATE", "event_resource_id": "" }))).await;
    assert_eq!(rig.divar.update_post(POST, "PUBLISH").unwrap(), 1);
    let event = rig.app.next(0).await.body;
    assert_eq!((&event["type"], &event["post_update"]["type"]), (&json!("POST_UPDATE"), &json!("PUBLISH")));
    let post = &event["post_update"]["post"];
    assert_eq!((&post["token"], &post["is_phone_hidden"]), (&json!(POST), &json!(false)));
    assert!(event.get("metadata").is_none());

    // Whoever subscribed to all is not told of the end of one.
    assert_eq!(rig.divar.update_post(POST, "RETIRE").unwrap(), 0);
    ask(rig.subscribe(&token, &json!({ "event_type": "POST_UPDATE", "event_resource_id": POST }))).await;
    assert_eq!(rig.divar.update_post(POST, "RETIRE").unwrap(), 1);
    let expected = json!({ "type": "POST_UPDATE", "post_update": { "type": "RETIRE", "post": { "token": POST } } });
    assert_eq!(rig.app.next(1).await.body, expected);
    assert_eq!(rig.divar.update_post(OTHER, "PUBLISH").unwrap(), 0);
}
