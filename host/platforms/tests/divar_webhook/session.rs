//! An opening: an event, and an address, which there always is.

use hodhod_core::event::{Content, Message};
use hodhod_core::outgoing::Answer;
use hodhod_platforms::divar::Options;
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};

use super::divar_kit::{KEY, Rig, data, message, told};

const COMPLETION: &str = "https://open-platform-redirect.divar.ir/completion";

async fn opened(body: impl ToString) -> Message {
    let rig = Rig::default();
    assert_eq!(rig.post("/session", body).await.0, 200);
    message(&rig.kept.events()[0])
}

fn note<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    message.annotations.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

#[tokio::test]
async fn an_opening_tells_where_from_and_what_the_button_carried() {
    let told = opened(data("session")).await;
    let wanted =
        Content::Opening { source: "chat-button".to_owned(), data: r#"{"quote":"۱۲۰٬۰۰۰"}"#.to_owned() };
    assert_eq!(told.content, wanted);
    assert_eq!(told.chat.id.as_str(), "post:0b5c3a52-6d1f-4a07-9a55-1f1c2f6d8e10");
    assert_eq!(told.sender.id.as_ref().unwrap().as_str(), "Ab9+/x3Kq0=");
    for (name, value) in [
        ("divar.post-token", "QYx7bT2k"),
        ("divar.side", "buyer"),
        ("divar.source", "chat_message_action"),
        ("divar.conversation-type", "post"),
        ("divar.completion-url", "https://open-platform-redirect.divar.ir/completion?x=1"),
    ] {
        assert_eq!(note(&told, name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn sources_have_plain_names() {
    let source = async |fields: Value| match opened(fields).await.content {
        Content::Opening { source, data } => (source, data),
        other => panic!("{other:?}"),
    };
    for (word, name) in [
        ("CHAT", "chat"),
        ("chat_message_action", "chat-button"),
        ("POST_ADDON", "post"),
        ("POST_ADODN", "post"),
        ("MY_DIVAR", "my-divar"),
    ] {
        assert_eq!(source(json!({"source": word})).await, (name.to_owned(), "{}".to_owned()), "{word}");
    }
    assert_eq!(source(json!({})).await.0, "unknown");
    let nested = json!({"source": "CHAT", "provider_data": {"a": {"b": "c"}}});
    assert_eq!(source(nested).await.1, r#"{"a":{"b":"c"}}"#, "some pages name the field so");
    let both = json!({"source": "CHAT", "extra_data": {"x": "1"}, "provider_data": {"a": "b"}});
    assert_eq!(source(both).await.1, r#"{"x":"1"}"#);
}

#[tokio::test]
async fn without_a_conversation_the_chat_is_the_persons_or_nobodys() {
    assert_eq!(opened(json!({"source": "CHAT", "conversation_id": "c"})).await.chat.id.as_str(), "post:c");
    assert_eq!(
        opened(json!({"source": "CHAT_MESSAGE_ACTION", "conversation_id": "c"})).await.chat.id.as_str(),
        "bot:c"
    );
    let person = opened(json!({"source": "MY_POST", "post_token": "p", "user_id": "u"})).await;
    assert!(person.chat.id.as_str() == "user:u" && person.private);
    assert_eq!(opened(json!({"source": "MY_POST"})).await.chat.id.as_str(), "app");
}

#[tokio::test]
async fn the_older_generation_is_read_and_answered_in_its_own_form() {
    let rig = Rig::default();
    rig.kept.answers(Some(Answer::Url("https://bot.example/q".to_owned())));
    let answer = rig.post("/session", data("session_legacy")).await;
    assert_eq!(answer, (200, json!({"status": "200", "message": "success", "url": "https://bot.example/q"})));
    let told = message(&rig.kept.events()[0]);
    assert_eq!(told.content, Content::Opening { source: "chat".to_owned(), data: r#"{"k":"v"}"#.to_owned() });
    assert_eq!(told.chat.id.as_str(), "post:0b5c3a52-6d1f-4a07-9a55-1f1c2f6d8e10");
    assert_eq!((note(&told, "divar.side"), note(&told, "divar.peer")), (Some("seller"), Some("u-buyer")));
    assert_eq!(told.sender.id.as_ref().unwrap().as_str(), "u-seller");
    let buyer = data("session_legacy").replace("\"user_id\": \"u-seller\"", "\"user_id\": \"u-buyer\"");
    assert_eq!(note(&opened(buyer).await, "divar.side"), Some("buyer"));
}

#[tokio::test]
async fn the_generation_is_told_by_a_header_of_either_name_and_else_by_the_body() {
    let rig = Rig::default();
    let is_legacy = async |header: Option<(&str, &str)>, body: Value| {
        let mut request = Request::post("/session").header(AUTHORIZATION, KEY).header(CONTENT_TYPE, "application/json");
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let (status, answer) = told(&rig.call(request.body(body.to_string().into()).unwrap()).await);
        assert_eq!(status, 200);
        answer.get("status").is_some()
    };
    let (old, new) = (json!({"peer_id": "p", "user_id": "u"}), json!({"source": "CHAT", "user_id": "u"}));
    assert!(is_legacy(None, old.clone()).await && !is_legacy(None, new.clone()).await);
    assert!(!is_legacy(None, json!({"post_token": "x"})).await, "what says nothing is the current one");
    assert!(!is_legacy(None, json!({"user_side": "SUPPLY", "peer_id": "p"})).await);
    for name in ["API-Version", "API_VERSION", "api_version"] {
        assert!(!is_legacy(Some((name, "2")), old.clone()).await, "{name}");
        assert!(is_legacy(Some((name, "1")), new.clone()).await, "{name}");
        assert!(is_legacy(Some((name, "۲")), old.clone()).await, "{name}");
    }
}

#[tokio::test]
async fn there_is_always_an_address() {
    let own = Rig::with(Options { opening_url: Some("https://bot.example/hello".to_owned()), ..Options::default() });
    let (rig, mut nonce) = (Rig::default(), 0);
    for (answer, wanted) in [
        (Some(Answer::Url("https://bot.example/q".to_owned())), None),
        (Some(Answer::Url("javascript:alert(1)".to_owned())), Some(COMPLETION)),
        (Some(Answer::Notice("words that nobody would see".to_owned())), Some(COMPLETION)),
        (None, Some(COMPLETION)),
    ] {
        nonce += 1;
        let body = json!({"source": "CHAT", "conversation_id": format!("c{nonce}")});
        rig.kept.answers(answer.clone());
        own.kept.answers(answer);
        let url = json!({"url": wanted.unwrap_or("https://bot.example/q")});
        assert_eq!(rig.post("/session", &body).await, (200, url));
        let url = json!({"url": if wanted.is_some() { "https://bot.example/hello" } else { "https://bot.example/q" }});
        assert_eq!(own.post("/session", &body).await, (200, url));
    }
}

#[tokio::test]
async fn nobody_is_sent_back_to_anywhere_but_divar() {
    for bad in [
        "https://evil.example/completion",
        "https://divar.ir.evil.example/",
        "https://notdivar.ir/",
        "http://divar.ir/",
        "https://u@divar.ir/",
        "javascript:alert(1)//divar.ir",
        "https://evil.example/?.divar.ir",
    ] {
        let told = opened(json!({"source": "CHAT", "completion_url": bad})).await;
        assert_eq!(note(&told, "divar.completion-url"), Some(COMPLETION), "{bad}");
    }
    for good in ["https://divar.ir/x", "https://open-platform-redirect.divar.ir/completion?a"] {
        for field in ["completion_url", "return_url"] {
            let told = opened(json!({"source": "CHAT", field: good})).await;
            assert_eq!(note(&told, "divar.completion-url"), Some(good));
        }
    }
}
