//! What an app can look up.

use std::time::Duration;

use hodhod_platforms::playground::divar::{Media, Post, Side};
use reqwest::StatusCode;
use serde_json::json;

use crate::kit::{OTHER, POST, ask, refusal, rig};

#[tokio::test]
async fn a_conversation_is_read_with_its_texts_in_order_by_who_is_in_it() {
    let rig = rig().await;
    let first = rig.divar.say_in_post(POST, "babak", Side::Buyer, "سلام").unwrap();
    let about = first.conversation;
    let contact = Media::Contact { name: None, phone: "+98912".to_owned() };
    rig.divar.send_media_in_post(POST, "babak", Side::Buyer, contact).unwrap();
    let scopes = format!("CHAT_CONVERSATION_READ.{about} CONVERSATION_SEND_MESSAGE.{about}");
    let token = rig.token("babak", &scopes).await;
    ask(rig.to_post(&about, &token, &json!({ "message": "من برنامه‌ام" }))).await;
    rig.divar.say_in_post(POST, "babak", Side::Seller, "بفرمایید").unwrap();

    let path = format!("/v1/open-platform/chat/conversations/{about}");
    let (status, body) = ask(rig.get(&path).bearer_auth(&token)).await;
    assert_eq!(status, StatusCode::OK);
    let conversation = json!({ "id": about, "type": "POST", "post_token": POST });
    assert_eq!(body["conversation"], conversation);
    let messages = body["messages"].as_array().unwrap();
    let seen: Vec<_> = messages.iter().map(|message| (message["sender"].clone(), message["text"].clone())).collect();
    assert_eq!(
        seen,
        [
            (json!({ "type": "HUMAN", "side": "BUYER" }), json!("سلام")),
            (json!({ "type": "BOT", "side": "BUYER" }), json!("من برنامه‌ام")),
            (json!({ "type": "HUMAN", "side": "SELLER" }), json!("بفرمایید")),
        ]
    );
    assert_eq!((&messages[0]["id"], &messages[0]["type"]), (&json!(first.message), &json!("TEXT")));
    assert_eq!(messages[0]["conversation"], conversation);
    assert_eq!(messages[0]["sent_at"], "2025-10-09T09:10:00.000000Z");

    // Neither somebody else nor another scope.
    rig.divar.add_person(hodhod_platforms::playground::divar::Person::new("third", "0913")).unwrap();
    let other = rig.token("babak", "CHAT_SUPPLIER_ALL_CONVERSATIONS_READ").await;
    assert_eq!(refusal(&ask(rig.get(&path).bearer_auth(other)).await), (403, 7));
    assert_eq!(refusal(&ask(rig.get(&path)).await), (401, 16));
    let missing = rig.get("/v1/open-platform/chat/conversations/x").bearer_auth(&token);
    assert_eq!(refusal(&ask(missing).await), (404, 5));
}

#[tokio::test]
async fn a_scope_with_a_second_shows_a_conversation_up_to_then() {
    let rig = rig().await;
    let about = rig.divar.say_in_post(POST, "babak", Side::Buyer, "before").unwrap().conversation;
    let token = rig.token("sara", &format!("CHAT_CONVERSATION_READ.{about}:1760001000")).await;
    rig.clock.advance(Duration::from_secs(1));
    rig.divar.say_in_post(POST, "babak", Side::Buyer, "after").unwrap();
    let path = format!("/v1/open-platform/chat/conversations/{about}");
    let (_, body) = ask(rig.get(&path).bearer_auth(&token)).await;
    assert_eq!(body["messages"].as_array().unwrap().len(), 1);
    assert_eq!(body["messages"][0]["text"], "before");
}

