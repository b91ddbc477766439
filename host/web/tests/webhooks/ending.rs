//! The end of a host: what is under way ends, and nothing new begins.

use hodhod_web::webhooks::Bounds;
use tokio::net::TcpStream;

use crate::kit::{eventually, get, post, run, serve};

#[test]
fn at_the_end_new_requests_are_refused_and_those_under_way_are_answered() {
    run(async {
        let served = serve(Bounds::default()).await;
        let (mut busy, mut idle) = (served.client().await, served.client().await);
        assert_eq!(idle.ask(get("/calling/desk/length")).await.status, 200);
        busy.say(get("/calling/desk/hang")).await;
        eventually("it is under way", || served.platform.hanging() == 1).await;

        served.webhooks.drain();
        let reply = idle.ask(post("/calling/desk/events/a", "late")).await;
        assert!(reply.status == 503 && reply.closes(), "{reply:?}");
        let reply = served.reply(post("/calling/desk/events/a", "late")).await;
        assert!(reply.status == 503 && reply.closes(), "{reply:?}");
        assert_eq!((served.host.inbox().arrivals(&"desk".into()).new, served.refused("ending")), (0, 2));

        served.platform.go_on(1);
        let reply = busy.reply().await;
        assert_eq!(reply.status, 200, "{reply:?}");
        served.webhooks.end().await;
        assert_eq!(served.calls.open(), 0);
        eventually_refused(served.address).await;
    });
}

#[test]
fn the_end_waits_for_answers_and_not_for_those_who_say_nothing() {
    run(async {
        let served = serve(Bounds::default()).await;
        let (mut busy, mut idle, mut beginning, silent) =
            (served.client().await, served.client().await, served.client().await, served.client().await);
        assert_eq!(idle.ask(get("/calling/desk/length")).await.status, 200);
        beginning.say("POST /calling").await;
        busy.say(get("/calling/desk/hang")).await;
        eventually("it is under way", || served.platform.hanging() == 1 && served.calls.open() == 4).await;

        served.webhooks.drain();
        let ending = tokio::spawn({
            let webhooks = served.webhooks.clone();
            async move { webhooks.end().await }
        });
        for client in [idle, beginning, silent] {
            client.ended().await;
        }
        eventually("only one is left", || served.calls.open() == 1).await;
        assert!(!ending.is_finished());
        served.platform.go_on(1);
        let reply = busy.reply().await;
        assert!(reply.status == 200 && reply.closes(), "{reply:?}");
        busy.ended().await;
        ending.await.unwrap();
    });
}

#[test]
fn who_hangs_up_is_waited_for_until_what_they_asked_for_is_done() {
    run(async {
        let served = serve(Bounds::default()).await;
        let mut client = served.client().await;
        client.say(get("/calling/desk/hang")).await;
        eventually("it is under way", || served.platform.hanging() == 1).await;
        drop(client);
        eventually("the line is gone", || served.calls.open() == 0).await;
        let ending = tokio::spawn({
            let webhooks = served.webhooks.clone();
            async move { webhooks.end().await }
        });
        assert_eq!(served.platform.hanging(), 1, "it may be storing an event");
        served.platform.go_on(1);
        ending.await.unwrap();
        assert_eq!(served.platform.hanging(), 0);
    });
}

/// Waits until nobody listens there.
async fn eventually_refused(address: std::net::SocketAddr) {
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
