//! The local Soroush keeps the promises of its interface: over real TCP, as a bot sees it.

mod playground_kit;

use std::time::Duration;

use bytes::Bytes;
use hodhod_platforms::playground::soroush::{
    Button, Error, FileKind, IncomingFile, Limits, Rules, Sent, Settings, SoroushServer,
};
use playground_kit::{Client, PATIENCE, TOKEN, loopback, server};
use reqwest::StatusCode;
use serde_json::{Value, json};

fn text(to: &str, body: &str) -> Value {
    json!({ "to": to, "type": "TEXT", "body": body })
}

#[tokio::test]
async fn messages_sent_while_nobody_listens_are_replayed_in_order() {
    let (server, client) = server(Settings::default()).await;
    for number in 0..50 {
        server.say(TOKEN, "sara", &format!("پیام {number}")).unwrap();
    }
    assert_eq!(server.written(TOKEN).unwrap(), 0);

    let mut stream = client.listen().await;
    assert_eq!(stream.response.headers()["content-type"], "text/event-stream");
    let expected: Vec<_> = (0..50).map(|number| format!("پیام {number}")).collect();
    assert_eq!(stream.bodies(50).await, expected);

    server.say(TOKEN, "sara", "زنده").unwrap();
    assert_eq!(stream.bodies(1).await, ["زنده"]);
}

#[tokio::test]
async fn every_message_has_a_time_of_its_own_as_a_string() {
    let (server, client) = server(Settings::default()).await;
    let posted: Vec<_> = (0..500).map(|_| server.say(TOKEN, "u", "same").unwrap().time.to_string()).collect();
    let events = client.listen().await.events(500).await;
    let times: Vec<_> = events.iter().map(|event| event["time"].as_str().unwrap().to_owned()).collect();
    assert_eq!(times, posted);
    assert!(times.is_sorted_by(|earlier, later| earlier < later));
}

#[tokio::test]
async fn an_event_is_one_data_line_without_a_space_and_a_blank_line() {
    let (server, client) = server(Settings::default()).await;
    let time = server.say(TOKEN, "u", "نیم\u{200c}فاصله").unwrap().time;
    let expected =
        format!("data:{{\"body\":\"نیم\u{200c}فاصله\",\"from\":\"u\",\"time\":\"{time}\",\"type\":\"TEXT\"}}\n\n");
    assert_eq!(client.listen().await.text(expected.len()).await, expected);
}

#[tokio::test]
async fn people_speak_in_the_shapes_of_the_official_page() {
    let (server, client) = server(Settings::default()).await;
    server.start_bot(TOKEN, "u").unwrap();
    server.press(TOKEN, "u", "1.1").unwrap();
    server.share_location(TOKEN, "u", 35.7, 51.3).unwrap();
    server.inject(TOKEN, json!({ "from": "u", "type": "NEW", "time": 7 })).unwrap();
    server.leave(TOKEN, "u").unwrap();
    let mut events = client.listen().await.events(5).await;
    for event in &mut events {
        if event["time"].is_string() {
            event["time"].take();
        }
    }
    assert_eq!(
        Value::from(events),
        json!([
            { "from": "u", "type": "START", "body": " ", "time": null },
            { "from": "u", "type": "TEXT", "body": "1.1", "time": null },
            { "from": "u", "type": "LOCATION", "body": " ", "latitude": 35.7, "longitude": 51.3, "time": null },
            { "from": "u", "type": "NEW", "time": 7 },
            { "from": "u", "type": "STOP", "body": " ", "time": null },
        ])
    );
}

