//! A press: an event, and an answer that Divar can use whatever the bot does.

use std::sync::atomic::Ordering;
use std::time::Duration;

use hodhod_core::event::{Content, Message};
use hodhod_core::outgoing::Answer;
use hodhod_core::time::{Clock, Millis};
use hodhod_platforms::divar::Options;
use serde_json::{Value, json};

use super::divar_kit::{Rig, data, message};

async fn pressed(body: impl ToString) -> Message {
    let rig = Rig::default();
    assert_eq!(rig.post("/action", body).await, (200, json!({})));
    message(&rig.kept.events()[0])
}

#[tokio::test]
async fn a_press_of_our_button_tells_what_the_bot_put_into_it_and_who_pressed() {
    let told = pressed(data("press")).await;
    assert_eq!(told.content, Content::Button("خانه:۵".to_owned()));
    assert_eq!(told.chat.id.as_str(), "bot:c77e8e0e-52b0-4c6d-8a0e-3a4f0a5d9b21");
    assert!(told.private);
    assert_eq!(told.sender.id.unwrap().as_str(), "Ab9+/x3Kq0=");
    assert_eq!(told.sent_at, Millis(1_000_000));
    assert_eq!(
        told.annotations,
        [("divar.conversation-type", "bot"), ("divar.touchpoint", "CHAT")].map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
}

#[tokio::test]
async fn a_press_of_a_foreign_button_tells_its_data_as_json() {
    let told = pressed(data("press_foreign")).await;
    assert_eq!(told.content, Content::Button(r#"{"step":"2"}"#.to_owned()));
    assert_eq!(told.chat.id.as_str(), "post:0b5c3a52-6d1f-4a07-9a55-1f1c2f6d8e10");
    assert!(!told.private && told.sender.id.is_none());
    assert!(told.annotations.contains(&("divar.side".to_owned(), "seller".to_owned())));
    for (body, wanted) in [
        (json!({}), "{}"),
        (json!({"extra_data": null}), "{}"),
        (json!({"extra_data": {}, "provider_data": {"a": "b"}}), r#"{"a":"b"}"#),
        (json!({"extra_data": "plain"}), r#""plain""#),
        (json!({"extra_data": {"hodhod": "else", "event": "x"}}), r#"{"event":"x","hodhod":"else"}"#),
        (json!({"extra_data": {"hodhod": "bot", "event": 5}}), r#"{"event":5,"hodhod":"bot"}"#),
    ] {
        assert_eq!(pressed(&body).await.content, Content::Button(wanted.to_owned()), "{body}");
    }
}

#[tokio::test]
async fn where_a_press_comes_from_the_button_tells_and_without_it_what_only_ads_have() {
    let chat = async |body: Value| pressed(body).await.chat.id.to_string();
    let ours = |kind: &str| json!({"hodhod": kind, "event": "x"});
    assert_eq!(chat(json!({"conversation_id": "c", "extra_data": ours("bot"), "post_token": "p"})).await, "bot:c");
    assert_eq!(chat(json!({"conversation_id": "c", "extra_data": ours("post")})).await, "post:c");
    assert_eq!(chat(json!({"conversation_id": "c"})).await, "bot:c");
    assert_eq!(chat(json!({"conversation_id": "c", "post_token": "p"})).await, "post:c");
    assert_eq!(chat(json!({"conversation_id": "c", "user_side": "DEMAND"})).await, "post:c");
    assert_eq!(chat(json!({"user_id": "u/+=", "post_token": "p"})).await, "user:u/+=");
    assert_eq!(chat(json!({"post_token": "p"})).await, "app");
    assert_eq!(chat(json!({"conversation_id": " ", "user_id": {}})).await, "app");
}

#[tokio::test]
async fn the_answer_of_the_bot_is_the_answer_to_divar() {
    let rig = Rig::default();
    let mut nonce = 0;
    let mut answered = async |answer: Option<Answer>| {
        nonce += 1;
        rig.kept.answers(answer);
        rig.post("/action", data("press").replace("00c1", &nonce.to_string())).await
    };
    let notice = |words: &str| Some(Answer::Notice(words.to_owned()));
    let url = |url: &str| Some(Answer::Url(url.to_owned()));
    assert_eq!(answered(notice("نوبت شما نیست")).await, (200, json!({"text_message": "نوبت شما نیست"})));
    let opened = json!({"action": {"open_direct_link": "https://bot.example/pay?a=b"}});
    assert_eq!(answered(url("https://bot.example/pay?a=b")).await, (200, opened));
    assert_eq!(answered(None).await, (200, json!({})));
    assert_eq!(answered(notice("")).await, (200, json!({})));
    for bad in ["javascript:alert(1)", "", "bot.example", "file:///x"] {
        assert_eq!(answered(url(bad)).await, (200, json!({})), "{bad}");
    }
    assert_eq!(*rig.kept.patience.lock().unwrap(), Some(Duration::from_millis(1500)));
}

#[tokio::test]
async fn the_same_press_again_is_one_press_and_a_later_one_another() {
    let rig = Rig::with(Options { press_window: Duration::from_secs(2), ..Options::default() });
    rig.kept.answers(Some(Answer::Notice("once".to_owned())));
    let press = async || rig.post("/action", data("press")).await.1;
    assert_eq!(press().await, json!({"text_message": "once"}));
    rig.clock.advance(Duration::from_millis(1999));
    rig.kept.answers(Some(Answer::Notice("twice".to_owned())));
    assert_eq!(press().await, json!({"text_message": "once"}), "nobody is asked again");
    assert_eq!(rig.kept.events().len(), 1);
    rig.clock.advance(Duration::from_millis(1));
    press().await;
    assert_eq!(rig.kept.events().len(), 2);
    rig.post("/action", data("press").replace("00c1", "00c2")).await;
    assert_eq!(rig.kept.events().len(), 3, "the same button of another message");
    rig.post("/action", data("press").replace("Ab9+/x3Kq0=", "somebody-else")).await;
    assert_eq!(rig.kept.events().len(), 4, "another person");
}

#[tokio::test]
async fn presses_that_come_at_once_ask_a_bot_once_and_get_the_same_answer() {
    let rig = Rig::default();
    rig.kept.answers(Some(Answer::Notice("once".to_owned())));
    let pressing = (0..8).map(|_| rig.post("/action", data("press")));
    for answer in futures::future::join_all(pressing).await {
        assert_eq!(answer, (200, json!({"text_message": "once"})));
    }
    assert_eq!(rig.kept.count.load(Ordering::SeqCst), 1);
    rig.kept.answers(None);
    for _ in 0..2 {
        assert_eq!(rig.post("/action", data("press").replace("00c1", "00c2")).await, (200, json!({})));
    }
    assert_eq!(rig.kept.events().len(), 2, "also where nobody answered");
}

#[tokio::test]
async fn presses_that_come_at_once_are_one_press_and_wait_no_longer_than_one_where_nobody_answers() {
    let rig = Rig::with(Options { press_window: Duration::from_secs(3), ..Options::default() });
    rig.kept.is_slow.store(true, Ordering::SeqCst);
    let began = rig.clock.now();
    let pressing = (0..3).map(|_| rig.post("/action", data("press")));
    for answer in futures::future::join_all(pressing).await {
        assert_eq!(answer, (200, json!({})));
    }
    assert_eq!(rig.clock.now(), began + Options::default().answer_within);
    assert_eq!(rig.kept.events().len(), 1);
}

#[tokio::test]
async fn a_long_answer_is_not_kept_for_who_asks_again() {
    let rig = Rig::default();
    let words = "x".repeat(5000);
    rig.kept.answers(Some(Answer::Notice(words.clone())));
    assert_eq!(rig.post("/action", data("press")).await.1, json!({"text_message": words}));
    assert_eq!(rig.post("/action", data("press")).await, (200, json!({})));
    assert_eq!(rig.kept.events().len(), 1);
}

#[tokio::test]
async fn a_press_that_cannot_be_stored_is_refused_and_taken_when_it_comes_again() {
    let rig = Rig::default();
    rig.kept.refusals.store(1, Ordering::SeqCst);
    assert_eq!(rig.post("/action", data("press")).await.0, 503);
    assert_eq!(rig.post("/action", data("press")).await.0, 200);
    assert_eq!(rig.kept.events().len(), 1);
}
