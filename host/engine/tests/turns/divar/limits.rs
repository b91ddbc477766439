//! Every limit of requests to a platform itself, by its name.

use std::sync::atomic::Ordering;
use std::time::Duration;

use hodhod_core::limits::PLATFORM_REQUEST;
use hodhod_core::runtime::{Limits, Reason, TurnResult};
use serde_json::json;
use tokio::sync::Barrier;

use super::kit::{Asker, Divar, always};
use super::{answer_of, nobody_asks};

#[tokio::test]
async fn limit_platform_minute_is_for_all_turns_of_the_bot() {
    let limits = Limits { platform_minute: 3, ..Limits::default() };
    let asker = Asker::new(always(&json!({ "token": "a" }), 10), limits);
    assert!(asker.ask("post shop a").await.starts_with("Post"));
    let told = asker.ask("flood shop a").await;
    assert!(told.starts_with("2 and then rate limited: try again after "), "{told}");
    assert!(asker.ask("consent shop x USER_ID").await.starts_with("rate limited"), "it is one quota for all of it");
    assert_eq!(asker.asked(), 3);
}

#[tokio::test]
async fn limit_platform_at_once_makes_the_others_wait() {
    let divar = Divar { meet: Some(Barrier::new(2)), ..always(&json!({ "token": "a" }), 6) };
    let asker = Asker::new(divar, Limits { platform_at_once: 2, ..Limits::default() });
    let told = futures::future::join_all((0..6).map(|_| asker.ask("post shop a"))).await;
    assert!(told.iter().all(|told| told.starts_with("Post")), "{told:?}");
    assert_eq!((asker.asked(), asker.divar.most.load(Ordering::SeqCst)), (6, 2));
}

#[tokio::test]
async fn limit_platform_answer_is_told_with_its_number() {
    let limits = Limits { platform_answer: 5000, ..Limits::default() };
    let asker = Asker::new(Divar::default(), limits);
    assert!(asker.told("post shop a", Ok(answer_of(5000))).await.starts_with("Post"));
    assert_eq!(asker.told("post shop a", Ok(answer_of(5001))).await, "too large: the most is 5000");
    let list = json!({ "posts": vec![json!({ "token": "a" }); 1000] });
    assert_eq!(asker.told("posts shop u", Ok(list)).await, "too large: the most is 5000");
}

#[tokio::test]
async fn limit_platform_request_bounds_what_is_asked() {
    let asker = Asker::new(Divar::default(), Limits::default());
    let empty = json!({ "scopes": ["USER_ID"], "data": "" }).to_string().len();
    let fits = PLATFORM_REQUEST - empty;
    let url = || Ok(json!({ "url": "https://a.example" }));
    assert_eq!(asker.told(&format!("data shop {fits}"), url()).await, "https://a.example");
    let over = format!("too large: the most is {PLATFORM_REQUEST}");
    assert_eq!(asker.ask(&format!("data shop {}", fits + 1)).await, over);
    assert_eq!(asker.ask("scopes shop 100000").await, over);
    assert_eq!(asker.asked(), 1);
}

#[tokio::test]
async fn limit_platform_time_ends_a_platform_that_does_not_answer() {
    let limits = Limits { platform_time: Duration::from_millis(50), ..Limits::default() };
    let asker = Asker::new(Divar { hangs: true, ..Divar::default() }, limits);
    assert_eq!(asker.ask("post shop a\npost shop b").await, "timed out\ntimed out");
    nobody_asks(&asker).await;
    assert_eq!(asker.asked(), 2);
}

#[tokio::test]
async fn the_end_of_the_turn_ends_its_requests() {
    let limits = Limits { wall: Duration::from_secs(2), ..Limits::default() };
    let asker = Asker::new(Divar { hangs: true, ..Divar::default() }, limits);
    let ended = asker.turn("post shop a").await;
    assert!(matches!(ended.result, TurnResult::Failed(failure) if failure.reason == Reason::Wall));
    nobody_asks(&asker).await;
    assert_eq!(asker.asked(), 1);
}
