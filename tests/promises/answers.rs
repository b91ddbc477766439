//! One message, all the way: server-sent event, inbox, sandbox, outbox, `sendMessage`.

use std::process::Stdio;
use std::time::Duration;

use hodhod_platforms::playground::soroush::SendFault;
use hodhod_tests::{BotSetup, PATIENCE, Setup, TOKEN, component, program};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_message_is_answered() {
    let setup = Setup::new([BotSetup::new("echo").config("greeting = \"درود\"")]).await;
    let host = setup.start_ready().await;
    setup.server.start_bot(TOKEN, "sara").unwrap();
    setup.answers(1).await;
    setup.say("sara", "سلام");
    setup.answers(2).await;
    setup.server.share_location(TOKEN, "sara", 35.7, 51.4).unwrap();
    let answers = setup.answers(3).await;
    assert_eq!(answers[..2], [("sara".to_owned(), "درود".to_owned()), ("sara".to_owned(), "سلام".to_owned())]);
    let place = setup.server.sent(TOKEN).unwrap()[2].json.clone();
    assert_eq!((&place["type"], &place["latitude"]), (&"LOCATION".into(), &35.7.into()));
    setup.server.leave(TOKEN, "sara").unwrap();
    host.status_when("STOP is handled", |status| status["totals"]["handled"] == 4).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_comes_back_exactly_as_it_was_written() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    let host = setup.start_ready().await;
    let texts = [
        "می‌روم",
        "كتاب و کتاب، يک و یک",
        "۰۱۲۳٤٥٦ 0123",
        "  two  spaces ",
        "a\nb\r\nc\ttab",
        "👩‍👩‍👧 \u{200f}rtl",
        "\"quotes\" \\ </data>",
    ];
    for text in texts {
        setup.say("sara", text);
    }
    let answers = setup.answers(texts.len()).await;
    assert_eq!(answers.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), texts);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_bots_on_one_connection_both_get_every_message() {
    let setup = Setup::new([BotSetup::new("echo"), BotSetup::new("counter")]).await;
    let host = setup.start_ready().await;
    setup.say("sara", "one");
    let mut answers = setup.answers(2).await;
    answers.sort();
    assert_eq!(answers[0].1, "one");
    assert!(answers[1].1.contains('1'), "{answers:?}");
    assert!(!setup.server.keyboard(TOKEN, "sara").unwrap().is_empty(), "the counter shows its buttons");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_message_is_told_to_the_bot_that_sent_it() {
    let setup = Setup::new([BotSetup::new("guests")]).await;
    let host = setup.start_ready().await;
    setup
        .server
        .fail_sends(1, SendFault::Result { code: 1, message: "You Can't Send Message to This User".to_owned() });
    setup.say("sara", "echo refused");
    host.status_when("the bot is told", |status| status["totals"]["handled"] == 2).await;
    setup.say("sara", "get bot last-delivery");
    let answers = setup.answers(1).await;
    assert!(answers[0].1.contains("You Can't Send Message to This User"), "{answers:?}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_is_unwell_gets_its_messages_later_and_in_order() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    let host = setup.start_ready().await;
    setup.server.fail_sends(1, SendFault::Status { code: 429, retry_after: Some(Duration::from_secs(1)) });
    for text in ["1", "2", "3"] {
        setup.say("sara", text);
    }
    let answers = setup.answers(3).await;
    assert_eq!(answers.iter().map(|(_, text)| text.as_str()).collect::<String>(), "123");
    let status = host.idle().await;
    assert_eq!(status["totals"]["in_doubt_resent"], 0, "a 429 is no doubt");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_nowhere_to_be_read() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    let host = setup.start_ready().await;
    setup.server.fail_sends(1, SendFault::Close { accepted: false });
    setup.say("sara", "hello");
    setup.answers(1).await;
    let status = host.idle().await.to_string();
    host.stop().await;
    // The server is gone, so that connecting fails in every way it can.
    setup.server.stop().await;
    let mut lost = setup.start();
    let _never_ready = tokio::time::timeout(Duration::from_millis(700), lost.ready(setup.folder.path())).await;
    lost.stop().await;
    for (what, text) in [("the status", status), ("the log", setup.log())] {
        assert!(!text.contains("SECRET"), "{what} has the token: {text}");
    }
    let mut files = vec![setup.state()];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(6).any(|window| window == b"SECRET"), "{} has the token", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_in_the_terminal_is_answered_without_account_or_network() {
    let mut child = Command::new(program())
        .arg("chat")
        .args([component("echo"), component("counter")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all("سلام\n:bot counter\nhello\n:1\n:nonsense\n:bot nobody\n".as_bytes()).await.unwrap();
    drop(input);
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().any(|line| line == "echo> سلام"), "{text}");
    assert!(text.contains("این گفتگو: 2 · همه: 2"), "a text and a press: {text}");
    assert!(text.contains("no such bot"), "{text}");
}
