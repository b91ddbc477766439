//! A new build of a plugin serves from one turn to the next, a bad one does not, and nobody who
//! writes to the bot notices either.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use hodhod_tests::{BotSetup, Running, Setup, component, noted, replace};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinSet;

/// A setup of one bot whose file is its own copy of `echo`.
async fn setup(limits: &str) -> (Setup, PathBuf, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bot.wasm");
    fs::copy(component("echo"), &file).unwrap();
    (Setup::new([BotSetup::new("echo").at(&file).called("bot").limits(limits)]).await, file, folder)
}

/// The same bot in another build.
fn another(name: &str, number: u32) -> Vec<u8> {
    noted(&fs::read(component(name)).unwrap(), number)
}

fn bot(status: &Value) -> &Value {
    &status["bots"][0]
}

async fn in_generation(host: &Running, number: u64) {
    host.status_when("the generation serves", |status| bot(status)["generation"] == number).await;
}

/// What a verb says.
async fn says(setup: &Setup, words: &[&str]) -> (bool, String) {
    let (verb, rest) = words.split_first().unwrap();
    let output = setup.command(verb).args(rest).output().await.unwrap();
    (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_build_serves_as_soon_as_its_file_is_there_and_the_one_before_can_be_had_back() {
    let (setup, file, _folder) = setup("").await;
    let host = setup.start_ready().await;
    setup.say("sara", "echo hello");
    setup.answers(1).await;
    replace(&file, &fs::read(component("guests")).unwrap());
    in_generation(&host, 2).await;
    setup.say("sara", "echo hello");
    setup.answers(2).await;
    let (well, said) = says(&setup, &["rollback", "bot"]).await;
    assert!(well && said == "bot: the build before serves again, as generation 3\n", "{said}");
    setup.say("sara", "echo hello");
    setup.answers(3).await;
    assert_eq!(setup.sent_to("sara"), ["echo hello", "hello", "echo hello"]);
    let (_, said) = says(&setup, &["generations", "bot"]).await;
    let lines: Vec<_> = said.lines().collect();
    assert!(lines[0].ends_with("generation 2 began"), "{said}");
    assert!(lines[1].ends_with("taken back, generation 3 serves: rolled back by the operator"), "{said}");
    let (_, json) = says(&setup, &["generations", "bot", "--json"]).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["records"][1]["step"], "rolled-back");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_build_leaves_the_old_one_serving_and_status_says_why() {
    let (setup, file, _folder) = setup("").await;
    let host = setup.start_ready().await;
    let whole = fs::read(component("guests")).unwrap();
    let no_handler = b"\0asm\x0d\0\x01\0".to_vec();
    let wants_http = fs::read(component("guests_http")).unwrap();
    let bad = [(whole[..whole.len() / 2].to_vec(), "component"), (no_handler, "handler"), (wants_http, "http")];
    for (bytes, word) in bad {
        replace(&file, &bytes);
        let status = host
            .status_when("it is refused", |status| {
                bot(status)["trouble"]["reason"].as_str().is_some_and(|reason| reason.contains(word))
            })
            .await;
        assert_eq!(bot(&status)["generation"], 1, "{status}");
        let (_, said) = says(&setup, &["status"]).await;
        assert!(said.contains("its new build does not serve: ") && said.contains(word), "{said}");
    }
    let (well, said) = says(&setup, &["reload", "bot"]).await;
    assert!(!well && said.contains("generation 1 serves on"), "{said}");
    setup.say("sara", "سلام");
    setup.answers(1).await;
    replace(&file, &another("echo", 1));
    in_generation(&host, 2).await;
    assert_eq!(bot(&host.status().await)["trouble"], Value::Null);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_fails_at_its_first_turns_gives_way_and_its_events_are_answered_by_the_one_before() {
    let (setup, file, _folder) = setup("backoff = \"50 ms\", attempts = 20, failures = 1000").await;
    let host = setup.start_ready().await;
    replace(&file, &fs::read(component("guests")).unwrap());
    in_generation(&host, 2).await;
    let said: Vec<_> = (0..5).map(|n| format!("trap {n}")).collect();
    said.iter().for_each(|text| setup.say("sara", text));
    setup.answers(5).await;
    assert_eq!(setup.sent_to("sara"), said, "in order, and each once");
    let status = host.status().await;
    assert_eq!(bot(&status)["generation"], 3);
    let reason = bot(&status)["trouble"]["reason"].as_str().unwrap();
    assert!(reason.starts_with("3 of its first 100 turns failed"), "{reason}");
    assert_eq!(status["totals"]["dead"], 0);
    // The same bad file, touched, is not tried again; a good one is.
    fs::File::options().append(true).open(&file).unwrap().set_modified(SystemTime::now()).unwrap();
    replace(&file, &another("echo", 1));
    in_generation(&host, 4).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_starts_while_a_bad_build_is_in_place_serves_with_the_build_before() {
    let (setup, file, _folder) = setup("backoff = \"50 ms\", attempts = 20, failures = 1000").await;
    let host = setup.start_ready().await;
    setup.say("sara", "echo hello");
    setup.answers(1).await;
    // One that cannot be loaded.
    let whole = fs::read(component("guests")).unwrap();
    replace(&file, &whole[..whole.len() / 2]);
    // Or the answer may be in doubt, and go again.
    host.idle().await;
    host.kill().await;
    let host = setup.start_ready().await;
    setup.say("sara", "trap 1");
    setup.answers(2).await;
    let status = host.status_when("the file is refused", |status| bot(status)["trouble"] != Value::Null).await;
    assert_eq!((&bot(&status)["generation"], &bot(&status)["trouble"]["step"]), (&1.into(), &"rejected".into()));
    host.idle().await;
    host.kill().await;
    // One that is loaded, and fails at what it is told.
    fs::write(&file, &whole).unwrap();
    let host = setup.start_ready().await;
    setup.say("sara", "trap 2");
    setup.answers(3).await;
    assert_eq!(setup.sent_to("sara"), ["echo hello", "trap 1", "trap 2"]);
    let status = host.status().await;
    assert_eq!((&bot(&status)["generation"], &bot(&status)["trouble"]["step"]), (&2.into(), &"rolled-back".into()));
    assert_eq!(status["totals"]["dead"], 0);
    host.idle().await;
    host.kill().await;
    // A good one ends it.
    let host = setup.start_ready().await;
    replace(&file, &another("echo", 1));
    in_generation(&host, 2).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_touched_a_thousand_times_a_second_holds_nobody_up_and_its_new_build_is_taken() {
    let (setup, file, _folder) = setup("").await;
    let host = setup.start_ready().await;
    let touching = Touching::start(&file);
    for text in ["one", "two", "three"] {
        setup.say("sara", text);
    }
    setup.answers(3).await;
    touching.has_touched(1000);
    assert_eq!(bot(&host.status().await)["generation"], 1, "it is what it was");
    replace(&file, &another("echo", 1));
    in_generation(&host, 2).await;
    touching.has_touched(2000);
    let status = host.status().await;
    assert_eq!((&bot(&status)["generation"], &bot(&status)["trouble"]), (&2.into(), &Value::Null));
    setup.say("sara", "four");
    setup.answers(4).await;
    assert_eq!(setup.sent_to("sara"), ["one", "two", "three", "four"]);
    drop(touching);
    host.stop().await;
}

/// A thread that sets the time of a file again and again, about a thousand times a second, until this is dropped.
struct Touching {
    stop: Arc<AtomicBool>,
    touched: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Touching {
    fn start(file: &Path) -> Self {
        let (stop, touched) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (file, ends, counts) = (file.to_owned(), stop.clone(), touched.clone());
        let thread = std::thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                // It may just be being replaced.
                if let Ok(file) = fs::File::options().append(true).open(&file) {
                    file.set_modified(SystemTime::now()).unwrap();
                    counts.fetch_add(1, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Self { stop, touched, thread: Some(thread) }
    }

    fn has_touched(&self, times: u64) {
        while self.touched.load(Ordering::Relaxed) < times {
            std::thread::yield_now();
        }
    }
}

impl Drop for Touching {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_notices_builds_that_come_and_go_while_they_write() {
    const CHATS: usize = 10;
    let (setup, file, _folder) = setup("").await;
    let host = setup.start_ready().await;
    let whole = another("echo", 0);
    let mut said = 0;
    let mut everybody_writes = || {
        said += 1;
        (0..CHATS).for_each(|chat| setup.say(&format!("c{chat}"), &said.to_string()));
    };
    let mut generation = 1;
    for round in 0..8 {
        everybody_writes();
        let build = another("echo", 2 * round);
        replace(&file, &build);
        (0..20).for_each(|_| everybody_writes());
        generation += 1;
        in_generation(&host, generation).await;
        // One that does not serve, for as long as it takes to be sure.
        let bad: &[u8] = if round % 2 == 0 { &whole[..whole.len() / 3] } else { b"no component" };
        fs::write(&file, bad).unwrap();
        (0..20).for_each(|_| everybody_writes());
        host.status_when("it is refused", |status| bot(status)["trouble"] != Value::Null).await;
        // In place, and in two pieces.
        let build = another("echo", 2 * round + 1);
        fs::write(&file, &build[..build.len() / 2]).unwrap();
        everybody_writes();
        fs::write(&file, &build).unwrap();
        (0..20).for_each(|_| everybody_writes());
        generation += 1;
        in_generation(&host, generation).await;
    }
    setup.answers(CHATS * said).await;
    let expected: Vec<String> = (1..=said).map(|said| said.to_string()).collect();
    for chat in 0..CHATS {
        assert_eq!(setup.sent_to(&format!("c{chat}")), expected);
    }
    let status = host.status().await;
    let failures: u64 = bot(&status)["failures"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!((failures, &status["totals"]["dead"]), (0, &0.into()), "{status}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_replaced_and_a_link_that_leads_elsewhere_are_followed() {
    let root = tempfile::tempdir().unwrap();
    let release = |name: &str, bytes: &[u8]| {
        fs::create_dir(root.path().join(name)).unwrap();
        fs::write(root.path().join(name).join("bot.wasm"), bytes).unwrap();
    };
    release("one", &another("echo", 1));
    release("two", &another("echo", 2));
    let current = root.path().join("current");
    symlink("one", &current).unwrap();
    let setup = Setup::new([BotSetup::new("echo").at(&current.join("bot.wasm")).called("bot")]).await;
    let host = setup.start_ready().await;
    let beside = root.path().join("next");
    symlink("two", &beside).unwrap();
    fs::rename(&beside, &current).unwrap();
    in_generation(&host, 2).await;
    // The folder goes, and comes back with another build in it.
    fs::remove_dir_all(root.path().join("two")).unwrap();
    release("two", &another("echo", 3));
    in_generation(&host, 3).await;
    // And it is watched as the one before was.
    replace(&root.path().join("two/bot.wasm"), &another("echo", 4));
    in_generation(&host, 4).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reloads_that_last_hold_no_other_order_up_and_are_not_taken_without_end() {
    let (setup, file, _folder) = setup("").await;
    let host = setup.start_ready().await;
    // Each takes as long as it takes to believe that a file is wrong, one after the other.
    replace(&file, b"no component");
    let mut asked = JoinSet::new();
    let setup = Arc::new(setup);
    for _ in 0..12 {
        let setup = setup.clone();
        asked.spawn(async move { setup.ask("POST", "/api/bots/bot/reload").await });
    }
    let (well, said) = says(&setup, &["pause", "bot"]).await;
    assert!(well, "{said}");
    let answers = asked.join_all().await;
    for (status, answer) in &answers {
        let error = answer["error"].as_str().unwrap();
        let expected = if *status == 429 { "too much that lasts" } else { "generation 1 serves on" };
        assert!(matches!(*status, 422 | 429) && error.contains(expected), "{status}: {answer}");
    }
    assert_eq!(answers.iter().filter(|(status, _)| *status == 429).count(), 4);
    host.stop().await;
}
