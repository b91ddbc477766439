//! Every fault of the local Soroush, once, as a bot meets it.

mod playground_kit;

use std::time::{Duration, Instant};

use hodhod_platforms::playground::soroush::{
    Call, Chunks, Error, Framing, LineEnd, SendFault, Settings, SoroushServer, StreamCut, StreamEnd, StreamFaults,
    Terminator,
};
use playground_kit::{PATIENCE, TOKEN, server};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn text(body: &str) -> Value {
    json!({ "to": "u", "type": "TEXT", "body": body })
}

fn framed(framing: Framing) -> StreamFaults {
    StreamFaults { framing, ..StreamFaults::default() }
}

fn cut(after: u64, end: StreamEnd) -> StreamFaults {
    StreamFaults { cut: Some(StreamCut { after, end }), ..StreamFaults::default() }
}

#[tokio::test]
async fn events_come_in_each_odd_form() {
    let (server, client) = server(Settings::default()).await;
    let plain = Framing::default();
    for (framing, content_type, expected) in [
        (Framing { space_after_colon: true, ..plain }, "text/event-stream", "data: {1}\n\ndata: {2}\n\n"),
        (Framing { line_end: LineEnd::CrLf, ..plain }, "text/event-stream", "data:{1}\r\n\r\ndata:{2}\r\n\r\n"),
        (Framing { line_end: LineEnd::Cr, ..plain }, "text/event-stream", "data:{1}\r\rdata:{2}\r\r"),
        (Framing { bare_json: true, ..plain }, "application/stream+json", "{1}\n{2}\n"),
        (Framing { byte_order_mark: true, ..plain }, "text/event-stream", "\u{feff}data:{1}\n\ndata:{2}\n\n"),
        (Framing { terminator: Terminator::LateBlankLine, ..plain }, "text/event-stream", "data:{1}\n\ndata:{2}\n"),
        (Framing { terminator: Terminator::LateLineEnd, ..plain }, "text/event-stream", "data:{1}\n\ndata:{2}"),
        (Framing { comments: true, ..plain }, "text/event-stream", ":a comment\ndata:{1}\n\n:a comment\ndata:{2}\n\n"),
        (
            Framing { retry: Some(Duration::from_millis(5)), ..plain },
            "text/event-stream",
            "retry:5\ndata:{1}\n\nretry:5\ndata:{2}\n\n",
        ),
    ] {
        server.set_stream_faults(framed(framing));
        server.inject_raw(TOKEN, "{1}").unwrap();
        server.inject_raw(TOKEN, "{2}").unwrap();
        let mut stream = client.listen().await;
        assert_eq!(stream.response.headers()["content-type"], content_type);
        assert_eq!(stream.text(expected.len()).await, expected, "{framing:?}");
        drop(stream);
        server.wait_for_disconnect(TOKEN, PATIENCE).await.unwrap();
    }
}

#[tokio::test]
async fn a_late_terminator_comes_only_with_the_next_event() {
    let (server, client) = server(Settings::default()).await;
    server.set_stream_faults(framed(Framing { terminator: Terminator::LateBlankLine, ..Framing::default() }));
    let mut stream = client.listen().await;
    server.inject_raw(TOKEN, "{1}").unwrap();
    assert_eq!(stream.text(9).await, "data:{1}\n");
    server.inject_raw(TOKEN, "{2}").unwrap();
    assert_eq!(stream.text(10).await, "\ndata:{2}\n");
}

#[tokio::test]
async fn an_id_is_the_number_of_the_message() {
    let (server, client) = server(Settings::default()).await;
    server.set_stream_faults(framed(Framing { ids: true, ..Framing::default() }));
    server.inject_raw(TOKEN, "{1}").unwrap();
    let second = server.inject_raw(TOKEN, "{2}").unwrap();
    let expected = format!("id:0\ndata:{{1}}\n\nid:{}\ndata:{{2}}\n\n", second.index);
    assert_eq!(client.listen().await.text(expected.len()).await, expected);
}

