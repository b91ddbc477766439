//! What is pushed: its shapes, its order, and what happens to what is not answered with 200.

use std::time::Duration;

use bytes::Bytes;
use hodhod_platforms::playground::divar::{
    Addresses, Error, Faults, Media, Outcome, Person, Post, Push, PushCounts, PushKind, PushState, SentAt, Side,
    Touchpoint,
};
use serde_json::{Value, json};

use crate::kit::{IDENTIFICATION, PATIENCE, POST, Rig, ask, rig, rig_with};

#[tokio::test]
async fn a_word_to_the_chatbot_is_pushed_with_the_identification_key_as_it_is() {
    let rig = rig().await;
    let posted = rig.divar.say("sara", "hello world").unwrap();
    assert_eq!((posted.pushes, &posted.conversation), (1, &rig.chat("sara")));
    let seen = rig.app.next(0).await;
    assert_eq!(seen.path, "/events");
    assert_eq!(seen.headers["authorization"], IDENTIFICATION);
    assert_eq!(seen.headers["content-type"], "application/json");
    assert_eq!(
        seen.body,
        json!({
            "type": "NEW_CHATBOT_MESSAGE",
            "new_chatbot_message": {
                "id": posted.message,
                "conversation": { "id": posted.conversation, "type": "BOT" },
                "sender": { "type": "HUMAN" },
                "type": "TEXT",
                "sent_at": 1_760_001_000_000_000_u64,
                "text": "hello world",
            },
        })
    );
    let counts = rig.divar.wait_until_pushed(PATIENCE).await.unwrap();
    assert_eq!(counts, PushCounts { delivered: 1, ..PushCounts::default() });
    let push = rig.divar.pushes().remove(0);
    assert_eq!((push.kind, push.state, push.tries), (PushKind::Event, PushState::Delivered, 1));
    assert_eq!((push.json(), push.conversation), (seen.body, Some(posted.conversation)));
    assert_eq!(push.attempts[0].outcome, Outcome::Answered { status: 200, body: Bytes::from_static(b"{}") });
    assert_eq!(rig.divar.take_pushes().len(), 1);
    assert!(rig.divar.pushes().is_empty());
}

#[tokio::test]
async fn opening_the_chatbot_from_a_touchpoint_writes_the_first_message() {
    let rig = rig().await;
    let post = || Some(POST.to_owned());
    for (place, expected) in [
        (Touchpoint::MyPost(post()), "/start MY_POST gZ_d7omnS"),
        (Touchpoint::MyPost(None), "/start MY_POST"),
        (Touchpoint::MyDivar, "/start MY_DIVAR"),
        (Touchpoint::DivarPro, "/start DIVAR_PRO"),
        (Touchpoint::Chat(Some("c".to_owned())), "/start CHAT c"),
        (Touchpoint::DemandPost(post()), "/start DEMAND_POST gZ_d7omnS"),
    ] {
        let seen = rig.app.seen().len();
        rig.divar.start_chat("sara", &place).unwrap();
        assert_eq!(rig.app.next(seen).await.body["new_chatbot_message"]["text"], expected);
    }
}

/// Sends each kind, and returns the messages that came of it.
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
async fn each_kind(rig: &Rig) -> Vec<Value> {
    let bytes = Bytes::from_static(b"12345");
    let name = || "نقشه.pdf".to_owned();
    let kinds = [
        Media::Image { name: "a.jpg".to_owned(), bytes: bytes.clone(), width: 1920, height: 1080 },
        Media::File { name: name(), bytes: bytes.clone() },
        Media::Voice { bytes: bytes.clone() },
        Media::Video { bytes: bytes.clone(), thumbnail: Bytes::from_static(b"small") },
        Media::Location { latitude: 35.6892, longitude: 51.389 },
        Media::Contact { name: Some("Sample".to_owned()), phone: "+989123456789".to_owned() },
        Media::Contact { name: None, phone: "+98912".to_owned() },
        Media::Other { kind: "STICKER".to_owned() },
    ];
    let before = rig.app.seen().len();
    let count = kinds.len();
    for media in kinds {
        rig.divar.send_media("sara", media).unwrap();
    }
    let seen = rig.app.wait(before + count).await;
    seen[before..].iter().map(|seen| seen.body["new_chatbot_message"].clone()).collect()
}

