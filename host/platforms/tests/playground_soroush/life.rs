//! The life of a server: whom it lets in, how much it holds, and how it ends.

use hodhod_platforms::playground::soroush::{Error, Limits, Sent, Settings, SoroushServer};
use reqwest::StatusCode;

use crate::playground_kit::{Client, TOKEN, loopback, server};
use crate::text;

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
