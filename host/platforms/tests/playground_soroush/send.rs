//! What the bot sends is judged, kept and shown.

use std::time::Duration;

use bytes::Bytes;
use hodhod_platforms::playground::soroush::{Button, Error, Limits, Rules, Settings};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::playground_kit::{Client, PATIENCE, TOKEN, server};
use crate::text;

#[tokio::test]
async fn what_is_sent_is_kept_in_order_and_can_be_awaited_followed_and_taken() {
    let (server, client) = server(Settings::default()).await;
    let mut feed = server.subscribe_sent(TOKEN).unwrap();
    let sends = async {
        for number in 0..3 {
            assert_eq!(client.code(text("u", &number.to_string())).await, 200);
        }
        let second = server.wait_for_sent_where(TOKEN, PATIENCE, |sent| sent.body() == "1").await.unwrap();
        assert_eq!((second.index, second.to(), second.kind(), second.answered), (1, "u", "TEXT", true));
    };
    let (all, ()) = tokio::join!(server.wait_for_sent(TOKEN, 3, PATIENCE), sends);
    let all: Vec<_> = all.unwrap().iter().map(|sent| sent.json["body"].clone()).collect();
    assert_eq!(all, ["0", "1", "2"]);
    for number in 0..3 {
        assert_eq!(feed.next().await.unwrap().index, number);
    }

    assert_eq!(server.take_sent(TOKEN).unwrap().len(), 3);
    assert!(server.sent(TOKEN).unwrap().is_empty());
    client.send(text("u", "3")).await;
    assert_eq!(server.sent(TOKEN).unwrap().first().map(|sent| sent.index), Some(3));
    assert_eq!(feed.next().await.unwrap().body(), "3");

    let missing = server.wait_for_sent(TOKEN, 2, Duration::from_millis(1)).await;
    assert!(matches!(missing, Err(Error::TimedOut { seen: 1, .. })));
}

