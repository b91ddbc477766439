//! What happens is counted: for each bot and each connection, once, and only what is on disk.

use super::*;
use crate::outbox::{OnDoubt, Policy, SendCounts};
use crate::platform::SendError;
use crate::status::{BotStatus, ConnectionStatus, Status};
use crate::time::Millis;

/// Answers what is said, and not what it is told of its own messages.
fn polite(turn: &mut Turn) -> BoxFuture<'_, TurnResult> {
    let text = said(turn);
    if !text.is_empty() {
        answer(turn, &text);
    }
    async { TurnResult::Done }.boxed()
}

async fn told(rig: &Rig) -> (BotStatus, ConnectionStatus) {
    let Status { mut bots, mut connections, .. } = Status::of(&rig.host, Millis(0)).await.unwrap();
    (bots.remove(0), connections.remove(0))
}

#[test]
fn every_event_is_counted_when_it_comes_and_when_it_is_done() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let limits = Limits { attempts: 2, ..Limits::default() };
        let rig = Rig::start(&store, &clock, fast(), limits, obedient).await;
        // One batch that the store refuses is none.
        store.fail([Failpoint::Append, Failpoint::Commit]);
        let batch = || vec![text("a", "1", "one"), text("b", "2", "fail"), text("c", "3", "reject")];
        let intake = rig.host.inbox().of(CONNECTION.into());
        crate::platform::Intake::take(&intake, batch()).await.unwrap_err();
        let (bot, connection) = told(&rig).await;
        assert_eq!((bot.arrivals, bot.oldest_ms, connection.arrivals), (0, None, 0));

        rig.arrive(batch()).await;
        rig.arrive(batch()).await;
        rig.settle().await;
        let (bot, _) = told(&rig).await;
        assert_eq!((bot.handled, bot.done, bot.dead), (1, 0, 0), "they have ended, and are not on disk");
        rig.until(|| rig.bot.stats.dead() == 2).await;
        let (bot, connection) = told(&rig).await;
        assert_eq!((connection.arrivals, connection.duplicates), (3, 3));
        assert_eq!((bot.arrivals, bot.done, bot.again, bot.dead), (3, 1, 1, 2));
        assert_eq!((bot.time.count(), bot.memory.count()), (4, 4), "two turns failed at one event");
        assert_eq!((bot.waiting, bot.oldest_ms), (0, None));
        rig.stop().await;
    });
}

#[test]
fn an_event_without_room_came_and_died() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let limits = Limits { waiting_chat: 1, ..Limits::default() };
        let rig = Rig::start(&store, &clock, fast(), limits, staying(|said| said == "stuck")).await;
        rig.arrive(vec![text("a", "0", "stuck")]).await;
        rig.settle().await;
        for id in ["1", "2", "3"] {
            rig.arrive(vec![text("a", id, "more")]).await;
        }
        let (bot, connection) = told(&rig).await;
        assert_eq!((bot.arrivals, bot.done, bot.dead, bot.waiting), (4, 0, 2, 1));
        assert_eq!((bot.dead, connection.arrivals), (store.totals().await.unwrap().dead, 4));
        rig.crash();
    });
}

#[test]
fn the_oldest_event_ages_until_it_is_done_through_its_tries_and_a_restart() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let start = || Rig::start(&store, &clock, fast(), Limits::default(), obedient);
        let rig = start().await;
        rig.arrive(vec![text("a", "1", "retry"), text("a", "2", "after")]).await;
        rig.settle().await;
        clock.advance(Duration::from_secs(5));
        rig.arrive(vec![text("b", "3", "done at once")]).await;
        rig.settle().await;
        assert_eq!(told(&rig).await.0.oldest_ms, Some(5000), "asked for again, it is as old as it is");
        rig.crash();

        clock.advance(Duration::from_secs(60));
        let rig = start().await;
        clock.advance(Duration::from_secs(1));
        assert_eq!(told(&rig).await.0.oldest_ms, Some(1000), "what an earlier run left counts from the start");
        rig.until(|| rig.bot.stats.oldest().is_none()).await;
        assert_eq!(rig.sent_to("a"), ["after"]);
        rig.stop().await;
    });
}

#[test]
fn what_becomes_of_sends_is_counted_once_each() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let start = |on_doubt| Rig::start(&store, &clock, Policy { on_doubt, ..fast() }, Limits::default(), polite);
        let rig = start(OnDoubt::Resend).await;
        rig.platform.answer([
            Err(SendError::Wait(Duration::from_secs(1))),
            Err(SendError::InDoubt("the line broke".to_owned())),
            Err(SendError::NotSent("no route".to_owned())),
            Err(SendError::Refused("blocked".to_owned())),
        ]);
        rig.arrive(vec![text("a", "1", "one"), text("a", "2", "two")]).await;
        // The end of a send is recorded at the second try.
        store.fail([Failpoint::Settle]);
        rig.until(|| rig.sent_to("a").len() == 5).await;
        rig.settle().await;
        let (bot, connection) = told(&rig).await;
        let counts = SendCounts { delivered: 1, failed: 1, dropped: 0, in_doubt: 1, asked_to_wait: 1 };
        assert_eq!(connection.sends, counts);
        assert_eq!(bot.arrivals, 3, "it is told of the one that failed");

        rig.platform.hang();
        rig.arrive(vec![text("a", "3", "three")]).await;
        rig.settle().await;
        rig.crash();
        let rig = start(OnDoubt::Drop).await;
        rig.settle().await;
        let counts = SendCounts { dropped: 1, in_doubt: 1, ..SendCounts::default() };
        assert_eq!(told(&rig).await.1.sends, counts);
        rig.stop().await;
    });
}
