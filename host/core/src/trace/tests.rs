//! The promises of traces, over the doubles.

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::BoxFuture;

use super::*;
use crate::event::{Content, Event, Message};
use crate::host::Host;
use crate::outbox::Policy;
use crate::outgoing::Outgoing;
use crate::platform::SendError;
use crate::runtime::{Limits, TurnResult};
use crate::testing::rig::{Rig, fast, run, text};
use crate::testing::{MemoryStore, TestClock, TestPlatform};
use crate::time::Clock;
use crate::turn::Turn;

/// Who keeps what is told.
#[derive(Clone)]
struct Ear {
    clock: TestClock,
    heard: Arc<Mutex<Vec<Step>>>,
}

impl Ear {
    fn new(clock: &TestClock) -> Self {
        Self { clock: clock.clone(), heard: Arc::default() }
    }

    fn heard(&self) -> Vec<Step> {
        self.heard.lock().unwrap().clone()
    }

    /// The steps of one event, as words.
    fn words(&self, event: InboxSeq) -> Vec<String> {
        self.heard().into_iter().filter(|step| step.event == event).map(|step| word(&step.what)).collect()
    }
}

impl Listener for Ear {
    fn now(&self) -> Moment {
        self.clock.now().into()
    }

    fn tell(&self, step: Step) {
        self.heard.lock().unwrap().push(step);
    }

    fn counts(&self) -> Counts {
        Counts::default()
    }
}

fn word(what: &What) -> String {
    match what {
        What::Arrival { kind, .. } => format!("arrival {kind}"),
        What::Wait => "wait".to_owned(),
        What::Turn { attempt, end, .. } => format!("turn {attempt} {end}"),
        What::Commit { mark, sends, .. } => format!("commit {mark} {sends}"),
        What::OutboxWait(send) => format!("outbox {}.{}", send.index, send.attempt),
        What::Send { send, outcome } => format!("send {}.{} {outcome}", send.index, send.attempt),
    }
}

/// Answers "retry" by asking for it again at first, "report" with a message that it wants to know of, and
/// everything else with itself. Is told of deliveries.
fn echo(turn: &mut Turn) -> BoxFuture<'_, TurnResult> {
    let event = turn.event().clone();
    if let Event::Message(Message { content: Content::Text(text), chat, .. }) = &*event {
        turn.send(chat.clone(), Outgoing { report: text == "report", ..Outgoing::text(text.clone()) }).unwrap();
        if text == "retry" {
            return async { TurnResult::Retry(std::time::Duration::from_secs(5)) }.boxed();
        }
    }
    async { TurnResult::Done }.boxed()
}

async fn rig(ear: &Ear, store: &MemoryStore, platform: &Arc<TestPlatform>, policy: Policy) -> Rig {
    let (clock, traces) = (&ear.clock, Traces::heard_by(TraceKey::new([7; 32]), Arc::new(ear.clone())));
    let host = Host::traced(Arc::new(store.clone()), Arc::new(clock.clone()), 1, 100, traces);
    Rig::start_host(host, store, clock, platform.clone(), policy, Limits::default(), echo).await
}

#[test]
fn an_event_is_followed_from_its_arrival_to_its_delivery() {
    run(async {
        let (ear, platform) = (Ear::new(&TestClock::default()), Arc::default());
        let rig = rig(&ear, &MemoryStore::default(), &platform, fast()).await;
        platform.answer([Err(SendError::NotSent("a name is in here".to_owned()))]);
        rig.arrive(vec![text("a", "1", "hello")]).await;
        rig.until(|| ear.heard().len() == 8).await;
        let first = ear.heard()[0].event;
        let words = [
            "arrival message",
            "wait",
            "turn 1 done",
            "commit done 1",
            "outbox 0.1",
            "send 0.1 not-sent",
            "outbox 0.2",
            "send 0.2 delivered",
        ];
        let mut heard = ear.heard();
        heard.sort_by_key(|step| step.began);
        assert_eq!(ear.words(first), words);
        assert!(heard.iter().all(|step| step.began <= step.ended));
        assert!(heard.windows(2).all(|pair| pair[0].ended <= pair[1].began), "{heard:?}");
        assert!(heard[6].ended.0 - heard[6].began.0 >= 500_000_000, "the wait before the second try: {:?}", heard[6]);
        assert!(!format!("{heard:?}").contains("hello") && !format!("{heard:?}").contains("a name"));
        rig.stop().await;
    });
}

