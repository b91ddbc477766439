//! A bot is a function in any language: the echo bot in Rust, Python and JavaScript does the same.
//!
//! Tests whose name has `python_bot` or `javascript_bot` in it need those components.

mod events;

use std::io;
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use hodhod_core::event::Event;
use hodhod_core::ids::{BotName, Chat, ChatId, ConnectionName, InboxSeq};
use hodhod_core::ledger::Ledger;
use hodhod_core::outgoing::{Body, Outgoing};
use hodhod_core::platform::{Health, Intake, Platform, SendError, Sent, Unsendable};
use hodhod_core::runtime::{BotConfig, Grants, Limits, Plugin, Setup, TurnResult};
use hodhod_core::testing::{MemoryStore, TestClock};
use hodhod_core::time::Millis;
use hodhod_core::turn::{Actor, Turn};
use hodhod_engine::{Component, Engine, PoolSize};
use hodhod_platforms::playground::soroush::{FileKind, IncomingFile};
use hodhod_tests::{BotSetup, TOKEN, component};

use self::events::events;

/// The components. All of them run within the limits that every bot has.
const PYTHON: &str = "echo-python";
const JAVASCRIPT: &str = "echo-js";
const RUST: &str = "echo";

const ALL_GRANTS: Grants = Grants {
    messenger: true,
    keyvalue: true,
    timers: true,
    files: true,
    http: false,
    divar: false,
    config: true,
    logging: true,
};

#[tokio::test]
async fn a_python_bot_does_what_the_rust_bot_does() {
    same(PYTHON).await;
}

