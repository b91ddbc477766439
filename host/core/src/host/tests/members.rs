//! Connections and bots come, change and go while the host serves, and nothing of the others is touched.

use tokio::task::spawn_local;

use super::*;
use crate::health::{Order, State};
use crate::ids::ConnectionName;
use crate::platform::SendError;
use crate::testing::rig::BOT;
use crate::testing::{Native, TestPlatform};
use crate::turn::Actor;

async fn start() -> Rig {
    start_over(&MemoryStore::default()).await
}

async fn start_over(store: &MemoryStore) -> Rig {
    let rig = Rig::start(store, &TestClock::default(), fast(), Limits::default(), obedient).await;
    let host = rig.host.clone();
    drop(spawn_local(async move { host.receive().await }));
    rig.settle().await;
    rig
}

/// Lets everything run that can, where there is no rig.
async fn settle() {
    for _ in 0..1000 {
        yield_now().await;
    }
}

/// An actor for `name`, which serves `connections`.
fn actor(rig: &Rig, name: &str, connections: &[(&str, &Arc<TestPlatform>)], limits: Limits) -> Actor {
    let connections = connections.iter().map(|(name, platform)| ((*name).into(), (*platform).clone() as Arc<_>));
    Actor::new(name.into(), connections.collect(), limits, rig.host.outboxes().clone())
}

fn at(connection: &str, mut event: crate::platform::Incoming) -> crate::platform::Incoming {
    let crate::event::Event::Message(message) = &*event.event else { panic!("a message") };
    let mut message = message.clone();
    message.chat.connection = connection.into();
    event.event = Arc::new(crate::event::Event::Message(message));
    event
}

fn texts(platform: &TestPlatform) -> Vec<String> {
    let text = |(_, message): (_, Outgoing)| match message.body {
        crate::outgoing::Body::Text(text) => text,
        other => format!("{other:?}"),
    };
    platform.tried().into_iter().map(text).collect()
}

#[test]
fn a_connection_and_a_bot_that_are_added_receive_and_send() {
    run(async {
        let rig = start().await;
        let desk = Arc::new(TestPlatform::default());
        let (prepared, _) = rig.host.prepare_connection("desk".into(), desk.clone(), fast()).await.unwrap();
        rig.host.install_connection(prepared);
        let clerk = Bot::new(actor(&rig, "clerk", &[("desk", &desk)], Limits::default()), Arc::new(Native(obedient)));
        let prepared = rig.host.prepare_bot(clerk).await.unwrap();
        rig.host.install_bot(prepared);
        rig.settle().await;
        assert!(!desk.is_received(), "not before there is a bot");
        rig.host.open_connection(&"desk".into(), desk.clone());
        desk.ring([at("desk", text("a", "1", "hello"))]);
        rig.platform.ring([text("a", "1", "other")]);
        rig.settle().await;
        assert_eq!((texts(&desk), texts(&rig.platform)), (vec!["hello".to_owned()], vec!["other".to_owned()]));
        let names: Vec<_> = rig.host.connections().into_iter().map(|(connection, _)| connection.name).collect();
        assert_eq!(names, [ConnectionName::from(CONNECTION), "desk".into()]);
        rig.stop().await;
    });
}

#[test]
fn a_connection_that_is_removed_reads_no_further_and_what_waits_for_it_waits_until_it_is_back() {
    run(async {
        let rig = start().await;
        rig.platform.answer([Err(SendError::Wait(Duration::from_secs(60)))]);
        rig.platform.ring([text("a", "1", "one"), text("a", "2", "two")]);
        rig.settle().await;
        assert_eq!(texts(&rig.platform), ["one"], "and it is told to wait");

        assert!(rig.host.remove_connection(&CONNECTION.into()));
        assert!(!rig.host.remove_connection(&CONNECTION.into()), "it is gone");
        rig.settle().await;
        assert!(!rig.platform.is_received() && rig.host.connections().is_empty());
        rig.platform.ring([text("a", "3", "three")]);
        rig.clock.advance(Duration::from_secs(3600));
        rig.settle().await;
        assert_eq!(texts(&rig.platform), ["one"], "nothing is read and nothing sent");

        let other = Arc::new(TestPlatform::default());
        rig.host.add_connection(CONNECTION.into(), other.clone(), fast());
        other.ring([text("a", "4", "four")]);
        rig.settle().await;
        assert!(other.is_received());
        assert_eq!(texts(&other), ["one", "two", "four"], "each once, in order");
        rig.stop().await;
    });
}

