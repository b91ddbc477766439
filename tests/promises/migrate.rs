//! What a bot has stored goes over to a new build once, and nobody who writes to it notices.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use hodhod_core::manifest::Manifest;
use hodhod_tests::{BotSetup, Running, Setup, TOKEN, component};
use serde_json::Value;
use tempfile::TempDir;

/// What everybody writes. The counter counts it, as it counts everything, under `count`; the build after it, which
/// does what it is told, under `total`.
const COUNT: &str = "count bot total";

/// A component that says which version it is.
fn version(name: &str, version: &str) -> Vec<u8> {
    let manifest = Manifest::parse(format!("{{\"version\":\"{version}\"}}").as_bytes()).unwrap();
    hodhod_engine::embed(&fs::read(component(name)).unwrap(), &manifest).unwrap()
}

/// A bot that begins as the counter, and whose next build is told to migrate like this.
async fn setup(migration: &str) -> (Setup, PathBuf, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bot.wasm");
    fs::write(&file, version("counter", "1.0")).unwrap();
    let limits = "cpu = \"300 ms\", wall = \"6 s\"";
    let bot = BotSetup::new("counter").at(&file).called("bot").limits(limits);
    (Setup::new([bot.config(&format!("migrate = {migration:?}"))]).await, file, folder)
}

fn replace(file: &Path, bytes: &[u8]) {
    let beside = file.with_extension("new");
    fs::write(&beside, bytes).unwrap();
    fs::rename(beside, file).unwrap();
}

fn bot(status: &Value) -> &Value {
    &status["bots"][0]
}

async fn in_generation(host: &Running, number: u64) {
    host.status_when("the generation serves", |status| bot(status)["generation"] == number).await;
}

/// The number of all messages in an answer of either build.
fn number(answer: &str) -> u64 {
    answer.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Asks the bot for a value.
async fn value(setup: &Setup, key: &str) -> String {
    let asker = format!("asks for {key}").replace(' ', "-");
    let before = setup.sent_to(&asker).len();
    setup.say(&asker, &format!("get bot {key}"));
    setup.sent_when("it answers", |sent| sent.iter().filter(|sent| sent.to() == asker).count() > before).await;
    setup.sent_to(&asker).pop().unwrap()
}

/// Every message has one answer, in the order of each chat, and the count went on from build to build.
fn all_counted(setup: &Setup, messages: usize) {
    let sent = setup.server.sent(TOKEN).unwrap();
    let mut chats: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for sent in sent.iter().filter(|sent| !sent.to().starts_with("asks")) {
        chats.entry(sent.to()).or_default().push(number(sent.body()));
    }
    assert!(chats.values().all(|numbers| numbers.is_sorted()), "{chats:?}");
    let mut all: Vec<_> = chats.into_values().flatten().collect();
    all.sort_unstable();
    assert_eq!(all, (1..=messages as u64).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_goes_over_once_while_everybody_writes() {
    const CHATS: usize = 20;
    const ROUNDS: usize = 60;
    let (setup, file, _folder) = setup("rename count total").await;
    let host = setup.start_ready().await;
    for round in 0..ROUNDS {
        (0..CHATS).for_each(|chat| setup.say(&format!("c{chat}"), COUNT));
        if round == ROUNDS / 3 {
            setup.answers(CHATS).await;
            replace(&file, &version("guests", "2.0"));
        }
        if round == 2 * ROUNDS / 3 {
            in_generation(&host, 2).await;
        }
    }
    setup.answers(CHATS * ROUNDS).await;
    all_counted(&setup, CHATS * ROUNDS);
    let values = [value(&setup, "migrations").await, value(&setup, "migrated").await, value(&setup, "count").await];
    assert_eq!(values, ["1", "1.0", "none"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_leaves_it_done_once() {
    let (setup, file, _folder) = setup("rename count total").await;
    let mut host = setup.start_ready().await;
    setup.say("sara", COUNT);
    setup.answers(1).await;
    replace(&file, &version("guests", "2.0"));
    setup.logged("values are migrated").await;
    // Before, in, or right after the transaction.
    host.kill().await;
    for kill in 0..3 {
        host = setup.start_ready().await;
        assert_eq!(value(&setup, "migrations").await, "1", "kill {kill}");
        host.kill().await;
    }
    host = setup.start_ready().await;
    setup.say("sara", COUNT);
    setup.sent_when("it is answered", |sent| sent.iter().filter(|sent| sent.to() == "sara").count() == 2).await;
    all_counted(&setup, 2);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_came_while_the_host_was_away_migrates_before_it_serves() {
    let (setup, file, _folder) = setup("rename count total").await;
    let host = setup.start_ready().await;
    setup.say("sara", COUNT);
    setup.answers(1).await;
    host.stop().await;
    replace(&file, &version("guests", "2.0"));
    let host = setup.start_ready().await;
    setup.say("sara", COUNT);
    setup.answers(2).await;
    all_counted(&setup, 2);
    assert_eq!(value(&setup, "migrated").await, "1.0");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_fails_or_never_ends_leaves_the_build_before_serving_with_its_values() {
    for (migration, word) in [
        ("trap", "panic"),
        ("spin", "cpu"),
        ("sleep 60000", "wall"),
        ("alloc", "memory"),
        ("refuse too old", "too old"),
        ("flood shop sara hello", "quota exceeded"),
        ("send-to elsewhere sara hello", "denied"),
    ] {
        let (setup, file, _folder) = setup(migration).await;
        let host = setup.start_ready().await;
        setup.say("sara", COUNT);
        setup.answers(1).await;
        replace(&file, &version("guests", "2.0"));
        setup.say("sara", COUNT);
        let status = host.status_when("it is refused", |status| bot(status)["trouble"] != Value::Null).await;
        let reason = bot(&status)["trouble"]["reason"].as_str().unwrap();
        assert!(reason.contains(word) && reason.contains("version \"1.0\""), "{migration}: {reason}");
        setup.say("sara", COUNT);
        setup.answers(3).await;
        all_counted(&setup, 3);
        assert_eq!(bot(&host.status().await)["generation"], 1);
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_configuration_waits_for_the_migration_and_is_not_taken_without_it() {
    let (setup, file, _folder) = setup("refuse not yet").await;
    let host = setup.start_ready().await;
    setup.say("sara", COUNT);
    setup.answers(1).await;
    replace(&file, &version("guests", "2.0"));
    host.status_when("it is refused", |status| bot(status)["trouble"] != Value::Null).await;
    setup.edit(|text| text.replace("300 ms", "400 ms"));
    host.hang_up();
    setup.logged("the configuration is not taken").await;
    setup.say("sara", COUNT);
    setup.answers(2).await;
    setup.edit(|text| text.replace("refuse not yet", "rename count total"));
    host.hang_up();
    in_generation(&host, 2).await;
    setup.say("sara", COUNT);
    setup.answers(3).await;
    all_counted(&setup, 3);
    assert_eq!(value(&setup, "migrations").await, "1");
    host.stop().await;
}
