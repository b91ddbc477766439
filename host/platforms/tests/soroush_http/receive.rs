//! What receiving promises.

use std::time::Duration;

use hodhod_core::platform::Platform;
use hodhod_platforms::soroush::{Options, StreamType, Timing};

use crate::kit::*;

#[tokio::test]
async fn the_request_is_the_one_of_the_developer_page() {
    let server = Server::new([vec![stream_head(), say(text("1", 1)), Step::Hold]]).await;
    let kept = Kept::default();
    receive_until(&server.soroush(), &kept, |health| health.events > 0).await;
    let request = &server.requests()[0];
    assert!(request.starts_with(&format!("GET /{TOKEN}/getMessage HTTP/1.1\r\n")), "{request}");
    for header in [
        "accept: text/event-stream",
        "content-type: text/event-stream",
        "cache-control: no-cache",
        "accept-encoding: identity",
    ] {
        assert_eq!(request.matches(&format!("\r\n{header}\r\n")).count(), 1, "{header}: {request}");
    }
    assert!(!request.contains("last-event-id"));
}

#[tokio::test]
async fn version_and_form_of_the_stream_can_be_chosen() {
    let server = Server::new([vec![stream_head(), say(text("1", 1)), Step::Hold]]).await;
    let soroush = soroush(Options {
        base_url: server.base() + "/under/",
        get_message_prefix: Some("v2".to_owned()),
        stream_type: StreamType::JsonStream,
        ..server.options()
    });
    receive_until(&soroush, &Kept::default(), |health| health.events > 0).await;
    let request = &server.requests()[0];
    assert!(request.starts_with(&format!("GET /under/v2/{TOKEN}/getMessage HTTP/1.1\r\n")), "{request}");
    assert!(request.contains("accept: application/stream+json\r\n"), "{request}");
}

#[tokio::test]
async fn a_message_is_handed_over_before_its_line_ends() {
    let message = text("1", 1);
    let server = Server::new([vec![stream_head(), say(message.trim_end()), Step::Hold]]).await;
    let kept = Kept::default();
    let health = receive_until(&server.soroush(), &kept, |_| !kept.texts().is_empty()).await;
    assert_eq!(kept.texts(), ["1"]);
    assert!(health.connected);
    assert_eq!((health.events, health.reconnects, health.trouble), (1, 0, None));
}

#[tokio::test]
async fn it_connects_again_after_each_end_and_loses_nothing() {
    let server = Server::new([
        vec![stream_head(), say(text("1", 1))],
        vec![Step::Break],
        vec![answer("503 Busy", "", "")],
        vec![stream_head(), say(text("2", 2)), say("data:{\"from\":\"cut"), Step::Break],
        vec![stream_head(), say(text("3", 3)), Step::Hold],
    ])
    .await;
    let soroush = server.soroush();
    let kept = Kept::default();
    let health = receive_until(&soroush, &kept, |_| kept.texts().len() >= 3).await;
    assert_eq!(kept.texts(), ["1", "2", "3"]);
    assert_eq!((health.reconnects, health.connected, health.trouble), (4, true, None));
    assert_eq!(health.skipped, [("cut-off", 1)], "said, not hidden");
}

#[tokio::test]
async fn what_comes_in_one_go_is_handed_over_in_one_go() {
    let burst: String = (1..=600).map(|nth| text(&nth.to_string(), nth)).collect();
    let server = Server::new([vec![stream_head(), say(burst), Step::Hold]]).await;
    let kept = Kept::default();
    receive_until(&server.soroush(), &kept, |_| kept.texts().len() >= 600).await;
    assert_eq!(kept.texts(), (1..=600).map(|nth| nth.to_string()).collect::<Vec<_>>());
    let sizes: Vec<_> = kept.batches().iter().map(Vec::len).collect();
    assert!(sizes.iter().all(|size| *size <= 256), "{sizes:?}");
    assert!(sizes.len() < 30, "{sizes:?}");
}

#[tokio::test]
async fn what_was_read_is_handed_over_when_the_intake_closes() {
    let burst: String = (1..=600).map(|nth| text(&nth.to_string(), nth)).collect();
    let server = Server::new([vec![stream_head(), say(burst), Step::Hold]]).await;
    let (soroush, kept) = (server.soroush(), Kept::default());
    let close = async {
        while kept.asked() == 0 {
            tokio::task::yield_now().await;
        }
        kept.close();
    };
    tokio::join!(soroush.receive(&kept), close);
    let texts = kept.texts();
    assert_eq!(texts.len() as u64, soroush.health().events, "read and not handed over");
    assert_eq!(texts, (1..=texts.len()).map(|nth| nth.to_string()).collect::<Vec<_>>());
    assert!(!soroush.health().connected);
}