#[test]
fn an_account_that_is_replaced_hands_over_and_the_next_takes_its_place() {
    run(async {
        let rig = start().await;
        rig.platform.hang();
        rig.platform.ring([text("a", "1", "one"), text("a", "2", "two"), text("b", "3", "three")]);
        rig.settle().await;
        assert_eq!(texts(&rig.platform), ["one", "three"], "under way, and never answered");

        let other = Arc::new(TestPlatform::default());
        rig.host.add_connection(CONNECTION.into(), other.clone(), fast());
        rig.host.turns().reconnect(&rig.bot, Arc::new(actor(&rig, BOT, &[(CONNECTION, &other)], Limits::default())));
        rig.settle().await;
        assert!(!rig.platform.is_received() && other.is_received());
        other.ring([text("c", "4", "four")]);
        rig.settle().await;
        assert_eq!(texts(&other), ["four"], "what is under way holds its chats, not others");
        rig.crash();
    });
}

#[test]
fn a_bot_that_is_removed_leaves_its_events_waiting_and_goes_on_where_it_was() {
    run(async {
        let rig = start().await;
        rig.host.turns().order(&BOT.into(), Order::Pause).await.unwrap();
        rig.arrive(vec![text("a", "1", "one"), text("a", "2", "two")]).await;
        assert!(rig.host.turns().remove_bot(&BOT.into()));
        assert!(!rig.host.turns().remove_bot(&BOT.into()));
        rig.arrive(vec![text("a", "3", "nobody's")]).await;
        rig.settle().await;
        assert!(rig.sent_to("a").is_empty());
        assert_eq!(rig.store.waiting_events(InboxSeq(0), 10).await.unwrap().len(), 2);

        let again = || Bot::new(actor(&rig, BOT, &[(CONNECTION, &rig.platform)], Limits::default()), native());
        let bot = rig.host.install_bot(rig.host.prepare_bot(again()).await.unwrap());
        assert_eq!(bot.health().state, State::Paused);
        assert_eq!(rig.host.turns().waiting(&BOT.into()), (2, 1), "its events never left their lanes");
        rig.arrive(vec![text("a", "4", "four")]).await;
        rig.host.turns().order(&BOT.into(), Order::Resume).await.unwrap();
        rig.settle().await;
        assert_eq!(rig.sent_to("a"), ["one", "two", "four"]);
        rig.stop().await;
    });
}

fn native() -> Arc<dyn crate::runtime::Plugin> {
    Arc::new(Native(obedient))
}

#[test]
fn a_turn_that_is_under_way_when_its_bot_is_removed_ends_and_sets_nothing_free() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let limits = Limits { failures: 1, ..Limits::default() };
        let gate = Arc::new(tokio::sync::Notify::new());
        let (waits, said_first) = (gate.clone(), Arc::new(AtomicUsize::new(0)));
        let rig = Rig::start(&store, &clock, fast(), limits, move |turn: &mut Turn| {
            let text = said(turn);
            answer(turn, &text);
            let (gate, first) = (waits.clone(), said_first.fetch_add(1, Ordering::Relaxed) == 0);
            async move {
                if first {
                    gate.notified().await;
                }
                TurnResult::Done
            }
            .boxed()
        })
        .await;
        rig.arrive(vec![text("a", "1", "one"), text("a", "2", "two")]).await;
        rig.settle().await;
        assert!(rig.host.turns().remove_bot(&BOT.into()));
        gate.notify_one();
        rig.settle().await;
        assert_eq!(rig.sent_to("a"), ["one"], "what was begun is committed, and nothing else begins");
        let waiting = rig.store.waiting_events(InboxSeq(0), 10).await.unwrap();
        assert_eq!(waiting.len(), 1);
        rig.stop().await;
    });
}

