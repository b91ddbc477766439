//! Sends that the operator lets wait.

use super::*;
use crate::host::PauseError;
use crate::store::Upkeep;
use crate::testing::Failpoint;
use crate::testing::rig::CONNECTION;

fn shop() -> ConnectionName {
    CONNECTION.into()
}

#[test]
fn a_paused_connection_sends_nothing_and_loses_nothing_also_over_a_restart() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), words).await;
        assert!(rig.host.pause_sends(&shop()).await.unwrap());
        assert!(!rig.host.pause_sends(&shop()).await.unwrap(), "as before");
        rig.arrive(vec![text("a", "1", "1 2 3"), text("b", "2", "x")]).await;
        rig.settle().await;
        clock.advance(Duration::from_secs(100));
        rig.settle().await;
        assert_eq!(rig.platform.tried(), []);
        let listed = rig.host.list_sends(SendsOf::default(), OutboxSeq(0), 9).await.unwrap();
        assert_eq!(listed.len(), 4);
        rig.crash();

        let rig = Rig::start(&store, &clock, fast(), Limits::default(), words).await;
        rig.settle().await;
        assert_eq!(rig.platform.tried(), [], "the pause outlives the host");
        let (_, outbox) = rig.host.connections().remove(0);
        assert_eq!(outbox.paused(), Some(Millis(clock.now().0 - 100_000)));
        assert!(rig.host.resume_sends(&shop()).await.unwrap());
        rig.until(|| rig.platform.tried().len() == 4).await;
        assert_eq!((rig.sent_to("a").concat(), rig.sent_to("b").concat()), ("123".to_owned(), "x".to_owned()));
        rig.stop().await;

        let rig = Rig::start(&store, &clock, fast(), Limits::default(), words).await;
        rig.settle().await;
        assert!(!rig.host.resume_sends(&shop()).await.unwrap(), "the end of the pause outlives it too");
        rig.stop().await;
    });
}

#[test]
fn what_is_under_way_when_a_pause_begins_ends() {
    run(async {
        let rig = rig(fast()).await;
        rig.platform.answer([Err(SendError::NotSent("no".to_owned()))]);
        rig.arrive(vec![text("a", "1", "1")]).await;
        rig.settle().await;
        rig.host.pause_sends(&shop()).await.unwrap();
        rig.clock.advance(Duration::from_secs(60));
        rig.settle().await;
        assert_eq!(rig.platform.tried().len(), 1, "the next try waits");
        let listed = rig.host.list_sends(SendsOf::default(), OutboxSeq(0), 9).await.unwrap();
        assert_eq!((listed[0].attempts, listed[0].attempted, &*listed[0].kind), (1, false, "text"));
        rig.host.resume_sends(&shop()).await.unwrap();
        rig.until(|| rig.platform.tried().len() == 2).await;
        rig.stop().await;
    });
}

#[test]
fn a_paused_host_ends_in_order() {
    run(async {
        let rig = rig(fast()).await;
        rig.host.pause_sends(&shop()).await.unwrap();
        rig.arrive(vec![text("a", "1", "1")]).await;
        rig.settle().await;
        let store = rig.store.clone();
        rig.stop().await;
        assert_eq!(store.list_sends(SendsOf::default(), OutboxSeq(0), 9).await.unwrap().len(), 1);
    });
}

#[test]
fn nothing_goes_out_before_it_is_known_whether_it_may() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        store.fail([Failpoint::ReadPause, Failpoint::ReadPause]);
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), words).await;
        rig.arrive(vec![text("a", "1", "1")]).await;
        rig.settle().await;
        assert_eq!(rig.platform.tried(), []);
        rig.until(|| rig.platform.tried().len() == 1).await;
        rig.stop().await;
    });
}

#[test]
fn a_pause_that_cannot_be_recorded_holds_and_says_so() {
    run(async {
        let rig = rig(fast()).await;
        rig.settle().await;
        rig.store.fail([Failpoint::Pause]);
        assert!(matches!(rig.host.pause_sends(&shop()).await, Err(PauseError::NotRecorded(_))));
        rig.arrive(vec![text("a", "1", "1")]).await;
        rig.settle().await;
        assert_eq!(rig.platform.tried(), []);
        rig.host.pause_sends(&shop()).await.unwrap();
        assert!(rig.store.send_pause(shop()).await.unwrap().is_some(), "asked again, it is recorded");
        assert!(matches!(rig.host.pause_sends(&"another".into()).await, Err(PauseError::Unknown(_))));
        rig.host.resume_sends(&shop()).await.unwrap();
        rig.until(|| rig.platform.tried().len() == 1).await;
        rig.stop().await;
    });
}
