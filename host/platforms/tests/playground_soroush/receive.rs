//! What people do reaches the bot: whole, in order, on one line.

use std::time::Duration;

use bytes::Bytes;
use hodhod_platforms::playground::soroush::{FileKind, IncomingFile, Settings};
use serde_json::{Value, json};

use crate::playground_kit::{PATIENCE, TOKEN, server};

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
