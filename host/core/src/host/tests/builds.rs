//! One build after another: what is stored goes over once, with the build, or not at all.

use std::sync::Mutex;

use futures::future::{Either, select};
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

/// Does it, and then ends like this.
fn in_vain(turn: &mut Turn, result: TurnResult) -> TurnResult {
    rename(turn);
    turn.send(Chat::new(CONNECTION, "a"), Outgoing::text("never")).unwrap();
    let timer = Timer { id: "never".to_owned(), chat: None, due: Millis(0), payload: String::new() };
    turn.set_timer(timer, Missed::Fire).unwrap();
    result
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
fn a_bot_whose_turns_do_not_end_is_busy_and_goes_on() {
    run(async {
        let rig = fresh().await;
        rig.say("1", "stay").await;
        let two = two();
        let told = {
            let replacing = std::pin::pin!(rig.replace(two.clone()));
            let time = std::pin::pin!(async {
                rig.settle().await;
                rig.clock.advance(Duration::from_secs(12));
                std::future::pending::<()>().await;
            });
            match select(replacing, time).await {
                Either::Left((told, _)) => told,
                Either::Right(_) => unreachable!("it never ends"),
            }
        };
        assert!(told.as_ref().is_err_and(MigrateError::is_the_hosts), "{told:?}");
        assert_eq!((two.told().len(), rig.bot.generation().number), (0, 1));
        rig.arrive(vec![text("b", "2", "")]).await;
        rig.settle().await;
        assert_eq!(rig.sent_to("b"), ["1: 1"], "turns begin again");
        rig.crash();
    });
}

#[test]
fn a_migration_that_fails_leaves_everything_as_it_was() {
    let refusing: fn(&mut Turn) -> TurnResult = |turn| in_vain(turn, TurnResult::Reject("too old".to_owned()));
    let failing: fn(&mut Turn) -> TurnResult = |turn| in_vain(turn, failing());
    let asking: fn(&mut Turn) -> TurnResult = |turn| in_vain(turn, TurnResult::Retry(Duration::ZERO));
    for (migrate, words) in [(refusing, "too old"), (failing, "panic: oh"), (asking, "another time")] {
        run(async {
            let rig = fresh().await;
            rig.say("1", "").await;
            let told = rig.replace(version("2", "total", Some(migrate))).await.unwrap_err();
            assert!(!told.is_the_hosts() && told.to_string().contains(words), "{told}");
            assert!(told.to_string().contains("version \"1\""), "{told}");
            rig.say("2", "").await;
            assert_eq!(rig.sent_to("a"), ["1: 1", "1: 2"]);
            assert_eq!((rig.value("migrations"), rig.build().await), (None, build("1")));
            assert_eq!(rig.host.turns().running(&BOT.into()), 0);
            rig.stop().await;
        });
    }
}

#[test]
fn a_commit_that_is_refused_leaves_everything_as_it_was_and_it_can_be_done_again() {
    run(async {
        let rig = fresh().await;
        rig.say("1", "").await;
        rig.store.fail([Failpoint::Migrate]);
        let two = two();
        let told = rig.replace(two.clone()).await;
        assert!(matches!(told, Err(MigrateError::Store(StoreError::Failed(_)))), "{told:?}");
        rig.say("2", "").await;
        assert_eq!((rig.sent_to("a"), rig.bot.generation().number), (vec!["1: 1".to_owned(), "1: 2".to_owned()], 1));
        rig.replace(two.clone()).await.unwrap();
        rig.say("3", "").await;
        assert_eq!(rig.sent_to("a")[2], "2: 3");
        assert_eq!(rig.value("migrations").as_deref(), Some("1"));
        rig.stop().await;
    });
}

#[test]
fn a_crash_before_the_commit_lets_it_run_again_and_one_after_it_does_not() {
    for is_committed in [false, true] {
        run(async {
            let rig = fresh().await;
            rig.say("1", "").await;
            let mut build = rig.host.turns().prepare_build(&rig.bot, two(), &rig.bot.actor()).await.unwrap();
            rig.arrive(vec![text("a", "2", "")]).await;
            if is_committed {
                // Stored, and the process is gone before the build serves.
                rig.host.turns().store_builds(std::slice::from_mut(&mut build)).await.unwrap();
            }
            let (store, clock) = (rig.store.clone(), rig.clock.clone());
            rig.crash();
            let two = two();
            let rig = start(&store, &clock, two.clone()).await;
            rig.settle().await;
            assert_eq!(two.told().len(), usize::from(!is_committed));
            assert_eq!(rig.value("migrations").as_deref(), Some("1"), "once, all in all");
            assert_eq!(rig.sent_to("a"), ["2: 2"]);
            rig.stop().await;
        });
    }
}

#[test]
fn a_build_that_was_put_there_while_the_host_was_away_migrates_before_anything_is_served() {
    run(async {
        let rig = fresh().await;
        rig.say("1", "").await;
        rig.arrive(vec![text("a", "2", "stay")]).await;
        let (store, clock) = (rig.store.clone(), rig.clock.clone());
        rig.crash();
        let rig = start(
            &store,
            &clock,
            version(
                "2",
                "total",
                Some(|turn| {
                    rename(turn);
                    let at = Chat::new(CONNECTION, "owner");
                    turn.send(at, Outgoing::text("migrated")).unwrap();
                    TurnResult::Done
                }),
            ),
        )
        .await;
        rig.settle().await;
        assert_eq!(rig.sent_to("owner"), ["migrated"], "once");
        assert_eq!(rig.value("count"), None);
        rig.crash();
    });
}

#[test]
fn where_the_first_build_cannot_migrate_the_one_that_served_before_does_and_the_host_says_so_where_there_is_none() {
    run(async {
        let rig = fresh().await;
        rig.say("1", "").await;
        let (store, clock) = (rig.store.clone(), rig.clock.clone());
        rig.crash();
        let host = Host::new(Arc::new(store.clone()), Arc::new(clock.clone()), 1, 100);
        let actor = Actor::new(BOT.into(), [].into(), limits(), host.outboxes().clone());
        let bad = version("2", "total", Some(|_| TurnResult::Reject("no".to_owned())));
        host.add_bot(Bot::new(actor, bad));
        let (bot, error) = host.take_over().await.unwrap_err();
        assert_eq!(
            (bot.as_str(), error.to_string()),
            (BOT, "it cannot migrate the values of version \"1\": no".into())
        );
        assert_eq!(Store::build(&store, BOT.into()).await.unwrap(), build("1"));
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
