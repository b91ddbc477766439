//! Every limit of requests, by its name.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hodhod_core::limits::HTTP_HEAD;
use hodhod_core::runtime::{Limits, Reason, TurnResult};
use tokio::io::AsyncWriteExt;
use tokio::sync::{Barrier, mpsc};

use super::OK;
use super::kit::{Asker, always, drain, get, head, serve};

#[tokio::test]
async fn limit_http_minute_is_for_all_turns_of_the_bot() {
    let (server, heads) = always(OK).await;
    let asker = Asker::of(server, Limits { http_minute: 2, ..Limits::default() });
    for _ in 0..2 {
        assert!(asker.ask(&get(server)).await.ends_with("> hello"));
    }
    assert_eq!(asker.ask(&get(server)).await, "ErrorCode::ConnectionLimitReached");
    assert_eq!(heads.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn limit_http_at_once_makes_the_others_wait() {
    let (under_way, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (pair, seen) = (Arc::new(Barrier::new(2)), most.clone());
    let server = serve(move |mut stream| {
        let (under_way, most, pair) = (under_way.clone(), most.clone(), pair.clone());
        async move {
            head(&mut stream).await;
            most.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            pair.wait().await;
            under_way.fetch_sub(1, Ordering::SeqCst);
            stream.write_all(OK.as_bytes()).await.unwrap();
        }
    })
    .await;
    let asker = Asker::of(server, Limits { http_at_once: 2, ..Limits::default() });
    let answer = asker.ask(&[get(server).as_str(); 6].join("\n\n")).await;
    assert_eq!(answer.matches("> hello").count(), 6, "{answer}");
    assert_eq!(seen.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn limit_http_request_ends_a_body_that_is_longer() {
    let (told, mut arrived) = mpsc::channel(4);
    let server = serve(move |mut stream| {
        let told = told.clone();
        async move {
            head(&mut stream).await;
            told.send(drain(stream).await).await.unwrap();
        }
    })
    .await;
    let asker = Asker::of(server, Limits { http_request: 10_000, ..Limits::default() });
    let post = format!("POST\thttp\t{server}\t/");
    let answer = asker.ask(&format!("{post}\nbody 50000")).await;
    assert!(answer.starts_with("ErrorCode::HttpRequestBodySize"), "{answer}");
    // Pieces have lengths of their own on the wire.
    let arrived = arrived.recv().await.unwrap();
    assert!(arrived <= 10_100, "{arrived}");
    let answer = asker.ask(&format!("{post}\ncontent-length: 50000\nbody 50000")).await;
    assert!(answer.starts_with("ErrorCode::HttpRequestBodySize"), "{answer}");
}

#[tokio::test]
async fn limit_http_response_ends_a_body_that_is_longer() {
    let body = "x".repeat(5000);
    let (server, _) = always(format!("HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{body}")).await;
    let (endless, _) = always(format!("HTTP/1.1 200 OK\r\n\r\n{body}")).await;
    for server in [server, endless] {
        let enough = Asker::of(server, Limits { http_response: 5000, ..Limits::default() });
        assert!(enough.ask(&get(server)).await.ends_with("> 5000 bytes"));
        let less = Asker::of(server, Limits { http_response: 4999, ..Limits::default() });
        let answer = less.ask(&get(server)).await;
        assert!(answer.starts_with("body: ErrorCode::HttpResponseBodySize"), "{answer}");
    }
}

#[tokio::test]
async fn limit_http_headers_counts_fields_both_ways() {
    let fields = |count| (0..count).map(|n| format!("x-{n}: v\r\n")).collect::<String>();
    let answers = |count| format!("HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n", fields(count - 1));
    let limits = || Limits { http_headers: 8, ..Limits::default() };
    let ((fits, heads), (more, _)) = (always(answers(8)).await, always(answers(9)).await);
    assert!(Asker::of(fits, limits()).ask(&get(fits)).await.starts_with("200\n"));
    let answer = Asker::of(more, limits()).ask(&get(more)).await;
    assert!(answer.starts_with("ErrorCode::HttpResponseHeaderSectionSize"), "{answer}");
    let own = fields(9).replace("\r\n", "\n");
    let answer = Asker::of(fits, limits()).ask(&format!("{}\n{}", get(fits), own.trim_end())).await;
    assert!(answer.starts_with("ErrorCode::HttpRequestHeaderSectionSize"), "{answer}");
    assert_eq!(heads.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn limit_http_head_counts_bytes_both_ways() {
    let long = "v".repeat(HTTP_HEAD);
    let (server, heads) = always(format!("HTTP/1.1 200 OK\r\nx: {long}\r\n\r\n")).await;
    let asker = Asker::of(server, Limits::default());
    let answer = asker.ask(&get(server)).await;
    assert!(answer.starts_with("ErrorCode::HttpResponseHeaderSectionSize"), "{answer}");
    let answer = asker.ask(&format!("GET\thttp\t{server}\t/{}", "v".repeat(60_000))).await;
    assert!(answer.starts_with("ErrorCode::HttpResponseHeaderSectionSize"), "{answer}");
    let asked = format!("GET\thttp\t{server}\t/{}\nx: {}", "v".repeat(40_000), "v".repeat(30_000));
    let answer = asker.ask(&asked).await;
    assert!(answer.starts_with("ErrorCode::HttpRequestHeaderSectionSize"), "{answer}");
    assert_eq!(heads.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn limit_http_time_ends_a_server_that_is_slow_to_begin_or_to_end() {
    let silent = serve(|mut stream| async move {
        head(&mut stream).await;
        drain(stream).await;
    })
    .await;
    let halting = serve(|mut stream| async move {
        head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe").await.unwrap();
        drain(stream).await;
    })
    .await;
    let limits = || Limits { http_time: Duration::from_secs(1), ..Limits::default() };
    assert_eq!(Asker::of(silent, limits()).ask(&get(silent)).await, "ErrorCode::HttpResponseTimeout");
    assert_eq!(Asker::of(halting, limits()).ask(&get(halting)).await, "body: ErrorCode::HttpResponseTimeout");
}

#[tokio::test]
async fn the_end_of_the_turn_ends_its_requests() {
    let (told, mut over) = mpsc::channel(1);
    let server = serve(move |mut stream| {
        let told = told.clone();
        async move {
            head(&mut stream).await;
            drain(stream).await;
            told.send(()).await.unwrap();
        }
    })
    .await;
    let asker = Asker::of(server, Limits { wall: Duration::from_secs(2), ..Limits::default() });
    let ended = asker.turn(&get(server)).await;
    assert!(matches!(ended.result, TurnResult::Failed(failure) if failure.reason == Reason::Wall));
    over.recv().await.unwrap();
}
