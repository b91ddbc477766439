//! What a stranger may try who reaches the listener, and what it does to others.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use hodhod_web::webhooks::Bounds;

use crate::kit::{Client, KEY, Served, eventually, get, post, run, serve};

/// Times that an attack reaches soon, and that nobody else does.
fn impatient() -> Bounds {
    let second = Duration::from_secs(1);
    Bounds { head: second, body: 2 * second, stall: second, idle: second, ..Bounds::default() }
}

/// Somebody who brings the key is answered.
async fn others_are_served(served: &Served) {
    assert_eq!(served.reply(post("/calling/desk/length", "four")).await.body, "4");
}

/// Sends a byte now and then, for as long as the other side takes it.
async fn drip(mut client: Client, byte: &'static [u8]) -> Option<crate::kit::Reply> {
    loop {
        client.say(byte).await;
        let waited = tokio::time::timeout(Duration::from_millis(50), client.try_reply()).await;
        if let Ok(reply) = waited {
            return reply;
        }
    }
}

#[test]
fn what_there_is_looks_like_what_there_is_not_without_the_key() {
    run(async {
        let served = serve(Bounds::default()).await;
        let paths = [
            "/calling/desk/ask/a",
            "/calling/desk",
            "/calling/nobody/ask/a",
            "/other/desk/ask/a",
            "/x",
            "/",
            "//",
            "/calling//",
            "/healthz",
            "/metrics",
            "/status",
            "/api/bots",
        ];
        for (key, body) in
            [("", ""), ("authorization: wrong\r\n", ""), ("", "four"), ("authorization: key2\r\n", "four")]
        {
            let mut seen = Vec::new();
            for path in paths {
                let method = if body.is_empty() { "GET" } else { "POST" };
                let length = body.len();
                let request =
                    format!("{method} {path} HTTP/1.1\r\nhost: x\r\n{key}content-length: {length}\r\n\r\n{body}");
                seen.push(served.reply(request).await);
            }
            assert!(
                seen.iter().all(|reply| *reply == seen[0] && reply.status == 404 && reply.body.is_empty()),
                "{seen:?}"
            );
        }
        assert_eq!(served.host.inbox().arrivals(&"desk".into()).new, 0);
        assert_eq!((served.refused("denied"), served.refused("unknown")), (8, 40));
    });
}

#[test]
fn the_body_of_a_stranger_is_not_waited_for() {
    run(async {
        let served = serve(Bounds::default()).await;
        for path in ["/calling/desk/length", "/calling/nobody/length"] {
            for length in ["content-length: 10485760", "transfer-encoding: chunked"] {
                let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\n{length}\r\nexpect: 100-continue\r\n\r\n");
                let reply = served.reply(head).await;
                assert!(reply.status == 404 && reply.closes(), "{reply:?}");
            }
        }
    });
}

#[test]
fn a_body_that_is_too_large_is_refused_whatever_it_says_of_itself_and_who_sends_it_reads_why() {
    run(async {
        let served = serve(Bounds::default()).await;
        let ten_megabytes = "x".repeat(10 << 20);
        let mut client = served.client().await;
        client.say(post("/calling/desk/length", &ten_megabytes)).await;
        let reply = client.reply().await;
        assert!(reply.status == 413 && reply.closes(), "{reply:?}");
        client.ended().await;

        let told = post("/calling/desk/length", "").replace("length: 0", "length: 1025");
        assert_eq!(served.reply(told).await.status, 413, "nothing of it has to come");
        let told = post("/calling/desk/length", "").replace("length: 0", "length: 18446744073709551615");
        assert!([400, 413, 431].contains(&served.reply(told).await.status));

        let mut client = served.client().await;
        client.say(post("/calling/desk/length", "").replace("content-length: 0", "transfer-encoding: chunked")).await;
        for _ in 0..33 {
            client.say(format!("20\r\n{}\r\n", "x".repeat(32))).await;
        }
        assert_eq!(client.reply().await.status, 413);
        others_are_served(&served).await;
        assert!(served.refused("too-large") >= 3);
    });
}