/// The HTTP chunks of a stream, in the raw bytes of a connection of its own.
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
async fn chunks(server: &SoroushServer, enough: &str) -> Vec<String> {
    let base_url = server.base_url();
    let mut tcp = TcpStream::connect(base_url.trim_start_matches("http://")).await.unwrap();
    tcp.write_all(format!("GET /{TOKEN}/getMessage HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let count = tokio::time::timeout(PATIENCE, tcp.read(&mut buffer)).await.unwrap().unwrap();
        bytes.extend_from_slice(&buffer[..count]);
        let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let body = String::from_utf8_lossy(&bytes[head + 4..]).into_owned();
        if body.ends_with(enough) {
            drop(tcp);
            server.wait_for_disconnect(TOKEN, PATIENCE).await.unwrap();
            // Size and content take turns; the content of these tests has no CR LF in it.
            return body.split("\r\n").skip(1).step_by(2).map(str::to_owned).collect();
        }
    }
}

#[tokio::test]
async fn bytes_are_cut_into_chunks_of_any_size_also_inside_a_character() {
    let (server, _) = server(Settings::default()).await;
    let inject = || server.inject_raw(TOKEN, "س").unwrap();
    server.set_stream_faults(framed(Framing { chunks: Chunks::Bytes(1), ..Framing::default() }));
    inject();
    let single = chunks(&server, "1\r\n\n\r\n1\r\n\n\r\n").await;
    assert_eq!(single, ["d", "a", "t", "a", ":", "\u{fffd}", "\u{fffd}", "\n", "\n"]);

    server.set_stream_faults(framed(Framing { chunks: Chunks::Bytes(6), ..Framing::default() }));
    inject();
    let cut = chunks(&server, "3\r\n\u{fffd}\n\n\r\n").await;
    assert_eq!(cut, ["data:\u{fffd}", "\u{fffd}\n\n"]);

    server.set_stream_faults(framed(Framing { chunks: Chunks::Events, ..Framing::default() }));
    inject();
    inject();
    assert_eq!(chunks(&server, "\n\n\r\n9\r\ndata:س\n\n\r\n").await, ["data:س\n\n", "data:س\n\n"]);

    server.clear_faults();
    inject();
    inject();
    assert_eq!(chunks(&server, "\n\n\r\n").await, ["data:س\n\ndata:س\n\n"]);
}

#[tokio::test]
async fn a_stream_is_cut_after_some_messages_in_each_way() {
    let (server, client) = server(Settings::default()).await;
    let inject = |numbers: std::ops::Range<u32>| {
        for number in numbers {
            server.inject_raw(TOKEN, &number.to_string()).unwrap();
        }
    };
    inject(0..8);
    server.set_stream_faults(cut(2, StreamEnd::Clean));
    assert_eq!(client.listen().await.end().await, ("data:0\n\ndata:1\n\n".to_owned(), true));

    server.set_stream_faults(cut(2, StreamEnd::Reset));
    assert_eq!(client.listen().await.end().await, ("data:2\n\ndata:3\n\n".to_owned(), false));

    // The torn message is gone from the queue as well.
    server.set_stream_faults(cut(1, StreamEnd::Torn));
    assert_eq!(client.listen().await.end().await, ("data:4\n\ndata".to_owned(), false));
    assert_eq!(server.wire(TOKEN).unwrap().connections.last().unwrap().written, 4..6);

    server.set_stream_faults(cut(0, StreamEnd::Clean));
    assert_eq!(client.listen().await.end().await, (String::new(), true));

    server.clear_faults();
    assert_eq!(client.listen().await.text(16).await, "data:6\n\ndata:7\n\n");
}

#[tokio::test]
async fn a_standing_stream_can_be_disconnected_in_each_way() {
    let (server, client) = server(Settings::default()).await;
    for (end, expected) in [
        (StreamEnd::Clean, (String::new(), true)),
        (StreamEnd::Reset, (String::new(), false)),
        (StreamEnd::Torn, ("data:".to_owned(), false)),
    ] {
        let stream = client.listen().await;
        server.disconnect(TOKEN, end).unwrap();
        if end == StreamEnd::Torn {
            server.inject_raw(TOKEN, "{1}").unwrap();
        }
        assert_eq!(stream.end().await, expected, "{end:?}");
        server.wait_for_disconnect(TOKEN, PATIENCE).await.unwrap();
    }
}

#[tokio::test]
async fn every_message_comes_twice() {
    let (server, client) = server(Settings::default()).await;
    server.set_stream_faults(StreamFaults { duplicates: true, ..StreamFaults::default() });
    let mut stream = client.listen().await;
    server.say(TOKEN, "u", "a").unwrap();
    server.say(TOKEN, "u", "b").unwrap();
    assert_eq!(stream.bodies(4).await, ["a", "a", "b", "b"]);
    assert_eq!(server.written(TOKEN).unwrap(), 2);
}

#[tokio::test]
async fn a_frozen_stream_stands_and_keeps_its_messages_in_the_queue() {
    let (server, client) = server(Settings { heartbeat: Duration::from_millis(1), ..Settings::default() }).await;
    let mut stream = client.listen_v2().await;
    stream.events(1).await;
    server.set_stream_faults(StreamFaults { frozen: true, ..StreamFaults::default() });
    server.say(TOKEN, "u", "kept").unwrap();
    let written = server.wait_for_written(TOKEN, 1, Duration::from_millis(30)).await;
    assert!(matches!(written, Err(Error::TimedOut { seen: 0, .. })));

    // A takeover works even then, and the new line brings what waited.
    let mut second = client.listen().await;
    server.clear_faults();
    assert_eq!(second.bodies(1).await, ["kept"]);
}

#[tokio::test]
async fn an_event_need_not_be_json_nor_one_line() {
    let (server, client) = server(Settings::default()).await;
    server.inject_raw(TOKEN, "<not json>").unwrap();
    server.inject_raw(TOKEN, "{\n}").unwrap();
    server.inject(TOKEN, json!(["no object"])).unwrap();
    let expected = "data:<not json>\n\ndata:{\ndata:}\n\ndata:[\"no object\"]\n\n";
    assert_eq!(client.listen().await.text(expected.len()).await, expected);
}

#[tokio::test]
async fn faults_change_a_stream_that_stands() {
    let (server, client) = server(Settings::default()).await;
    let mut stream = client.listen().await;
    server.inject_raw(TOKEN, "{1}").unwrap();
    assert_eq!(stream.text(10).await, "data:{1}\n\n");
    server.set_stream_faults(framed(Framing { line_end: LineEnd::Cr, ..Framing::default() }));
    server.inject_raw(TOKEN, "{2}").unwrap();
    assert_eq!(stream.text(10).await, "data:{2}\r\r");
    server.set_stream_faults(cut(0, StreamEnd::Reset));
    assert_eq!(stream.end().await, (String::new(), false));
}

#[tokio::test]
async fn sends_fail_with_a_status_and_a_pause_as_often_as_asked() {
    let (server, client) = server(Settings::default()).await;
    let retry_after = Some(Duration::from_secs(7));
    server.fail_sends(2, SendFault::Status { code: 429, retry_after });
    server.fail_sends(1, SendFault::Status { code: 3, retry_after: None });
    for _ in 0..2 {
        let response = client.http.post(client.url("sendMessage")).json(&text("x")).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()["retry-after"], "7");
    }
    assert_eq!(client.send(text("x")).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(server.sent(TOKEN).unwrap().is_empty());
    assert_eq!(client.code(text("x")).await, 200);
}

#[tokio::test]
async fn sends_fail_with_a_result_code_or_an_odd_body() {
    let (server, client) = server(Settings::default()).await;
    server.fail_sends(1, SendFault::Result { code: 77, message: "Not Today".to_owned() });
    server.fail_sends(1, SendFault::Body("<xml/>".to_owned()));
    let result = client.send(text("refused")).await.1;
    assert_eq!(result, json!({ "resultCode": 77, "resultMessage": "Not Today" }));
    let response = client.http.post(client.url("sendMessage")).json(&text("odd")).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "<xml/>");
    let bodies: Vec<_> = server.sent(TOKEN).unwrap().iter().map(|sent| sent.body().to_owned()).collect();
    assert_eq!(bodies, ["odd"]);
}

