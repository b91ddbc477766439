//! Somebody waits for what a bot answers: what they are told, when, and what becomes of it where nobody is there.

mod again;
mod any_order;
mod called;
mod ends;

use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, spawn_local};

use super::*;
use crate::outgoing::Answer;
use crate::platform::{Incoming, Intake};
use crate::testing::Native;
use crate::testing::rig::BOT;
use crate::turn::Actor;
use crate::turn::Refusal;

/// How long whoever asks here waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who waits, until they are told.
type Waiting = JoinHandle<Result<Option<Answer>, StoreError>>;

/// What lets the turns of a [`bot`] go on.
type Gate = Arc<Semaphore>;

fn gate() -> Gate {
    Arc::new(Semaphore::new(0))
}

/// Does what the message says, word by word: `wait` for the gate, `send`, `answer`, `store` or `read` what every
/// turn reads and writes, or end by `fail`, `again` or `reject`. Says and answers the message itself.
fn bot(gate: &Gate) -> impl Fn(&mut Turn) -> BoxFuture<'_, TurnResult> + Send + Sync + 'static {
    let gate = gate.clone();
    move |turn: &mut Turn| {
        let gate = gate.clone();
        async move {
            let text = said(turn);
            let bucket = turn.bucket("bot").expect("there is one");
            for word in text.split(' ') {
                match word {
                    "wait" => gate.acquire().await.expect("never closed").forget(),
                    "send" => answer(turn, &format!("sent by {text}")),
                    "answer" => match turn.respond(Answer::Notice(text.clone())) {
                        Ok(()) => {}
                        Err(Refusal::Wait(wait)) => return TurnResult::Retry(wait),
                        Err(refusal) => return TurnResult::Reject(refusal.to_string()),
                    },
                    "read" => drop(turn.get(&bucket, "k").expect("readable")),
                    "store" => turn.set(&bucket, "k", text.clone().into_bytes()).expect("writable"),
                    "fail" => return failing(),
                    "again" => return TurnResult::Retry(Duration::from_secs(7)),
                    "reject" => return TurnResult::Reject("no".to_owned()),
                    _number => {}
                }
            }
            TurnResult::Done
        }
        .boxed()
    }
}

async fn start(gate: &Gate) -> Rig {
    Rig::start(&MemoryStore::default(), &TestClock::default(), fast(), Limits::default(), bot(gate)).await
}

/// Adds another bot on the connection.
fn add_bot(rig: &Rig, name: &str, gate: &Gate) {
    let connections = [(CONNECTION.into(), rig.platform.clone() as Arc<_>)].into();
    let actor = Actor::new(name.into(), connections, Limits::default(), rig.host.outboxes().clone());
    drop(rig.host.add_bot(Bot::new(actor, Arc::new(Native(bot(gate))))));
}

/// Asks, as a platform does that waits for the answer.
fn ask_with(rig: &Rig, event: Incoming, patience: Duration) -> Waiting {
    let intake = rig.host.inbox().of(CONNECTION.into());
    spawn_local(async move { intake.ask(event, patience).await })
}

fn ask(rig: &Rig, words: &str) -> Waiting {
    ask_with(rig, text("a", words, words), PATIENCE)
}

/// What was told, where it was told by now.
fn told(waiting: Waiting) -> Option<Option<String>> {
    let answer = waiting.now_or_never()?.expect("it does not panic").expect("it was stored");
    Some(answer.map(|answer| match answer {
        Answer::Notice(text) | Answer::Url(text) => text,
    }))
}

/// Nobody is waited for, and nothing is kept of those who were.
async fn all_is_over(rig: &Rig) {
    rig.settle().await;
    assert_eq!(rig.host.turns().asks().len(), 0);
}

#[test]
fn an_answer_goes_to_who_waits_and_is_no_message() {
    run(async {
        let rig = start(&gate()).await;
        let waiting = ask(&rig, "answer");
        rig.settle().await;
        assert_eq!(told(waiting), Some(Some("answer".to_owned())));
        assert!(rig.sent_to("a").is_empty());
        let seen = rig.host.inbox().arrivals(&CONNECTION.into());
        assert_eq!((seen.new, seen.answered, seen.unanswered), (1, 1, 0));
        all_is_over(&rig).await;
        rig.stop().await;
    });
}

