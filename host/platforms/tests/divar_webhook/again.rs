//! What has no id is handled once, however often it comes and however often the connection is opened anew.

use std::time::Duration;

use hodhod_core::outgoing::Answer;
use hodhod_core::time::{Clock, Millis};
use hodhod_platforms::divar::Options;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::divar_kit::{Rig, data, message};

fn options(press_window: u64) -> Options {
    Options { press_window: Duration::from_millis(press_window), ..Options::default() }
}

#[tokio::test]
async fn a_press_that_comes_again_after_a_restart_is_the_same_and_is_answered_nothing() {
    let rig = Rig::with(options(2000));
    rig.kept.answers(Some(Answer::Notice("once".to_owned())));
    assert_eq!(rig.post("/action", data("press")).await.1, json!({"text_message": "once"}));
    rig.clock.advance(Duration::from_millis(1999));
    let rig = rig.again(options(2000));
    assert_eq!(rig.post("/action", data("press")).await, (200, json!({})));
    assert_eq!(rig.kept.events().len(), 1);
    rig.clock.advance(Duration::from_millis(1));
    let rig = rig.again(options(2000));
    assert_eq!(rig.post("/action", data("press")).await.1, json!({"text_message": "once"}), "it is another");
    let ids: Vec<_> = rig.kept.events().iter().map(|event| message(event).id).collect();
    assert!(ids.len() == 2 && ids[0] != ids[1], "each has an id of its own: {ids:?}");
}

#[tokio::test]
async fn a_press_that_came_again_after_a_restart_is_another_as_long_after_the_first_as_without_one() {
    let rig = Rig::with(options(2000));
    rig.post("/action", data("press")).await;
    rig.clock.advance(Duration::from_millis(1999));
    let rig = rig.again(options(2000));
    rig.post("/action", data("press")).await;
    assert_eq!(rig.kept.events().len(), 1);
    rig.clock.advance(Duration::from_millis(1));
    rig.kept.answers(Some(Answer::Notice("another".to_owned())));
    assert_eq!(rig.post("/action", data("press")).await.1, json!({"text_message": "another"}));
    assert_eq!(rig.kept.events().len(), 2);
}

#[tokio::test]
async fn an_opening_that_comes_again_after_a_restart_is_the_same() {
    let rig = Rig::with(options(2000));
    rig.kept.answers(Some(Answer::Url("https://bot.example/a".to_owned())));
    assert_eq!(rig.post("/session", data("session")).await.1, json!({"url": "https://bot.example/a"}));
    let rig = rig.again(options(2000));
    let (status, answer) = rig.post("/session", data("session")).await;
    assert_eq!((status, &answer["url"]), (200, &json!(Options::default().completion_url)), "a valid empty answer");
    assert_eq!(rig.kept.events().len(), 1);
}

#[tokio::test]
async fn events_without_an_id_that_come_again_after_a_restart_are_the_same() {
    let mut nameless: Value = serde_json::from_str(&data("bot_text")).unwrap();
    nameless["new_chatbot_message"].as_object_mut().unwrap().remove("id");
    let nameless = nameless.to_string();
    let mut rig = Rig::default();
    for body in [data("post_update"), data("unknown"), nameless] {
        let before = rig.kept.events().len();
        rig.event(&body).await;
        rig.clock.advance(Duration::from_millis(59_999));
        rig = rig.again(Options::default());
        assert_eq!(rig.post("/events", format!("[{body},{body}]")).await.0, 200);
        assert_eq!(rig.kept.events().len(), before + 1, "{body}");
        rig.clock.advance(Duration::from_millis(1));
        rig = rig.again(Options::default());
        assert_eq!(rig.post("/events", format!("[{body},{body}]")).await.0, 200);
        assert_eq!(rig.kept.events().len(), before + 2, "two of one batch are one: {body}");
    }
}

#[tokio::test]
async fn what_could_not_be_stored_is_new_when_it_comes_again() {
    let rig = Rig::default();
    rig.kept.refusals.store(1, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(rig.post("/events", data("post_update")).await.0, 503);
    let rig = rig.again(Options::default());
    rig.event(data("post_update")).await;
}

#[tokio::test]
async fn nobody_can_make_an_event_that_counts_as_another_one() {
    let rig = Rig::default();
    let first = rig.event(data("post_update")).await;
    // A message of Divar's that is called as the key of an event without an id.
    let id = first.key.strip_prefix("event:").unwrap();
    let mut named: Value = serde_json::from_str(&data("bot_text")).unwrap();
    named["new_chatbot_message"]["id"] = json!(id);
    rig.event(named).await;
    // The same words as another kind of thing.
    rig.post("/action", data("post_update")).await;
    rig.post("/session", data("post_update")).await;
    assert_eq!(rig.kept.events().len(), 4);
}

#[tokio::test]
async fn with_no_window_every_press_is_another() {
    let rig = Rig::with(options(0));
    for _ in 0..3 {
        rig.post("/action", data("press")).await;
    }
    assert_eq!(rig.kept.events().len(), 3);
}

/// Something that happens to a connection.
#[derive(Clone, Debug)]
enum Step {
    /// The press of this button, or the change of this ad, comes.
    Comes(u8),
    Pass(u16),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4_u8).prop_map(Step::Comes),
        3 => (0..4000_u16).prop_map(Step::Pass),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    /// The first within a window counts, and no other, at any times and over any restarts.
    #[test]
    fn within_the_window_it_is_one_and_behind_it_another_whatever_restarts(
        window in 0..5000_u64,
        steps in vec(step(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut rig = Rig::with(options(window));
            let mut first: [Option<Millis>; 4] = [None; 4];
            let mut expected = 0;
            for step in steps {
                match step {
                    Step::Comes(which) => {
                        let (path, body, window) = match which {
                            0 | 1 => ("/action", data("press").replace("00c1", &format!("0{which}")), window),
                            _ => ("/events", data("post_update").replace("انار", &format!("{which}")), 60_000),
                        };
                        prop_assert_eq!(rig.post(path, body).await.0, 200);
                        let now = rig.clock.now();
                        let known = &mut first[usize::from(which)];
                        if known.is_none_or(|first| now.0 - first.0 >= window) {
                            *known = Some(now);
                            expected += 1;
                        }
                    }
                    Step::Pass(ms) => rig.clock.advance(Duration::from_millis(u64::from(ms) * 5)),
                    Step::Restart => rig = rig.again(options(window)),
                }
                prop_assert_eq!(rig.kept.events().len(), expected);
            }
            Ok(())
        })?;
    }
}