#[tokio::test]
async fn a_send_without_an_answer_leaves_the_bot_in_doubt() {
    let (server, client) = server(Settings::default()).await;
    let send = |body: &str| client.http.post(client.url("sendMessage")).json(&text(body)).send();
    server.fail_sends(1, SendFault::Close { accepted: true });
    server.fail_sends(1, SendFault::Close { accepted: false });
    assert!(send("kept, closed").await.is_err());
    assert!(send("lost, closed").await.is_err());

    server.fail_sends(1, SendFault::Hang { accepted: true });
    let hanging = send("kept, hangs");
    tokio::pin!(hanging);
    let kept = server.wait_for_sent(TOKEN, 2, PATIENCE);
    tokio::select! {
        answer = &mut hanging => panic!("an answer came: {answer:?}"),
        kept = kept => {
            let kept: Vec<_> = kept.unwrap().iter().map(|sent| (sent.body().to_owned(), sent.answered)).collect();
            assert_eq!(kept, [("kept, closed".to_owned(), false), ("kept, hangs".to_owned(), false)]);
        }
    }
    // The end of the server ends the hanging request, without an answer.
    let (answer, ()) = tokio::join!(hanging, server.stop());
    assert!(answer.is_err());
}

#[tokio::test]
async fn a_hanging_send_that_was_not_accepted_is_not_kept() {
    let (server, client) = server(Settings::default()).await;
    server.fail_sends(1, SendFault::Hang { accepted: false });
    let impatient = reqwest::Client::builder().timeout(Duration::from_millis(50)).build().unwrap();
    let answer = impatient.post(client.url("sendMessage")).json(&text("lost")).send().await;
    assert!(answer.unwrap_err().is_timeout());
    assert_eq!(client.code(text("kept")).await, 200);
    assert_eq!(server.sent(TOKEN).unwrap().len(), 1);
}