#[tokio::test]
async fn a_person_is_known_as_far_as_they_allowed() {
    let rig = rig().await;
    let user = |token: String| ask(rig.get("/v1/open-platform/users").bearer_auth(token));
    let id = rig.divar.user_id("sara").unwrap();
    let phone = json!("09120000001");
    assert_eq!(user(rig.token("sara", "USER_ID").await).await.1, json!({ "user_id": id }));
    let with_phone = user(rig.token("sara", "USER_PHONE").await).await.1;
    assert_eq!(with_phone, json!({ "phone_number": phone, "phone_numbers": [phone] }));
    let both = user(rig.token("sara", "USER_PHONE USER_ID").await).await.1;
    assert_eq!((&both["user_id"], &both["phone_number"]), (&json!(id), &phone));
    assert_eq!(refusal(&user(rig.token("sara", "USER_POSTS_GET").await).await), (403, 7));
    assert_eq!(refusal(&user("wrong".to_owned()).await), (401, 16));
    // It was a POST once.
    assert_eq!(refusal(&ask(rig.post("/v1/open-platform/users", &json!({}))).await), (501, 12));

    let by_phone = |phone: &str| ask(rig.post("/v1/open-platform/get-user-id-by-phone", &json!({ "phone": phone })));
    assert_eq!(by_phone("09120000001").await, (StatusCode::OK, json!({ "user_id": id })));
    assert_eq!(refusal(&by_phone("0935").await), (404, 5));
    assert_eq!(refusal(&by_phone("").await), (400, 3));
}

#[tokio::test]
async fn posts_are_found_by_token_and_by_owner() {
    let rig = rig().await;
    let second = Post { state: "REVIEW_REQ".to_owned(), is_phone_hidden: true, ..Post::new("Second1", "c", "t") };
    rig.divar.put_post("sara", second).unwrap();
    let gone = Post { state: "RETIRED".to_owned(), ..Post::new("Gone1", "c", "t") };
    rig.divar.put_post("sara", gone).unwrap();
    assert!(rig.divar.put_post("sara", Post::new(OTHER, "c", "t")).is_err(), "somebody else's");
    assert!(rig.divar.put_post("sara", Post::new("with-hyphen", "c", "t")).is_err());

    let (status, post) = ask(rig.get(&format!("/v1/open-platform/finder/post/{POST}"))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&post["token"], &post["category"]), (&json!(POST), &json!("bicycles")));
    assert_eq!((&post["state"], &post["data"]["title"]), (&json!("PUBLISHED"), &json!("دوچرخه")));
    assert_eq!(refusal(&ask(rig.get("/v1/open-platform/finder/post/none")).await), (404, 5));

    let path = "/v1/open-platform/finder/user-posts";
    let (_, posts) = ask(rig.get(path).bearer_auth(rig.token("sara", "USER_POSTS_GET").await)).await;
    let posts = posts["posts"].as_array().unwrap();
    let tokens: Vec<_> = posts.iter().map(|post| post["token"].as_str().unwrap()).collect();
    assert_eq!(tokens, [POST, "Second1"]);
    let expected = json!({ "token": "Second1", "title": "t", "images": [], "category": "c", "is_phone_hidden": true });
    assert_eq!(posts[1], expected);
    let token = rig.token("sara", "USER_ID").await;
    assert_eq!(refusal(&ask(rig.get(path).bearer_auth(token)).await), (403, 7));
}

#[tokio::test]
async fn scopes_and_permissions_are_listed() {
    let rig = rig().await;
    let (_, scopes) = ask(rig.get("/v1/open-platform/assets/oauth-scope")).await;
    let scopes = scopes["scopes"].as_array().unwrap();
    assert!(
        scopes.iter().any(|scope| scope["slug"] == "CONVERSATION_SEND_MESSAGE" && scope["lifecycle_state"] == "ACTIVE")
    );
    let (_, permissions) = ask(rig.get("/v1/open-platform/assets/permission")).await;
    assert!(permissions["permissions"].as_array().unwrap().iter().any(|one| one["slug"] == "CHAT_BOT_SEND_MESSAGE"));
    assert_eq!(refusal(&ask(rig.http.get(rig.url("/v1/open-platform/assets/permission"))).await), (401, 16));
}
