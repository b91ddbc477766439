//! What an operator sees of what waits, page by page.

use hodhod_core::ids::{Chat, OutboxSeq};
use hodhod_core::outbox::SendsOf;
use hodhod_core::store::{QueuedSend, SendOutcome, Store, TurnCommit, Upkeep};
use hodhod_core::time::Millis;
use hodhod_core::timers::{ListedTimer, Missed, Standing, TimerKey};

use crate::kit::{Kit, done, send, settled};

fn to(connection: &str, chat: &str) -> impl Fn(QueuedSend) -> QueuedSend {
    let chat = Chat::new(connection, chat);
    move |send| QueuedSend { chat: chat.clone(), ..send }
}

#[tokio::test]
async fn sends_are_listed_by_connection_and_chat_without_what_they_say() {
    let kit = Kit::new();
    let seq = kit.one("turn").await;
    let places = [("shop", "a"), ("shop", "b"), ("other", "a"), ("shop", "a"), ("shop", "a")];
    let sends = places.iter().zip(0..).map(|((connection, chat), n)| to(connection, chat)(send(seq, n, "a secret")));
    kit.commit(vec![TurnCommit { sends: sends.collect(), ..done(seq) }]).await.unwrap();
    kit.attempt(vec![OutboxSeq(1), OutboxSeq(2)]).await.unwrap();
    let again = SendOutcome::Again { attempts: 3, not_before: Millis(77), in_doubt: false };
    kit.settle(vec![settled(OutboxSeq(2), again)]).await.unwrap();
    kit.sqlite().execute_batch("UPDATE outbox SET message = x'7b' WHERE seq = 4").unwrap();

    let rows = async |connection: Option<&str>, chat: Option<&str>, after, limit| {
        let of = SendsOf { connection: connection.map(Into::into), chat: chat.map(Into::into) };
        let listed = kit.list_sends(of, OutboxSeq(after), limit).await.unwrap();
        listed.into_iter().map(|send| send.seq.0).collect::<Vec<_>>()
    };
    assert_eq!(rows(None, None, 0, 9).await, [1, 2, 3, 4, 5]);
    assert_eq!(rows(Some("shop"), None, 0, 9).await, [1, 2, 4, 5]);
    assert_eq!(rows(Some("shop"), Some("a"), 0, 9).await, [1, 4, 5]);
    assert_eq!(rows(None, Some("a"), 0, 9).await, [1, 3, 4, 5]);
    assert_eq!(rows(Some("shop"), None, 2, 1).await, [4]);
    assert_eq!(rows(Some("' OR 1"), None, 0, 9).await, [0; 0]);

    let listed = kit.list_sends(SendsOf::default(), OutboxSeq(0), 9).await.unwrap();
    let told: Vec<_> =
        listed.iter().map(|send| (send.attempts, send.not_before.0, send.attempted, &*send.kind)).collect();
    assert_eq!(
        told[..4],
        [(0, 0, true, "text"), (3, 77, false, "text"), (0, 0, false, "text"), (0, 0, false, "unreadable")]
    );
    assert_eq!(listed[0].queued, Millis(2000));
    assert!(!format!("{listed:?}").contains("secret"));
}

#[tokio::test]
async fn pauses_of_sends_are_kept_for_each_connection() {
    let mut kit = Kit::new();
    kit.set_send_pause("shop".into(), Some(Millis(5))).await.unwrap();
    kit.set_send_pause("other".into(), Some(Millis(6))).await.unwrap();
    kit.set_send_pause("other".into(), None).await.unwrap();
    kit.reopen().await;
    assert_eq!(kit.send_pause("shop".into()).await.unwrap(), Some(Millis(5)));
    assert_eq!(kit.send_pause("other".into()).await.unwrap(), None);
}

#[tokio::test]
async fn timers_are_listed_in_the_order_in_which_they_fire_and_pages_meet_without_gaps() {
    let kit = Kit::new();
    let seq = kit.one("turn").await;
    let mut expected = Vec::new();
    for (n, due) in [50_u64, 10, 10, 10, 30].into_iter().enumerate() {
        for bot in ["a", "b"] {
            let chat = (n % 2 == 0).then(|| Chat::new("shop", "chat"));
            let key = TimerKey { bot: bot.into(), chat, id: format!("timer {n}") };
            expected.push(ListedTimer {
                key,
                due: Millis(due),
                missed: if n == 1 { Missed::Skip } else { Missed::Fire },
            });
        }
    }
    let standing = |timer: &ListedTimer| Standing { due: timer.due, payload: "secret".into(), missed: timer.missed };
    let timers = expected.iter().map(|timer| (timer.key.clone(), Some(standing(timer)))).collect();
    kit.commit(vec![TurnCommit { timers, ..done(seq) }]).await.unwrap();
    expected.sort_by_key(ListedTimer::place);

    for size in 1..=11 {
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let page = kit.list_timers(None, after, size).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.place());
            listed.extend(page);
        }
        assert_eq!(listed, expected, "pages of {size}");
    }
    let of_b = kit.list_timers(Some("b".into()), None, 9).await.unwrap();
    assert!(of_b.iter().eq(expected.iter().filter(|timer| timer.key.bot.as_str() == "b")));
    let place = serde_json::to_string(&of_b[0].place()).unwrap();
    assert_eq!(serde_json::from_str::<hodhod_core::timers::TimerPlace>(&place).unwrap(), of_b[0].place());
}
