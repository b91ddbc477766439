//! A component that migrates values: within the limits of a turn, and with nothing that a turn of no chat has not.

use std::sync::Arc;
use std::time::Duration;

use hodhod_core::ids::InboxSeq;
use hodhod_core::ledger::Ledger;
use hodhod_core::runtime::{BotConfig, Ended, Grants, Limits, Plugin as _, Reason, Setup, TurnResult};
use hodhod_core::testing::{MemoryStore, TestClock};
use hodhod_core::time::Millis;
use hodhod_core::turn::{Effects, Turn};
use hodhod_engine::{Component, Engine, PoolSize};

use crate::kit::Told;
use crate::shared::{actor, built};

fn load(name: &str, what: &str, limits: Limits) -> Component {
    let engine = Engine::new(PoolSize { turns: 8, memory: 64 << 20 }).unwrap();
    let grants = Grants { messenger: true, keyvalue: true, timers: true, files: true, ..Grants::default() };
    let config: BotConfig = [("migrate".to_owned(), what.to_owned())].into();
    let setup = Setup { grants, limits, config, version: "2.0".to_owned(), ..Setup::default() };
    Component::load(&engine, &built(name), setup).unwrap()
}

async fn migrate(what: &str, limits: Limits) -> Ended {
    let component = load("guests", what, limits.clone());
    let view = Ledger::<()>::new(Arc::new(MemoryStore::default()), Arc::new(TestClock::default()));
    let turn = Turn::of_no_event(InboxSeq(7), Millis(0), actor(limits), Arc::new(view));
    component.migrate(turn, "1.0".to_owned()).await
}

fn effects(ended: Ended) -> Effects {
    ended.turn.into_effects().1
}

#[tokio::test]
async fn a_migration_is_told_from_where_and_its_effects_are_those_of_a_turn() {
    let ended = migrate("send-to shop owner hello", Limits::default()).await;
    assert_eq!(ended.result, TurnResult::Done);
    let effects = effects(ended);
    let values: Vec<_> = effects.values.iter().map(|(key, value)| (&*key.key, value.as_deref().unwrap())).collect();
    assert_eq!(values, [("migrated", &b"1.0"[..]), ("migrations", b"1")]);
    assert_eq!((effects.sends.len(), effects.sends[0].id.turn), (1, InboxSeq(7)));
}

#[tokio::test]
async fn only_a_component_that_exports_it_has_a_migration() {
    let (with, without) = (load("guests", "", Limits::default()), load("echo", "", Limits::default()));
    assert_eq!((with.has_migration(), without.has_migration(), with.version()), (true, false, "2.0"));
    let turn = Turn::rehearsal(&actor(Limits::default()), Millis(0));
    assert_eq!(without.migrate(turn, String::new()).await.result, TurnResult::Done);
}

#[tokio::test]
async fn a_migration_that_refuses_says_why_in_words_that_are_clean() {
    let ended = migrate("refuse too \u{1b}[31mold", Limits::default()).await;
    assert!(matches!(&ended.result, TurnResult::Reject(why) if why.contains("old") && !why.contains('\u{1b}')));
}

#[tokio::test]
async fn a_migration_has_the_limits_of_a_turn() {
    let limits = Limits { wall: Duration::from_secs(3), cpu: Duration::from_millis(200), ..Limits::default() };
    let failures =
        [("trap", Reason::Panic), ("spin", Reason::Cpu), ("sleep 60000", Reason::Wall), ("alloc", Reason::Memory)];
    for (what, reason) in failures {
        let ended = migrate(what, limits.clone()).await;
        assert!(matches!(&ended.result, TurnResult::Failed(failed) if failed.reason == reason), "{:?}", ended.result);
    }
}

#[tokio::test]
async fn a_migration_that_floods_or_reaches_further_is_refused() {
    for (what, why) in [
        ("flood shop owner hello", "quota exceeded: sends"),
        ("send-to another owner hello", "denied"),
        ("open chat key", "no such bucket"),
        ("open user key", "no such bucket"),
        ("connect 127.0.0.1:80", "PermissionDenied"),
    ] {
        let ended = migrate(what, Limits::default()).await;
        assert!(matches!(&ended.result, TurnResult::Reject(said) if said.contains(why)), "{what}: {:?}", ended.result);
    }
}

#[tokio::test]
async fn an_instance_that_migrated_serves_no_turn_and_none_that_served_migrates() {
    let mut bot = Told::new(Limits { reuse: 100, ..Limits::default() });
    assert_eq!([bot.says("turns").await, bot.says("turns").await], ["1", "2"]);
    let turn = Turn::rehearsal(&actor(Limits::default()), Millis(0));
    assert_eq!(bot.plugin().migrate(turn, "1".to_owned()).await.result, TurnResult::Done);
    assert_eq!(bot.says("turns").await, "3");
}