#[test]
fn where_nobody_waits_an_answer_is_a_message() {
    run(async {
        let rig = start(&gate()).await;
        rig.arrive(vec![text("a", "1", "answer 1")]).await;
        rig.settle().await;
        assert_eq!(rig.sent_to("a"), ["answer 1"]);
        rig.stop().await;
    });
}

#[test]
fn an_answer_after_the_patience_is_a_message_and_what_the_turn_did_is_done() {
    run(async {
        let gate = gate();
        let rig = start(&gate).await;
        let waiting = ask(&rig, "wait answer store");
        rig.settle().await;
        rig.clock.advance(PATIENCE);
        rig.settle().await;
        assert_eq!(told(waiting), Some(None));
        gate.add_permits(1);
        rig.settle().await;
        assert_eq!(rig.sent_to("a"), ["wait answer store"]);
        assert_eq!(rig.store.values()["bot/k"], "wait answer store");
        assert_eq!(rig.host.inbox().arrivals(&CONNECTION.into()).unanswered, 1);
        all_is_over(&rig).await;
        rig.stop().await;
    });
}

#[test]
fn an_answer_after_a_restart_is_a_message() {
    run(async {
        let (gate, clock) = (gate(), TestClock::default());
        let rig = Rig::start(&MemoryStore::default(), &clock, fast(), Limits::default(), bot(&gate)).await;
        let waiting = ask(&rig, "answer wait");
        rig.settle().await;
        assert!(!waiting.is_finished(), "it is answered, and its turn runs");
        let store = rig.store.clone();
        rig.crash();
        waiting.abort();
        gate.add_permits(1);
        let rig = Rig::start(&store, &clock, fast(), Limits::default(), bot(&gate)).await;
        rig.settle().await;
        assert_eq!(rig.sent_to("a"), ["answer wait"]);
        rig.stop().await;
    });
}

#[test]
fn nobody_is_told_before_the_end_of_the_turn_is_on_disk() {
    run(async {
        let rig = start(&gate()).await;
        rig.store.fail([Failpoint::Commit; 3]);
        let waiting = ask(&rig, "answer");
        rig.settle().await;
        assert!(!waiting.is_finished() && rig.store.totals().await.unwrap().handled == 0);
        rig.until(|| waiting.is_finished()).await;
        assert_eq!(rig.store.totals().await.unwrap().handled, 1);
        assert_eq!(told(waiting), Some(Some("answer".to_owned())));
        assert!(rig.sent_to("a").is_empty());
        rig.stop().await;
    });
}

#[test]
fn from_the_claim_to_the_commit_who_waits_stays_beyond_their_patience_and_not_for_ever() {
    run(async {
        for (refusals, told_answer) in [(9, Some("answer".to_owned())), (30, None)] {
            let rig = start(&gate()).await;
            rig.store.fail(vec![Failpoint::Commit; refusals]);
            let (began, waiting) = (rig.clock.now(), ask(&rig, "answer"));
            rig.until(|| waiting.is_finished()).await;
            let waited = rig.clock.now().since(began);
            assert!(waited > PATIENCE && waited <= PATIENCE + Duration::from_secs(5), "{waited:?}");
            assert_eq!(told(waiting), Some(told_answer));
            rig.store.heal();
            rig.until(|| rig.host.turns().held() == (0, 0)).await;
            all_is_over(&rig).await;
            rig.stop().await;
        }
    });
}

#[test]
fn a_turn_that_fails_or_wants_another_try_gives_nothing_away() {
    run(async {
        let rig = start(&gate()).await;
        let waiting = [("a", "answer fail"), ("b", "answer again")]
            .map(|(chat, words)| ask_with(&rig, text(chat, words, words), PATIENCE));
        rig.settle().await;
        assert!(waiting.iter().all(|waiting| !waiting.is_finished()), "another try may answer");
        rig.clock.advance(PATIENCE);
        rig.settle().await;
        assert_eq!(waiting.map(told), [Some(None), Some(None)]);
        assert!(rig.sent_to("a").is_empty() && rig.sent_to("b").is_empty());
        rig.stop().await;
    });
}

