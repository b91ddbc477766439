//! What a bot is told of each kind of message.

use hodhod_core::event::{Contact, Content, Location, Media, MediaKind, Message, Sender};
use hodhod_core::time::Millis;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::divar_kit::{Rig, data};

const POST: &str = "post:0b5c3a52-6d1f-4a07-9a55-1f1c2f6d8e10";

async fn read(name: &str) -> Message {
    Rig::default().message(data(name)).await
}

/// A text of a chatbot's conversation, with these fields in the place of its own; `null` takes one away.
fn with(changes: Value) -> Value {
    let mut event: Value = serde_json::from_str(&data("bot_text")).unwrap();
    let message = event["new_chatbot_message"].as_object_mut().unwrap();
    for (key, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(message.remove(key)),
            value => drop(message.insert(key.clone(), value.clone())),
        }
    }
    event
}

async fn content(changes: Value) -> Content {
    Rig::default().message(with(changes)).await.content
}

fn note<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    message.annotations.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

#[tokio::test]
async fn a_message_about_an_ad_brings_all_that_divar_tells_of_it() {
    let message = read("post_text").await;
    let wire: Value = serde_json::from_str(&data("post_text")).unwrap();
    assert_eq!(message.content, Content::Text(wire["new_message"]["text"].as_str().unwrap().to_owned()));
    assert_eq!(message.chat.to_string(), format!("shop/{POST}"));
    assert_eq!(message.platform, "divar");
    assert_eq!(message.id, "5d0e7c10-a1b2-11f0-9c3d-4e5f60718293");
    assert_eq!(message.sent_at, Millis(1_763_690_000_123));
    assert_eq!(message.sender, Sender::default(), "Divar does not say who it was");
    assert!(!message.private && !message.edited && message.reply_to.is_none());
    let notes: Vec<_> = message.annotations.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let wanted = [
        ("divar.conversation-type", "post"),
        ("divar.conversation", "0b5c3a52-6d1f-4a07-9a55-1f1c2f6d8e10"),
        ("divar.post-token", "QYx7bT2k"),
        ("divar.side", "buyer"),
        ("divar.user", "Ab9+/x3Kq0="),
    ];
    assert_eq!(notes, wanted);
    assert_eq!(note(&read("post_file").await, "divar.side"), Some("seller"));
}

#[tokio::test]
async fn a_message_to_the_app_is_private_and_its_time_may_be_a_date() {
    let message = read("bot_text").await;
    assert_eq!(message.content, Content::Text("X در خانهٔ وسط".to_owned()));
    assert_eq!(message.chat.id.as_str(), "bot:c77e8e0e-52b0-4c6d-8a0e-3a4f0a5d9b21");
    assert!(message.private);
    assert_eq!(message.sent_at, Millis(1_763_690_000_123));
    assert_eq!(message.annotations, [("divar.conversation-type".to_owned(), "bot".to_owned())]);
}

#[tokio::test]
async fn files_bring_where_they_are_and_what_is_known_of_them() {
    let media = async |name| match read(name).await.content {
        Content::Media(media) => media,
        other => panic!("{other:?}"),
    };
    let bare = |kind, link: &str, size| Media {
        size: Some(size),
        ..Media::new(kind, format!("link:https://media.example.com/c/{link}"))
    };
    let image = bare(MediaKind::Image, "باغ.jpg?sig=a%2Bb", 221_904);
    assert_eq!(media("post_image").await, Media { width: Some(1080), height: Some(720), ..image });
    let file = bare(MediaKind::Document, "2.pdf", 48_123);
    assert_eq!(media("post_file").await, Media { name: Some("قرارداد اجاره.pdf".to_owned()), ..file });
    assert_eq!(media("post_voice").await, bare(MediaKind::Voice, "3.m4a", 20_480));
    let video = bare(MediaKind::Video, "4.mp4", 9_876_543);
    let thumbnail = Some("link:https://media.example.com/c/4.jpg".to_owned());
    assert_eq!(media("post_video").await, Media { thumbnail, ..video });
}

#[tokio::test]
async fn places_and_cards_are_read() {
    let place = Location { latitude: 35.699731, longitude: 51.33805 };
    assert_eq!(read("post_location").await.content, Content::Location(place));
    let card = Contact { name: Some("زهرا کریمی".to_owned()), phone: Some("+989120000000".to_owned()) };
    assert_eq!(read("post_contact").await.content, Content::Contact(card));
}

#[tokio::test]
async fn a_kind_that_nobody_has_described_is_told_as_json() {
    let Content::Other(name, json) = read("post_sticker").await.content else { panic!() };
    assert_eq!(name, "divar.sticker");
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["sticker_data"]["emoji"], "🐦");
    for (changes, wanted) in [
        (json!({"type": "IMAGE", "image_data": {"size_bytes": 1}}), "divar.image"),
        (json!({"type": "FILE", "file_data": {"link": "file:///etc/passwd"}}), "divar.file"),
        (json!({"type": "VIDEO"}), "divar.video"),
        (json!({"type": "LOCATION", "location_data": {}}), "divar.location"),
        (json!({"type": "LOCATION", "location_data": {"latitude": 91, "longitude": 0}}), "divar.location"),
        (json!({"type": "CONTACT", "contact_data": "x"}), "divar.contact"),
        (json!({"type": null, "text": null}), "divar.message"),
        (json!({"type": "\u{202e}x y"}), "divar.-x-y"),
    ] {
        let Content::Other(name, _) = content(changes.clone()).await else { panic!("{changes}") };
        assert_eq!(name, wanted, "{changes}");
    }
}

