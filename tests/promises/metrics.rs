//! The page for Prometheus is valid, says what happened, is told of in the book, and nobody who writes to a bot adds to
//! it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hodhod_platforms::playground::soroush::{SendFault, StreamEnd, StreamFaults};
use hodhod_tests::{BotSetup, Setup, TOKEN, python, repository};
use serde_json::{Value, json};

/// The client of Prometheus itself.
const PARSER: [&str; 1] = ["prometheus-client==0.26.0"];

/// The page as a library reads it: the samples by name and labels, as in `name{a=b,c=d}`.
struct Page {
    families: BTreeMap<String, Value>,
    samples: BTreeMap<String, f64>,
}

impl Page {
    async fn read(page: &str) -> Self {
        let parsed: Vec<Value> = serde_json::from_str(&python("metrics", &PARSER, page).await).unwrap();
        let mut read = Self { families: BTreeMap::new(), samples: BTreeMap::new() };
        for family in parsed {
            let name = family["name"].as_str().unwrap().to_owned();
            for sample in family["samples"].as_array().unwrap() {
                let labels = sample["labels"].as_object().unwrap();
                let labels: BTreeMap<_, _> =
                    labels.iter().map(|(label, value)| (label, value.as_str().unwrap())).collect();
                let labels: Vec<_> = labels.into_iter().map(|(label, value)| format!("{label}={value}")).collect();
                let sample_name = sample["name"].as_str().unwrap();
                let key = format!("{sample_name}{{{}}}", labels.join(","));
                let twice = read.samples.insert(key, sample["value"].as_f64().unwrap());
                assert_eq!(twice, None, "{name} has a sample twice: {page}");
            }
            assert!(!family["help"].as_str().unwrap().is_empty(), "{name} is not explained");
            assert!(read.families.insert(name, family).is_none(), "a family is there twice: {page}");
        }
        read
    }

    fn of(&self, sample: &str) -> f64 {
        let known = || format!("no {sample} in {:?}", self.samples.keys());
        self.samples.get(sample).copied().ok_or_else(known).unwrap()
    }