#[tokio::test]
async fn a_file_of_each_kind_arrives_with_its_fields_and_can_be_downloaded() {
    let (server, client) = server(Settings::default()).await;
    let thumbnail = Bytes::from_static(b"small");
    let picture = ["fileType", "fileUrl", "imageHeight", "imageWidth", "thumbnailUrl"].as_slice();
    let kinds = [
        (FileKind::Image { width: 698, height: 411, thumbnail: thumbnail.clone() }, Some("IMAGE"), picture),
        (FileKind::Gif { width: 1, height: 2, thumbnail: thumbnail.clone() }, Some("GIF"), picture),
        (
            FileKind::Video { duration: 11_400, width: 512, height: 512, thumbnail: thumbnail.clone() },
            Some("VIDEO"),
            &["fileDuration", "fileType", "fileUrl", "thumbnailHeight", "thumbnailUrl", "thumbnailWidth"],
        ),
        // The page's example of a voice has no fileType.
        (FileKind::Voice { duration: 2670 }, None, &["fileDuration", "fileUrl"]),
        (FileKind::Attachment, Some("ATTACHMENT"), &["fileType", "fileUrl"]),
    ];
    let mut stream = client.listen().await;
    for (kind, name, fields) in kinds {
        let bytes = Bytes::from(format!("{kind:?}"));
        let file = IncomingFile { name: "عکس.dat".to_owned(), bytes: bytes.clone(), caption: None, kind };
        server.send_file(TOKEN, "u", file).unwrap();

        let event = stream.events(1).await.remove(0);
        assert_eq!(event["type"], "FILE");
        assert_eq!(event["body"], " ");
        assert_eq!(event["fileName"], "عکس.dat");
        assert_eq!(event["fileSize"], bytes.len());
        assert_eq!(event["fileType"].as_str(), name);
        let common = ["body", "fileId", "fileName", "fileSize", "from", "time", "type"];
        let mut own: Vec<_> = event.as_object().unwrap().keys().map(String::as_str).collect();
        own.retain(|field| !common.contains(field));
        assert_eq!(own, fields);

        let key = event["fileUrl"].as_str().unwrap();
        assert_eq!(key.len(), 315);
        let response = client.http.get(client.url(&format!("downloadFile/{key}"))).send().await.unwrap();
        assert_eq!(response.headers()["content-disposition"], "attachment;filename=___.dat");
        assert_eq!(response.bytes().await.unwrap(), bytes);
        if let Some(key) = event["thumbnailUrl"].as_str() {
            assert_eq!(server.file(key).unwrap().bytes, thumbnail);
        }
    }
}

#[tokio::test]
async fn a_bad_token_gets_a_stream_that_ends_at_once_and_a_failing_result() {
    let (server, _) = server(Settings::default()).await;
    let stranger = Client::new(&server, "another");
    for stream in [stranger.listen().await, stranger.listen_v2().await] {
        assert_eq!(stream.response.status(), StatusCode::OK);
        assert!(!stream.response.headers().contains_key("content-type"));
        assert_eq!(stream.end().await, (String::new(), true));
    }
    assert_ne!(stranger.code(text("u", "hi")).await, 200);
    assert!(matches!(server.say("another", "u", "hi"), Err(Error::UnknownBot)));
    assert!(server.sent(TOKEN).unwrap().is_empty());
}

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

#[tokio::test]
async fn the_newest_connection_takes_over_and_the_old_one_ends() {
    let (server, client) = server(Settings::default()).await;
    let first = client.listen().await;
    assert_eq!(server.wait_for_connection(TOKEN, 0, PATIENCE).await.unwrap(), 1);
    let mut second = client.listen_v2().await;
    assert_eq!(first.end().await, (String::new(), true));
    server.say(TOKEN, "u", "to the second").unwrap();
    assert_eq!(second.bodies(1).await, ["to the second"]);
}

#[tokio::test]
async fn the_wire_log_says_which_messages_went_into_a_connection_that_died() {
    let (server, client) = server(Settings::default()).await;
    for body in ["0", "1", "2"] {
        server.say(TOKEN, "u", body).unwrap();
    }
    let mut stream = client.listen().await;
    stream.events(3).await;
    drop(stream);
    server.wait_for_disconnect(TOKEN, PATIENCE).await.unwrap();
    let late = server.say(TOKEN, "u", "3").unwrap();

    let log = server.wire(TOKEN).unwrap();
    assert_eq!((log.posted, log.written, late.index), (4, 3, 3));
    assert_eq!(log.written_to_ended().collect::<Vec<_>>(), [0, 1, 2]);

    let mut stream = client.listen().await;
    assert_eq!(stream.bodies(1).await, ["3"]);
    assert_eq!(server.wait_for_written(TOKEN, 4, PATIENCE).await.unwrap(), 4);
    let log = server.wire(TOKEN).unwrap();
    let ranges: Vec<_> = log.connections.iter().map(|line| (line.open, line.written.clone())).collect();
    assert_eq!(ranges, [(false, 0..3), (true, 3..4)]);
}

