//! A bot that fails leaves nothing behind, the reason is named, and its chat goes on.

use hodhod_tests::{BotSetup, Setup};

const LIMITS: &str = "cpu = \"100 ms\", wall = \"2 s\", memory = \"8 MiB\", attempts = 2, backoff = \"20 ms\"";

/// How a bot fails, and what the host calls it. Each first says and stores something.
const WAYS: [(&str, &str); 3] = [("then-trap", "panic"), ("then-spin", "cpu"), ("then-alloc", "memory")];

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_fails_has_no_effects_and_its_chat_goes_on() {
    let setup = Setup::new([BotSetup::new("guests").limits(LIMITS)]).await;
    let host = setup.start_ready().await;
    for (number, (way, reason)) in WAYS.iter().enumerate() {
        let chat = format!("chat-{number}");
        setup.say(&chat, &format!("{way} never seen"));
        setup.say(&chat, "get chat trapped");
        setup.answers(number + 1).await;
        assert_eq!(setup.sent_to(&chat), ["none"], "{way}: neither its message nor its value is there");
        let status = host.status().await;
        assert_eq!(status["bots"][0]["failures"][reason], 2, "{way} is {reason}, after two attempts: {status}");
    }
    let status = host.idle().await;
    assert_eq!((&status["totals"]["dead"], &status["totals"]["dead_letters"]), (&3.into(), &3.into()));
    host.stop().await;
    let log = setup.log();
    for reason in ["panic: ", "cpu: limit 100 ms reached", "memory: limit 8 MiB reached"] {
        assert!(log.contains(reason), "the log names {reason:?}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_fail_is_named() {
    let setup = Setup::new([BotSetup::new("guests").limits(LIMITS)]).await;
    let host = setup.start_ready().await;
    let ways = [
        ("trap", "panic"),
        ("panic oh no", "panic"),
        ("spin", "cpu"),
        ("alloc", "memory"),
        ("recurse", "stack"),
        ("sleep 60000", "wall"),
    ];
    for (way, _) in ways {
        setup.say("sara", way);
    }
    setup.say("sara", "echo still here");
    setup.answers(1).await;
    let status = host.idle().await;
    for (way, reason) in ways {
        assert!(status["bots"][0]["failures"][reason].as_u64() >= Some(2), "{way} is {reason}: {status}");
    }
    assert_eq!(status["totals"]["dead"], ways.len());
    host.stop().await;
    assert!(setup.log().contains("oh no"), "a panic's own words are in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_only_calls_the_host_runs_out_of_time_too() {
    let setup = Setup::new([BotSetup::new("guests").limits("cpu = \"100 ms\", wall = \"60 s\", attempts = 1")]).await;
    let host = setup.start_ready().await;
    setup.say("sara", "call-on");
    setup.say("sara", "echo still here");
    assert_eq!(setup.answers(1).await, [("sara".to_owned(), "still here".to_owned())]);
    let status = host.idle().await;
    assert_eq!(status["bots"][0]["failures"]["cpu"], 1, "{status}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_can_ask_for_an_event_again_or_reject_it() {
    let setup = Setup::new([BotSetup::new("guests").limits(LIMITS)]).await;
    let host = setup.start_ready().await;
    for text in ["then-retry 5", "then-reject not mine", "retry 1", "reject never", "get chat trapped"] {
        setup.say("sara", text);
    }
    let answers = setup.answers(1).await;
    assert_eq!(answers, [("sara".to_owned(), "none".to_owned())]);
    let status = host.idle().await;
    assert_eq!(status["totals"]["dead"], 4);
    host.stop().await;
    assert!(setup.log().contains("rejected: never"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_fails_all_the_time_does_not_touch_another() {
    let setup = Setup::new([BotSetup::new("guests").limits(LIMITS), BotSetup::new("echo")]).await;
    let host = setup.start_ready().await;
    let ways = ["trap", "spin", "alloc", "recurse", "panic x", "sleep 9999"];
    for round in 0..5 {
        for (chat, way) in ways.iter().enumerate() {
            setup.say(&format!("chat-{chat}"), way);
            setup.say(&format!("chat-{chat}"), &format!("keys {round}"));
        }
    }
    // The echo answers all sixty, each chat in order.
    setup
        .sent_when("the echo's answers", |sent| {
            sent.iter().filter(|sent| ways.contains(&sent.body()) || sent.body().starts_with("keys ")).count() >= 60
        })
        .await;
    host.idle().await;
    for (chat, way) in ways.iter().enumerate() {
        let echoed: Vec<_> = setup
            .sent_to(&format!("chat-{chat}"))
            .into_iter()
            .filter(|text| text == way || text.starts_with("keys "))
            .collect();
        let expected: Vec<_> = (0..5).flat_map(|round| [(*way).to_owned(), format!("keys {round}")]).collect();
        assert_eq!(echoed, expected);
    }
    host.stop().await;
}
