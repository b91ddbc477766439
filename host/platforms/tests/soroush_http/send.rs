//! What sending promises: the JSON that the platform takes, and an honest word on what became of it.

use std::time::Duration;

use hodhod_core::event::{Location, Media, MediaKind};
use hodhod_core::ids::ChatId;
use hodhod_core::outgoing::{Body, Button, Keyboard, Outgoing, Press};
use hodhod_core::platform::{Platform, SendError, Sent};
use hodhod_platforms::soroush::{AttachmentName, Options, Timing};
use serde_json::{Value, json};

use crate::kit::*;

const OK: &str = include_str!("../data/soroush/result_ok.json");

/// The JSON that goes out for a message.
async fn sent_with(options: Options, message: &Outgoing) -> Value {
    let server = Server::new([vec![answer("200 OK", "", OK)]]).await;
    let soroush = soroush(Options { base_url: server.base(), timing: quick(), ..options });
    assert_eq!(soroush.accepts(&"someone".into(), message), Ok(()));
    assert_eq!(soroush.send(&ChatId::from(" zahra\n_1 "), message).await, Ok(Sent { id: None }));
    let request = server.requests().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with(&format!("POST /{TOKEN}/sendMessage HTTP/1.1\r\n")), "{head}");
    for header in ["accept: application/json", "content-type: application/json"] {
        assert!(head.contains(&format!("\r\n{header}\r\n")), "{head}");
    }
    serde_json::from_str(body).unwrap()
}

async fn sent(message: &Outgoing) -> Value {
    sent_with(Options::default(), message).await
}

/// What an answer is taken for.
async fn outcome(steps: Vec<Step>) -> Result<Sent, SendError> {
    let server = Server::new([steps]).await;
    server.soroush().send(&ChatId::from("zahra"), &Outgoing::text("x")).await
}

fn media(kind: MediaKind) -> Outgoing {
    let media = Media {
        name: Some("هدهد.bin".to_owned()),
        size: Some(2048),
        width: Some(320),
        height: Some(240),
        duration: Some(2670),
        thumbnail: Some("thumb".to_owned()),
        caption: Some("پرواز".to_owned()),
        ..Media::new(kind, "k3y")
    };
    Outgoing { body: Body::Media(media), ..Outgoing::text("") }
}

fn bare(kind: MediaKind) -> Outgoing {
    let media = Media::new(kind, "k3y");
    Outgoing { body: Body::Media(media), ..Outgoing::text("") }
}

#[tokio::test]
async fn a_text_goes_out_as_it_is() {
    let body = " سلام\u{200c}ی ۳ \"{}\" \n😀 ";
    let message = Outgoing { reply_to: Some("1".into()), ..Outgoing::text(body) };
    assert_eq!(sent(&message).await, json!({"to": "zahra_1", "type": "TEXT", "body": body}));
}

#[tokio::test]
async fn a_keyboard_is_rows_of_labels_and_commands() {
    let button = |label: &str, command: &str| Button { label: label.into(), press: Press::Event(command.into()) };
    let rows = vec![vec![button("۱", "0"), button("two", "2")], vec![button("three", "/3")]];
    let message = Outgoing { keyboard: Some(Keyboard::Show(rows)), ..Outgoing::text("x") };
    let keyboard =
        json!([[{"text": "۱", "command": "0"}, {"text": "two", "command": "2"}], [{"text": "three", "command": "/3"}]]);
    assert_eq!(sent(&message).await["keyboard"], keyboard);
    let only = Outgoing { body: Body::KeyboardOnly, ..message };
    assert_eq!(sent(&only).await, json!({"to": "zahra_1", "type": "CHANGE", "keyboard": keyboard}));
}

#[tokio::test]
async fn hiding_the_keyboard_is_an_empty_one_and_none_leaves_it() {
    let message = Outgoing { keyboard: Some(Keyboard::Hide), ..Outgoing::text("x") };
    assert_eq!(sent(&message).await["keyboard"], json!([]));
    assert_eq!(sent(&Outgoing::text("x")).await.get("keyboard"), None);
}