#[tokio::test]
async fn a_javascript_bot_does_what_the_rust_bot_does() {
    same(JAVASCRIPT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_bot_waits_and_copies_as_the_rust_bot_does() {
    same_on_a_platform(PYTHON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_javascript_bot_waits_and_copies_as_the_rust_bot_does() {
    same_on_a_platform(JAVASCRIPT).await;
}

/// The tools for JavaScript make no component that imports `wasi:http`; see `plugins/echo-js/README.md`.
#[tokio::test(flavor = "multi_thread")]
async fn a_python_bot_asks_other_servers_as_the_rust_bot_does() {
    let server = axum::Router::new()
        .route("/hello", axum::routing::get(|| async { ([("x-word", "درود")], "سلام، دنیا") }))
        .route(
            "/echo",
            axum::routing::get(|headers: axum::http::HeaderMap| async move { format!("{:?}", headers.get("x-my")) }),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, server).await });
    let http = format!(
        "hosts = [\"http://{address}\", \"http://127.0.0.2\"], methods = [\"GET\"], allow_private = [\"{address}\"]"
    );
    let grants = format!("messenger = true, http = {{ {http} }}");
    let bots = ["guests_http", "guests-http-python"].map(|name| BotSetup::new(name).grants(&grants));
    let setup = hodhod_tests::Setup::new(bots).await;
    let host = setup.start_ready().await;
    let requests = [
        (format!("GET\thttp\t{address}\t/hello"), "200\n"),
        (format!("GET\thttp\t{address}\t/echo\nx-my: own"), "200\n"),
        (format!("GET\thttp\t{address}\t/nothing"), "404\n"),
        (format!("DELETE\thttp\t{address}\t/hello"), "ErrorCode::HttpRequestMethodInvalid"),
        ("GET\thttps\texample.com\t/".to_owned(), "ErrorCode::HttpRequestDenied"),
        ("GET\thttp\t127.0.0.2\t/".to_owned(), "ErrorCode::DestinationIpProhibited"),
    ];
    for (number, (request, begins)) in requests.iter().enumerate() {
        let person = format!("person-{number}");
        setup.say(&person, request);
        setup.answers(2 * (number + 1)).await;
        let [one, other] = &setup.sent_to(&person)[..] else { panic!("two answers") };
        assert!(one == other && one.starts_with(begins), "{request}: {one}\n{other}");
    }
    host.stop().await;
}

async fn same(twin: &str) {
    let expected = agreed(twin, 1).await;
    // What they agree on is not nothing.
    let sent = expected.iter().filter(|turn| turn.effects.contains("Outgoing {")).count();
    let rejected = expected.iter().filter(|turn| matches!(turn.result, TurnResult::Reject(_))).count();
    assert!(sent >= 15 && rejected >= 4, "{sent} turns sent something and {rejected} were rejected");
    assert!(expected.iter().all(|turn| matches!(turn.result, TurnResult::Done | TurnResult::Reject(_))));
    assert!(expected.iter().all(|turn| turn.lines.lines().count() == 1), "each writes one line");

    let refused = agreed(twin, 0).await;
    let rejected = refused.iter().filter(|turn| matches!(turn.result, TurnResult::Reject(_))).count();
    assert!(rejected >= 20, "a turn that may send and store nothing cannot answer");
}

/// What both bots did where a turn may send and store so much.
async fn agreed(twin: &str, most: usize) -> Vec<Observed> {
    let (expected, other) = (observe(RUST, most).await, observe(twin, most).await);
    for (expected, other) in expected.iter().zip(&other) {
        assert_eq!(other, expected);
    }
    assert_eq!(expected.len(), other.len());
    expected
}

/// With what a platform and time have to be there for: files, and timers that come due.
async fn same_on_a_platform(twin: &str) {
    let grants = "messenger = true, keyvalue = true, timers = true, files = true";
    let bots = [RUST, twin].map(|name| BotSetup::new(name).grants(grants).config("greeting = \"درود\""));
    let setup = hodhod_tests::Setup::new(bots).await;
    let host = setup.start_ready().await;

    for count in 1..3 {
        setup.say("ava", "/count");
        setup.answers(2 * count).await;
    }
    assert_eq!(setup.sent_to("ava"), ["1", "1", "2", "2"]);

    setup.say("sara", "/later 1 سلام، دوباره");
    setup.answers(6).await;
    assert_eq!(setup.sent_to("sara"), ["سلام، دوباره"; 2]);

    let told = [
        ("/keep b دو", "b = دو"),
        ("/keep a ۱", "a = ۱"),
        ("/kept", "a = ۱\nb = دو"),
        ("/forget a", "a فراموش شد"),
        ("/forget a", "a نبود"),
        ("/kept", "b = دو"),
        ("/later 3600000 later", ""),
        ("/never", "لغو شد"),
        ("/settings", "greeting = درود"),
        ("/buttons", "کدام؟"),
        ("/hide", ""),
    ];
    let mut count = setup.server.sent(TOKEN).unwrap().len();
    for (asked, answer) in told {
        setup.say("leila", asked);
        if asked.starts_with("/later") {
            timers(&setup, 2).await;
            continue;
        }
        count += 2;
        setup.answers(count).await;
        let answers = setup.sent_to("leila");
        assert_eq!(answers[answers.len() - 2..], [answer; 2], "{asked}");
    }
    timers(&setup, 0).await;
    let sent = setup.server.sent(TOKEN).unwrap();
    let keyboards: Vec<_> = sent.iter().filter_map(|sent| sent.json.get("keyboard")).collect();
    assert!(keyboards.len() == 4 && keyboards[0] == keyboards[1] && keyboards[2] == keyboards[3], "{keyboards:?}");

    // Larger than what one call reads or writes.
    let bytes: Vec<u8> = (0..1_500_000_u32).map(|n| u8::try_from(n % 251).unwrap_or(0)).collect();
    for (person, caption) in [("omid", "/copy"), ("nima", "زیبا")] {
        let file = IncomingFile {
            name: "گل.bin".to_owned(),
            bytes: bytes.clone().into(),
            caption: Some(caption.to_owned()),
            kind: FileKind::Attachment,
        };
        setup.server.send_file(TOKEN, person, file).unwrap();
    }
    setup.answers(count + 4).await;
    let sent = setup.server.sent(TOKEN).unwrap();
    let keys = |person: &str| -> Vec<String> {
        let files = sent.iter().filter(|sent| sent.to() == person).map(|sent| sent.json["fileUrl"].as_str());
        files.map(|key| key.unwrap().to_owned()).collect()
    };
    let [same, copies] = [keys("nima"), keys("omid")];
    assert_eq!(same[0], same[1], "it comes back as it is");
    assert_ne!(copies[0], copies[1], "each uploads its own");
    for key in same.iter().chain(&copies) {
        // Not the name: each platform decides which names a file may have.
        assert!(setup.server.file(key).unwrap().bytes == bytes, "the same bytes");
    }

    // Larger than what they copy.
    let file = IncomingFile {
        name: "large".to_owned(),
        bytes: vec![7; (4 << 20) + 1].into(),
        caption: Some("/copy".to_owned()),
        kind: FileKind::Attachment,
    };
    setup.server.send_file(TOKEN, "omid", file).unwrap();
    host.status_when("both refuse it", |status| status["totals"]["dead"] == 2).await;
    let (_, letters) = setup.run(&["dead", "list"]).await;
    assert_eq!(letters.matches("too large: the most is 4194304").count(), 2, "{letters}");
    host.stop().await;
}

/// Waits until so many timers stand.
async fn timers(setup: &hodhod_tests::Setup, count: usize) {
    hodhod_tests::eventually("the timers stand", async || {
        let (_, listed) = setup.run(&["timers", "list", "--json"]).await;
        let timers: serde_json::Value = serde_json::from_str(&listed).unwrap_or_default();
        if timers["timers"].as_array().map(Vec::len) == Some(count) { Ok(()) } else { Err(listed) }
    })
    .await;
}

/// What a turn did, as far as anybody can tell.
#[derive(Debug, PartialEq)]
struct Observed {
    event: Event,
    result: TurnResult,
    effects: String,
    lines: String,
}

/// Lets a bot handle all events, one after the other.
async fn observe(twin: &str, most: usize) -> Vec<Observed> {
    let engine = Engine::new(PoolSize { turns: 1, ..PoolSize::default() }).unwrap();
    let limits = Limits { sends: most, writes: most, ..Limits::default() };
    let bytes = std::fs::read(component(twin)).unwrap();
    let config = BotConfig::from([("greeting".to_owned(), "درود".to_owned())]);
    let plugin = Component::load(
        &engine,
        &bytes,
        Setup { grants: ALL_GRANTS, limits: limits.clone(), config, ..Setup::default() },
    )
    .unwrap();
    let connections = [(ConnectionName::from("shop"), Arc::new(Picky) as Arc<dyn Platform>)].into();
    let actor = Arc::new(Actor::new(BotName::from("echo"), connections, limits, Arc::default()));
    let values = Arc::new(Ledger::<()>::new(Arc::new(MemoryStore::default()), Arc::new(TestClock::default())));

    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter("bot=trace")
        .without_time()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _logged = tracing::subscriber::set_default(subscriber);

    let mut all = Vec::new();
    for event in events() {
        let chat = event.chat().cloned().unwrap_or_else(|| Chat::new("shop", ""));
        let told = Arc::new(event.clone());
        let turn = Turn::new(InboxSeq(1), told, chat, Millis(1), actor.clone(), values.clone());
        let ended = plugin.run(turn).await;
        let (_, effects) = ended.turn.into_effects();
        let lines = std::mem::take(&mut *log.0.lock().unwrap());
        let lines = String::from_utf8(lines).unwrap();
        all.push(Observed { event, result: ended.result, effects: format!("{effects:?}"), lines });
    }
    all
}

/// A platform that does not carry everything.
struct Picky;

impl Platform for Picky {
    fn receive<'a>(&'a self, _intake: &'a dyn Intake) -> BoxFuture<'a, ()> {
        Box::pin(std::future::pending())
    }

    fn send<'a>(&'a self, _chat: &'a ChatId, _message: &'a Outgoing) -> BoxFuture<'a, Result<Sent, SendError>> {
        Box::pin(std::future::pending())
    }

    fn accepts(&self, _chat: &ChatId, message: &Outgoing) -> Result<(), Unsendable> {
        match &message.body {
            Body::Text(text) if text.contains("cannot carry") => Err(Unsendable::Unsupported("such a text".to_owned())),
            _ => Ok(()),
        }
    }

    fn health(&self) -> Health {
        Health::default()
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
