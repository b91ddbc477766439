//! One build after another: what is stored goes over once, with the build, or not at all.

mod refused;
mod started;

use std::sync::Mutex;

use tokio::task::spawn_local;

use super::*;
use crate::event::Timer;
use crate::health::{Order, State};
use crate::runtime::{Ended, Plugin};
use crate::store::{Build, StoreError};
use crate::testing::rig::BOT;
use crate::testing::{Native, TestPlatform};
use crate::time::Millis;
use crate::timers::Missed;
use crate::turn::Actor;
use crate::turns::MigrateError;

type Run = Box<dyn Fn(&mut Turn) -> BoxFuture<'_, TurnResult> + Send + Sync>;

/// A build that answers with its version and what the count is now, under the key that it knows.
struct Version {
    version: &'static str,
    run: Native<Run>,
    migrate: Option<fn(&mut Turn) -> TurnResult>,
    /// The versions that it was told to migrate from.
    told: Mutex<Vec<String>>,
}

impl Plugin for Version {
    fn run(&self, turn: Turn) -> BoxFuture<'_, Ended> {
        self.run.run(turn)
    }

    fn digest(&self) -> &str {
        self.version
    }

    fn version(&self) -> &str {
        self.version
    }

    fn has_migration(&self) -> bool {
        self.migrate.is_some()
    }

    fn migrate(&self, mut turn: Turn, from: String) -> BoxFuture<'_, Ended> {
        self.told.lock().unwrap().push(from);
        let result = self.migrate.map_or(TurnResult::Done, |migrate| migrate(&mut turn));
        Box::pin(async { Ended { turn, result, time: Duration::ZERO, cpu: Duration::ZERO, memory: 0 } })
    }
}

impl Version {
    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

fn count(turn: &mut Turn, key: &str) -> u64 {
    let bucket = turn.bucket("bot").unwrap();
    turn.increment(&bucket, key, 1).unwrap()
}

fn counting_under(version: &'static str, key: &'static str) -> Run {
    Box::new(move |turn: &mut Turn| {
        let n = count(turn, key);
        let ends = said(turn) != "stay";
        if turn.event().chat().is_some() {
            answer(turn, &format!("{version}: {n}"));
        }
        async move {
            if !ends {
                std::future::pending::<()>().await;
            }
            TurnResult::Done
        }
        .boxed()
    })
}

fn version(version: &'static str, key: &'static str, migrate: Option<fn(&mut Turn) -> TurnResult>) -> Arc<Version> {
    Arc::new(Version { version, run: Native(counting_under(version, key)), migrate, told: Mutex::default() })
}

fn one() -> Arc<Version> {
    version("1", "count", None)
}

fn two() -> Arc<Version> {
    version("2", "total", Some(rename))
}

/// Renames the count, and says how often this was done.
fn rename(turn: &mut Turn) -> TurnResult {
    let bucket = turn.bucket("bot").unwrap();
    if let Some(count) = turn.get(&bucket, "count").unwrap() {
        turn.set(&bucket, "total", count).unwrap();
        turn.delete(&bucket, "count").unwrap();
    }
    count(turn, "migrations");
    TurnResult::Done
}

fn limits() -> Limits {
    Limits { wall: Duration::from_secs(10), ..Limits::default() }
}

/// A bot beside it, which answers where everybody is asked.
fn other_bot(turn: &mut Turn) -> BoxFuture<'_, TurnResult> {
    if said(turn) == "all" {
        answer(turn, "other");
    }
    async { TurnResult::Done }.boxed()
}