#[tokio::test]
async fn a_place_goes_out_in_degrees() {
    let place = Location { latitude: 35.6892, longitude: 51.389 };
    let message = Outgoing { body: Body::Location(place), ..Outgoing::text("") };
    let wanted = json!({"to": "zahra_1", "type": "LOCATION", "latitude": 35.6892, "longitude": 51.389});
    assert_eq!(sent(&message).await, wanted);
}

#[tokio::test]
async fn a_file_goes_out_with_the_fields_of_its_kind() {
    let common = json!({
        "to": "zahra_1", "type": "FILE", "body": "پرواز", "fileUrl": "k3y", "fileName": "هدهد.bin", "fileSize": 2048,
    });
    let picture = json!({"thumbnailUrl": "thumb", "imageWidth": 320, "imageHeight": 240});
    let video = json!({"thumbnailUrl": "thumb", "thumbnailWidth": 320, "thumbnailHeight": 240, "fileDuration": 2670});
    for (kind, name, more) in [
        (MediaKind::Image, "IMAGE", picture.clone()),
        (MediaKind::Animation, "GIF", picture),
        (MediaKind::Video, "VIDEO", video),
        (MediaKind::Voice, "PUSH_TO_TALK", json!({"fileDuration": 2670})),
        (MediaKind::Audio, "ATTACHMENT", json!({})),
        (MediaKind::Document, "ATTACHMENT", json!({})),
    ] {
        let mut wanted = common.clone();
        wanted["fileType"] = json!(name);
        wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(sent(&media(kind)).await, wanted);
    }
}

#[tokio::test]
async fn required_fields_that_are_not_known_are_empty() {
    let wanted = json!({
        "to": "zahra_1", "type": "FILE", "body": "", "fileType": "IMAGE", "fileUrl": "k3y", "fileName": "file",
        "fileSize": 0, "thumbnailUrl": "", "imageWidth": 0, "imageHeight": 0,
    });
    assert_eq!(sent(&bare(MediaKind::Image)).await, wanted);
    let noted = ["soroush.thumbnail-width", "soroush.thumbnail-height"];
    let annotations = noted.map(|name| (name.to_owned(), "512".to_owned())).to_vec();
    let video = sent(&Outgoing { annotations, ..bare(MediaKind::Video) }).await;
    assert_eq!((&video["thumbnailWidth"], &video["fileDuration"]), (&json!(512), &json!(0)));
}

#[tokio::test]
async fn a_channel_is_reached_by_its_name() {
    let annotations = vec![("soroush.major-type".to_owned(), "CHANNEL".to_owned())];
    let text = Outgoing { annotations: annotations.clone(), ..Outgoing::text("x") };
    assert_eq!(sent(&text).await, json!({"to": "zahra_1", "type": "TEXT", "majorType": "CHANNEL", "body": "x"}));
    let image = sent(&Outgoing { annotations, ..bare(MediaKind::Image) }).await;
    assert_eq!(image["thumbnailUrl"], "k3y", "a channel wants some thumbnail");
}

#[tokio::test]
async fn other_spellings_can_be_chosen() {
    let options = Options { quote_numbers: true, attachment_name: AttachmentName::FileTypeOther, ..Options::default() };
    let document = sent_with(options.clone(), &media(MediaKind::Document)).await;
    assert_eq!((&document["fileType"], &document["fileSize"]), (&json!("FILE_TYPE_OTHER"), &json!("2048")));
    let place = Body::Location(Location { latitude: 35.0, longitude: 51.389 });
    let place = sent_with(options, &Outgoing { body: place, ..Outgoing::text("") }).await;
    assert_eq!((&place["latitude"], &place["longitude"]), (&json!("35"), &json!("51.389")));
}

