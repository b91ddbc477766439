//! A bot reaches nothing but what it was given.

use hodhod_tests::{BotSetup, Setup};

async fn ask(setup: &Setup, questions: &[&str]) -> Vec<String> {
    let before = setup.sent_to("sara").len();
    for question in questions {
        setup.say("sara", question);
    }
    let wanted = before + questions.len();
    setup.sent_when("the answers", |sent| sent.iter().filter(|sent| sent.to() == "sara").count() >= wanted).await;
    setup.sent_to("sara").split_off(before)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_has_no_environment_and_a_real_clock_and_randomness() {
    let setup = Setup::new([BotSetup::new("guests")]).await;
    let host = setup.start_ready().await;
    let answers = ask(&setup, &["env", "now", "random", "random"]).await;
    assert_eq!(answers[0], "vars=0 args=0");
    let now: u128 = answers[1].parse().unwrap();
    let here = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    assert!(here.abs_diff(now) < 60_000);
    assert_ne!(answers[2], answers[3]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_cannot_open_a_connection_and_is_told_so() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let setup = Setup::new([BotSetup::new("guests")]).await;
    let host = setup.start_ready().await;
    let answers = ask(&setup, &[&format!("connect {}", listener.local_addr().unwrap())]).await;
    assert_eq!(answers, ["PermissionDenied"]);
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nobody came");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_reads_its_own_configuration_and_no_other() {
    let one = BotSetup::new("guests").called("one").config("name = \"first\", colour = \"blue\"");
    let setup = Setup::new([one]).await;
    let host = setup.start_ready().await;
    assert_eq!(
        ask(&setup, &["config name", "config other", "config-all"]).await,
        ["first", "none", "colour=blue\nname=first"]
    );
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_seen_by_their_own_bot_chat_and_user_only() {
    let setup = Setup::new([BotSetup::new("guests").called("one"), BotSetup::new("guests").called("two")]).await;
    let host = setup.start_ready().await;
    // Both bots get both messages; only what each stored itself can come back.
    setup.say("sara", "count chat n");
    setup.say("sara", "count user n");
    setup.say("sara", "count bot n");
    setup.answers(6).await;
    assert_eq!(setup.sent_to("sara"), ["1"; 6], "two bots count apart");
    setup.say("omid", "count chat n");
    setup.say("omid", "count user n");
    setup.answers(10).await;
    assert_eq!(setup.sent_to("omid"), ["1"; 4], "two chats and two people count apart");
    setup.say("omid", "count bot n");
    setup.answers(12).await;
    assert_eq!(setup.sent_to("omid").split_off(4), ["2", "2"], "the bot's own bucket is one for all chats");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_kept_across_a_restart() {
    let setup = Setup::new([BotSetup::new("guests")]).await;
    let host = setup.start_ready().await;
    let text = "می‌روم ۱۲۳";
    assert_eq!(ask(&setup, &[&format!("set bot k {text}"), "set chat other x", "delete chat other"]).await, ["ok"; 3]);
    host.idle().await;
    host.kill().await;
    let host = setup.start_ready().await;
    let answers = ask(&setup, &["get bot k", "exists chat other", "keys bot", "set bot a 1", "keys bot"]).await;
    assert_eq!(answers, [text, "false", "k", "ok", "a,k"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_listed_page_by_page_however_many_there_are() {
    let limits = "writes = 10000, buffer = \"8 MiB\", cpu = \"10 s\", wall = \"30 s\"";
    let setup = Setup::new([BotSetup::new("guests").limits(limits)]).await;
    let host = setup.start_ready().await;
    // Those of the same turn and those of the disk.
    let answers = ask(&setup, &["fill bot 6000", "walk bot"]).await;
    let walked = "6000 keys in 24 pages, in order: true; key-005632; no such cursor; no such cursor";
    assert_eq!(answers, ["ok", walked]);
    assert_eq!(ask(&setup, &["walk chat"]).await, ["0 keys in 1 pages, in order: true; ; ; no such cursor"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_cannot_write_to_another_connection() {
    let setup = Setup::new([BotSetup::new("guests")]).await;
    let host = setup.start_ready().await;
    let answers = ask(&setup, &["send-to bank sara psst"]).await;
    assert_eq!(answers, ["denied: the bot does not serve the connection \"bank\""]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_sends_in_one_turn_ends_at_its_limit() {
    let setup = Setup::new([BotSetup::new("guests").limits("sends = 5")]).await;
    let host = setup.start_ready().await;
    setup.say("sara", "send 6");
    let status = host.status_when("it is a dead letter", |status| status["totals"]["dead"] == 1).await;
    assert!(setup.sent_to("sara").is_empty(), "the bot gave up, and a turn is all or nothing");
    assert_eq!(status["bots"][0]["rejected"], 1, "a quota is a value to the bot, not a trap");
    assert_eq!(ask(&setup, &["echo fine"]).await, ["fine"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guest_prints_cannot_command_the_operators_terminal() {
    let setup = Setup::new([BotSetup::new("guests")]).await;
    let host = setup.start_ready().await;
    ask(&setup, &["print \u{1b}[31mred\u{7}", "eprint \u{1b}]0;title\u{7}", "log error \u{9b}2Jgone"]).await;
    host.stop().await;
    let log = setup.log();
    assert!(log.contains("red") && log.contains("title") && log.contains("gone"), "the lines are there: {log}");
    for escape in ['\u{1b}', '\u{9b}', '\u{7}'] {
        assert!(
            !log.contains(escape) && !log.contains(&format!("\\u{:04x}", u32::from(escape))),
            "{escape:?} is in the log"
        );
    }
}
