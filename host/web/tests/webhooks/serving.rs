//! What a platform gets that brings its key.

use hodhod_core::outgoing::Body;
use hodhod_web::webhooks::Bounds;

use crate::kit::{KEY, eventually, get, post, run, serve, serve_as, serve_behind};

/// What was sent to the chats of the platform.
fn sent(served: &crate::kit::Served) -> Vec<String> {
    let text = |message: hodhod_core::outgoing::Outgoing| match message.body {
        Body::Text(text) => text,
        other => format!("{other:?}"),
    };
    served.platform.sends.tried().into_iter().map(|(_, message)| text(message)).collect()
}

#[test]
fn a_request_reaches_its_connection_and_the_answer_of_a_bot_comes_back() {
    run(async {
        let served = serve(Bounds::default()).await;
        let reply = served.reply(post("/calling/desk/ask/a", "hello")).await;
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (200, "heard in Some(Chat { connection: \"desk\", id: \"a\" })")
        );
        assert!(sent(&served).is_empty(), "it is no message");
        let reply = served.reply(post("/calling/desk/events/b", "hello, too")).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "1"));
        eventually("it is handled", || sent(&served).len() == 1).await;
        let reply = served.reply(post("/calling/desk/events/b", "hello, too")).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "0"), "it was there before");
    });
}

#[test]
fn a_connection_carries_one_request_after_another() {
    run(async {
        let served = serve(Bounds::default()).await;
        let mut client = served.client().await;
        for number in 0..20 {
            let reply = client.ask(post("/calling/desk/events/a", &number.to_string())).await;
            assert!(reply.status == 200 && !reply.closes(), "{reply:?}");
            let reply = client.ask(post("/calling/desk/length", &"x".repeat(number))).await;
            assert_eq!(reply.body, number.to_string());
            assert_eq!(client.ask(get("/calling/desk/nothing")).await.status, 404);
            assert_eq!(client.ask("GET /nobody/nowhere/x HTTP/1.1\r\nhost: x\r\n\r\n").await.status, 404);
        }
        assert_eq!(served.calls.open(), 1);
    });
}

#[test]
fn requests_that_are_sent_before_the_answer_are_answered_in_order() {
    run(async {
        let served = serve(Bounds::default()).await;
        let mut client = served.client().await;
        let both = post("/calling/desk/length", "four")
            + &post("/calling/desk/length", "seven!!")
            + &get("/calling/desk/length");
        client.say(both).await;
        for length in ["4", "7", "0"] {
            assert_eq!(client.reply().await.body, length);
        }
    });
}

#[test]
fn the_rest_of_the_address_is_the_platforms_and_names_may_be_any() {
    run(async {
        let served = serve_as("فروش/گاه".into(), Bounds::default(), &[]).await;
        let name = "%D9%81%D8%B1%D9%88%D8%B4%2f%DA%AF%D8%A7%D9%87";
        let reply = served.reply(post(&format!("/calling/{name}/ask/a%20b?x=/y"), "hello")).await;
        assert_eq!((reply.status, reply.body.contains("id: \"a%20b\"")), (200, true), "{reply:?}");
        for wrong in ["/calling/%D9%81", "/calling/%D9/x", "/calling/%/x", "/calling/%zz/x", "/calling//x"] {
            assert_eq!(served.reply(get(wrong)).await.status, 404, "{wrong}");
        }
    });
}

#[test]
fn a_body_of_the_most_that_may_be_is_taken_whole_however_it_comes() {
    run(async {
        let served = serve(Bounds::default()).await;
        let body = "x".repeat(served.platform.most);
        assert_eq!(served.reply(post("/calling/desk/length", &body)).await.body, "1024");
        let mut client = served.client().await;
        client.say(format!("POST /calling/desk/length HTTP/1.1\r\nhost: x\r\nauthorization: {KEY}\r\ntransfer-encoding: chunked\r\n\r\n")).await;
        for _ in 0..32 {
            client.say(format!("20\r\n{}\r\n", "x".repeat(32))).await;
        }
        client.say("0\r\ntrailer: x\r\n\r\n").await;
        assert_eq!(client.reply().await.body, "1024");
        // Asked first whether it may come.
        client
            .say(
                post("/calling/desk/length", "")
                    .replace("content-length: 0", "content-length: 4\r\nexpect: 100-continue"),
            )
            .await;
        assert_eq!(client.reply().await.status, 100);
        client.say("four").await;
        assert_eq!(client.reply().await.body, "4");
    });
}

#[test]
fn a_connection_that_comes_and_goes_while_the_host_runs_is_followed() {
    run(async {
        let served = serve(Bounds::default()).await;
        let mut client = served.client().await;
        assert_eq!(client.ask(get("/calling/desk/length")).await.status, 200);
        assert!(served.host.close_connection(&"desk".into()).await);
        served.host.remove_connection(&"desk".into());
        assert_eq!(client.ask(get("/calling/desk/length")).await.status, 404);
        served.host.open_connection(&"desk".into(), served.platform.clone());
        assert_eq!(client.ask(get("/calling/desk/length")).await.status, 200, "over the same line");
    });
}

#[test]
fn an_event_of_who_hangs_up_is_stored_and_handled_and_its_answer_is_a_message() {
    run(async {
        let served = serve(Bounds::default()).await;
        for number in 0..20 {
            let mut client = served.client().await;
            client.say(post("/calling/desk/ask/a", &number.to_string())).await;
            drop(client);
        }
        eventually("all are gone", || served.calls.open() == 0).await;
        let arrivals = || served.host.inbox().arrivals(&"desk".into());
        eventually("those that were read are handled", || {
            let told = usize::try_from(arrivals().answered).unwrap();
            sent(&served).len() + told == usize::try_from(arrivals().new).unwrap()
        })
        .await;
    });
}

#[test]
fn where_a_request_comes_from_is_told_by_the_connection_and_by_proxies_that_are_trusted() {
    run(async {
        let request =
            |forwarded: &str| get("/calling/desk/from").replace("host: x", &format!("host: x\r\n{forwarded}"));
        let spoofed = "X-Forwarded-For: 78.111.6.41, 192.0.2.7\r\nForwarded: for=78.111.6.41\r\nX-Real-IP: 78.111.6.41";

        let served = serve(Bounds::default()).await;
        assert_eq!(served.reply(request(spoofed)).await.body, "127.0.0.1", "nobody is trusted");
        let served = serve_behind(Bounds::default(), &["10.0.0.0/8"]).await;
        assert_eq!(served.reply(request(spoofed)).await.body, "127.0.0.1", "another one is");

        let served = serve_behind(Bounds::default(), &["127.0.0.1", "10.0.0.0/8"]).await;
        for (forwarded, from) in [
            (spoofed, "192.0.2.7"),
            ("x-forwarded-for: 192.0.2.7", "192.0.2.7"),
            ("x-forwarded-for: 127.0.0.1, 192.0.2.7, 10.0.0.9", "192.0.2.7"),
            ("x-forwarded-for: 78.111.6.41\r\nx-forwarded-for: 192.0.2.7", "192.0.2.7"),
            ("x-forwarded-for: 78.111.6.41, nonsense", "127.0.0.1"),
            ("x-nothing: x", "127.0.0.1"),
        ] {
            assert_eq!(served.reply(request(forwarded)).await.body, from, "{forwarded}");
        }
    });
}
