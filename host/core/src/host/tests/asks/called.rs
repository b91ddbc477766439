//! Requests of a platform, as whoever serves them sees the connection that they are for.

use super::*;
use crate::ids::ConnectionName;
use crate::testing::CallingPlatform;

/// A rig with a second connection, `desk`, whose platform calls, and a bot on it.
async fn start_called(gate: &Gate) -> (Rig, Arc<CallingPlatform>) {
    let rig = start(gate).await;
    let desk = Arc::new(CallingPlatform::new("desk"));
    rig.host.add_connection("desk".into(), desk.clone(), fast());
    let connections = [("desk".into(), desk.clone() as Arc<_>)].into();
    let actor = Actor::new("clerk".into(), connections, Limits::default(), rig.host.outboxes().clone());
    drop(rig.host.add_bot(Bot::new(actor, Arc::new(Native(bot(gate))))));
    let host = rig.host.clone();
    drop(spawn_local(async move { host.receive().await }));
    rig.settle().await;
    (rig, desk)
}

fn name() -> ConnectionName {
    "desk".into()
}

#[test]
fn a_connection_is_called_while_it_is_there_and_its_platform_calls() {
    run(async {
        let (rig, desk) = start_called(&gate()).await;
        assert!(rig.host.caller(&CONNECTION.into()).is_none(), "its platform does not call");
        assert!(rig.host.caller(&"nobody".into()).is_none());
        let caller = rig.host.caller(&name()).unwrap();
        assert_eq!((caller.name(), caller.webhook().unwrap().platform()), (&name(), "calling"));
        assert_eq!(
            caller.ask(desk.message("a", "answer"), PATIENCE).await.unwrap(),
            Some(Answer::Notice("answer".into()))
        );
        assert_eq!(caller.take(vec![desk.message("a", "send")]).await.unwrap(), 1);
        rig.settle().await;
        assert_eq!(desk.sends.tried().len(), 1);

        rig.host.remove_connection(&name());
        assert!(rig.host.caller(&name()).is_none());
        rig.host.add_connection(name(), desk, fast());
        assert!(rig.host.caller(&name()).is_some(), "it is back");
        rig.stop().await;
    });
}

#[test]
fn what_a_request_brings_after_its_connection_closed_is_not_taken() {
    run(async {
        let (rig, desk) = start_called(&gate()).await;
        let caller = rig.host.caller(&name()).unwrap();
        assert!(rig.host.close_connection(&name()).await);
        assert!(caller.take(vec![desk.message("a", "send")]).await.is_err());
        assert!(caller.ask(desk.message("a", "answer"), PATIENCE).await.is_err());
        assert_eq!(rig.store.totals().await.unwrap().arrivals, 0);
        all_is_over(&rig).await;
        rig.stop().await;
    });
}

#[test]
fn a_connection_that_closes_waits_for_what_is_being_stored_and_not_for_answers() {
    run(async {
        let gate = gate();
        let (rig, desk) = start_called(&gate).await;
        let caller = rig.host.caller(&name()).unwrap();
        let message = desk.message("a", "answer wait");
        let waiting = spawn_local(async move { Intake::ask(&caller, message, PATIENCE).await });
        rig.settle().await;
        assert!(rig.host.close_connection(&name()).await, "the event is stored, and its turn runs");
        rig.host.open_connection(&name(), desk.clone());

        let caller = rig.host.caller(&name()).unwrap();
        let storing = caller.begin().unwrap();
        let host = rig.host.clone();
        let closing = spawn_local(async move { host.close_connection(&name()).await });
        rig.settle().await;
        assert!(!closing.is_finished());
        drop(storing);
        rig.settle().await;
        assert!(closing.await.unwrap());

        gate.add_permits(1);
        rig.settle().await;
        assert_eq!(told(waiting), Some(Some("answer wait".to_owned())));
        rig.stop().await;
    });
}

#[test]
fn a_connection_that_cannot_store_what_it_has_stays_open() {
    run(async {
        let (rig, _desk) = start_called(&gate()).await;
        let caller = rig.host.caller(&name()).unwrap();
        let _storing = caller.begin().unwrap();
        let host = rig.host.clone();
        let closing = spawn_local(async move { host.close_connection(&name()).await });
        rig.until(|| closing.is_finished()).await;
        assert!(!closing.await.unwrap());
        assert!(rig.host.caller(&name()).is_some());
        rig.stop().await;
    });
}

#[test]
fn who_hangs_up_waits_no_more_and_the_answer_is_a_message() {
    run(async {
        let gate = gate();
        let (rig, desk) = start_called(&gate).await;
        let mut caller = rig.host.caller(&name()).unwrap();
        let line = caller.hang_up().unwrap();
        assert!(caller.hang_up().is_none(), "there is one end of the line");
        let message = desk.message("a", "answer wait");
        let waiting = spawn_local(async move { Intake::ask(&caller, message, PATIENCE).await });
        rig.settle().await;
        assert!(!waiting.is_finished());
        drop(line);
        rig.settle().await;
        assert_eq!(told(waiting), Some(None));
        gate.add_permits(1);
        rig.settle().await;
        assert_eq!(desk.sends.tried().len(), 1);
        all_is_over(&rig).await;
        rig.stop().await;
    });
}

#[test]
fn an_event_of_who_hangs_up_at_once_is_stored_and_handled() {
    run(async {
        let (rig, desk) = start_called(&gate()).await;
        let mut caller = rig.host.caller(&name()).unwrap();
        drop(caller.hang_up());
        assert_eq!(caller.ask(desk.message("a", "answer"), PATIENCE).await.unwrap(), None);
        rig.settle().await;
        assert_eq!(desk.sends.tried().len(), 1, "and answered by a message");
        rig.stop().await;
    });
}

#[test]
fn an_answer_that_no_message_can_carry_reaches_who_waits_or_nobody_and_the_rest_is_done() {
    run(async {
        let gate = gate();
        let (rig, desk) = start_called(&gate).await;
        let caller = Arc::new(rig.host.caller(&name()).unwrap());
        let ask = |words: &str| {
            let (caller, message) = (caller.clone(), desk.message("app", words));
            spawn_local(async move { Intake::ask(&*caller, message, PATIENCE).await })
        };
        let waiting = ask("answer 1");
        rig.settle().await;
        assert_eq!(told(waiting), Some(Some("answer 1".to_owned())));

        let waiting = ask("answer store wait");
        rig.settle().await;
        rig.clock.advance(PATIENCE);
        rig.settle().await;
        gate.add_permits(1);
        rig.settle().await;
        assert_eq!((told(waiting), rig.store.values()["bot/k"].as_str()), (Some(None), "answer store wait"));

        caller.take(vec![desk.message("app", "answer 2")]).await.unwrap();
        rig.settle().await;
        let dead = rig.store.dead_letters(10).await.unwrap();
        assert_eq!(dead[0].reason, "rejected: unsupported: nothing can be sent there", "a bot that knows is told");
        assert!(desk.sends.tried().is_empty());
        rig.stop().await;
    });
}
