//! The conversation in lines of text: what somebody types reaches the app, what the app does is shown.

use std::sync::Arc;

use hodhod_platforms::playground::divar::{Addresses, App, DivarServer, Permission, Terminal};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::kit::{KEY, PATIENCE, Receiver, Rig, SECRET, ask, loopback};

/// A rig whose people are the terminal's.
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
async fn terminal() -> (Rig, Terminal) {
    let app = Receiver::start().await;
    let settings = App::new("my-app").client_secret(SECRET).api_key(KEY, &Permission::ALL);
    let settings = Terminal::people(settings).addresses(Addresses::under(&app.base)).redirect(&app.callback());
    let divar = DivarServer::start(loopback(), settings).await.unwrap();
    let terminal = Terminal::new(divar.clone(), "xo").unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    (Rig { divar, app, clock: hodhod_core::testing::TestClock::default(), http }, terminal)
}

fn button(caption: &str, action: &Value) -> Value {
    json!({ "caption": caption, "action": action })
}

/// The app sends this to the one who types.
async fn bot(rig: &Rig, body: Value) {
    assert_eq!(ask(rig.to_bot(&rig.chat("you"), &body)).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_line_is_a_message_and_the_answer_is_shown_with_numbered_buttons_in_rows() {
    let (rig, mut terminal) = terminal().await;
    terminal.greet().unwrap();
    assert_eq!(terminal.line("سلام").await, "");
    assert_eq!(terminal.line("  ").await, "");
    terminal.settled(PATIENCE).await.unwrap();
    let texts: Vec<_> = rig.app.seen().iter().map(|seen| seen.body["new_chatbot_message"]["text"].clone()).collect();
    assert_eq!(texts, ["/start MY_DIVAR", "سلام"]);

    let press = json!({ "get_dynamic_action": { "data": { "cell": "2" } } });
    let link = json!({ "open_direct_link": "https://example.ir/rules" });
    let rows = json!([{ "buttons": [button("۱", &json!({ "get_dynamic_action": {} })), button("۲", &press)] },
        { "buttons": [button("قواعد\n", &link)] }]);
    bot(&rig, json!({ "text_message": "نوبت شما\u{1b}[2J", "buttons": { "rows": rows } })).await;
    let shown = terminal.next().await.unwrap();
    assert_eq!(shown, "xo> نوبت شما\u{fffd}[2J\n      [:1 ۱]  [:2 ۲]\n      [:3 قواعد\u{fffd} ↗]");

    rig.app.answer(200, &json!({ "text_message": "خوب بود" }));
    assert_eq!(terminal.line(":2").await, "xo: خوب بود");
    assert_eq!(rig.app.seen().pop().unwrap().body["extra_data"], json!({ "cell": "2" }));
    assert_eq!(terminal.line(":3").await, "link: https://example.ir/rules");
    assert_eq!(terminal.line(":1").await, "", "an empty answer shows nothing");
    for wrong in [":4", ":0", ":99999999999999999999"] {
        assert!(!terminal.line(wrong).await.is_empty());
    }
    // Buttons stay when a message without any comes.
    bot(&rig, json!({ "text_message": "!" })).await;
    assert_eq!(terminal.next().await.unwrap(), "xo> !");
    assert_eq!(terminal.line(":3").await, "link: https://example.ir/rules");
}

#[tokio::test]
async fn a_question_for_consent_is_answered_with_a_command() {
    let (rig, mut terminal) = terminal().await;
    assert!(terminal.line(":accept").await.contains("nothing was asked"));
    let url = rig.consent_url("USER_ID CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND");
    bot(&rig, json!({ "text_message": format!("اجازه می‌دهید؟ {url}") })).await;
    let shown = terminal.next().await.unwrap();
    assert!(shown.ends_with("it asks for USER_ID CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND   (:accept or :refuse)"));
    let ended = format!("the browser ends at {} (HTTP 200)", rig.app.callback());
    assert_eq!(terminal.line(":accept").await, ended);
    assert!(rig.app.seen().pop().unwrap().path.contains("code="));

    let button = button("اجازه", &json!({ "open_direct_link": url }));
    let rows = json!([{ "buttons": [button] }]);
    bot(&rig, json!({ "text_message": "?", "buttons": { "rows": rows } })).await;
    terminal.next().await.unwrap();
    assert!(terminal.line(":1").await.contains("it asks for USER_ID"));
    assert_eq!(terminal.line(":refuse").await, ended);
    assert!(rig.app.seen().pop().unwrap().path.contains("error=access_denied"));
    assert_eq!(terminal.line(&format!(":accept {url}")).await, ended);
}

#[tokio::test]
async fn one_person_plays_both_sides_of_a_conversation_about_a_post() {
    let (rig, mut terminal) = terminal().await;
    let token =
        rig.token("you", "CHAT_SUPPLIER_ALL_CONVERSATIONS_READ CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND").await;
    ask(rig.subscribe(&token, &json!({ "event_type": "NEW_MESSAGE_ON_POST" }))).await;
    terminal.line(":chat post").await;
    assert_eq!(terminal.line(":be buyer").await, "you are the buyer, with the owner of the post");
    terminal.line("هنوز هست؟").await;
    terminal.line(":here 35.7 51.4").await;
    terminal.line(":be you").await;
    terminal.line("بله").await;
    terminal.line(":contact علی +98912").await;
    let seen = rig.app.wait(4).await;
    let said: Vec<_> = seen.iter().map(|seen| &seen.body["new_message"]).collect();
    assert_eq!((&said[0]["sender"]["side"], &said[0]["text"]), (&json!("BUYER"), &json!("هنوز هست؟")));
    assert_eq!(said[1]["location_data"]["latitude"], 35.7);
    assert_eq!((&said[2]["sender"]["side"], &said[2]["text"]), (&json!("SELLER"), &json!("بله")));
    assert_eq!(said[3]["contact_data"]["phone"], "+98912");

    let about = said[0]["conversation"]["id"].as_str().unwrap();
    let grid = |caption| json!({ "rows": [{ "buttons": [button(caption, &json!({ "open_server_link": {} }))] }] });
    let body = json!({ "message": "قیمت پیک", "sender_buttons": grid("لغو"), "receiver_buttons": grid("سفارش") });
    ask(rig.to_post(about, &token, &body)).await;
    assert_eq!(terminal.next().await.unwrap(), "xo as you> قیمت پیک\n      [:1 لغو ↗]");
    let buyer = terminal.line(":be buyer").await;
    assert!(buyer.ends_with("\n      [:1 سفارش ↗]"), "{buyer}");
    rig.app.answer(200, &json!({ "url": "https://app.ir/order" }));
    assert_eq!(terminal.line(":1").await, "opens: https://app.ir/order");
    assert_eq!(rig.app.seen().pop().unwrap().body["user_side"], "DEMAND");
    rig.app.answer(200, &json!({ "url": "https://app.ir/menu" }));
    assert_eq!(terminal.line(":open").await, "opens: https://app.ir/menu");
    assert_eq!(rig.app.seen().pop().unwrap().body["source"], "CHAT");
}

#[tokio::test]
async fn the_chatbot_is_opened_from_every_touchpoint() {
    let (rig, mut terminal) = terminal().await;
    let places = ["my-post", "my-divar", "divar-pro", "chat", "demand-post"];
    for place in places {
        assert_eq!(terminal.line(&format!(":start {place}")).await, "");
    }
    let texts: Vec<_> =
        rig.app.wait(5).await.iter().map(|seen| seen.body["new_chatbot_message"]["text"].clone()).collect();
    let expected = [
        "/start MY_POST Bicycle1",
        "/start MY_DIVAR",
        "/start DIVAR_PRO",
        "/start CHAT",
        "/start DEMAND_POST Bicycle1",
    ];
    assert_eq!(texts, expected);
}

#[tokio::test]
async fn what_does_not_work_is_said_and_the_conversation_goes_on() {
    let (rig, mut terminal) = terminal().await;
    assert_eq!(terminal.line(":what").await, Terminal::help());
    assert_eq!(terminal.line(":start nowhere").await, Terminal::help());
    assert!(terminal.line(":here there now").await.starts_with("a place is two numbers"));
    rig.app.answer(500, &json!({}));
    assert!(terminal.line(":open post").await.contains("bad answer (HTTP 500)"));
    terminal.line(":block").await;
    let refused = ask(rig.to_bot(&rig.chat("you"), &json!({ "text_message": "x" }))).await;
    assert_eq!(refused.0, StatusCode::PRECONDITION_FAILED);
    terminal.line(":unblock").await;
    bot(&rig, json!({ "text_message": "x" })).await;
    let divar = Arc::new(rig.divar.clone());
    assert_eq!(terminal.next().await.unwrap(), "xo> x");
    divar.stop().await;
    assert_eq!(terminal.next().await, None);
}
