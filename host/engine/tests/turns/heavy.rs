//! Turns that need much of a processor.

use std::time::Duration;

use hodhod_core::runtime::{Limits, Reason, TurnResult};
use hodhod_core::time::Millis;
use hodhod_engine::{Engine, PoolSize};

use crate::kit::Told;

#[tokio::test]
async fn a_turn_that_leaves_its_thread_does_all_that_it_would_have_done_there() {
    let mut bot = Told::new(Limits { cpu: Duration::from_secs(10), ..Limits::default() });
    for _ in 0..3 {
        let (reads, effects) = bot.end("a", "burn 20").await.turn.into_effects();
        drop(reads);
        assert_eq!(effects.sends.len(), 1);
        assert_eq!(bot.says("echo still here").await, "still here", "and so do those that begin away");
    }
}

#[tokio::test]
async fn a_turn_that_nobody_waits_for_any_more_ends_wherever_it_is() {
    let limits = Limits { cpu: Duration::from_secs(600), wall: Duration::from_secs(600), ..Limits::default() };
    let engine = Engine::new(PoolSize { turns: 1, memory: 64 << 20 }).unwrap();
    let mut bot = Told::within(&engine, limits);
    for _ in 0..3 {
        let turn = bot.turn("a", "spin", Millis(0));
        let gone = tokio::time::timeout(Duration::from_millis(50), bot.plugin().run(turn)).await;
        assert!(gone.is_err());
        // The pool has one place: the next one finds it free, at the latest when the tick has passed.
        loop {
            let ended = bot.end("a", "echo here").await;
            match ended.result {
                TurnResult::Done => break,
                TurnResult::Failed(failure) if failure.reason == Reason::Host => tokio::task::yield_now().await,
                other => panic!("{other:?}"),
            }
        }
    }
}