    /// How many a histogram has counted, and their sum. Its buckets hold together.
    fn histogram(&self, name: &str, labels: &str) -> (f64, f64) {
        assert_eq!(self.families[name]["kind"], "histogram");
        let comma = if labels.is_empty() { "" } else { "," };
        let mut below = 0.0;
        let buckets = self.families[name]["samples"].as_array().unwrap().iter();
        let mut bounds: Vec<f64> = buckets
            .filter(|sample| sample["name"] == format!("{name}_bucket"))
            .map(|sample| sample["labels"]["le"].as_str().unwrap().parse().unwrap())
            .collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        assert!(bounds.len() > 5 && bounds.last() == Some(&f64::INFINITY), "{bounds:?}");
        for bound in &bounds {
            let bound = if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
            let count = self.of(&format!("{name}_bucket{{{labels}{comma}le={bound}}}"));
            assert!(count >= below, "{name} counts less below {bound} than below a smaller one");
            below = count;
        }
        assert_eq!(below, self.of(&format!("{name}_count{{{labels}}}")));
        (below, self.of(&format!("{name}_sum{{{labels}}}")))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_of_prometheus_reads_in_the_page_what_has_happened() {
    let limits = "attempts = 2, backoff = \"20 ms\"";
    let setup = Setup::new([BotSetup::new("guests").limits(limits)]).await;
    setup.server.set_stream_faults(StreamFaults { duplicates: true, ..StreamFaults::default() });
    // The first message is asked to wait, then in doubt, then delivered a second time.
    setup.server.fail_sends(1, SendFault::Status { code: 429, retry_after: Some(Duration::from_secs(1)) });
    setup.server.fail_sends(1, SendFault::Close { accepted: true });
    let host = setup.start_ready().await;
    for text in ["echo one", "echo two", "echo three", "reject no", "trap"] {
        setup.say("sara", text);
    }
    setup.answers(4).await;
    host.status_when("each came twice", |status| status["connections"][0]["duplicates"] == 5).await;
    host.idle().await;
    setup.server.disconnect(TOKEN, StreamEnd::Reset).unwrap();
    host.status_when("it is connected anew", |status| {
        status["connections"][0]["reconnects"] == 1 && status["connections"][0]["connected"] == true
    })
    .await;

    let page = Page::read(&host.page("/metrics").await).await;
    let shop = |name: &str| page.of(&format!("hodhod_{name}{{connection=shop}}"));
    assert_eq!((shop("arrivals_total"), shop("duplicates_total")), (5.0, 5.0));
    assert_eq!((shop("sends_in_doubt_total"), shop("asked_to_wait_total")), (1.0, 1.0));
    assert_eq!((shop("connected"), shop("reconnects_total")), (1.0, 1.0));
    assert_eq!((shop("waiting_sends"), shop("sends_under_way")), (0.0, 0.0));
    let sends = ["delivered", "failed", "dropped"]
        .map(|outcome| page.of(&format!("hodhod_sends_total{{connection=shop,outcome={outcome}}}")));
    assert_eq!(sends, [3.0, 0.0, 0.0]);

    let bot = |name: &str| page.of(&format!("hodhod_{name}{{bot=guests}}"));
    let events = ["events_total", "events_handled_total", "events_retried_total", "events_dead_total"].map(bot);
    assert_eq!(events, [5.0, 3.0, 1.0, 2.0]);
    assert_eq!(["waiting_events", "lanes", "turns_running", "oldest_event_age_seconds"].map(bot), [0.0; 4]);
    assert_eq!((bot("generation"), bot("turn_conflicts_total")), (1.0, 0.0));
    let turns = ["done", "retry", "reject", "panic", "cpu"]
        .map(|end| page.of(&format!("hodhod_turns_total{{bot=guests,end={end}}}")));
    assert_eq!(turns, [3.0, 0.0, 1.0, 2.0, 0.0]);
    assert_eq!(page.of("hodhod_bot_state{bot=guests,state=active}"), 1.0);
    let (turns, time) = page.histogram("hodhod_turn_duration_seconds", "bot=guests");
    assert!(turns == 6.0 && (1e-5..30.0).contains(&time), "{turns} turns took {time} s");
    let (turns, memory) = page.histogram("hodhod_turn_memory_bytes", "bot=guests");
    let range = 6.0 * 65536.0..6.0 * 33e6;
    assert!(turns == 6.0 && range.contains(&memory), "{turns} turns had {memory} bytes");

    let (commits, took) = page.histogram("hodhod_store_commit_duration_seconds", "");
    let (groups, calls) = page.histogram("hodhod_store_group_calls", "");
    assert!(commits > 5.0 && groups == commits && calls >= groups, "{commits} commits of {groups} groups");
    assert!((1e-5..60.0).contains(&took), "{took} s");
    assert_eq!((page.of("hodhod_store_failures_total{}"), page.of("hodhod_dead_letters{}")), (0.0, 2.0));
    assert_eq!((page.of("hodhod_inbox_events{}"), page.of("hodhod_outbox_sends{}")), (0.0, 0.0));
    let places = page.of("hodhod_pool_places{}");
    assert!(places > 1.0 && page.of("hodhod_pool_instances{}") <= places, "{places} places");
    assert!(page.of("process_cpu_seconds_total{}") > 0.0);
    let memory = page.of("process_resident_memory_bytes{}");
    assert!((1e6..host.memory() as f64 * 4.0).contains(&memory), "{memory} bytes");
    host.stop().await;
}

/// The series of a page, without their numbers.
fn series(page: &str) -> BTreeSet<&str> {
    page.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').unwrap().0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stranger_makes_a_new_series_whatever_they_write() {
    let setup = Setup::new([BotSetup::new("guests").limits("attempts = 1")]).await;
    let host = setup.start_ready().await;
    let evil = "evil\"} 1\nhodhod_evil_total{evil=\"\\";
    let inject = |from: &str, kind: &str| {
        setup.server.inject(TOKEN, json!({ "from": from, "type": kind, "body": evil, "time": "1" })).unwrap();
    };
    // Of each kind one, as a reason to skip is told once it has occurred.
    inject(evil, "TEXT");
    inject("sara", "EVIL");
    setup.say("sara", "echo one");
    setup.answers(1).await;
    host.status_when("both are skipped", |status| {
        let skipped = &status["connections"][0]["skipped"];
        skipped["no-sender"] == 1 && skipped["unknown-type"] == 1
    })
    .await;
    let before = host.page("/metrics").await;

    for number in 0..20 {
        inject(&format!("{evil}{number}"), "TEXT");
        inject("sara", &format!("{evil}{number}"));
        // More panics in a row, and the bot would rest.
        let verbs = if number < 3 { &["reject", "echo", "panic"][..] } else { &["reject", "echo"] };
        for verb in verbs {
            setup.say(&format!("evil-{number}"), &format!("{verb} {evil}"));
        }
    }
    setup.answers(21).await;
    let status = host.idle().await;
    assert_eq!((&status["bots"][0]["rejected"], &status["totals"]["dead"]), (&20.into(), &23.into()), "{status}");
    let after = host.page("/metrics").await;
    assert_eq!(series(&before), series(&after));
    assert!(!after.contains("evil"), "{after}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_is_not_taken_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bot.wasm");
    std::fs::copy(hodhod_tests::component("echo"), &file).unwrap();
    let setup = Setup::new([BotSetup::new("echo").at(&file)]).await;
    let host = setup.start_ready().await;
    std::fs::write(&file, b"no component").unwrap();
    host.status_when("it is refused", |status| status["bots"][0]["trouble"]["step"] == "rejected").await;
    std::fs::copy(hodhod_tests::component("guests"), &file).unwrap();
    host.status_when("it serves", |status| status["bots"][0]["generation"] == 2).await;
    let page = host.page("/metrics").await;
    for (result, count) in [("applied", 1), ("rejected", 1), ("rolled-back", 0)] {
        let line = format!("hodhod_reloads_total{{bot=\"echo\",result=\"{result}\"}} {count}\n");
        assert!(page.contains(&line), "no {line}in {page}");
    }
    host.stop().await;
}

/// A family: its kind and the names of its labels.
type Shapes = BTreeMap<String, (String, BTreeSet<String>)>;

/// What a page has.
fn shapes_of_page(page: &str) -> Shapes {
    let mut shapes = Shapes::new();
    let mut family = String::new();
    for line in page.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) {
            family = name.to_owned();
            shapes.insert(family.clone(), (kind.to_owned(), BTreeSet::new()));
        } else if let Some((_, labels)) = line.split_once('{') {
            let labels = labels.rsplit_once('}').unwrap().0.split(',').map(|label| label.split_once('=').unwrap().0);
            let labels = labels.filter(|label| *label != "le").map(str::to_owned);
            shapes.get_mut(&family).unwrap().1.extend(labels);
        }
    }
    shapes
}

/// What the tables of the book have: `` | `name` | kind | `label`, `label` | what it means | ``.
fn shapes_of_book(book: &str) -> Shapes {
    let rows = book.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let shapes = rows.map(|(name, rest)| {
        let (kind, rest) = rest.split_once(" | ").unwrap();
        let (labels, what) = rest.split_once('|').unwrap();
        assert!(what.len() > 10, "{name} is explained");
        let words = labels.split('`').skip(1).step_by(2).map(str::to_owned);
        (name.to_owned(), (kind.to_owned(), words.collect()))
    });
    shapes.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_book_tells_of_every_metric_and_of_no_other() {
    let setup = Setup::new([BotSetup::new("guests")]).await;
    let host = setup.start_ready().await;
    setup.server.inject(TOKEN, json!({ "from": "sara", "type": "NONE-OF-THESE", "time": "1" })).unwrap();
    host.status_when("it is skipped", |status| status["connections"][0]["skipped"]["unknown-type"] == 1).await;
    let page = shapes_of_page(&host.page("/metrics").await);
    let book = shapes_of_book(&std::fs::read_to_string(repository().join("docs/metrics.md")).unwrap());
    assert_eq!(page, book);
    host.stop().await;
}