/// A host whose bot begins with this build, and another bot.
async fn start(store: &MemoryStore, clock: &TestClock, plugin: Arc<Version>) -> Rig {
    let platform = Arc::new(TestPlatform::default());
    let host = Host::new(Arc::new(store.clone()), Arc::new(clock.clone()), 1, 100);
    host.add_connection(CONNECTION.into(), platform.clone(), fast());
    let connections = [(CONNECTION.into(), platform.clone() as Arc<_>)].into();
    let actor = Actor::new(BOT.into(), connections, limits(), host.outboxes().clone());
    let bot = host.add_bot(Bot::new(actor, plugin));
    let other = [(CONNECTION.into(), platform.clone() as Arc<_>)].into();
    let actor = Actor::new("other".into(), other, limits(), host.outboxes().clone());
    host.add_bot(Bot::new(actor, Arc::new(Native(other_bot))));
    let host = Arc::new(host);
    host.take_over().await.unwrap();
    let restored = host.restore().await.unwrap();
    let (worker, server) = (host.clone(), host.clone());
    let tasks =
        vec![spawn_local(async move { worker.work(0).await }), spawn_local(async move { server.serve().await })];
    Rig { store: store.clone(), clock: clock.clone(), platform, host, bot, restored, tasks }
}

async fn fresh() -> Rig {
    start(&MemoryStore::default(), &TestClock::default(), one()).await
}

impl Rig {
    async fn say(&self, id: &str, said: &str) {
        self.arrive(vec![text("a", id, said)]).await;
        self.settle().await;
    }

    async fn replace(&self, plugin: Arc<Version>) -> Result<u64, MigrateError> {
        let build = self.host.turns().prepare_build(&self.bot, plugin, &self.bot.actor()).await?;
        Ok(build.replace().await?)
    }

    /// Values of both bots, as text.
    fn value(&self, key: &str) -> Option<String> {
        self.store.values().remove(&format!("bot/{key}"))
    }

    async fn build(&self) -> Option<Build> {
        Store::build(&self.store, BOT.into()).await.unwrap()
    }
}

fn build(version: &str) -> Option<Build> {
    Some(Build { digest: version.to_owned(), version: version.to_owned() })
}

#[test]
fn what_is_stored_goes_over_with_the_build_and_only_once() {
    run(async {
        let rig = fresh().await;
        assert_eq!(rig.build().await, build("1"), "the first one has nothing to migrate");
        rig.say("1", "").await;
        let two = two();
        assert_eq!(rig.replace(two.clone()).await.unwrap(), 2);
        rig.say("2", "").await;
        assert_eq!(rig.sent_to("a"), ["1: 1", "2: 2"]);
        assert_eq!((rig.value("count"), rig.value("migrations").as_deref()), (None, Some("1")));
        assert_eq!(rig.build().await, build("2"));
        // The same build once more, as after its configuration changed.
        assert_eq!(rig.replace(two.clone()).await.unwrap(), 3);
        assert_eq!(two.told(), ["1"]);
        rig.stop().await;
    });
}

#[test]
fn turns_under_way_end_first_and_none_begins_meanwhile_but_those_of_other_bots() {
    run(async {
        let rig = fresh().await;
        // A turn that has ended and whose commit is refused is not on disk.
        rig.store.fail([Failpoint::Commit]);
        rig.say("1", "").await;
        let (two, turns, bot) = (two(), rig.host.turns().clone(), rig.bot.clone());
        let preparing = spawn_local({
            let two = two.clone();
            async move { turns.prepare_build(&bot, two, &bot.actor()).await }
        });
        rig.settle().await;
        assert_eq!(two.told(), Vec::<String>::new(), "it waits for the disk");
        rig.arrive(vec![text("b", "2", "all"), text("c", "3", "all")]).await;
        rig.until(|| !two.told().is_empty()).await;
        rig.settle().await;
        assert_eq!([rig.sent_to("b"), rig.sent_to("c")], [["other"], ["other"]], "the bot itself waits");
        let build = preparing.await.unwrap().unwrap();
        assert_eq!(rig.value("migrations"), None, "nothing of it is seen before it takes over");
        build.replace().await.unwrap();
        rig.settle().await;
        let said: Vec<_> = ["a", "b", "c"].map(|chat| rig.sent_to(chat)).concat();
        let by_two: Vec<_> = said.iter().map(String::as_str).filter(|text| text.starts_with("2: ")).collect();
        assert_eq!((said[0].as_str(), by_two), ("1: 1", vec!["2: 2", "2: 3"]));
        rig.stop().await;
    });
}

