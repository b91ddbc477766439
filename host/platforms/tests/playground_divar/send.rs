//! The three ways to send, and everything that is refused on them.

use std::time::Duration;

use hodhod_platforms::playground::divar::{
    Action, Addresses, Call, DivarServer, Error, Failure, Permission, SentBy, Side,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::kit::{KEY, OTHER, PATIENCE, POST, Rig, app, ask, loopback, refusal, rig, rig_with, rules};

const FIRST: &str = "CHAT_BOT_USER_MESSAGE_SEND";
const ALL: &str = "CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND";

fn text(text: &str) -> Value {
    json!({ "type": "TEXT", "text_message": text })
}

fn message(text: &str) -> Value {
    json!({ "type": "TEXT", "message": text })
}

#[tokio::test]
async fn the_chatbot_answers_into_its_conversation_with_the_api_key_alone() {
    let rig = rig().await;
    let chat = rig.divar.say("sara", "سلام").unwrap().conversation;
    let mut feed = rig.divar.subscribe_sent();
    let body = json!({
        "text_message": "کدام؟",
        "buttons": { "rows": [{ "buttons": [
            { "caption": "این", "icon": "HOME", "action": { "get_dynamic_action": { "data": { "k": "v" } } } },
            { "caption": "آن", "action": { "open_direct_link": "https://example.ir" } },
        ] }] },
    });
    assert_eq!(ask(rig.to_bot(&chat, &body)).await, (StatusCode::OK, json!({ "conversation_id": chat })));

    let sent = rig.divar.wait_for_sent(1, PATIENCE).await.unwrap().remove(0);
    assert_eq!((sent.index, sent.text.as_str(), &sent.conversation), (0, "کدام؟", &chat));
    assert_eq!(sent.by, SentBy::Chatbot { to: "sara".to_owned() });
    assert_eq!(*sent.json, body);
    assert_eq!(sent.buttons[0][0].icon.as_deref(), Some("HOME"));
    assert_eq!(sent.buttons[0][1].action, Action::OpenDirectLink("https://example.ir".to_owned()));
    assert_eq!(feed.next().await.unwrap().message, sent.message);

    assert_eq!(rig.divar.take_sent().len(), 1);
    assert!(rig.divar.sent().is_empty());
    ask(rig.to_bot(&chat, &text("2"))).await;
    assert_eq!(feed.next().await.unwrap().index, 1);
    let missing = rig.divar.wait_for_sent(2, Duration::from_millis(1)).await;
    assert!(matches!(missing, Err(Error::TimedOut { seen: 1, .. })));
}

#[tokio::test]
async fn a_key_that_is_missing_unknown_or_without_the_permission_opens_nothing() {
    let rig = rig().await;
    let url = rig.url(&format!("/v1/open-platform/chat/bot/conversations/{}/messages", rig.chat("sara")));
    let bare = ask(rig.http.post(&url).json(&text("x"))).await;
    assert_eq!(refusal(&bare), (401, 16));
    let unknown = ask(rig.http.post(&url).header("x-api-key", "another").json(&text("x"))).await;
    assert_eq!(refusal(&unknown), (401, 16));

    // Each permission opens its own calls and no other.
    let calls: [(Permission, &str, bool); 9] = [
        (Permission::ChatSendMessageOauth, "/v2/open-platform/conversations/c/messages", true),
        (Permission::ChatBotSendMessage, "/v1/open-platform/chat/bot/conversations/c/messages", true),
        (Permission::ChatUploadMedia, "/experimental/open-platform/chat/upload", true),
        (Permission::ChatReadConversation, "/v1/open-platform/chat/conversations/c", false),
        (Permission::EventsRegisterSubscription, "/v1/open-platform/events/subscriptions", true),
        (Permission::UserRetrieve, "/v1/open-platform/users", false),
        (Permission::GetUserIdByPhone, "/v1/open-platform/get-user-id-by-phone", true),
        (Permission::GetPost, "/v1/open-platform/finder/post/p", false),
        (Permission::GetUserPosts, "/v1/open-platform/finder/user-posts", false),
    ];
    for permission in Permission::ALL {
        let app = app().api_key("part", &[permission]);
        let divar = DivarServer::start(loopback(), app).await.unwrap();
        for (needed, path, is_post) in calls {
            let url = format!("{}{path}", divar.base_url());
            let request = if is_post { rig.http.post(url).json(&json!({})) } else { rig.http.get(url) };
            let (status, body) = ask(request.header("x-api-key", "part")).await;
            let denied = body["message"] == format!("the API key has no permission {}", needed.name());
            assert_eq!(denied, needed != permission, "{permission:?} {path}: {status} {body}");
        }
    }
}

#[tokio::test]
async fn what_is_no_message_is_refused_and_not_kept() {
    let rig = rig().await;
    let chat = rig.chat("sara");
    let button = json!({ "caption": "c", "action": { "open_direct_link": "https://a.ir" } });
    let row = json!({ "buttons": [button, button, button, button] });
    for body in [
        json!({}),
        json!([]),
        json!({ "message": "the name of the other kind" }),
        json!({ "text_message": "x", "media_token": "y" }),
        json!({ "media_token": "unknown" }),
        json!({ "text_message": "x", "type": "IMAGE" }),
        json!({ "text_message": "x", "buttons": { "rows": [row] } }),
        json!({ "text_message": "x", "buttons": { "rows": [{}, {}, {}, {}] } }),
        json!({ "text_message": "x", "buttons": { "rows": [{ "buttons": [{ "caption": "c", "action": {} }] }] } }),
    ] {
        assert_eq!(refusal(&ask(rig.to_bot(&chat, &body)).await), (400, 3), "{body}");
    }
    let url = format!("/v1/open-platform/chat/bot/conversations/{chat}/messages");
    let raw = |kind: &str, body: &str| {
        let request = rig.http.post(rig.url(&url)).header("x-api-key", KEY);
        request.header("Content-Type", kind).body(body.to_owned())
    };
    assert_eq!(refusal(&ask(raw("application/json", "{\"text_message\"")).await), (400, 3));
    assert_eq!(refusal(&ask(raw("text/plain", "{\"text_message\":\"x\"}")).await), (400, 3));
    assert_eq!(ask(raw("application/json; charset=utf-8", "{\"text_message\":\"x\"}")).await.0, StatusCode::OK);
    assert_eq!(rig.divar.sent().len(), 1);
}

#[tokio::test]
async fn an_unknown_conversation_address_or_method_is_an_error() {
    let rig = rig().await;
    assert_eq!(refusal(&ask(rig.to_bot("nothing", &text("x"))).await), (404, 5));
    let token = rig.token("sara", ALL).await;
    assert_eq!(refusal(&ask(rig.to_post("nothing", &token, &message("x"))).await), (404, 5));
    // The two kinds of conversations are not to be mixed up.
    assert_eq!(refusal(&ask(rig.to_post(&rig.chat("sara"), &token, &message("x"))).await), (404, 5));
    let about = rig.divar.say_in_post(POST, "babak", Side::Buyer, "?").unwrap().conversation;
    assert_eq!(refusal(&ask(rig.to_bot(&about, &text("x"))).await), (404, 5));
    assert_eq!(refusal(&ask(rig.get("/v2/open-platform/conversations/x/messages")).await), (501, 12));
    assert_eq!(refusal(&ask(rig.get("/v3/open-platform/conversations/x/messages")).await), (404, 5));
}

#[tokio::test]
async fn whoever_blocks_is_not_written_to_until_they_want_it_again() {
    let rig = rig().await;
    let token = rig.token("sara", ALL).await;
    let about = rig.divar.say_in_post(POST, "babak", Side::Buyer, "?").unwrap().conversation;
    let chat = rig.chat("sara");
    let expected =
        json!({ "code": 9, "message": "message delivery failed due to recipient's restriction", "details": [] });

    rig.divar.block("sara", true).unwrap();
    rig.divar.block_in_post(POST, "babak", Side::Buyer, true).unwrap();
    let blocked = (StatusCode::PRECONDITION_FAILED, expected);
    assert_eq!(ask(rig.to_bot(&chat, &text("x"))).await, blocked);
    assert_eq!(ask(rig.to_post(&about, &token, &message("x"))).await, blocked);
    assert!(rig.divar.sent().is_empty());

    rig.divar.block("sara", false).unwrap();
    rig.divar.block_in_post(POST, "babak", Side::Buyer, false).unwrap();
    assert_eq!(ask(rig.to_bot(&chat, &text("x"))).await.0, StatusCode::OK);
    assert_eq!(ask(rig.to_post(&about, &token, &message("x"))).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_message_about_a_post_goes_out_in_the_name_of_whoever_allowed_it() {
    let rig = rig().await;
    let about = rig.divar.say_in_post(POST, "babak", Side::Buyer, "?").unwrap().conversation;
    let one_post = format!("CHAT_POST_CONVERSATIONS_MESSAGE_SEND.{POST}");
    let one_chat = format!("CONVERSATION_SEND_MESSAGE.{about}");
    let link = |caption: &str| json!({ "rows": [{ "buttons": [{ "caption": caption, "action": { "open_direct_link": "https://a.ir" } }] }] });
    for (person, scope, side) in [
        ("sara", ALL, Side::Seller),
        ("sara", &one_post, Side::Seller),
        ("sara", &one_chat, Side::Seller),
        ("babak", &one_chat, Side::Buyer),
    ] {
        let token = rig.token(person, scope).await;
        let body = json!({ "message": scope, "sender_buttons": link("s"), "receiver_buttons": link("r") });
        let answer = ask(rig.to_post(&about, &token, &body)).await;
        assert_eq!(answer, (StatusCode::OK, json!({ "status": 200, "message": "success" })));
        let sent = rig.divar.take_sent().remove(0);
        let by = SentBy::Person { name: person.to_owned(), side, post: POST.to_owned() };
        assert_eq!((sent.text.as_str(), sent.by), (scope, by));
        assert_eq!((sent.buttons[0][0].caption.as_str(), sent.receiver_buttons[0][0].caption.as_str()), ("s", "r"));
    }
}

#[tokio::test]
async fn a_scope_for_something_else_does_not_open_a_conversation() {
    let rig = rig().await;
    let about = rig.divar.say_in_post(POST, "babak", Side::Buyer, "?").unwrap().conversation;
    let other = rig.divar.say_in_post(OTHER, "sara", Side::Buyer, "?").unwrap().conversation;
    for (person, scope) in [
        ("sara", "USER_ID".to_owned()),
        ("sara", FIRST.to_owned()),
        ("sara", "CHAT_SUPPLIER_ALL_CONVERSATIONS_READ".to_owned()),
        ("sara", format!("CONVERSATION_SEND_MESSAGE.{other}")),
        // The owner of another post.
        ("babak", ALL.to_owned()),
        ("babak", format!("CHAT_POST_CONVERSATIONS_MESSAGE_SEND.{OTHER}")),
    ] {
        let token = rig.token(person, &scope).await;
        assert_eq!(refusal(&ask(rig.to_post(&about, &token, &message("x"))).await), (403, 7), "{person} {scope}");
    }
    let no_token = rig.post(&format!("/v2/open-platform/conversations/{about}/messages"), &message("x"));
    assert_eq!(refusal(&ask(no_token).await), (401, 16));
    assert_eq!(refusal(&ask(rig.to_post(&about, "ory_at_wrong", &message("x"))).await), (401, 16));
    assert!(rig.divar.sent().is_empty());
}

#[tokio::test]
async fn a_buyer_before_the_first_word_is_reached_by_the_token_of_the_post() {
    let rig = rig().await;
    let without = rig.token("babak", ALL).await;
    assert_eq!(refusal(&ask(rig.to_post(POST, &without, &message("x"))).await), (403, 7));
    assert!(matches!(rig.divar.post_conversation(POST, "babak"), Err(Error::NoConversation)));

    let token = rig.token("babak", &format!("CONVERSATION_SEND_MESSAGE.{POST}")).await;
    for _ in 0..2 {
        assert_eq!(ask(rig.to_post(POST, &token, &message("x"))).await.0, StatusCode::OK);
    }
    let begun = rig.divar.post_conversation(POST, "babak").unwrap();
    assert!(rig.divar.sent().iter().all(|sent| sent.conversation == begun && sent.conversation != POST));
    // The owner has no such conversation.
    let own = rig.token("sara", ALL).await;
    assert_eq!(refusal(&ask(rig.to_post(POST, &own, &message("x"))).await), (404, 5));
}

#[tokio::test]
async fn the_chatbot_writes_first_to_those_who_allowed_it_and_to_nobody_else() {
    let rig = rig().await;
    let (sara, babak) = (rig.divar.user_id("sara").unwrap(), rig.divar.user_id("babak").unwrap());
    let token = rig.token("sara", FIRST).await;
    let answer = ask(rig.to_user(&sara, &token, &text("x"))).await;
    assert_eq!(answer, (StatusCode::OK, json!({ "conversation_id": rig.chat("sara") })));

    assert_eq!(refusal(&ask(rig.to_user(&babak, &token, &text("x"))).await), (403, 7));
    let without = rig.token("sara", "USER_ID").await;
    assert_eq!(refusal(&ask(rig.to_user(&sara, &without, &text("x"))).await), (403, 7));
    assert_eq!(refusal(&ask(rig.to_user(&sara, "nothing", &text("x"))).await), (401, 16));
    assert_eq!(rig.divar.sent().len(), 1);
}

#[tokio::test]
async fn a_user_id_with_every_sign_of_base64_is_found_in_the_path() {
    let rig = rig().await;
    let person = hodhod_platforms::playground::divar::Person::new("odd", "0913").user_id("a/b+c==");
    rig.divar.add_person(person).unwrap();
    let token = rig.token("odd", FIRST).await;
    assert_eq!(ask(rig.to_user("a/b+c==", &token, &text("x"))).await.0, StatusCode::OK);
}

#[tokio::test]
async fn answers_of_the_chatbot_need_consent_where_the_rules_say_so() {
    let rig = rig_with(rules(|rules| rules.answers_need_consent = true)).await;
    let chat = rig.chat("sara");
    assert_eq!(refusal(&ask(rig.to_bot(&chat, &text("x"))).await), (403, 7));
    let token = rig.token("sara", FIRST).await;
    assert_eq!(ask(rig.to_bot(&chat, &text("x")).bearer_auth(token)).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_token_that_is_bad_is_refused_even_where_none_is_needed() {
    let rig = rig().await;
    let request = |rig: &Rig| rig.to_bot(&rig.chat("sara"), &text("x"));
    assert_eq!(refusal(&ask(request(&rig).bearer_auth("wrong")).await), (401, 16));
    assert_eq!(refusal(&ask(request(&rig).header("Authorization", "Basic x")).await), (401, 16));
}

#[tokio::test]
async fn a_call_can_be_made_to_fail_in_each_way() {
    let rig = rig().await;
    let chat = rig.chat("sara");
    let refuse = Failure::Refuse { status: 503, code: 14, message: "later".to_owned(), retry_after: Some(7) };
    rig.divar.fail(Call::SendToBot, 1, refuse);
    let response = rig.to_bot(&chat, &text("refused")).send().await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"7".parse().unwrap()));
    assert_eq!(response.json::<Value>().await.unwrap()["code"], 14);

    let odd = Failure::Answer { accepted: true, status: 200, body: "<html>".to_owned() };
    rig.divar.fail(Call::SendToBot, 1, odd);
    let response = rig.to_bot(&chat, &text("answered oddly")).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "<html>");

    for accepted in [false, true] {
        rig.divar.fail(Call::SendToBot, 1, Failure::Close { accepted });
        assert!(rig.to_bot(&chat, &text(&format!("closed {accepted}"))).send().await.is_err());
    }
    rig.divar.fail(Call::SendToBot, 1, Failure::Hang { accepted: false });
    let request = rig.to_bot(&chat, &text("hung false")).timeout(Duration::from_millis(100));
    assert!(request.send().await.unwrap_err().is_timeout());
    rig.divar.fail(Call::SendToBot, 1, Failure::Hang { accepted: true });
    let hanging = tokio::spawn(rig.to_bot(&chat, &text("hung true")).send());
    rig.divar.wait_for_sent_where(PATIENCE, |sent| sent.text == "hung true").await.unwrap();
    hanging.abort();
    assert!(hanging.await.unwrap_err().is_cancelled());
    // A failure of one call is none of another's, and what was planned ends.
    rig.divar.fail(Call::Post, 1, Failure::Close { accepted: false });
    assert_eq!(ask(rig.to_bot(&chat, &text("well"))).await.0, StatusCode::OK);
    let sent: Vec<_> = rig.divar.sent().iter().map(|sent| sent.text.clone()).collect();
    assert_eq!(sent, ["answered oddly", "closed true", "hung true", "well"]);
}

#[tokio::test]
async fn an_app_that_divar_would_not_take_is_not_taken() {
    for app in [
        hodhod_platforms::playground::divar::App::new("no slug"),
        app().api_key(KEY, &[]),
        app().redirect("https://app.ir/back?with=query"),
        app().redirect("back"),
        app().addresses(Addresses::under("nowhere")),
        app().scopes(&["USER_ID", "user_id"]),
        app().identification_key("two\nlines"),
        app().person(hodhod_platforms::playground::divar::Person::new("sara", "1")),
    ] {
        assert!(matches!(DivarServer::start(loopback(), app).await, Err(Error::BadApp(_))));
    }
    let mut everywhere = loopback();
    everywhere.set_ip([0, 0, 0, 0].into());
    assert!(matches!(DivarServer::start(everywhere, app()).await, Err(Error::Io(_))));
}

#[tokio::test]
async fn stopping_ends_hanging_calls_and_frees_the_port() {
    let rig = rig().await;
    rig.divar.fail(Call::SendToBot, 1, Failure::Hang { accepted: true });
    let hanging = tokio::spawn(rig.to_bot(&rig.chat("sara"), &text("x")).send());
    rig.divar.wait_for_sent(1, PATIENCE).await.unwrap();
    let mut feed = rig.divar.subscribe_sent();
    rig.divar.stop().await;
    assert!(hanging.await.unwrap().is_err());
    assert!(feed.next().await.is_none());
    assert_eq!(rig.divar.sent().len(), 1);
    let address = rig.divar.base_url().trim_start_matches("http://").parse().unwrap();
    DivarServer::start(address, app()).await.unwrap();
}
