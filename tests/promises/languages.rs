//! A bot is a function in any language: the echo bot in Rust, Python and JavaScript does the same.
//!
//! Tests whose name has `python_bot` or `javascript_bot` in it need those components.

use std::io;
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use hodhod_core::event::{
    Contact, Content, Delivery, Event, Location, Media, MediaKind, Message, Outcome, Sender, Timer,
};
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
    let bots = [RUST, twin].map(|name| BotSetup::new(name).grants(grants));
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
    setup.answers(10).await;
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
    host.stop().await;
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

/// Every kind of event and content, and what is refused for every reason.
fn events() -> Vec<Event> {
    let texts = ["نمی‌دانم ۱۲۳", " a\n\tb ", "👨‍👩‍👧 \u{202E}x\u{202C}", "/start", "/count", "/count 2", "/later 5"];
    let beyond = "a text that the platform cannot carry";
    let media = Media {
        kind: MediaKind::Video,
        file: "k".to_owned(),
        name: None,
        mime: None,
        size: None,
        width: None,
        height: None,
        duration: None,
        thumbnail: None,
        caption: None,
    };
    let full = Media {
        kind: MediaKind::Document,
        name: Some("گل.bin".to_owned()),
        mime: Some("a/b".to_owned()),
        size: Some(1 << 40),
        width: Some(u32::MAX),
        height: Some(0),
        duration: Some(2670),
        thumbnail: Some("t".to_owned()),
        caption: Some("/copying".to_owned()),
        ..media.clone()
    };
    let contact = |name: Option<&str>, phone: Option<&str>| {
        Content::Contact(Contact { name: name.map(Into::into), phone: phone.map(Into::into) })
    };
    let mut contents: Vec<Content> = texts.into_iter().chain([beyond]).map(|text| Content::Text(text.into())).collect();
    contents.extend([
        Content::Media(media),
        Content::Media(full),
        Content::Location(Location { latitude: 35.699_739, longitude: 51.338_097 }),
        Content::Location(Location { latitude: 91.0, longitude: 0.0 }),
        contact(Some("سارا"), Some("+989120000000")),
        contact(None, Some("0912")),
        contact(None, None),
        Content::Button("/yes".to_owned()),
        Content::Start(None),
        Content::Start(Some("x".to_owned())),
        Content::Stop,
        Content::Opening { source: "post".to_owned(), data: "{}".to_owned() },
        Content::Other("poll".to_owned(), "{}".to_owned()),
    ]);
    let mut events: Vec<Event> = contents.into_iter().map(|content| Event::Message(message(content))).collect();

    let count = || message(Content::Text("/count".to_owned()));
    let chat = Chat::new("shop", "a");
    let timer = |id: &str, chat: Option<&Chat>| {
        Event::Timer(Timer { id: id.to_owned(), chat: chat.cloned(), due: Millis(7), payload: "بعد".to_owned() })
    };
    let delivery = |outcome| Event::Delivery(Delivery { message: "1.0".to_owned(), chat: chat.clone(), outcome });
    events.extend([
        Event::Message(Message { edited: true, ..message(Content::Text("edited".to_owned())) }),
        Event::Message(Message { sender: Sender::default(), private: false, ..count() }),
        // No bucket, and a connection of somebody else.
        Event::Message(Message { chat: Chat::new("shop", ""), ..count() }),
        Event::Message(Message { chat: Chat::new("bank", "a"), ..message(Content::Text("psst".to_owned())) }),
        timer("later", Some(&chat)),
        timer("another", Some(&chat)),
        timer("later", None),
        delivery(Outcome::Delivered(None)),
        delivery(Outcome::Failed("blocked".to_owned())),
        delivery(Outcome::InDoubt("cut off".to_owned())),
        Event::Other("news".to_owned(), "{}".to_owned()),
    ]);
    events
}

fn message(content: Content) -> Message {
    Message {
        id: "m".to_owned(),
        platform: "soroush".to_owned(),
        chat: Chat::new("shop", "a"),
        private: true,
        sender: Sender { id: Some("sara".into()), name: Some("سارا".to_owned()), automated: false },
        sent_at: Millis(1_763_690_000_000),
        edited: false,
        content,
        reply_to: Some("before".to_owned()),
        annotations: vec![("divar.post-token".to_owned(), "gZd7omnS".to_owned())],
    }
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