#[tokio::test]
async fn a_connection_that_waits_to_connect_again_ends_with_the_intake() {
    let server = Server::new([vec![answer("503 Busy", "Retry-After: 600\r\n", "")]]).await;
    let (soroush, kept) = (server.soroush(), Kept::default());
    let close = async {
        while !soroush.health().trouble.is_some_and(|trouble| trouble.contains("503")) {
            tokio::task::yield_now().await;
        }
        kept.close();
    };
    tokio::join!(soroush.receive(&kept), close);
}

#[tokio::test]
async fn a_burst_is_put_in_order_of_its_times() {
    let burst = text("c", 3) + &text("a", 1) + &text("b1", 2) + &text("b2", 2);
    let server = Server::new([vec![stream_head(), say(burst), Step::Hold]]).await;
    let kept = Kept::default();
    receive_until(&server.soroush(), &kept, |_| kept.texts().len() >= 4).await;
    assert_eq!(kept.texts(), ["a", "b1", "b2", "c"]);
}

#[tokio::test]
async fn while_the_store_refuses_nothing_is_lost_and_nothing_is_read() {
    let later = Duration::from_millis(30);
    let server = Server::new([vec![
        stream_head(),
        say(text("1", 1)),
        Step::Pause(later),
        say(text("2", 2)),
        Step::Pause(later),
        say(text("3", 3)),
        Step::Hold,
    ]])
    .await;
    let soroush = server.soroush();
    let kept = Kept::refusing(7);
    let mut troubles = Vec::new();
    let health = receive_until(&soroush, &kept, |health| {
        troubles.extend(health.trouble.clone());
        if kept.asked() <= 7 {
            assert!(health.events <= 1, "read on while the first was refused");
        }
        kept.texts().len() >= 3
    })
    .await;
    assert_eq!(kept.texts(), ["1", "2", "3"]);
    assert!(troubles.iter().any(|trouble| trouble.contains("disk full")), "{troubles:?}");
    assert_eq!(health.trouble, None);
}

#[tokio::test]
async fn a_silent_link_is_replaced_and_a_heartbeat_keeps_it() {
    let beat = || say("data:{\"type\":\"HEALTH_CEHCK\"}\n\n");
    let mut beats: Vec<_> = (0..20).flat_map(|_| [Step::Pause(Duration::from_millis(20)), beat()]).collect();
    beats.insert(0, stream_head());
    beats.extend([say(text("alive", 1)), Step::Hold]);
    let server = Server::new([beats, vec![stream_head(), say(text("again", 2)), Step::Hold]]).await;
    let timing = Timing { idle: Some(Duration::from_millis(300)), ..quick() };
    let soroush = soroush(Options { timing, ..server.options() });
    let kept = Kept::default();
    let mut before = 0;
    receive_until(&soroush, &kept, |health| {
        if kept.texts().len() == 1 {
            before = before.max(health.reconnects);
        }
        kept.texts().len() >= 2
    })
    .await;
    assert_eq!(kept.texts(), ["alive", "again"], "400 ms of heartbeats, then silence");
}

#[tokio::test]
async fn the_answer_may_begin_with_the_first_message() {
    let late = Step::Pause(Duration::from_millis(100));
    let server = Server::new([vec![late, stream_head(), say(text("1", 1)), Step::Hold]]).await;
    let kept = Kept::default();
    let health = receive_until(&server.soroush(), &kept, |_| !kept.texts().is_empty()).await;
    assert_eq!(health.reconnects, 0);
}

#[tokio::test]
async fn an_id_is_given_back_at_the_next_connection() {
    let server = Server::new([
        vec![stream_head(), say(format!("id: e-17\n{}id: e-18\n", text("1", 1)))],
        vec![stream_head(), say(text("2", 2)), Step::Hold],
    ])
    .await;
    let kept = Kept::default();
    receive_until(&server.soroush(), &kept, |_| kept.texts().len() >= 2).await;
    assert!(server.requests()[1].contains("\r\nlast-event-id: e-17\r\n"), "the second had no event yet");
}