#[test]
fn a_later_try_answers_who_still_waits() {
    run(async {
        let tries = Tries::default();
        let counted = tries.clone();
        let limits = Limits { backoff: Duration::from_millis(100), ..Limits::default() };
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let rig = Rig::start(&store, &clock, fast(), limits, move |turn: &mut Turn| {
            let first = try_of(&counted, &said(turn)) == 1;
            turn.respond(Answer::Notice(format!("first: {first}"))).expect("it is taken");
            async move { if first { failing() } else { TurnResult::Done } }.boxed()
        })
        .await;
        let waiting = ask(&rig, "hello");
        rig.until(|| waiting.is_finished()).await;
        assert_eq!(told(waiting), Some(Some("first: false".to_owned())));
        assert!(rig.sent_to("a").is_empty());
        rig.stop().await;
    });
}

#[test]
fn a_turn_that_runs_again_because_of_anothers_writes_answers_once() {
    run(async {
        let gate = gate();
        let rig = start(&gate).await;
        let waiting = ask(&rig, "read answer wait store");
        rig.settle().await;
        rig.arrive(vec![text("b", "1", "store")]).await;
        rig.settle().await;
        gate.add_permits(1);
        rig.settle().await;
        assert_eq!(rig.bot.stats.conflicts(), 1);
        assert!(!waiting.is_finished(), "it runs again, and waits at the gate");
        gate.add_permits(1);
        rig.settle().await;
        assert_eq!(told(waiting), Some(Some("read answer wait store".to_owned())));
        assert!(rig.sent_to("a").is_empty());
        all_is_over(&rig).await;
        rig.stop().await;
    });
}

#[test]
fn who_goes_before_the_end_of_the_turn_leaves_a_message_in_its_place() {
    run(async {
        let gate = gate();
        let rig = start(&gate).await;
        let patient = ask(&rig, "send answer send wait");
        let leaving = ask_with(&rig, text("b", "2", "send answer send wait 2"), PATIENCE);
        rig.settle().await;
        // As when the platform hangs up.
        leaving.abort();
        rig.settle().await;
        gate.add_permits(2);
        rig.settle().await;
        assert_eq!(told(patient), Some(Some("send answer send wait".to_owned())));
        assert_eq!(rig.sent_to("a").len(), 2, "the answer is no message");
        let sent = "sent by send answer send wait 2";
        assert_eq!(rig.sent_to("b"), [sent, "send answer send wait 2", sent]);
        all_is_over(&rig).await;
        rig.stop().await;
    });
}

#[test]
fn of_several_bots_the_first_is_heard_and_the_others_write() {
    run(async {
        let (first, second) = (gate(), gate());
        let rig = start(&first).await;
        add_bot(&rig, "other", &second);
        let waiting = ask(&rig, "answer wait");
        rig.settle().await;
        second.add_permits(1);
        rig.settle().await;
        assert_eq!(told(waiting), Some(Some("answer wait".to_owned())));
        assert!(rig.sent_to("a").is_empty());
        first.add_permits(1);
        rig.settle().await;
        assert_eq!(rig.sent_to("a"), ["answer wait"], "it held its answer, and nobody waits any more");
        all_is_over(&rig).await;
        rig.stop().await;
    });
}

#[test]
fn limit_sends_counts_an_answer_that_may_become_a_message() {
    run(async {
        let limits = Limits { sends: 1, ..Limits::default() };
        let rig = Rig::start(&MemoryStore::default(), &TestClock::default(), fast(), limits, bot(&gate())).await;
        let waiting = ask(&rig, "send answer");
        rig.settle().await;
        assert_eq!(told(waiting), Some(None));
        let dead = rig.store.dead_letters(10).await.unwrap();
        assert_eq!(dead[0].reason, "rejected: quota exceeded: sends: 1 messages in one turn");
        rig.stop().await;
    });
}

#[test]
fn an_answer_that_is_no_message_uses_up_none() {
    run(async {
        let limits = Limits { sends_minute: 1, ..Limits::default() };
        let rig = Rig::start(&MemoryStore::default(), &TestClock::default(), fast(), limits, bot(&gate())).await;
        for words in ["answer 1", "answer 2", "answer send"] {
            let waiting = ask(&rig, words);
            rig.settle().await;
            assert_eq!(told(waiting), Some(Some(words.to_owned())));
        }
        assert_eq!(rig.sent_to("a"), ["sent by answer send"]);
        rig.stop().await;
    });
}
