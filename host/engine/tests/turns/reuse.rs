//! Instances that serve more than one turn.

use std::time::Duration;

use hodhod_core::runtime::{Limits, Reason, TurnResult};
use hodhod_engine::{Engine, PoolSize};

use crate::kit::Told;

fn reuse(turns: u64) -> Limits {
    Limits { reuse: turns, ..Limits::default() }
}

#[tokio::test]
async fn limit_reuse_is_one_turn_where_nobody_says_otherwise() {
    let mut bot = Told::new(Limits::default());
    assert_eq!([bot.says("turns").await, bot.says("turns").await], ["1", "1"]);
}

#[tokio::test]
async fn limit_reuse_ends_an_instance_after_so_many_turns() {
    let mut bot = Told::new(reuse(3));
    let mut served = Vec::new();
    for _ in 0..7 {
        served.push(bot.says("turns").await);
    }
    assert_eq!(served, ["1", "2", "3", "1", "2", "3", "1"]);
}

#[tokio::test]
async fn a_turn_that_fails_ends_its_instance() {
    let limits = Limits { wall: Duration::from_secs(3), ..reuse(100) };
    let mut bot = Told::new(limits);
    let failures = [("trap", Reason::Panic), ("spin", Reason::Cpu), ("sleep 60000", Reason::Wall)];
    for (failure, reason) in failures {
        assert_eq!([bot.says("turns").await, bot.says("turns").await], ["1", "2"]);
        let ended = bot.end("a", failure).await;
        assert!(
            matches!(ended.result, TurnResult::Failed(ref failed) if failed.reason == reason),
            "{:?}",
            ended.result
        );
    }
    assert_eq!(bot.says("turns").await, "1");
}

#[tokio::test]
async fn a_turn_that_is_rejected_ends_no_instance() {
    let mut bot = Told::new(reuse(100));
    assert_eq!(bot.says("turns").await, "1");
    assert_eq!(bot.end("a", "reject no").await.result, TurnResult::Reject("no".to_owned()));
    assert_eq!(bot.says("turns").await, "2");
}

#[tokio::test]
async fn what_one_turn_did_is_not_done_again_by_the_next() {
    let mut bot = Told::new(reuse(100));
    let (_, effects) = bot.end("a", "set chat k v").await.turn.into_effects();
    assert_eq!((effects.values.len(), effects.sends.len()), (1, 1));
    let (_, effects) = bot.end("b", "send 3").await.turn.into_effects();
    assert_eq!((effects.values.len(), effects.sends.len()), (0, 3));
    assert!(effects.sends.iter().all(|send| send.chat.id.as_str() == "b"));
}

#[tokio::test]
async fn a_bucket_of_one_chat_cannot_be_used_in_a_turn_of_another() {
    let mut bot = Told::new(reuse(100));
    assert_eq!(bot.says("bucket chat k").await, "kept");
    let ended = bot.end("b", "bucket chat k").await;
    let TurnResult::Failed(failure) = ended.result else { panic!("{:?}", ended.result) };
    assert!(failure.detail.contains("after the turn that opened it"), "{failure}");
}

#[tokio::test]
async fn an_instance_that_holds_an_upload_serves_no_other_turn() {
    let mut bot = Told::new(reuse(100));
    for _ in 0..3 {
        assert_eq!(bot.says("forget-upload").await, "1");
    }
}

#[tokio::test]
async fn processor_time_is_counted_anew_for_each_turn() {
    let mut bot = Told::new(Limits { cpu: Duration::from_millis(200), ..reuse(100) });
    for turn in 1..=5 {
        assert!(bot.end("a", "burn 60").await.result == TurnResult::Done);
        assert_eq!(bot.says("turns").await, turn.to_string());
    }
}

#[tokio::test]
async fn instances_that_wait_leave_most_of_the_pool_to_turns() {
    let engine = Engine::new(PoolSize { turns: 8, memory: 64 << 20 }).unwrap();
    let mut bots: Vec<_> = (0..12).map(|_| Told::within(&engine, reuse(100))).collect();
    for bot in &mut bots {
        assert_eq!(bot.says("turns").await, "1");
    }
    let mut kept = 0;
    for bot in &mut bots {
        kept += usize::from(bot.says("turns").await == "2");
    }
    // One in four of eight; the others found no place to wait in, and had a fresh one.
    assert_eq!(kept, 2);
}

#[tokio::test]
async fn instances_of_a_build_that_gets_no_turns_any_more_go() {
    let mut bot = Told::new(reuse(100));
    assert_eq!([bot.says("turns").await, bot.says("turns").await], ["1", "2"]);
    bot.plugin().waits_for_turns(false);
    assert_eq!([bot.says("turns").await, bot.says("turns").await], ["1", "1"], "and none is kept of a late turn");
    bot.plugin().waits_for_turns(true);
    assert_eq!([bot.says("turns").await, bot.says("turns").await], ["1", "2"]);
}

#[tokio::test]
async fn what_was_begun_to_look_at_a_build_serves_no_turn() {
    let mut bot = Told::new(reuse(2));
    bot.probe().await;
    assert_eq!([bot.says("turns").await, bot.says("turns").await], ["1", "2"], "it would have had one turn left");
    assert_eq!(bot.says("turns").await, "1");
    bot.probe().await;
    assert_eq!(bot.says("turns").await, "2", "and it takes none that waits");
}
