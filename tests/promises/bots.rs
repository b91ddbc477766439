//! The example bots do what they are for, as the components that they are built as.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use hodhod_core::event::{Content, Event, Message, Sender, Timer};
use hodhod_core::ids::{Chat, ChatId, InboxSeq};
use hodhod_core::ledger::Ledger;
use hodhod_core::outgoing::{Body, Keyboard, Outgoing, Press};
use hodhod_core::platform::{Call, CallError, Health, Intake, Platform, SendError, Sent, Unsendable};
use hodhod_core::runtime::{Grants, Limits, Plugin, Setup as Loading, TurnResult};
use hodhod_core::testing::{MemoryStore, TestClock};
use hodhod_core::time::Millis;
use hodhod_core::turn::{Actor, Effects, Turn};
use hodhod_engine::{Component, Engine, PoolSize, inspect};
use hodhod_tests::{BotSetup, Setup, TOKEN, component};
use serde_json::{Value, json};

/// The commands of the keys that a person sees, by what stands on them.
fn keys(setup: &Setup, person: &str) -> BTreeMap<String, String> {
    let rows = setup.server.keyboard(TOKEN, person).unwrap();
    rows.into_iter().flatten().map(|key| (key.text, key.command)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_game_is_played_to_its_end_with_the_keys_that_a_person_sees() {
    let bot = BotSetup::new("xo").grants("messenger = true, keyvalue = true").config("level = \"hard\"");
    let setup = Setup::new([bot]).await;
    let host = setup.start_ready().await;
    setup.server.start_bot(TOKEN, "sara").unwrap();
    setup.answers(1).await;
    assert_eq!(keys(&setup, "sara").len(), 9);

    let first = keys(&setup, "sara")["۱"].clone();
    let mut answers = 1;
    // Against the first free cell the hard one needs three moves; a draw would need five.
    while let Some((_, command)) =
        keys(&setup, "sara").into_iter().find(|(text, _)| ('۱'..='۹').any(|c| text.starts_with(c)))
    {
        setup.server.press(TOKEN, "sara", &command).unwrap();
        answers += 1;
        assert!(answers < 8, "it has no end");
        setup.answers(answers).await;
    }
    let end = setup.sent_to("sara").pop().unwrap();
    assert!(end.starts_with("این بار من بردم.") && end.contains("برد من ۱"), "{end}");

    setup.server.press(TOKEN, "sara", &first).unwrap();
    setup.answers(answers + 1).await;
    let told = setup.sent_to("sara").pop().unwrap();
    assert!(told.starts_with("بازی‌ای در میان نیست."), "a key of a game that is over: {told}");
    host.stop().await;
}

/// Divar, as far as the courier asks it.
#[derive(Default)]
struct Divar(Mutex<Vec<Call>>);

impl Platform for Divar {
    fn receive<'a>(&'a self, _intake: &'a dyn Intake) -> BoxFuture<'a, ()> {
        Box::pin(std::future::pending())
    }

    fn send<'a>(&'a self, _chat: &'a ChatId, _message: &'a Outgoing) -> BoxFuture<'a, Result<Sent, SendError>> {
        Box::pin(std::future::pending())
    }

    fn accepts(&self, _chat: &ChatId, _message: &Outgoing) -> Result<(), Unsendable> {
        Ok(())
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Result<Value, CallError>> {
        let answer = match call.name {
            "divar.get-post" => {
                json!({ "token": "wZC44q5D", "city": "mashhad", "data": { "title": "دوچرخه" }, "category": "bicycle" })
            }
            "divar.request-consent" => json!({ "url": "https://oauth.divar.ir/oauth2/auth?state=x" }),
            other => return Box::pin(std::future::ready(Err(CallError::Unsupported(other.to_owned())))),
        };
        self.0.lock().unwrap().push(call);
        Box::pin(std::future::ready(Ok(answer)))
    }

    fn health(&self) -> Health {
        Health::default()
    }
}

/// A component with what its manifest says, and its turns one after the other.
struct Bot {
    component: Component,
    actor: Arc<Actor>,
    divar: Arc<Divar>,
    values: Arc<Ledger<()>>,
}

impl Bot {
    fn new(name: &str, grants: Grants) -> Self {
        let engine = Engine::new(PoolSize { turns: 1, ..PoolSize::default() }).unwrap();
        let bytes = std::fs::read(component(name)).unwrap();
        let manifest = inspect(&bytes).unwrap().manifest.unwrap();
        let config = manifest.configure(&BTreeMap::new()).unwrap();
        let needs = inspect(&bytes).unwrap().needs;
        assert_eq!(manifest.missing(&needs, grants, &Limits::default(), &config), [], "it asks for what it is given");
        assert_eq!(manifest.unasked(&needs, grants), Vec::<&str>::new());
        let component = Component::load(&engine, &bytes, Loading { grants, config, ..Loading::default() }).unwrap();
        let divar = Arc::new(Divar::default());
        let platform: Arc<dyn Platform> = divar.clone();
        let actor = Actor::new("bot".into(), [("app".into(), platform)].into(), Limits::default(), Arc::default());
        let values = Arc::new(Ledger::new(Arc::new(MemoryStore::default()), Arc::new(TestClock::default())));
        Self { component, actor: Arc::new(actor), divar, values }
    }

    /// One turn, of which nothing is kept.
    async fn turn(&self, event: Event) -> Effects {
        let chat = event.chat().cloned().unwrap();
        let now = Millis(1_763_690_000_000);
        let turn = Turn::new(InboxSeq(1), Arc::new(event), chat, now, self.actor.clone(), self.values.clone());
        let ended = self.component.run(turn).await;
        assert_eq!(ended.result, TurnResult::Done);
        ended.turn.into_effects().1
    }
}

fn in_conversation(content: Content) -> Event {
    Event::Message(Message {
        id: "m".to_owned(),
        platform: "divar".to_owned(),
        chat: Chat::new("app", "post:c1"),
        private: false,
        sender: Sender { id: Some("u1".into()), ..Sender::default() },
        sent_at: Millis(0),
        edited: false,
        content,
        reply_to: None,
        annotations: [("divar.post-token", "wZC44q5D"), ("divar.conversation", "c1")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    })
}

fn text(message: &Outgoing) -> &str {
    match &message.body {
        Body::Text(text) => text,
        _ => "no text",
    }
}

#[tokio::test]
async fn a_courier_asks_for_consent_and_then_writes_its_quote_in_the_persons_name() {
    let grants = Grants { messenger: true, keyvalue: true, timers: true, divar: true, ..Grants::default() };
    let bot = Bot::new("courier", grants);
    let opening = Content::Opening { source: "chat".to_owned(), data: "{}".to_owned() };
    let effects = bot.turn(in_conversation(opening)).await;
    assert_eq!(text(&effects.sends[0].message), "https://oauth.divar.ir/oauth2/auth?state=x");
    let asked = bot.divar.0.lock().unwrap().remove(0);
    assert_eq!(asked.chat, Chat::new("app", "post:c1"));
    assert_eq!(asked.arguments["scopes"], json!(["CONVERSATION_SEND_MESSAGE.c1", "USER_ID", "offline_access"]));

    let told = json!({ "user": "u1", "scopes": asked.arguments["scopes"], "data": asked.arguments["data"] });
    let effects = bot.turn(in_conversation(Content::Other("divar.granted".to_owned(), told.to_string()))).await;
    let (key, standing) = (effects.timers[0].0.clone(), effects.timers[0].1.clone().unwrap());
    assert!(bot.divar.0.lock().unwrap().is_empty(), "that is for another turn");

    let timer = Timer { id: key.id, chat: key.chat, due: standing.due, payload: standing.payload };
    let effects = bot.turn(Event::Timer(timer)).await;
    let quote = &effects.sends[0].message;
    assert!(text(quote).starts_with("هزینهٔ ارسال «دوچرخه» از مشهد با پیک:\nدرون شهر: ۷۰٬۰۰۰ تومان"), "{quote:?}");
    assert_eq!(quote.annotations[0], ("divar.user".to_owned(), "u1".to_owned()));
    let Some(Keyboard::Show(rows)) = &quote.keyboard else { panic!("{quote:?}") };
    let kinds: Vec<_> = rows[0].iter().map(|button| matches!(button.press, Press::Event(_))).collect();
    assert_eq!(kinds, [true, false], "one is told to the bot, and one opens it");
    // The form in which the host stores keyboards is the one that the platform reads.
    let (_, other) = &quote.annotations[1];
    let other: Keyboard = Keyboard::Show(serde_json::from_str(other).unwrap());
    assert!(matches!(other, Keyboard::Show(rows) if rows[0].len() == 2));
}