#[tokio::test]
async fn only_v2_has_a_heartbeat() {
    let (server, client) = server(Settings { heartbeat: Duration::from_millis(20), ..Settings::default() }).await;
    let mut stream = client.listen_v2().await;
    let beat = json!({ "type": "HEALTH_CEHCK" });
    assert_eq!(stream.events(2).await, [beat.clone(), beat.clone()]);
    // Messages come between heartbeats, and do not hold them up.
    let mut bodies = Vec::new();
    server.say(TOKEN, "u", "hello").unwrap();
    while bodies.len() < 3 {
        let event = stream.events(1).await.remove(0);
        if !bodies.is_empty() || event != beat {
            bodies.push(event);
        }
    }
    assert_eq!(bodies[0]["body"], "hello");

    let mut stream = client.listen().await;
    for body in ["1", "2"] {
        server.say(TOKEN, "u", body).unwrap();
        assert_eq!(stream.bodies(1).await, [body]);
    }
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

#[tokio::test]
async fn every_limit_ends_in_an_error() {
    let limits = Limits { queued: 3, queued_bytes: 400, message_bytes: 200, sent: 2, people: 2, ..Limits::default() };
    let (server, client) = server(Settings { limits, ..Settings::default() }).await;
    let too_large = server.say(TOKEN, "u", &"x".repeat(300));
    assert!(matches!(too_large, Err(Error::MessageTooLarge { limit: 200, .. })));
    server.say(TOKEN, "u", &"x".repeat(100)).unwrap();
    server.say(TOKEN, "u", &"x".repeat(100)).unwrap();
    assert!(matches!(server.say(TOKEN, "u", &"x".repeat(100)), Err(Error::QueueBytesFull { limit: 400 })));
    server.say(TOKEN, "v", "x").unwrap();
    assert!(matches!(server.say(TOKEN, "w", "x"), Err(Error::TooManyPeople { limit: 2 })));
    assert!(matches!(server.say(TOKEN, "v", "x"), Err(Error::QueueFull { limit: 3 })));

    assert_eq!(client.code(text("u", "1")).await, 200);
    assert_eq!(client.code(text("u", "2")).await, 200);
    assert_eq!(client.send(text("u", "3")).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.take_sent(TOKEN).unwrap().iter().map(Sent::body).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(client.code(text("u", "4")).await, 200);
}

#[tokio::test]
async fn a_removed_bot_loses_its_stream_and_its_token() {
    let (server, client) = server(Settings::default()).await;
    let mut feed = server.subscribe_sent(TOKEN).unwrap();
    let stream = client.listen().await;
    server.remove_bot(TOKEN);
    assert!(stream.end().await.1);
    assert!(feed.next().await.is_none());
    assert_ne!(client.code(text("u", "hi")).await, 200);
}

#[tokio::test]
async fn stopping_ends_the_streams_and_frees_the_port() {
    let (server, client) = server(Settings::default()).await;
    client.send(text("u", "hi")).await;
    let stream = client.listen().await;
    server.stop().await;
    assert!(stream.end().await.1);
    assert!(client.http.get(client.url("getMessage")).send().await.is_err());
    assert_eq!(server.sent(TOKEN).unwrap().len(), 1);
    let address = server.base_url().trim_start_matches("http://").parse().unwrap();
    SoroushServer::start(address).await.unwrap();
}

#[tokio::test]
async fn the_last_handle_takes_the_server_with_it() {
    let (server, client) = server(Settings::default()).await;
    let stream = client.listen().await;
    drop(server.clone());
    server.say(TOKEN, "u", "still here").unwrap();
    drop(server);
    assert!(stream.end().await.1);
}

#[tokio::test]
async fn it_listens_on_loopback_only() {
    let mut address = loopback();
    address.set_ip([0, 0, 0, 0].into());
    assert!(SoroushServer::start(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_messages_pass_in_both_directions_without_loss() {
    const MESSAGES: usize = 20_000;
    const AT_ONCE: usize = 16;
    let (server, client) = server(Settings::default()).await;
    let mut stream = client.listen().await;
    let started = std::time::Instant::now();
    let people = server.clone();
    let people = tokio::task::spawn_blocking(move || {
        for number in 0..MESSAGES {
            people.say(TOKEN, "u", &number.to_string()).unwrap();
        }
    });
    for (number, body) in stream.bodies(MESSAGES).await.iter().enumerate() {
        assert_eq!(*body, number.to_string());
    }
    people.await.unwrap();
    println!("{MESSAGES} messages in {:?}", started.elapsed());

    let started = std::time::Instant::now();
    let lanes = (0..AT_ONCE).map(|lane| {
        let client = &client;
        async move {
            for number in 0..MESSAGES / AT_ONCE / 10 {
                assert_eq!(client.code(text(&lane.to_string(), &number.to_string())).await, 200);
            }
        }
    });
    futures::future::join_all(lanes).await;
    println!("{} sends in {:?}", MESSAGES / 10, started.elapsed());
    assert_eq!(server.sent(TOKEN).unwrap().len(), MESSAGES / 10);
}