#[tokio::test]
async fn answers_are_delayed_after_the_message_was_accepted() {
    let (server, client) = server(Settings::default()).await;
    let delay = Duration::from_millis(60);
    server.delay_sends(delay);
    let started = Instant::now();
    assert_eq!(client.code(text("slow")).await, 200);
    assert!(started.elapsed() >= delay);
    let accepted = server.sent(TOKEN).unwrap().remove(0).at;
    assert!(accepted.duration_since(started) < started.elapsed() - Duration::from_millis(40));

    // However long the delay: a server that stops does not wait for it.
    server.delay_sends(Duration::MAX);
    let slow = client.send(text("slower"));
    let stop = async {
        server.wait_for_sent(TOKEN, 2, PATIENCE).await.unwrap();
        server.stop().await;
    };
    assert_eq!(tokio::join!(slow, stop).0.0, StatusCode::OK);
}

#[tokio::test]
async fn other_calls_are_refused_as_often_as_asked() {
    let (server, client) = server(Settings::default()).await;
    server.refuse(Call::GetMessage, 1, 503);
    server.refuse(Call::DownloadFile, 1, 504);
    server.refuse(Call::UploadFile, 1, 500);
    assert_eq!(client.listen().await.response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(client.listen().await.response.status(), StatusCode::OK);
    for expected in [StatusCode::GATEWAY_TIMEOUT, StatusCode::OK] {
        let response = client.http.get(client.url("downloadFile/x")).send().await.unwrap();
        assert_eq!(response.status(), expected);
    }
    let response = client.http.post(client.url("uploadFile")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn weird_input_is_answered_and_harms_nobody() {
    let (server, client) = server(Settings::default()).await;
    for (method, path) in [("GET", "/"), ("GET", "/%ff/getMessage"), ("POST", "/v2/x/y/z"), ("PUT", "/x/sendMessage")] {
        let method = method.parse().unwrap();
        let response = client.http.request(method, format!("{}{path}", server.base_url())).send().await.unwrap();
        assert!(response.status().is_client_error(), "{path}: {}", response.status());
    }
    for body in ["", "null", "\u{0}", "{\"to\":", "[[[[[[", "{\"to\":\"u\",\"type\":{}}"] {
        let response = client.http.post(client.url("sendMessage")).body(body).send().await.unwrap();
        let result: Value = response.json().await.unwrap();
        assert_ne!(result["resultCode"], 200, "{body}");
    }
    let nested = "[".repeat(100_000);
    let response = client.http.post(client.url("sendMessage")).body(nested).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let response = client.http.post(client.url("uploadFile")).body("no form").send().await.unwrap();
    assert!(response.status().is_client_error());

    let mut tcp = TcpStream::connect(server.base_url().trim_start_matches("http://")).await.unwrap();
    tcp.write_all(b"\x16\x03\x01 not http\r\n\r\n").await.unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, tcp.read_to_end(&mut rest)).await.unwrap().unwrap();

    server.say(TOKEN, "u", "still well").unwrap();
    assert_eq!(client.listen().await.bodies(1).await, ["still well"]);
}