#[tokio::test]
async fn what_is_left_out_because_it_is_zero_is_put_in_again() {
    assert_eq!(content(json!({"text": null})).await, Content::Text(String::new()));
    assert_eq!(content(json!({"type": null})).await, Content::Text("X در خانهٔ وسط".to_owned()));
    let place = content(json!({"type": null, "text": null, "location_data": {"longitude": "51.5"}})).await;
    assert_eq!(place, Content::Location(Location { latitude: 0.0, longitude: 51.5 }));
    let Content::Media(media) =
        content(json!({"type": "image", "text": "نگاه کن", "image_data": {"link": "https://a.example/b"}})).await
    else {
        panic!()
    };
    assert_eq!((media.kind, media.size, media.caption.as_deref()), (MediaKind::Image, None, Some("نگاه کن")));
}

#[tokio::test]
async fn a_link_into_the_chat_is_a_start_with_what_it_says() {
    let post = read("bot_start_post").await;
    assert_eq!(post.content, Content::Start(Some("MY_POST QYx7bT2k".to_owned())));
    assert_eq!((note(&post, "divar.touchpoint"), note(&post, "divar.post-token")), (Some("MY_POST"), Some("QYx7bT2k")));
    assert_eq!(post.sent_at, Millis(1_763_690_000_123), "a number as a string");
    let chat = read("bot_start_chat").await;
    assert_eq!(note(&chat, "divar.touchpoint"), Some("CHAT"));
    assert_eq!(note(&chat, "divar.conversation"), POST.strip_prefix("post:"));
    assert_eq!(note(&chat, "divar.post-token"), None);
    assert_eq!(content(json!({"text": "/start"})).await, Content::Start(None));
    assert_eq!(content(json!({"text": "/start  MY_DIVAR\n"})).await, Content::Start(Some("MY_DIVAR".to_owned())));
    for text in ["/starting", "/start_x", " /start", "x /start", "/START"] {
        assert_eq!(content(json!({"text": text})).await, Content::Text(text.to_owned()), "{text}");
    }
    let about_an_ad = data("post_text").replace("سلام", "/start").replace("\" /start", "\"/start ");
    let told = Rig::default().message(about_an_ad).await.content;
    assert!(matches!(&told, Content::Text(text) if text.starts_with("/start ")), "{told:?}");
}

#[tokio::test]
async fn who_wrote_is_a_person_unless_it_was_the_app() {
    for sender in [json!({"type": "USER"}), json!({}), json!("x"), json!({"type": "CUSTOMER"}), json!(null)] {
        let message = Rig::default().message(with(json!({"sender": sender}))).await;
        assert!(!message.sender.automated && message.sender.id.is_none(), "{sender}");
    }
    assert_eq!(Rig::default().skip(data("post_echo")).await, "echo");
    assert_eq!(Rig::default().skip(with(json!({"sender": {"type": " bot "}}))).await, "echo");
}

#[tokio::test]
async fn which_kind_a_conversation_is_the_event_tells_where_the_conversation_does_not() {
    let chat =
        async |conversation: Value| Rig::default().message(with(json!({"conversation": conversation}))).await.chat.id;
    assert_eq!(chat(json!({"id": "c", "type": "POST"})).await.as_str(), "post:c");
    assert_eq!(chat(json!({"id": "c", "type": "bot"})).await.as_str(), "bot:c");
    assert_eq!(chat(json!({"id": "c"})).await.as_str(), "bot:c");
    assert_eq!(chat(json!({"id": "c", "type": "GROUP"})).await.as_str(), "bot:c");
    assert_eq!(chat(json!({"id": 77})).await.as_str(), "bot:77");
}

#[tokio::test]
async fn a_message_without_a_time_is_of_now_and_one_without_an_id_gets_one() {
    let rig = Rig::default();
    let untimed = rig.message(with(json!({"id": null, "sent_at": [1]}))).await;
    assert_eq!(untimed.sent_at, Millis(1_000_000));
    assert_eq!(untimed.id.len(), 32);
    assert_eq!(rig.post("/events", with(json!({"id": null, "sent_at": [1]}))).await.0, 200);
    assert_eq!(rig.kept.events().len(), 1, "the same again is the same");
    let other = rig.message(with(json!({"id": null, "sent_at": [1], "text": "y"}))).await;
    assert_ne!(other.id, untimed.id);
}

/// Runs one future to its end.
fn now<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    #[test]
    fn a_text_is_told_exactly_as_it_was_written(text in "[ -~آ-یيكۀ\u{200c}\u{200d}۰-۹٠-٩\n👩‍👧\u{202b}]{0,80}") {
        prop_assume!(text.strip_prefix("/start").is_none());
        let told = now(content(json!({"text": text})));
        prop_assert_eq!(told, Content::Text(text));
    }

    #[test]
    fn a_field_of_any_type_spoils_nothing(
        field in "id|conversation|sender|type|sent_at|text|image_data|location_data|contact_data",
        value in prop_oneof![
            Just(json!(null)), Just(json!(true)), Just(json!(-1.5e300)), Just(json!([[]])), Just(json!({"id": {}})),
            "\\PC{0,20}".prop_map(|text| json!(text)), any::<i64>().prop_map(|number| json!(number)),
        ],
    ) {
        let rig = Rig::default();
        let (status, _) = now(rig.post("/events", with(json!({&field: value}))));
        prop_assert_eq!(status, 200);
        prop_assert!(rig.kept.events().len() == 1 || field == "conversation" || field == "sender");
    }
}
