//! SIGTERM: what was begun ends, the rest waits, nothing is lost or doubled.

use std::time::{Duration, Instant};

use hodhod_tests::{BotSetup, Setup};

const TURNS: usize = 300;
const LIMITS: &str = "turns = 400, wall = \"30 s\"";

async fn under_way(text: &str, grace: &str) -> (Setup, hodhod_tests::Running) {
    let setup = Setup::new([BotSetup::new("guests").limits(LIMITS)]).await.host(&format!("grace = {grace:?}"));
    let host = setup.start_ready().await;
    for chat in 0..TURNS {
        setup.say(&format!("chat-{chat}"), text);
        // A second message waits behind the turn.
        setup.say(&format!("chat-{chat}"), "echo second");
    }
    host.status_when("300 turns are under way", |status| status["turns_under_way"] == TURNS).await;
    (setup, host)
}

async fn all_answered_once(setup: &Setup, first: &str) {
    let host = setup.start_ready().await;
    setup.answers(2 * TURNS).await;
    let status = host.idle().await;
    assert_eq!(status["totals"]["in_doubt_resent"], 0, "no send was cut off");
    for chat in 0..TURNS {
        assert_eq!(setup.sent_to(&format!("chat-{chat}")), [first, "second"]);
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_under_way_end_before_the_host_does() {
    let (setup, host) = under_way("sleep 4000", "30 s").await;
    host.terminate();
    let asked = Instant::now();
    assert!(host.ended().await.success());
    println!("ended after {:?}", asked.elapsed());
    assert!(!setup.log().contains("the grace is over"), "{}", setup.log());
    all_answered_once(&setup, "slept").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_that_outlast_the_grace_run_again_after_the_next_start() {
    let (setup, host) = under_way("sleep 9000", "2 s").await;
    host.terminate();
    let asked = Instant::now();
    assert!(host.ended().await.success());
    assert!(asked.elapsed() < Duration::from_secs(8), "it does not wait for the turns");
    assert!(setup.log().contains("the grace is over"));
    assert!(setup.sent_to("chat-0").is_empty(), "a turn that was cut off has no effects");
    all_answered_once(&setup, "slept").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_cuts_the_grace_short() {
    let limits = "wall = \"60 s\"";
    let setup = Setup::new([BotSetup::new("guests").limits(limits)]).await.host("grace = \"60 s\"");
    let host = setup.start_ready().await;
    setup.say("sara", "sleep 50000");
    setup.say("sara", "echo second");
    host.status_when("its turn is under way", |status| {
        status["turns_under_way"] == 1 && status["totals"]["waiting_events"] == 2
    })
    .await;
    host.terminate();
    setup.logged("draining").await;
    let asked = Instant::now();
    host.interrupt();
    assert!(host.ended().await.success());
    assert!(asked.elapsed() < Duration::from_secs(30), "it does not wait for the turn");
    let host = setup.start_ready().await;
    let waiting = |status: &serde_json::Value| status["totals"]["waiting_events"] == 2;
    host.status_when("both messages wait", waiting).await;
    host.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_interrupted_ends_like_one_that_is_terminated() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    let host = setup.start_ready().await;
    setup.say("sara", "hello");
    setup.answers(1).await;
    host.interrupt();
    assert!(host.ended().await.success());
    assert!(setup.log().contains("stopped"));
}