#[tokio::test]
async fn a_message_to_an_impossible_chat_is_refused_without_a_call() {
    let server = Server::new([vec![answer("200 OK", "", OK)]]).await;
    for chat in ["", "@channel", "a/b", "زهرا"] {
        let outcome = server.soroush().send(&ChatId::from(chat), &Outgoing::text("x")).await;
        assert!(matches!(outcome, Err(SendError::Refused(_))), "{chat}: {outcome:?}");
    }
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn only_a_result_of_200_counts_as_sent() {
    for body in [OK, r#"{"resultCode":200}"#, r#"{"resultCode":" 200 "}"#, r#"{"resultCode":200.0,"x":[1]}"#] {
        assert_eq!(outcome(vec![answer("200 OK", "", body)]).await, Ok(Sent { id: None }), "{body}");
    }
}

#[tokio::test]
async fn another_result_is_a_refusal_in_the_platforms_words() {
    let not_admin = include_str!("../data/soroush/result_not_admin.json");
    for (body, words) in [
        (not_admin, "325 Bot is Not an Admin Channel."),
        (r#"{"resultCode":"1","resultMessage":"You\nCan't"}"#, "1 You Can't"),
        (r#"{"resultCode":500}"#, "500 without a reason"),
        (r#"{"resultCode":7,"description":"why"}"#, "7 why"),
    ] {
        assert_eq!(outcome(vec![answer("200 OK", "", body)]).await, Err(SendError::Refused(words.to_owned())));
    }
}

#[tokio::test]
async fn an_answer_that_is_no_result_leaves_it_in_doubt() {
    for body in [
        "",
        "OK",
        "<Result><resultCode>200</resultCode></Result>",
        "{}",
        r#"{"status":500}"#,
        "[200]",
        r#"{"resultCode":null}"#,
    ] {
        let outcome = outcome(vec![answer("200 OK", "", body)]).await;
        assert!(matches!(outcome, Err(SendError::InDoubt(_))), "{body}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_status_says_whether_the_message_can_have_arrived() {
    for (status, wanted) in [
        ("301 Moved", "not sent"),
        ("307 Moved", "not sent"),
        ("400 Bad", "refused"),
        ("401 No", "refused"),
        ("404 None", "refused"),
        ("408 Late", "not sent"),
        ("413 Big", "refused"),
        ("429 Slow", "not sent"),
        ("500 Oops", "in doubt"),
        ("502 Gateway", "in doubt"),
        ("503 Busy", "not sent"),
        ("504 Late", "in doubt"),
    ] {
        let error = outcome(vec![answer(status, "", OK)]).await.unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{status}: {error}");
    }
}

#[tokio::test]
async fn a_wish_to_wait_is_passed_on() {
    for status in ["429 Slow", "503 Busy"] {
        let outcome = outcome(vec![answer(status, "Retry-After: 7\r\n", "")]).await;
        assert_eq!(outcome, Err(SendError::Wait(Duration::from_secs(7))));
    }
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent() {
    let base_url = Server::new([vec![]]).await.base();
    // The server is gone, and nobody else listens there.
    tokio::task::yield_now().await;
    let soroush = soroush(Options { base_url, timing: quick(), ..Options::default() });
    let outcome = soroush.send(&ChatId::from("zahra"), &Outgoing::text("x")).await;
    assert!(matches!(outcome, Err(SendError::NotSent(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_line_that_breaks_or_falls_silent_leaves_it_in_doubt() {
    let half = say("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{\"resultCode\"");
    for steps in [vec![], vec![Step::Break], vec![half.clone()], vec![half, Step::Break], vec![say("nonsense\r\n\r\n")]]
    {
        let outcome = outcome(steps.clone()).await;
        assert!(matches!(outcome, Err(SendError::InDoubt(_))), "{steps:?}: {outcome:?}");
    }
    let server = Server::new([vec![Step::Hold]]).await;
    let timing = Timing { send: Duration::from_millis(50), ..quick() };
    let soroush = soroush(Options { timing, ..server.options() });
    let outcome = soroush.send(&ChatId::from("zahra"), &Outgoing::text("x")).await;
    assert!(matches!(outcome, Err(SendError::InDoubt(_))), "{outcome:?}");
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let flood = std::iter::once(say("HTTP/1.1 200 OK\r\n\r\n{\"a\":\"")).chain(vec![say("x".repeat(1 << 16)); 8]);
    let outcome = outcome(flood.chain([Step::Hold]).collect()).await;
    assert!(matches!(outcome, Err(SendError::InDoubt(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Server::new([vec![answer("200 OK", "", OK)]]).await;
    let location = format!("Location: {}/elsewhere\r\n", other.base());
    for status in ["301 Moved", "302 Found", "307 Moved", "308 Moved"] {
        let outcome = outcome(vec![answer(status, &location, "")]).await;
        assert!(matches!(outcome, Err(SendError::NotSent(_))), "{outcome:?}");
    }
    assert_eq!(other.requests(), Vec::<String>::new());
}