#[test]
fn a_turn_that_runs_again_is_told_each_time() {
    run(async {
        let (ear, platform) = (Ear::new(&TestClock::default()), Arc::default());
        let rig = rig(&ear, &MemoryStore::default(), &platform, fast()).await;
        rig.arrive(vec![text("a", "1", "retry")]).await;
        rig.until(|| ear.heard().len() >= 7).await;
        let words =
            ["arrival message", "wait", "turn 1 retry", "commit retry 0", "wait", "turn 2 retry", "commit retry 0"];
        assert_eq!(ear.words(ear.heard()[0].event)[..7], words);
        rig.stop().await;
    });
}

#[test]
fn what_is_sent_after_a_crash_belongs_to_the_event_that_caused_it() {
    for hangs in [false, true] {
        run(async {
            let (ear, store) = (Ear::new(&TestClock::default()), MemoryStore::default());
            let platform = Arc::new(TestPlatform::default());
            let first = rig(&ear, &store, &platform, fast()).await;
            if hangs {
                platform.hang();
            } else {
                platform.answer([Err(SendError::NotSent("no".to_owned()))]);
            }
            first.arrive(vec![text("a", "1", "hello")]).await;
            first.until(|| platform.tried().len() == 1).await;
            let event = ear.heard()[0].event;
            first.crash();
            platform.answer_again();

            let after = Ear::new(&ear.clock);
            let second = rig(&after, &store, &platform, fast()).await;
            second.until(|| after.heard().len() == 2).await;
            assert_eq!(after.words(event), ["outbox 0.2", "send 0.2 delivered"]);
            second.stop().await;
        });
    }
}

#[test]
fn an_event_that_tells_of_a_delivery_names_the_event_that_caused_it() {
    run(async {
        let (ear, platform) = (Ear::new(&TestClock::default()), Arc::default());
        let rig = rig(&ear, &MemoryStore::default(), &platform, fast()).await;
        rig.arrive(vec![text("a", "1", "report")]).await;
        rig.until(|| ear.heard().len() == 10).await;
        let first = ear.heard()[0].event;
        let causes: Vec<_> = ear
            .heard()
            .into_iter()
            .filter_map(|step| match step.what {
                What::Arrival { kind, cause, .. } => Some((kind, cause)),
                _ => None,
            })
            .collect();
        assert_eq!(causes, [("message", None), ("delivery", Some(first))]);
        rig.stop().await;
    });
}

#[test]
fn where_nobody_listens_nothing_is_told_and_no_clock_is_read() {
    let traces = Traces::default();
    assert_eq!(traces.now(), Moment(0));
    traces.tell(InboxSeq(1), Moment(0), Moment(0), || panic!("it is told"));
    assert_eq!(traces.counts(), None);
}

#[test]
fn the_ids_of_an_event_are_the_same_in_every_run_and_no_others() {
    let (key, other) = (TraceKey::new([7; 32]), TraceKey::new([8; 32]));
    // As they were when this was written: traces go on over an update of the host.
    assert_eq!(key.of(InboxSeq(1)).to_string(), "2475dae84460dc7b66c1ef765f7f10bd");
    assert_eq!(key.ids(InboxSeq(1)), key.ids(InboxSeq(1)));
    assert_ne!(key.ids(InboxSeq(1)).trace, key.ids(InboxSeq(2)).trace);
    assert_ne!(key.ids(InboxSeq(1)).trace, other.ids(InboxSeq(1)).trace);
    assert_eq!(format!("{key:?}"), "TraceKey(***)");
}