#[test]
fn what_earlier_runs_left_for_a_bot_and_a_connection_is_taken_up_when_they_are_added() {
    run(async {
        let (store, clock) = (MemoryStore::default(), TestClock::default());
        let first = Rig::start(&store, &clock, fast(), Limits::default(), obedient).await;
        first.platform.hang();
        first.arrive(vec![text("a", "1", "one"), text("a", "2", "two")]).await;
        first.settle().await;
        first.host.turns().order(&BOT.into(), Order::Pause).await.unwrap();
        first.arrive(vec![text("a", "3", "three")]).await;
        first.settle().await;
        first.crash();

        let host = Arc::new(Host::new(Arc::new(store.clone()), Arc::new(clock.clone()), 1, 100));
        let other: Arc<TestPlatform> = Arc::default();
        host.add_connection("other".into(), other, fast());
        let restored = host.restore().await.unwrap();
        assert!(
            restored.unknown_bots.contains(&BotName::from(BOT))
                && restored.unknown_connections.contains(&ConnectionName::from(CONNECTION))
        );
        let (worker, server) = (host.clone(), host.clone());
        drop(spawn_local(async move { worker.work(0).await }));
        drop(spawn_local(async move { server.serve().await }));

        let platform: Arc<TestPlatform> = Arc::default();
        let (prepared, sends) = host.prepare_connection(CONNECTION.into(), platform.clone(), fast()).await.unwrap();
        host.install_connection(prepared);
        assert_eq!((sends.sends, sends.in_doubt, sends.unknown_connections.len()), (2, 1, 0));
        let connections = || [(CONNECTION.into(), platform.clone() as Arc<_>)].into();
        let outboxes = host.outboxes().clone();
        let bot = || Bot::new(Actor::new(BOT.into(), connections(), Limits::default(), outboxes.clone()), native());
        // A first try that finds the store unwell leaves nothing behind.
        store.fail([Failpoint::WaitingEvents]);
        assert!(host.prepare_bot(bot()).await.is_err());
        host.install_bot(host.prepare_bot(bot()).await.unwrap());
        assert_eq!(host.turns().waiting(&BOT.into()), (1, 1));
        settle().await;
        assert_eq!(texts(&platform), ["one", "two"], "the bot is still paused");
        host.turns().order(&BOT.into(), Order::Resume).await.unwrap();
        settle().await;
        assert_eq!(texts(&platform), ["one", "two", "three"]);
    });
}

#[test]
fn what_a_bot_used_and_what_was_ordered_of_it_outlive_a_change_of_its_limits() {
    run(async {
        let rig = start().await;
        let roomy = || Limits { sends_minute: 3, ..Limits::default() };
        let tight = actor(&rig, BOT, &[(CONNECTION, &rig.platform)], roomy());
        let change = |actor: Actor| rig.host.turns().reconfigure(&rig.bot, native(), Arc::new(actor));
        change(tight.in_place_of(&rig.bot.actor())).await.unwrap();
        rig.arrive((0..3).map(|n| text("a", &n.to_string(), "hello")).collect()).await;
        rig.settle().await;
        let again = actor(&rig, BOT, &[(CONNECTION, &rig.platform)], roomy()).in_place_of(&rig.bot.actor());
        assert!(Arc::ptr_eq(&again.quotas, &rig.bot.actor().quotas) && Arc::ptr_eq(&again.kill, &rig.bot.actor().kill));
        rig.host.turns().order(&BOT.into(), Order::Pause).await.unwrap();
        change(again).await.unwrap();
        assert_eq!(rig.bot.generation().number, 3);
        assert_eq!(rig.bot.health().state, State::Paused, "what the operator ordered stays");
        rig.arrive(vec![text("b", "9", "later")]).await;
        rig.settle().await;
        assert!(rig.sent_to("b").is_empty());
        // What it used counts on: in this minute it may send no more.
        rig.clock.advance(Duration::from_secs(60));
        rig.host.turns().order(&BOT.into(), Order::Resume).await.unwrap();
        rig.settle().await;
        assert_eq!(rig.sent_to("b"), ["later"]);
        rig.stop().await;
    });
}

#[test]
fn a_connection_that_comes_while_the_host_ends_does_not_hold_up_its_end() {
    run(async {
        let rig = start().await;
        rig.host.drain();
        let late: Arc<TestPlatform> = Arc::default();
        rig.host.add_connection("late".into(), late.clone(), fast());
        rig.stop().await;
        assert!(texts(&late).is_empty());
    });
}

#[test]
fn what_was_read_is_stored_before_a_connection_is_closed_however_unwell_the_store_is() {
    run(async {
        let rig = start().await;
        rig.store.fail([Failpoint::Append]);
        rig.platform.keep_trying();
        rig.platform.ring([text("a", "1", "one")]);
        let host = rig.host.clone();
        let closing = spawn_local(async move { host.close_connection(&CONNECTION.into()).await });
        rig.settle().await;
        assert!(closing.is_finished() && closing.await.unwrap(), "it was stored at the second try");
        rig.settle().await;
        assert_eq!(rig.sent_to("a"), ["one"]);

        // And one that cannot be stored in time is not closed.
        rig.host.open_connection(&CONNECTION.into(), rig.platform.clone());
        rig.settle().await;
        rig.store.fail(vec![Failpoint::Append; 100_000]);
        rig.platform.ring([text("a", "2", "two")]);
        let host = rig.host.clone();
        let closing = spawn_local(async move { host.close_connection(&CONNECTION.into()).await });
        rig.settle().await;
        rig.clock.advance(Duration::from_secs(5));
        rig.settle().await;
        assert!(closing.is_finished() && !closing.await.unwrap());
        assert_eq!(rig.host.connections().len(), 1, "it is received from as before");
        rig.crash();
    });
}