#[tokio::test]
async fn the_server_may_ask_to_come_back_later() {
    let server = Server::new([
        vec![stream_head(), say("retry: 300\n\n"), say(text("1", 1))],
        vec![stream_head(), say(text("2", 2)), Step::Hold],
    ])
    .await;
    let timing = Timing { max_delay: Duration::from_secs(5), ..quick() };
    let soroush = soroush(Options { timing, ..server.options() });
    let kept = Kept::default();
    let began = std::time::Instant::now();
    receive_until(&soroush, &kept, |_| kept.texts().len() >= 2).await;
    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_token_that_gets_empty_streams_is_suspected_and_still_tried() {
    let empty = vec![say("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")];
    let server = Server::new([
        empty.clone(),
        empty.clone(),
        empty.clone(),
        empty,
        vec![say("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"), say(text("1", 1)), Step::Hold],
    ])
    .await;
    let kept = Kept::default();
    let mut troubles = Vec::new();
    let health = receive_until(&server.soroush(), &kept, |health| {
        troubles.extend(health.trouble.clone());
        !kept.texts().is_empty() && health.trouble.is_none()
    })
    .await;
    assert!(troubles.iter().all(|trouble| trouble.contains("the token is probably not valid")), "{troubles:?}");
    assert!(!troubles.is_empty());
    assert_eq!(health.reconnects, 4);
}

#[tokio::test]
async fn errors_of_the_server_are_named_and_tried_again() {
    let moved = "Location: https://elsewhere.example/x/getMessage\r\n";
    for (status, headers, named) in [
        ("503 Busy", "", "HTTP 503"),
        ("404 Not Found", "", "HTTP 404"),
        ("301 Moved", moved, "elsewhere.example"),
        ("307 Moved", moved, "HTTP 307"),
    ] {
        let server = Server::new([vec![answer(status, headers, "sorry")]]).await;
        let soroush = server.soroush();
        let health = receive_until(&soroush, &Kept::default(), |health| health.reconnects >= 3).await;
        let trouble = health.trouble.unwrap();
        assert!(trouble.contains(named), "{trouble}");
        assert!(!health.connected);
    }
}

#[tokio::test]
async fn a_page_in_place_of_a_stream_is_named() {
    let page = answer("200 OK", "Content-Type: text/html; charset=utf-8\r\n", "<html><body>Welcome</body></html>\n");
    let server =
        Server::new([vec![page.clone()], vec![page], vec![stream_head(), say(text("1", 1)), Step::Hold]]).await;
    let mut troubles = Vec::new();
    let kept = Kept::default();
    let health = receive_until(&server.soroush(), &kept, |health| {
        troubles.extend(health.trouble.clone());
        !kept.texts().is_empty()
    })
    .await;
    assert!(troubles.iter().any(|trouble| trouble.contains("text/html")), "{troubles:?}");
    assert_eq!(health.trouble, None);
}

#[tokio::test]
async fn a_server_that_is_away_is_tried_until_it_is_back() {
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let soroush = soroush(Options { base_url: format!("http://{address}"), timing: quick(), ..Options::default() });
    let health = receive_until(&soroush, &Kept::default(), |health| health.reconnects >= 5).await;
    assert!(health.trouble.unwrap().starts_with("cannot connect: "));
}

#[tokio::test]
async fn two_that_receive_take_turns() {
    let server = Server::new([vec![stream_head(), say(text("1", 1)), Step::Hold]]).await;
    let soroush = server.soroush();
    let (first, second) = (Kept::default(), Kept::default());
    {
        let receiving = receive_until(&soroush, &first, |_| !first.texts().is_empty());
        tokio::select! {
            biased;
            _ = receiving => {}
            () = soroush.receive(&second) => panic!("receiving ended"),
        }
        assert_eq!(server.requests().len(), 1);
    }
    assert!(!soroush.health().connected, "nobody receives now");
    receive_until(&soroush, &second, |_| !second.texts().is_empty()).await;
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_never_pauses_does_not_stop_the_task_it_is_read_in() {
    // Without a pause the reader always finds something, because the server has a thread of its own.
    let flood = vec![say(": nothing\n".repeat(6_000)); 100];
    let steps = [vec![stream_head()], flood, vec![say(text("1", 1)), Step::Hold]].concat();
    let server = Server::new([steps]).await;
    let kept = Kept::default();
    let mut looks = 0_u32;
    receive_until(&server.soroush(), &kept, |_| {
        looks += 1;
        !kept.texts().is_empty()
    })
    .await;
    assert!(looks >= 10, "only {looks} looks meanwhile");
}