#[tokio::test]
async fn whoever_stopped_the_bot_cannot_be_written_to_until_they_come_back() {
    let (server, client) = server(Settings::default()).await;
    assert_eq!(client.code(text("u", "nobody knows you")).await, 200);
    server.start_bot(TOKEN, "u").unwrap();
    server.leave(TOKEN, "u").unwrap();
    let (status, result) = client.send(text("u", "are you there?")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(result["resultMessage"], "You Can't Send Message to This User");
    assert_ne!(result["resultCode"], 200);
    assert_eq!(server.sent(TOKEN).unwrap().len(), 1);

    server.say(TOKEN, "u", "here again").unwrap();
    assert_eq!(client.code(text("u", "welcome")).await, 200);

    server.leave(TOKEN, "u").unwrap();
    server.set_rules(Rules { refuse_left: false, ..Rules::default() });
    assert_eq!(client.code(text("u", "allowed now")).await, 200);
    server.set_rules(Rules { refuse_strangers: true, ..Rules::default() });
    assert_ne!(client.code(text("somebody", "never wrote")).await, 200);
}

#[tokio::test]
async fn a_keyboard_stays_when_absent_goes_when_empty_and_changes_without_a_message() {
    let (server, client) = server(Settings::default()).await;
    let key = |text: &str, command: &str| Button { text: text.to_owned(), command: command.to_owned() };
    let shown = || server.keyboard(TOKEN, "u").unwrap();
    assert!(shown().is_empty());

    let keyboard = json!([[{ "text": "بله", "command": "yes" }, { "text": "خیر", "command": "no" }]]);
    client.send(json!({ "to": "u", "type": "TEXT", "body": "?", "keyboard": keyboard })).await;
    assert_eq!(shown(), [[key("بله", "yes"), key("خیر", "no")]]);

    client.send(text("u", "no keyboard here")).await;
    assert_eq!(shown().len(), 1);

    client.send(json!({ "to": "u", "type": "CHANGE", "keyboard": [[{ "text": "a", "command": "b" }]] })).await;
    assert_eq!(shown(), [[key("a", "b")]]);
    assert!(server.keyboard(TOKEN, "another").unwrap().is_empty());

    client.send(json!({ "to": "u", "type": "TEXT", "body": "!", "keyboard": [] })).await;
    assert!(shown().is_empty());
}

#[tokio::test]
async fn a_malformed_message_is_refused_with_its_reason_and_not_kept() {
    let (server, client) =
        server(Settings { limits: Limits { body_bytes: 1000, ..Limits::default() }, ..Settings::default() }).await;
    let (status, result) = client.send(json!({ "to": "u", "type": "TEXT" })).await;
    assert_eq!((status, &result["resultMessage"]), (StatusCode::OK, &json!("The field body is missing")));
    assert_ne!(result["resultCode"], 200);
    assert_eq!(client.send(text("u", &"x".repeat(2000))).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(server.sent(TOKEN).unwrap().is_empty());
}

#[tokio::test]
async fn only_an_admin_posts_to_a_channel() {
    let (server, client) = server(Settings::default()).await;
    let post = json!({ "majorType": "CHANNEL", "to": "news", "type": "TEXT", "body": "hi" });
    let (_, result) = client.send(post.clone()).await;
    assert_eq!(result, json!({ "resultCode": 325, "resultMessage": "Bot is Not an Admin Channel." }));
    server.make_admin(TOKEN, "news").unwrap();
    assert_eq!(client.send(post).await.1, json!({ "resultCode": 200, "resultMessage": "OK" }));
}

/// A body as `requests` and others write it.
fn form(part: &str, file: &str, bytes: &str) -> String {
    format!(
        "--limit\r\nContent-Disposition: form-data; name=\"{part}\"; filename=\"{file}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n{bytes}\r\n--limit--\r\n"
    )
}

#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
async fn upload(client: &Client, body: String) -> (StatusCode, Value) {
    let request =
        client.http.post(client.url("uploadFile")).header("Content-Type", "multipart/form-data; boundary=limit");
    let response = request.body(body).send().await.unwrap();
    let status = response.status();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
}

#[tokio::test]
async fn an_upload_gives_a_key_under_which_the_bytes_come_back() {
    let limits = Limits { file_bytes: 100, files_bytes: 150, ..Limits::default() };
    let (server, client) = server(Settings { limits, ..Settings::default() }).await;
    let (status, answer) = upload(&client, form("file", "a.txt", "the bytes")).await;
    assert_eq!(
        (status, answer["resultCode"].as_i64(), answer["resultMessage"].as_str()),
        (StatusCode::OK, Some(200), Some("OK"))
    );
    let key = answer["fileUrl"].as_str().unwrap();
    assert_eq!(key.len(), 507);
    assert_eq!(server.file(key).unwrap().name, "a.txt");
    let got = client.http.get(client.url(&format!("downloadFile/{key}"))).send().await.unwrap();
    assert_eq!(got.text().await.unwrap(), "the bytes");

    // Errors of a download are JSON under 200.
    let missing = client.http.get(client.url("downloadFile/nothing")).send().await.unwrap();
    assert_eq!(missing.status(), StatusCode::OK);
    let missing: Value = missing.json().await.unwrap();
    assert!(missing["resultMessage"].is_string() && missing["resultCode"] != 200);

    assert_ne!(upload(&client, form("other", "a.txt", "x")).await.1["resultCode"], 200);
    assert_eq!(upload(&client, form("file", "😀.txt", "x")).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(upload(&client, form("file", "a", &"x".repeat(101))).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(upload(&client, form("file", "a", &"x".repeat(100))).await.0, StatusCode::OK);
    assert_eq!(upload(&client, form("file", "a", &"x".repeat(100))).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    server.forget_files();
    assert_eq!(upload(&client, form("file", "a", &"x".repeat(100))).await.0, StatusCode::OK);

    server.set_rules(Rules { refuse_unknown_files: true, ..Rules::default() });
    let file = |key: &str| json!({ "to": "u", "type": "FILE", "fileType": "ATTACHMENT", "fileUrl": key, "fileName": "a", "fileSize": 1 });
    assert_ne!(client.code(file(key)).await, 200);
    let known = server.put_file("a", Bytes::from_static(b"x")).unwrap();
    assert_eq!(client.code(file(&known)).await, 200);
}