#[test]
fn who_sends_a_head_byte_by_byte_is_left_and_holds_nobody_up() {
    run(async {
        let served = serve(impatient()).await;
        let began = Instant::now();
        let mut slow = Vec::new();
        for beginning in
            ["", "GET /calling/desk/length HTTP/1.1\r\n", "POST /calling/desk/length HTTP/1.1\r\nhost: x\r\nx: "]
        {
            let mut client = served.client().await;
            client.say(beginning).await;
            slow.push(tokio::spawn(drip(client, b"x")));
        }
        // One that has been answered before, and has more time until it begins.
        let mut client = served.client().await;
        assert_eq!(client.ask(get("/calling/desk/length")).await.status, 200);
        slow.push(tokio::spawn(drip(client, b"y")));
        let silent = served.client().await;
        others_are_served(&served).await;
        for client in slow {
            assert_eq!(client.await.unwrap(), None, "closed");
        }
        silent.ended().await;
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        eventually("they are gone", || served.calls.open() == 0).await;
        assert_eq!(served.refused("too-slow"), 4, "who said nothing was not slow");
    });
}

#[test]
fn who_sends_a_body_byte_by_byte_or_stops_is_left_and_holds_nobody_up() {
    run(async {
        let served = serve(impatient()).await;
        let head = post("/calling/desk/length", "").replace("length: 0", "length: 1000");
        let began = Instant::now();
        let mut dripping = served.client().await;
        dripping.say(&head).await;
        let dripping = tokio::spawn(drip(dripping, b"x"));
        let stalled = served.reply(&head).await;
        let took = began.elapsed();
        assert!(
            stalled.status == 408 && stalled.closes() && took < Duration::from_secs(2),
            "{stalled:?} after {took:?}"
        );
        others_are_served(&served).await;
        let dripped = dripping.await.unwrap().unwrap();
        let took = began.elapsed();
        assert!(dripped.status == 408 && took >= Duration::from_secs(2), "{dripped:?} after {took:?}");
        assert_eq!(served.refused("too-slow"), 2);
    });
}

#[test]
fn one_address_takes_its_places_and_no_others() {
    run(async {
        let served = serve(Bounds { of_one: 4, unbounded: Vec::new(), ..Bounds::default() }).await;
        let mut held = Vec::new();
        for _ in 0..4 {
            let mut client = served.client().await;
            assert_eq!(client.ask(get("/calling/desk/length")).await.status, 200);
            held.push(client);
        }
        for _ in 0..10 {
            served.client().await.ended().await;
        }
        assert_eq!(served.refused("crowded"), 10);
        let elsewhere: IpAddr = Ipv4Addr::new(127, 0, 0, 2).into();
        assert_eq!(served.client_at(elsewhere).await.ask(get("/calling/desk/length")).await.status, 200);
        drop(held.pop());
        eventually("there is a place again", || served.calls.open() == 3).await;
        assert_eq!(served.client().await.ask(get("/calling/desk/length")).await.status, 200);
    });
}

#[test]
fn where_all_places_are_taken_those_who_wait_for_nothing_give_theirs() {
    run(async {
        let served = serve(Bounds { connections: 4, idle: Duration::from_secs(3600), ..Bounds::default() }).await;
        let mut idle = Vec::new();
        for _ in 0..4 {
            let mut client = served.client().await;
            assert_eq!(client.ask(get("/calling/desk/length")).await.status, 200);
            idle.push(client);
        }
        others_are_served(&served).await;
        // Those who have a request under way keep theirs, and the next one waits until the first of them ends.
        let mut busy = Vec::new();
        for _ in 0..4 {
            let mut client = served.client().await;
            client.say(get("/calling/desk/hang")).await;
            busy.push(client);
        }
        eventually("all hang", || served.platform.hanging() == 4).await;
        let waiting = async {
            let reply = served.reply(get("/calling/desk/length")).await;
            assert_eq!(served.platform.hanging(), 3);
            reply
        };
        let freed = async {
            tokio::task::yield_now().await;
            served.platform.go_on(1);
            for client in &mut busy {
                if let Ok(Some(reply)) = tokio::time::timeout(Duration::from_millis(200), client.try_reply()).await {
                    assert!(
                        reply.status == 200 && reply.closes(),
                        "there is no room for one that may send again: {reply:?}"
                    );
                }
            }
        };
        assert_eq!(futures::join!(waiting, freed).0.status, 200);
    });
}

