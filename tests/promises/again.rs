//! What Divar repeats is handled once, also where it has no id, whatever became of the host in between.

use hodhod_platforms::playground::divar::{Pressed, Sent, Touchpoint};
use hodhod_tests::{BotSetup, DivarSetup, PATIENCE, Running};
use serde_json::{Value, json};

/// So long that no machine is too slow for it.
const WINDOW: &str = "press_window = \"60 s\"";

async fn game(connection: &str) -> DivarSetup {
    let setup = DivarSetup::new([BotSetup::new("xo").grants("messenger = true, keyvalue = true")]).await;
    setup.connection(connection)
}

/// The board that the chat begins with.
async fn board(setup: &DivarSetup) -> Sent {
    setup.server.start_chat("sara", &Touchpoint::MyDivar).unwrap();
    setup.answers(1).await.remove(0)
}

async fn press(setup: &DivarSetup, board: &Sent) -> Pressed {
    setup.server.press("sara", board.index, 0, 0).await.unwrap()
}

fn nothing() -> Pressed {
    Pressed::Answered { text: None, then: None }
}

/// A change of an ad, which has no id, as often as it is pushed.
async fn change(setup: &DivarSetup) {
    let event = json!({"type": "POST_UPDATE", "post_update": {"type": "PUBLISH", "post": {"token": "Bicycle1"}}});
    setup.server.inject(&event).unwrap();
    setup.server.wait_until_pushed(PATIENCE).await.unwrap();
}

/// How many events came, how many of them again, and how many were handled, once all of them are.
async fn counts(host: &Running) -> [u64; 3] {
    let totals = host.idle().await["totals"].clone();
    ["arrivals", "duplicates", "handled"].map(|name| totals[name].as_u64().unwrap())
}

async fn run(setup: &DivarSetup, words: &[&str]) {
    let (code, said) = setup.run(words).await;
    assert_eq!(code, 0, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_that_was_answered_before_a_kill_9_is_answered_nothing_after_it() {
    let setup = game(WINDOW).await;
    let host = setup.start_ready().await;
    let board = board(&setup).await;
    let first = press(&setup, &board).await;
    assert!(matches!(first, Pressed::Answered { text: Some(_), .. }), "{first:?}");
    setup.answers(2).await;
    assert_eq!(counts(&host).await, [2, 0, 2]);
    host.kill().await;

    let host = setup.start_ready().await;
    assert_eq!(press(&setup, &board).await, nothing());
    assert_eq!(counts(&host).await, [2, 1, 2]);
    assert_eq!(setup.server.sent().len(), 2, "one move was made");
    // Another button is another press.
    setup.server.press("sara", board.index, 1, 1).await.unwrap();
    assert_eq!(counts(&host).await, [3, 1, 3]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_that_waits_over_a_kill_9_is_made_once_and_answers_who_asks_again() {
    let setup = game(&format!("{WINDOW}\nanswer_within = \"60 s\"")).await;
    let host = setup.start_ready().await;
    let board = board(&setup).await;
    run(&setup, &["pause", "xo"]).await;
    let pressing = setup.server.press("sara", board.index, 0, 0);
    let killing = async {
        host.status_when("the press is stored", |status| status["totals"]["waiting_events"] == 1).await;
        host.kill().await;
    };
    let (broken, ()) = tokio::join!(pressing, killing);
    assert!(broken.is_err(), "nobody was there to answer: {broken:?}");

    let host = setup.start_ready().await;
    let resuming = async {
        host.status_when("it comes again", |status| status["totals"]["duplicates"] == 1).await;
        run(&setup, &["resume", "xo"]).await;
    };
    let (again, ()) = tokio::join!(press(&setup, &board), resuming);
    assert!(matches!(again, Pressed::Answered { text: Some(_), .. }), "{again:?}");
    assert_eq!(counts(&host).await, [2, 1, 2]);
    let sent = setup.server.sent();
    assert!(sent.len() == 2 && !sent[1].buttons.is_empty(), "the answer is no message besides: {sent:?}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_an_id_is_handled_once_over_kill_9() {
    let setup = game(WINDOW).await;
    let host = setup.start_ready().await;
    change(&setup).await;
    change(&setup).await;
    assert_eq!(counts(&host).await, [1, 1, 1]);
    host.kill().await;
    let host = setup.start_ready().await;
    change(&setup).await;
    assert_eq!(counts(&host).await, [1, 2, 1]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_opened_anew_knows_what_came_before() {
    let setup = game(WINDOW).await;
    let host = setup.start_ready().await;
    let board = board(&setup).await;
    press(&setup, &board).await;
    change(&setup).await;
    assert_eq!(counts(&host).await, [3, 0, 3]);
    let read = host.status().await["configuration"]["read"].clone();
    setup.edit(|text| text.replace(WINDOW, &format!("{WINDOW}\nanswer_within = \"2 s\"")));
    host.hang_up();
    let status = host.status_when("it is read again", |status| status["configuration"]["read"] != read).await;
    assert_eq!(status["configuration"]["refused"], Value::Array(Vec::new()), "{}", setup.log());
    let opened = |status: &Value| status["connections"][0]["connected"] == true;
    host.status_when("the connection is open", opened).await;
    assert_eq!(press(&setup, &board).await, nothing());
    change(&setup).await;
    assert_eq!(counts(&host).await, [3, 2, 3]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_press_behind_the_window_is_another_also_after_a_kill_9() {
    let setup = game("press_window = \"1 ms\"").await;
    let host = setup.start_ready().await;
    let board = board(&setup).await;
    press(&setup, &board).await;
    assert_eq!(counts(&host).await, [2, 0, 2]);
    host.kill().await;
    let host = setup.start_ready().await;
    let second = press(&setup, &board).await;
    assert!(matches!(second, Pressed::Answered { text: Some(_), .. }), "{second:?}");
    assert_eq!(counts(&host).await, [3, 0, 3]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_day_of_an_app_is_counted_on_over_kill_9() {
    let setup = DivarSetup::new([BotSetup::new("echo")]).await;
    setup.edit(|text| text.replace("at_once = 64 }", "at_once = 64, day = 2 }"));
    for number in 1..=2 {
        let host = setup.start_ready().await;
        setup.server.say("sara", &number.to_string()).unwrap();
        setup.answers(number).await;
        host.idle().await;
        host.kill().await;
    }
    let host = setup.start_ready().await;
    setup.server.say("sara", "3").unwrap();
    let waits = |status: &Value| {
        let trouble = status["connections"][0]["trouble"].as_str().unwrap_or_default();
        status["totals"]["waiting_sends"] == 1 && trouble.contains("the day's 2 calls are used up")
    };
    host.status_when("the third waits", waits).await;
    host.stop().await;
    assert_eq!(setup.server.sent().len(), 2);
}