#[tokio::test]
async fn every_kind_of_message_has_its_own_data_and_files_can_be_got() {
    let rig = rig().await;
    let messages = each_kind(&rig).await;
    let kinds: Vec<_> = messages.iter().map(|message| message["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["IMAGE", "FILE", "VOICE", "VIDEO", "LOCATION", "CONTACT", "CONTACT", "STICKER"]);
    for (message, data) in messages.iter().zip(["image_data", "file_data", "voice_data", "video_data"]) {
        assert_eq!(message[data]["size_bytes"], 5);
        let link = message[data]["link"].as_str().unwrap();
        assert_eq!(rig.http.get(link).send().await.unwrap().text().await.unwrap(), "12345");
        assert!(message.get("text").is_none());
    }
    let image = &messages[0]["image_data"];
    assert_eq!((&image["width_px"], &image["height_px"]), (&json!(1920), &json!(1080)));
    assert_eq!(messages[1]["file_data"]["name"], "نقشه.pdf");
    let thumbnail = messages[3]["video_data"]["thumbnail_link"].as_str().unwrap();
    assert_eq!(rig.http.get(thumbnail).send().await.unwrap().text().await.unwrap(), "small");
    assert_eq!(messages[4]["location_data"], json!({ "latitude": 35.6892, "longitude": 51.389 }));
    assert_eq!(messages[5]["contact_data"], json!({ "name": "Sample", "phone": "+989123456789" }));
    assert_eq!(messages[6]["contact_data"], json!({ "phone": "+98912" }));
}

#[tokio::test]
async fn shapes_that_stand_elsewhere_in_the_pages_can_be_switched_on() {
    let rig = rig().await;
    rig.divar.set_faults(Faults { sizes_as_text: true, user_for_human: true, ..Faults::default() });
    let messages = each_kind(&rig).await;
    assert_eq!(messages[1]["file_data"]["size_bytes"], "5");
    assert_eq!(messages[1]["sender"]["type"], "USER");

    let before = rig.app.seen().len();
    let forms = [
        (SentAt::Micros, json!(1_760_001_000_123_000_u64)),
        (SentAt::MicrosText, json!("1760001001123000")),
        (SentAt::Rfc3339, json!("2025-10-09T09:10:02.123000Z")),
        (SentAt::Millis, json!(1_760_001_003_123_u64)),
        (SentAt::Seconds, json!(1_760_001_004_u64)),
    ];
    for (place, (form, expected)) in forms.into_iter().enumerate() {
        let step = if form == SentAt::Micros { Duration::from_millis(123) } else { Duration::from_secs(1) };
        rig.clock.advance(step);
        rig.divar.set_faults(Faults { sent_at: form, ..Faults::default() });
        rig.divar.say("sara", "now").unwrap();
        assert_eq!(rig.app.next(before + place).await.body["new_chatbot_message"]["sent_at"], expected);
    }
}

fn texts(seen: &[crate::kit::Seen]) -> Vec<&str> {
    seen.iter().filter_map(|seen| seen.body["new_chatbot_message"]["text"].as_str()).collect()
}

#[tokio::test]
async fn what_is_not_answered_with_200_is_pushed_again_and_the_next_one_waits() {
    let rig = rig().await;
    for status in [500, 204, 302] {
        rig.app.answer(status, &json!({}));
    }
    for text in ["1", "2", "3"] {
        rig.divar.say("sara", text).unwrap();
    }
    let seen = rig.app.wait(6).await;
    assert_eq!(texts(&seen), ["1", "1", "1", "1", "2", "3"]);
    assert_eq!(seen[0].body, seen[3].body, "the same message, not another of the same text");
    rig.divar.wait_until_pushed(PATIENCE).await.unwrap();
    let first = rig.divar.pushes().remove(0);
    let statuses = first.attempts.iter().map(|attempt| match &attempt.outcome {
        Outcome::Answered { status, .. } => *status,
        Outcome::Failed(_) => 0,
    });
    assert_eq!((first.tries, statuses.collect::<Vec<_>>()), (4, vec![500, 204, 302, 200]));
}

#[tokio::test]
async fn what_is_never_answered_is_given_up_and_the_next_one_goes() {
    let rig = rig_with(|settings| settings.pushing.attempts = 2).await;
    for _ in 0..2 {
        rig.app.answer(503, &json!({}));
    }
    rig.divar.say("sara", "lost").unwrap();
    rig.divar.say("sara", "kept").unwrap();
    let counts = rig.divar.wait_until_pushed(PATIENCE).await.unwrap();
    assert_eq!((counts.given_up, counts.delivered), (1, 1));
    assert_eq!(rig.divar.pushes()[0].state, PushState::GivenUp);
}

#[tokio::test]
async fn events_wait_for_a_server_that_comes_back_elsewhere() {
    let rig = rig_with(|settings| settings.pushing.attempts = u32::MAX).await;
    rig.divar.set_addresses(Addresses::under("http://127.0.0.1:1")).unwrap();
    for text in ["1", "2"] {
        rig.divar.say("sara", text).unwrap();
    }
    let push = rig.divar.wait_for_push(PATIENCE, |push| push.tries > 0).await.unwrap();
    assert!(matches!(push.attempts[0].outcome, Outcome::Failed(_)));
    rig.divar.set_addresses(Addresses::under(&rig.app.base)).unwrap();
    assert_eq!(texts(&rig.app.wait(2).await), ["1", "2"]);
}

#[tokio::test]
async fn a_conversation_that_is_stuck_holds_up_no_other() {
    let rig = rig_with(|settings| settings.pushing.attempts = u32::MAX).await;
    rig.divar.set_faults(Faults { delay: Duration::from_secs(3600), ..Faults::default() });
    rig.divar.say("sara", "later").unwrap();
    rig.divar.set_faults(Faults::default());
    rig.divar.say("sara", "behind it").unwrap();
    rig.divar.say("babak", "now").unwrap();
    assert_eq!(texts(&rig.app.wait(1).await), ["now"]);
    let now = |push: &Push| push.state == PushState::Delivered;
    rig.divar.wait_for_push(PATIENCE, now).await.unwrap();
    assert_eq!(rig.divar.push_counts().waiting, 2);
    // Unless order is not kept.
    rig.divar.set_faults(Faults { unordered: true, ..Faults::default() });
    rig.divar.say("sara", "overtakes").unwrap();
    assert_eq!(texts(&rig.app.wait(2).await), ["now", "overtakes"]);
}

#[tokio::test]
async fn events_can_be_doubled_and_lost() {
    let rig = rig().await;
    rig.divar.set_faults(Faults { duplicate: true, ..Faults::default() });
    assert_eq!(rig.divar.say("sara", "twice").unwrap().pushes, 2);
    rig.divar.set_faults(Faults { lose: true, ..Faults::default() });
    assert_eq!(rig.divar.say("sara", "never").unwrap().pushes, 0);
    rig.divar.clear_faults();
    rig.divar.say("sara", "once").unwrap();
    let seen = rig.app.wait(3).await;
    assert_eq!(texts(&seen), ["twice", "twice", "once"]);
    assert_eq!(seen[0].body, seen[1].body);
    let counts = rig.divar.wait_until_pushed(PATIENCE).await.unwrap();
    assert_eq!(counts, PushCounts { waiting: 0, delivered: 3, given_up: 0, lost: 1 });
}

#[tokio::test]
async fn what_the_app_sends_comes_back_as_an_echo_if_that_is_switched_on() {
    let rig = rig().await;
    let about = rig.divar.say_in_post(POST, "babak", Side::Buyer, "?").unwrap().conversation;
    let scopes = "CHAT_SUPPLIER_ALL_CONVERSATIONS_READ CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND";
    let token = rig.token("sara", scopes).await;
    ask(rig.subscribe(&token, &json!({ "event_type": "NEW_MESSAGE_ON_POST" }))).await;
    ask(rig.to_bot(&rig.chat("sara"), &json!({ "text_message": "no echo" }))).await;
    rig.divar.set_faults(Faults { echo: true, ..Faults::default() });
    ask(rig.to_bot(&rig.chat("sara"), &json!({ "text_message": "one" }))).await;
    let echo = rig.app.next(0).await.body["new_chatbot_message"].clone();
    assert_eq!((&echo["text"], &echo["sender"]), (&json!("one"), &json!({ "type": "BOT" })));
    assert_eq!(echo["id"], rig.divar.sent()[1].message);
    ask(rig.to_post(&about, &token, &json!({ "message": "two" }))).await;
    let echo = rig.app.next(1).await.body["new_message"].clone();
    assert_eq!((&echo["text"], &echo["sender"]), (&json!("two"), &json!({ "type": "BOT", "side": "SELLER" })));
}

#[tokio::test]
async fn an_app_without_an_address_is_told_nothing() {
    let rig = rig().await;
    rig.divar.set_addresses(Addresses::default()).unwrap();
    assert_eq!(rig.divar.say("sara", "hello?").unwrap().pushes, 0);
    assert!(matches!(rig.divar.open_from("sara", "MY_DIVAR").await, Err(Error::NoAddress(_))));
    assert!(matches!(rig.divar.say("nobody", "x"), Err(Error::UnknownPerson(_))));
    assert!(matches!(rig.divar.say_in_post("none", "sara", Side::Buyer, "x"), Err(Error::UnknownPost(_))));
    assert!(matches!(rig.divar.say_in_post(POST, "sara", Side::Buyer, "x"), Err(Error::NoConversation)));
    rig.divar.put_post("sara", Post { chat_enabled: false, ..Post::new("Silent1", "c", "t") }).unwrap();
    assert!(matches!(rig.divar.say_in_post("Silent1", "babak", Side::Buyer, "x"), Err(Error::NoConversation)));
}

#[tokio::test]
async fn any_json_can_be_pushed() {
    let rig = rig().await;
    let event = json!({ "type": "PAYMENT_TRANSACTION", "transaction": { "id": "t" } });
    assert_eq!(rig.divar.inject(&event).unwrap(), 1);
    assert_eq!(rig.app.next(0).await.body, event);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_people_speak_at_once_and_each_conversation_keeps_its_order() {
    const PEOPLE: usize = 64;
    const EACH: usize = 50;
    let rig = rig().await;
    for person in 0..PEOPLE {
        rig.divar.add_person(Person::new(&format!("p{person}"), &format!("09{person}"))).unwrap();
    }
    let started = std::time::Instant::now();
    for number in 0..EACH {
        for person in 0..PEOPLE {
            rig.divar.say(&format!("p{person}"), &number.to_string()).unwrap();
        }
    }
    let counts = rig.divar.wait_until_pushed(PATIENCE).await.unwrap();
    println!("{} pushes in {:?}", counts.delivered, started.elapsed());
    assert_eq!(counts.delivered, (PEOPLE * EACH) as u64);
    let mut next = std::collections::HashMap::new();
    for seen in rig.app.seen() {
        let message = &seen.body["new_chatbot_message"];
        let expected = next.entry(message["conversation"]["id"].as_str().unwrap().to_owned()).or_insert(0);
        assert_eq!(message["text"], expected.to_string());
        *expected += 1;
    }
    assert_eq!(next.len(), PEOPLE);
}
