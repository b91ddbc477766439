//! Divar, all the way: webhook, inbox, sandbox, outbox, REST; and while somebody waits.

mod taken_back;

use std::time::Duration;

use hodhod_platforms::playground::divar::{Faults, Media, Pressed, Sent, SentAt, Side, Touchpoint};
use hodhod_tests::soak::Flood;
use hodhod_tests::{BotSetup, DivarSetup, POST};
use serde_json::Map;

fn courier() -> BotSetup {
    BotSetup::new("courier").grants("messenger = true, keyvalue = true, timers = true, divar = true")
}

/// The texts that were sent, in order.
fn texts(sent: &[Sent]) -> Vec<&str> {
    sent.iter().map(|sent| sent.text.as_str()).collect()
}

/// The place of a button on a message whose caption satisfies a condition.
fn button(sent: &Sent, wanted: impl Fn(&str) -> bool) -> (usize, usize) {
    let all = sent.buttons.iter().enumerate();
    let mut places =
        all.flat_map(|(row, buttons)| buttons.iter().enumerate().map(move |(at, button)| (row, at, button)));
    let found = places.find(|(_, _, button)| wanted(&button.caption));
    let (row, at, _) = found.ok_or(&sent.buttons).unwrap();
    (row, at)
}

#[tokio::test(flavor = "multi_thread")]
async fn text_comes_back_exactly_as_it_was_written_to_the_chatbot() {
    let setup = DivarSetup::new([BotSetup::new("echo")]).await;
    let host = setup.start_ready().await;
    let said = [
        "می‌روم",
        "كتاب و کتاب، يک و یک",
        "۰۱۲۳٤٥٦ 0123",
        "  two  spaces ",
        "a\nb\ttab",
        "👩‍👩‍👧 \u{200f}rtl",
        "\"quotes\" \\ </data>",
    ];
    for text in said {
        setup.server.say("sara", text).unwrap();
    }
    assert_eq!(texts(&setup.answers(said.len()).await), said);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_app_wrote_itself_and_what_comes_twice_is_no_event() {
    let setup = DivarSetup::new([BotSetup::new("echo")]).await;
    setup.server.set_faults(Faults { echo: true, duplicate: true, sizes_as_text: true, ..Faults::default() });
    let host = setup.start_ready().await;
    for (number, form) in [SentAt::default(), SentAt::Rfc3339, SentAt::MicrosText].into_iter().enumerate() {
        setup.server.set_faults(Faults { sent_at: form, ..setup.server.faults() });
        setup.server.say("sara", &number.to_string()).unwrap();
    }
    assert_eq!(texts(&setup.answers(3).await), ["0", "1", "2"]);
    setup.server.wait_until_pushed(Duration::from_secs(30)).await.unwrap();
    let totals = host.idle().await["totals"].clone();
    assert_eq!((&totals["arrivals"], &totals["duplicates"]), (&3.into(), &3.into()), "{totals}");
    assert_eq!(setup.server.sent().len(), 3);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_each_kind_comes_back_byte_for_byte() {
    let setup = DivarSetup::new([BotSetup::new("echo")]).await;
    let host = setup.start_ready().await;
    let bytes = |kind: &str| bytes::Bytes::from(format!("the bytes of a {kind}\0\u{fffd}"));
    let files = [
        Media::Image { name: "عکس.jpg".to_owned(), bytes: bytes("picture"), width: 3, height: 2 },
        Media::File { name: "نامه.pdf".to_owned(), bytes: bytes("letter") },
        Media::Voice { bytes: bytes("voice") },
    ];
    for (number, file) in files.into_iter().enumerate() {
        setup.server.send_media("sara", file).unwrap();
        setup.answers(number + 1).await;
    }
    let sent = setup.server.sent();
    let came: Vec<_> = sent.iter().map(|sent| sent.file.as_ref().map(|file| file.bytes.clone())).collect();
    assert_eq!(came, ["picture", "letter", "voice"].map(|kind| Some(bytes(kind))));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_plays_noughts_and_crosses_with_presses_that_are_answered_at_once() {
    let setup = DivarSetup::new([BotSetup::new("xo").grants("messenger = true, keyvalue = true")]).await;
    let host = setup.start_ready().await;
    setup.server.start_chat("sara", &Touchpoint::MyDivar).unwrap();
    let mut sent = setup.answers(1).await;
    let mut presses = 0;
    // Between two games there is a menu.
    while sent.last().unwrap().buttons.iter().map(Vec::len).eq([3, 3, 3]) {
        let (row, column) = button(sent.last().unwrap(), |caption| !caption.contains('❌') && !caption.contains('⭕'));
        let pressed = setup.server.press("sara", sent.last().unwrap().index, row, column).await.unwrap();
        assert!(matches!(pressed, Pressed::Answered { text: Some(_), .. }), "a press gets a notice: {pressed:?}");
        presses += 1;
        let before = sent.len();
        sent = setup.answers(before + 1).await;
    }
    assert!(presses >= 3, "a game has at least three moves");
    // A press of the first board, long after.
    let stale = setup.server.press("sara", sent[0].index, 2, 2).await.unwrap();
    assert!(matches!(stale, Pressed::Answered { text: Some(_), .. }), "{stale:?}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_is_opened_from_a_chat_consented_to_and_accepted_in_it() {
    let setup = DivarSetup::new([courier()]).await.connection("press_window = \"0 ms\"");
    let host = setup.start_ready().await;
    setup.server.say_in_post(POST, "omid", Side::Buyer, "با پیک می‌فرستید؟").unwrap();
    let asked = setup.server.open_from_chat("omid", POST, "omid").await.unwrap();
    assert!(setup.server.is_consent(&asked), "{asked}");
    let landed = setup.server.consent("omid", &asked).await.unwrap();
    assert_eq!(landed.status, 200, "{landed:?}");
    assert!(landed.body.contains("dir=\"rtl\"") && !landed.body.contains("<script"), "{}", landed.body);
    let quote = setup.answers(1).await.remove(0);
    assert!(!quote.buttons.is_empty() && !quote.receiver_buttons.is_empty(), "each side has a button: {quote:?}");
    let (row, column) = button(&quote, |_| true);
    for person in ["omid", "sara"] {
        let pressed = setup.server.press(person, quote.index, row, column).await.unwrap();
        assert!(matches!(pressed, Pressed::Answered { text: Some(_), .. }), "{pressed:?}");
    }
    setup.answers(2).await;
    // Now that there is a consent, nobody is asked again.
    let again = setup.server.open_from_chat("omid", POST, "omid").await.unwrap();
    assert!(!setup.server.is_consent(&again), "{again}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_state_is_refused_and_a_refusal_keeps_nothing() {
    let setup = DivarSetup::new([courier()]).await;
    let host = setup.start_ready().await;
    setup.server.say_in_post(POST, "omid", Side::Buyer, "سلام").unwrap();
    let asked = setup.server.open_from_chat("omid", POST, "omid").await.unwrap();
    let back = setup.server.answer_consent("omid", &asked, true).await.unwrap();
    let first = setup.server.visit(&back).await.unwrap();
    assert_eq!(first.status, 200);
    let stolen = setup.server.visit(&back).await.unwrap();
    assert!(stolen.status >= 400, "the same state again: {stolen:?}");
    let forged = setup.server.visit(&back.replace("state=", "state=x")).await.unwrap();
    assert!(forged.status >= 400, "{forged:?}");
    setup.answers(1).await;
    setup.server.say_in_post(POST, "mina", Side::Buyer, "سلام").unwrap();
    let asked = setup.server.open_from_chat("mina", POST, "mina").await.unwrap();
    setup.server.refuse("mina", &asked).await.unwrap();
    host.idle().await;
    let mina = setup.server.user_id("mina").unwrap();
    let (code, kept) = setup.run(&["user", "export", "shop", "--user", &mina, "--json"]).await;
    assert_eq!(code, 0, "{kept}");
    assert!(!kept.contains("grant"), "{kept}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_outlives_the_host_and_is_on_the_disk_in_no_clear_text() {
    let setup = DivarSetup::new([courier()]).await;
    let host = setup.start_ready().await;
    setup.server.say_in_post(POST, "omid", Side::Buyer, "سلام").unwrap();
    let asked = setup.server.open_from_chat("omid", POST, "omid").await.unwrap();
    setup.server.consent("omid", &asked).await.unwrap();
    setup.answers(1).await;
    host.kill().await;
    let host = setup.start_ready().await;
    let again = setup.server.open_from_chat("omid", POST, "omid").await.unwrap();
    assert!(!setup.server.is_consent(&again), "{again}");
    host.stop().await;
    // Divar's tokens begin so; the credentials of the app have the other word in them.
    let mut folders = vec![setup.state()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    assert!(files.iter().any(|file| file.extension().is_some_and(|extension| extension == "db")), "{files:?}");
    for path in files {
        let bytes = std::fs::read(&path).unwrap();
        for secret in ["ory_at_", "ory_rt_", "SECRET"] {
            let is_there = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!is_there, "{} has {secret}", path.display());
        }
    }
    let log = setup.log();
    assert!(!log.contains("SECRET") && !log.contains("ory_"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_is_late_leaves_a_valid_empty_answer_and_takes_effect() {
    let setup = DivarSetup::new([BotSetup::new("xo").grants("messenger = true, keyvalue = true")]).await;
    let setup = setup.connection("answer_within = \"10 ms\"");
    let host = setup.start_ready().await;
    setup.server.start_chat("sara", &Touchpoint::MyDivar).unwrap();
    let board = setup.answers(1).await.remove(0);
    let paused = setup.run(&["pause", "xo"]).await;
    assert_eq!(paused.0, 0, "{}", paused.1);
    let pressed = setup.server.press("sara", board.index, 0, 0).await.unwrap();
    assert_eq!(pressed, Pressed::Answered { text: None, then: None });
    setup.server.say_in_post(POST, "omid", Side::Buyer, "سلام").unwrap();
    let opened = setup.server.open_from_chat("sara", POST, "omid").await.unwrap();
    assert!(opened.ends_with("/completion"), "an opening goes back to Divar: {opened}");
    setup.run(&["resume", "xo"]).await;
    let sent = setup.answers(3).await;
    assert!(sent.iter().any(|sent| sent.buttons.is_empty()), "the notice comes as a message: {sent:?}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_that_no_bot_begins_any_more_is_answered_at_once_when_the_host_stops() {
    let setup = DivarSetup::new([BotSetup::new("xo").grants("messenger = true, keyvalue = true")]).await;
    let setup = setup.connection("answer_within = \"60 s\"");
    let host = setup.start_ready().await;
    setup.server.start_chat("sara", &Touchpoint::MyDivar).unwrap();
    let board = setup.answers(1).await.remove(0);
    host.idle().await;
    let paused = setup.run(&["pause", "xo"]).await;
    assert_eq!(paused.0, 0, "{}", paused.1);
    let stopped = async {
        host.status_when("the press waits", |status| status["totals"]["waiting_events"] == 1).await;
        host.terminate();
        host.ended().await
    };
    let (pressed, ended) = tokio::join!(setup.server.press("sara", board.index, 0, 0), stopped);
    assert_eq!(pressed.unwrap(), Pressed::Answered { text: None, then: None });
    assert!(ended.success(), "{ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_is_handled_once_over_kill_9() {
    let flood = Flood { rate: 300.0, length: Duration::from_secs(4), connections: 64 };
    let flooded = flood.run(&std::env::temp_dir()).await;
    assert_eq!(flooded.flaws(), Vec::<String>::new());
    assert!(flooded.said >= 1000, "{}", flooded.said);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_not_looks_like_what_one_may_not_see() {
    let setup = DivarSetup::new([BotSetup::new("echo")]).await;
    let host = setup.start_ready().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = async |path: &str, key: &str| {
        let answer = client.post(format!("http://{}{path}", setup.webhooks)).header("authorization", key);
        let answer = answer.json(&Map::new()).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let nothing = ask("/divar/nobody/events", "wrong").await;
    assert_eq!(nothing, (404, String::new()));
    for path in
        ["/divar/shop/events", "/divar/shop/session", "/divar/shop/action", "/soroush/shop/events", "/status", "/"]
    {
        assert_eq!(ask(path, "wrong").await, nothing, "{path}");
    }
    let metrics = host.page("/metrics").await;
    assert!(metrics.contains("reason=\"denied\"} 3"), "{metrics}");
    host.stop().await;
}

#[tokio::test]
async fn a_check_says_what_to_enter_in_divars_panel() {
    let setup = DivarSetup::new([BotSetup::new("echo")]).await;
    let (code, said) = setup.run(&["check"]).await;
    assert_eq!(code, 0, "{said}");
    for path in ["events", "session", "action", "oauth"] {
        assert!(said.contains(&format!("http://{}/divar/shop/{path}", setup.webhooks)), "{said}");
    }
    setup.edit(|text| {
        text.lines().filter(|line| !line.starts_with("webhooks")).map(|line| format!("{line}\n")).collect()
    });
    let (code, said) = setup.run(&["check"]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("connections.shop: its platform calls the host") && said.contains("webhooks = {"), "{said}");
}
