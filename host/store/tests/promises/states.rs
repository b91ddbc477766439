//! Bots that are held back stay so after a restart.

use hodhod_core::health::{By, Held, State};
use hodhod_core::store::Store;
use hodhod_core::time::Millis;

use crate::kit::Kit;

fn held(state: State, by: By) -> Held {
    Held { state, by, since: Millis(7), reason: "because".into(), digest: "abc".into() }
}

#[tokio::test]
async fn the_last_state_of_each_bot_is_kept_and_one_that_runs_has_none() {
    let mut kit = Kit::new();
    assert_eq!(kit.bot_states().await.unwrap(), []);
    let (paused, quarantined) = (held(State::Paused, By::Operator), held(State::Quarantined, By::Bot));
    kit.set_bot_state("shop".into(), Some(paused.clone())).await.unwrap();
    kit.set_bot_state("echo".into(), Some(paused.clone())).await.unwrap();
    kit.set_bot_state("shop".into(), Some(quarantined.clone())).await.unwrap();
    kit.reopen().await;
    assert_eq!(kit.bot_states().await.unwrap(), [("echo".into(), paused), ("shop".into(), quarantined.clone())]);
    kit.set_bot_state("echo".into(), None).await.unwrap();
    kit.set_bot_state("never there".into(), None).await.unwrap();
    kit.reopen().await;
    assert_eq!(kit.bot_states().await.unwrap(), [("shop".into(), quarantined)]);
}

#[tokio::test]
async fn a_state_that_nobody_writes_is_told_and_not_taken_for_another() {
    let kit = Kit::new();
    kit.set_bot_state("shop".into(), Some(held(State::Paused, By::Operator))).await.unwrap();
    kit.sqlite().execute("UPDATE bot_state SET state = 'asleep'", []).unwrap();
    let error = crate::kit::text(kit.bot_states().await.unwrap_err());
    assert!(error.contains("asleep"), "{error}");
}