#[test]
fn what_is_no_request_is_refused_and_does_nothing() {
    run(async {
        let served = serve(Bounds::default()).await;
        let long = format!("GET /calling/desk/length?{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(20 << 10));
        let many = get("/calling/desk/length").replace("host: x", &format!("host: x{}", "\r\na: b".repeat(200)));
        let event = post("/calling/desk/events/a", "four");
        for garbage in [
            "\r\n\r\n\r\nnonsense\r\n\r\n".to_owned(),
            "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}".to_owned() + &"\u{0}".repeat(600) + "\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
            long,
            many,
            // Two lengths, or a length that somebody else may read otherwise.
            event.replace("host: x", "host: x\r\ncontent-length: 3"),
            event.replace("content-length: 4", "content-length: +4"),
            event.replace("content-length: 4", "content-length : 4"),
            event.replace("content-length: 4", "transfer-encoding: chunked, identity"),
            event.replace("HTTP/1.1", "HTTP/1.1\r\n folded: x"),
        ] {
            let mut client = served.client().await;
            client.say(&garbage).await;
            let reply = client.try_reply().await;
            let status = reply.as_ref().map(|reply| reply.status);
            assert!(matches!(status, None | Some(400 | 413 | 414 | 431 | 505)), "{garbage:?}: {reply:?}");
            client.ended().await;
            others_are_served(&served).await;
        }
        assert_eq!(served.host.inbox().arrivals(&"desk".into()).new, 0);
        assert!(served.refused("broken") >= 5, "{}", served.refused("broken"));
    });
}

#[test]
fn garbage_behind_a_request_ends_the_connection_after_its_answer() {
    run(async {
        let served = serve(Bounds::default()).await;
        for garbage in ["nonsense\r\n\r\n", "\u{0}\u{0}\u{0}\u{0}\r\n\r\n", "GET /calling/desk/length HTTP/9.9\r\n\r\n"]
        {
            let mut client = served.client().await;
            client.say(post("/calling/desk/length", "four") + garbage).await;
            assert_eq!(client.reply().await.body, "4");
            assert!(client.try_reply().await.is_none_or(|reply| [400, 505].contains(&reply.status)));
            client.ended().await;
        }
        // More than it said is the next request, and is none.
        let mut client = served.client().await;
        client.say(post("/calling/desk/length", "four") + &"x".repeat(100) + "\r\n\r\n").await;
        assert_eq!(client.reply().await.body, "4");
        client.ended().await;
        others_are_served(&served).await;
    });
}

#[test]
fn a_length_and_chunks_in_one_request_are_not_read_as_two() {
    run(async {
        let served = serve(Bounds::default()).await;
        let inner = get("/calling/desk/from");
        let length = inner.len() + 5;
        let smuggled = format!(
            "POST /calling/desk/length HTTP/1.1\r\nhost: x\r\nauthorization: {KEY}\r\ncontent-length: {length}\r\n\
             transfer-encoding: chunked\r\n\r\n0\r\n\r\n{inner}"
        );
        let mut client = served.client().await;
        client.say(smuggled).await;
        let first = client.try_reply().await;
        assert!(first.as_ref().is_none_or(|reply| reply.status == 400 || reply.body == "0"), "{first:?}");
        others_are_served(&served).await;
    });
}

#[test]
fn only_get_and_post_are_taken_and_others_learn_nothing() {
    run(async {
        let served = serve(Bounds::default()).await;
        for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD", "BREW"] {
            let mut seen = Vec::new();
            for path in ["/calling/desk/length", "/calling/nobody/length"] {
                let request = get(path).replace("GET", method);
                let mut client = served.client().await;
                client.say(request).await;
                seen.push(client.reply().await);
            }
            assert!(seen[0] == seen[1] && seen[0].status == 405, "{seen:?}");
            assert!(seen[0].fields.contains(&"allow: GET, POST".to_owned()), "{seen:?}");
        }
        let connect = served.reply("CONNECT example.com:443 HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert_eq!(connect.status, 405);
        let absolute = get("http://example.com/calling/desk/length");
        assert_eq!(served.reply(absolute).await.status, 200, "the address in full is the same");
    });
}

#[test]
fn a_panic_is_the_answer_to_one_request() {
    run(async {
        let served = serve(Bounds::default()).await;
        for path in ["/calling/desk/panic", "/calling/desk/panic/head"] {
            for _ in 0..3 {
                assert_eq!(served.reply(get(path)).await.status, 500);
                others_are_served(&served).await;
            }
        }
        assert_eq!(served.refused("failed"), 6);
        eventually("nobody has a place", || served.calls.open() == 0).await;
    });
}

#[test]
fn a_request_that_is_not_answered_in_time_is_given_up_and_has_its_place_until_it_ends() {
    run(async {
        let bounds = Bounds { request: Duration::from_millis(200), connections: 2, ..Bounds::default() };
        let served = serve(bounds).await;
        assert_eq!(served.reply(get("/calling/desk/hang")).await.status, 500);
        others_are_served(&served).await;
        assert_eq!(served.platform.hanging(), 1);
        let waits = served.webhooks.clone();
        served.platform.go_on(1);
        eventually("it has ended", || served.platform.hanging() == 0).await;
        waits.end().await;
    });
}