#[test]
fn what_a_migration_sends_and_sets_is_sent_and_set_under_numbers_of_its_own() {
    run(async {
        let rig = fresh().await;
        rig.say("1", "").await;
        let migrate: fn(&mut Turn) -> TurnResult = |turn| {
            let (bucket, n) = (turn.bucket("bot").unwrap(), count(turn, "migrations"));
            let id = turn.send(Chat::new(CONNECTION, "a"), Outgoing::text("new")).unwrap();
            turn.set(&bucket, &format!("id {n}"), id.to_string().into_bytes()).unwrap();
            assert!(turn.send(Chat::new("another", "a"), Outgoing::text("new")).is_err());
            assert!(turn.respond(crate::outgoing::Answer::Notice("to nobody".to_owned())).is_err());
            assert_eq!((turn.bucket("chat"), turn.bucket("user")), (None, None));
            let timer = Timer { id: "t".to_owned(), chat: None, due: Millis(0), payload: String::new() };
            turn.set_timer(timer, Missed::Fire).unwrap();
            TurnResult::Done
        };
        for name in ["2", "3"] {
            rig.replace(version(name, "count", Some(migrate))).await.unwrap();
            rig.settle().await;
        }
        rig.say("9", "").await;
        let texts: Vec<_> = rig.sent_to("a").into_iter().filter(|text| text == "new").collect();
        assert_eq!(texts.len(), 2);
        let ids = [rig.value("id 1").unwrap(), rig.value("id 2").unwrap()];
        assert_ne!(ids[0], ids[1]);
        assert_eq!(rig.value("count").as_deref(), Some("4"), "two messages and two timers");
        rig.stop().await;
    });
}

#[test]
fn after_a_roll_back_the_build_before_finds_what_was_migrated_and_the_next_one_is_told_its_version() {
    run(async {
        let rig = fresh().await;
        rig.say("1", "").await;
        let two = two();
        rig.replace(two.clone()).await.unwrap();
        let rolled_back = rig.host.turns().roll_back(&rig.bot, "unwell".to_owned()).await.unwrap();
        assert_eq!((rolled_back, rig.build().await), (Some(3), build("1")));
        rig.say("2", "").await;
        assert_eq!(rig.sent_to("a"), ["1: 1", "1: 1"], "nothing is migrated back");
        rig.replace(two.clone()).await.unwrap();
        assert_eq!(two.told(), ["1", "1"], "what it left may be in the old shape again");
        rig.stop().await;
    });
}

#[test]
fn a_build_that_fails_on_probation_gives_the_values_back_to_the_one_before() {
    run(async {
        let rig = fresh().await;
        let bad = Arc::new(Version {
            version: "2",
            run: Native(Box::new(|_: &mut Turn| async { failing() }.boxed())),
            migrate: Some(rename),
            told: Mutex::default(),
        });
        rig.replace(bad).await.unwrap();
        rig.arrive((0..3).map(|n| text(&format!("c{n}"), &n.to_string(), "")).collect()).await;
        rig.until(|| rig.bot.generation().number == 3).await;
        rig.settle().await;
        assert_eq!(rig.build().await, build("1"));
        rig.crash();
    });
}

#[test]
fn a_bot_that_is_paused_migrates_and_stays_paused() {
    run(async {
        let rig = fresh().await;
        rig.host.turns().order(&BOT.into(), Order::Pause).await.unwrap();
        rig.say("1", "").await;
        rig.replace(two()).await.unwrap();
        rig.settle().await;
        assert_eq!((rig.bot.health().state, rig.sent_to("a").len()), (State::Paused, 0));
        rig.host.turns().order(&BOT.into(), Order::Resume).await.unwrap();
        rig.settle().await;
        assert_eq!(rig.sent_to("a"), ["2: 1"]);
        rig.stop().await;
    });
}
