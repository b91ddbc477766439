//! The operator's hand on a running host: what is paused waits, what is killed ends, what is
//! quarantined stays so, and nothing is lost.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use hodhod_tests::{BotSetup, Running, Setup};
use serde_json::Value;

/// Gives an order, as a person does.
async fn order(setup: &Setup, verb: &str, bot: &str) -> (i32, String) {
    let output = setup.command(verb).arg(bot).output().await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

/// Gives an order that is followed.
async fn ordered(setup: &Setup, verb: &str, bot: &str) -> String {
    let (code, text) = order(setup, verb, bot).await;
    assert_eq!(code, 0, "{verb} {bot}: {text}");
    text
}

fn bot<'a>(status: &'a Value, name: &str) -> &'a Value {
    let bots = status["bots"].as_array().unwrap();
    bots.iter().find(|bot| bot["name"] == name).unwrap()
}

async fn in_state(host: &Running, name: &str, state: &str) -> Value {
    host.status_when(&format!("{name} is {state}"), |status| bot(status, name)["health"]["state"] == state).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paused_waits_and_is_answered_when_it_is_resumed() {
    let setup = Setup::new([BotSetup::new("guests")]).await;
    let host = setup.start_ready().await;
    let told = ordered(&setup, "pause", "guests").await;
    assert_eq!(told, "guests is paused; its events wait until `hodhod resume guests`\n");
    assert!(ordered(&setup, "pause", "guests").await.contains("as before"));
    setup.say("sara", "echo one");
    setup.say("sara", "echo two");
    host.status_when("both wait", |status| bot(status, "guests")["waiting"] == 2).await;
    let metrics = host.page("/metrics").await;
    assert!(metrics.contains("hodhod_bot_state{bot=\"guests\",state=\"paused\"} 1"), "{metrics}");
    assert!(metrics.contains("hodhod_bot_state{bot=\"guests\",state=\"active\"} 0"), "{metrics}");
    let status = setup.command("status").output().await.unwrap();
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(status.contains("  paused for ") && status.contains("paused by the operator"), "{status}");
    host.kill().await;

    let host = setup.start_ready().await;
    host.status_when("both wait after a restart", |status| bot(status, "guests")["waiting"] == 2).await;
    assert!(setup.sent_to("sara").is_empty());
    assert_eq!(ordered(&setup, "resume", "guests").await, "guests is active\n");
    setup.answers(2).await;
    assert_eq!(setup.sent_to("sara"), ["one", "two"]);
    host.stop().await;
    assert!(setup.log().contains("paused by the operator"), "{}", setup.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_killed_ends_while_its_neighbour_answers() {
    let limits = "cpu = \"60 s\", wall = \"120 s\"";
    let setup = Setup::new([BotSetup::new("guests").limits(limits), BotSetup::new("echo")]).await;
    let host = setup.start_ready().await;
    setup.say("spins", "then-spin never seen");
    setup.say("spins", "echo after");
    setup.say("waits", "sleep 50000");
    host.status_when("both turns run", |status| bot(status, "guests")["running"] == 2).await;
    let asked = Instant::now();
    let told = ordered(&setup, "kill", "guests").await;
    assert_eq!(told, "guests is paused; 2 turns ended; its events wait until `hodhod resume guests`\n");
    assert!(asked.elapsed() < Duration::from_secs(30), "nobody waits for the guest");
    let status = host.status().await;
    let guests = bot(&status, "guests");
    assert_eq!((&guests["running"], &guests["failures"]["killed"]), (&0.into(), &2.into()), "{guests}");
    host.status_when("all three wait", |status| bot(status, "guests")["waiting"] == 3).await;
    assert_eq!(status["totals"]["dead"], 0);

    setup.say("neighbour", "hello");
    setup.sent_when("the neighbour answers", |sent| sent.iter().any(|sent| sent.to() == "neighbour")).await;
    assert!(!setup.sent_to("spins").contains(&"never seen".to_owned()), "what was killed has no effects");
    host.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantine_survives_a_restart_until_it_is_released() {
    let limits = "cpu = \"50 ms\", attempts = 1, failures = 2, rests = 1";
    let setup = Setup::new([BotSetup::new("guests").limits(limits)]).await;
    let host = setup.start_ready().await;
    setup.say("chat-1", "trap");
    setup.say("chat-2", "trap");
    in_state(&host, "guests", "degraded").await;
    setup.say("chat-3", "trap");
    in_state(&host, "guests", "quarantined").await;
    setup.say("sara", "echo hello");
    host.status_when("a message waits", |status| bot(status, "guests")["waiting"] == 1).await;
    host.stop().await;
    let log = setup.log();
    assert!(log.contains("the bot rests for") && log.contains("still failing after 1 rests in a row"), "{log}");

    let host = setup.start_ready().await;
    let status = in_state(&host, "guests", "quarantined").await;
    assert_eq!(bot(&status, "guests")["waiting"], 1);
    let (code, told) = order(&setup, "resume", "guests").await;
    assert_eq!(code, 1);
    assert!(told.contains("it is quarantined, not paused: `release` lets it run again"), "{told}");
    assert_eq!(ordered(&setup, "release", "guests").await, "guests is active\n");
    setup.answers(1).await;
    assert_eq!(setup.sent_to("sara"), ["hello"]);

    ordered(&setup, "quarantine", "guests").await;
    host.stop().await;
    let host = setup.start_ready().await;
    in_state(&host, "guests", "quarantined").await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_cannot_be_followed_says_why_and_what_to_do() {
    let setup = Setup::new([BotSetup::new("guests"), BotSetup::new("echo")]).await;
    let (code, told) = order(&setup, "pause", "echo").await;
    assert_eq!(code, 1);
    assert!(told.contains("no host runs with the state folder") && told.contains("`hodhod run`"), "{told}");

    let host = setup.start_ready().await;
    let mode = std::fs::metadata(setup.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (code, told) = order(&setup, "pause", "ehco").await;
    assert_eq!((code, told.as_str()), (1, "error: there is no bot \"ehco\"; did you mean \"echo\"?\n"));
    let (code, told) = order(&setup, "release", "something else").await;
    assert_eq!(code, 1);
    assert!(told.contains("there are: echo, guests"), "{told}");

    let json = async |verb: &str, bot: &str| -> Value {
        let output = setup.command(verb).args([bot, "--json"]).output().await.unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let told = json("pause", "echo").await;
    assert_eq!((&told["ok"], &told["changed"], &told["state"]), (&true.into(), &true.into(), &"paused".into()));
    let told = json("release", "echo").await;
    assert_eq!(told["ok"], false);
    assert!(told["error"].as_str().unwrap().contains("`resume` lets it run again"), "{told}");
    host.kill().await;

    // What a host that was killed left behind is in nobody's way.
    let (code, _) = order(&setup, "resume", "echo").await;
    assert_eq!(code, 1);
    let host = setup.start_ready().await;
    assert_eq!(ordered(&setup, "resume", "echo").await, "echo is active\n");
    host.stop().await;
    assert!(!setup.socket().exists(), "the socket goes with the host");
}
