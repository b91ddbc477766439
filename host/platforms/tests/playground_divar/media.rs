//! Files in both directions.

use std::time::Duration;

use bytes::Bytes;
use hodhod_platforms::playground::divar::{FileKind, Side};
use reqwest::StatusCode;
use reqwest::multipart::{Form, Part};
use serde_json::json;

use crate::kit::{Answer, POST, Rig, ask, refusal, rig, rig_with, rules};

#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
async fn token(rig: &Rig) -> String {
    let (status, body) = ask(rig.post("/experimental/open-platform/chat/upload", &json!({}))).await;
    assert_eq!(status, StatusCode::OK);
    body["token"].as_str().unwrap().to_owned()
}

async fn upload(rig: &Rig, kind: &str, token: &str, name: &str, size: usize) -> Answer {
    let part = Part::bytes(vec![7; size]).file_name(name.to_owned());
    send(rig, kind, token, Form::new().part("file", part)).await
}

async fn send(rig: &Rig, kind: &str, token: &str, form: Form) -> Answer {
    let url = rig.url(&format!("/upload/{kind}"));
    ask(rig.http.post(url).bearer_auth(token).header("Accept", "*/*").multipart(form)).await
}

#[tokio::test]
async fn an_uploaded_file_is_sent_by_its_token_in_each_kind_of_chat() {
    let rig = rig().await;
    for (kind, name, expected) in [
        ("image", "a.PNG", FileKind::Image),
        ("image", "a.jpeg", FileKind::Image),
        ("video", "a.mp4", FileKind::Video),
        ("voice", "a.m4a", FileKind::Voice),
        ("file", "قرارداد.pdf", FileKind::File),
    ] {
        let (status, body) = upload(&rig, kind, &token(&rig).await, name, 10).await;
        assert_eq!((status, &body["status"]), (StatusCode::OK, &json!("ok")));
        let id = body["id"].as_str().unwrap();
        assert_eq!(rig.divar.uploaded(id).unwrap().name, name);
        assert_eq!(ask(rig.to_bot(&rig.chat("sara"), &json!({ "media_token": id }))).await.0, StatusCode::OK);
        let sent = rig.divar.take_sent().remove(0);
        let file = sent.file.unwrap();
        assert_eq!((file.kind, file.name.as_str(), file.bytes.len(), sent.text.as_str()), (expected, name, 10, ""));
        let got = rig.http.get(file.link).send().await.unwrap();
        assert_eq!(got.bytes().await.unwrap(), vec![7; 10]);

        let about = rig.divar.say_in_post(POST, "babak", Side::Buyer, "?").unwrap().conversation;
        let access = rig.token("sara", "CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND").await;
        let body = json!({ "media_token": id, "message": "" });
        assert_eq!(ask(rig.to_post(&about, &access, &body)).await.0, StatusCode::OK);
        assert_eq!(rig.divar.take_sent().remove(0).file.unwrap().kind, expected);
    }
}

#[tokio::test]
async fn formats_and_sizes_are_those_of_the_page() {
    const MB: usize = 1024 * 1024;
    let rig = rig().await;
    for (kind, name, most) in [
        ("image", "a.jpg", 5 * MB),
        ("file", "a.docx", 5 * MB),
        ("voice", "a.3gp", 3 * MB / 2),
        ("video", "a.mp4", 50 * MB),
    ] {
        assert_eq!(upload(&rig, kind, &token(&rig).await, name, most).await.0, StatusCode::OK, "{kind}");
        let refused = upload(&rig, kind, &token(&rig).await, name, most + 1).await;
        assert_eq!(refusal(&refused), (413, 3), "{kind}");
    }
    for (kind, name) in [
        ("image", "a.gif"),
        ("image", "a"),
        ("voice", "a.ogg"),
        ("video", "a.mov"),
        ("file", "a.zip"),
        ("file", "a.png"),
    ] {
        assert_eq!(refusal(&upload(&rig, kind, &token(&rig).await, name, 1).await), (400, 3), "{kind} {name}");
    }
    assert_eq!(refusal(&upload(&rig, "image", &token(&rig).await, "a.png", 0).await), (400, 3));
    assert_eq!(refusal(&upload(&rig, "sticker", &token(&rig).await, "a.png", 1).await), (404, 5));
}

#[tokio::test]
async fn an_upload_needs_its_token_which_is_good_once_and_not_for_ever() {
    let rig = rig().await;
    let token_ = token(&rig).await;
    assert_eq!(refusal(&upload(&rig, "image", "wrong", "a.png", 1).await), (401, 16));
    let bare = rig.http.post(rig.url("/upload/image")).multipart(Form::new());
    assert_eq!(refusal(&ask(bare).await), (401, 16));
    let basic = rig.http.post(rig.url("/upload/image")).header("Authorization", format!("Basic {token_}"));
    assert_eq!(refusal(&ask(basic.multipart(Form::new())).await), (401, 16));
    // A refused file does not use it up.
    assert_eq!(refusal(&upload(&rig, "image", &token_, "a.gif", 1).await), (400, 3));
    assert_eq!(upload(&rig, "image", &token_, "a.png", 1).await.0, StatusCode::OK);
    assert_eq!(refusal(&upload(&rig, "image", &token_, "a.png", 1).await), (401, 16));

    let late = token(&rig).await;
    rig.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(refusal(&upload(&rig, "image", &late, "a.png", 1).await), (401, 16));

    let rig = rig_with(rules(|rules| rules.upload_once = false)).await;
    let token = token(&rig).await;
    for _ in 0..2 {
        assert_eq!(upload(&rig, "image", &token, "a.png", 1).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_form_has_one_part_named_file_with_a_file_name() {
    let rig = rig().await;
    let part = || Part::bytes(vec![1]).file_name("a.png");
    for form in [
        Form::new(),
        Form::new().part("image", part()),
        Form::new().part("file", Part::bytes(vec![1])),
        Form::new().part("file", part()).part("file", part()),
        Form::new().part("file", part()).text("more", "x"),
    ] {
        assert_eq!(refusal(&send(&rig, "image", &token(&rig).await, form).await), (400, 3));
    }
    let url = rig.url("/upload/image");
    let json = rig.http.post(url).bearer_auth(token(&rig).await).json(&json!({}));
    assert_eq!(refusal(&ask(json).await), (400, 3));
    let with_body = rig.post("/experimental/open-platform/chat/upload", &json!({ "media_type": "image" }));
    assert_eq!(refusal(&ask(with_body).await), (400, 3));
}

#[tokio::test]
async fn files_are_got_by_link_until_they_are_forgotten_and_never_beyond_the_limit() {
    let rig = rig_with(|settings| settings.limits.files_bytes = 100).await;
    let link = rig.divar.put_file(FileKind::File, "نام با/فاصله?.pdf", Bytes::from(vec![1; 60])).unwrap();
    assert_eq!(rig.http.get(&link).send().await.unwrap().bytes().await.unwrap().len(), 60);
    assert!(rig.divar.put_file(FileKind::File, "a", Bytes::from(vec![1; 41])).is_err());
    assert_eq!(refusal(&upload(&rig, "image", &token(&rig).await, "a.png", 41).await), (503, 14));
    rig.divar.forget_files();
    assert_eq!(refusal(&ask(rig.http.get(&link)).await), (404, 5));
    assert_eq!(refusal(&ask(rig.http.get(rig.url("/media/guess/a.pdf"))).await), (404, 5));
}
