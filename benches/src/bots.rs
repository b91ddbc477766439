//! One bot, echo, in many forms: a component in the sandbox, a Rust function, JSON in and out. All
//! are handed the same message and have to give the same answer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use futures::future::BoxFuture;
use hodhod_core::event::{Content, Event, Message, Sender};
use hodhod_core::ids::{BotName, Chat, ChatId, ConnectionName, InboxSeq};
use hodhod_core::limits::row;
use hodhod_core::outgoing::{Body, Outgoing};
use hodhod_core::platform::{Health, Intake, Platform, SendError, Sent, Unsendable};
use hodhod_core::runtime::{Ended, Grants, Limits, Plugin, Setup, TurnResult};
use hodhod_core::time::Millis;
use hodhod_core::turn::{Actor, NothingStored, Turn, ValueView};
use hodhod_engine::{Component, Engine};
use serde::{Deserialize, Serialize};

/// 200 bytes, half of them Persian, as in a chat.
pub const TEXT: &str = "سلام! می‌خواستم بپرسم سفارش من کی می‌رسد؟ I ordered two books last week, and the page still says that they are on their way to me. Please have a look, it is urgent.";

/// Everything a bot may be granted.
pub const ALL_GRANTS: Grants = Grants {
    messenger: true,
    keyvalue: true,
    timers: true,
    files: true,
    http: true,
    divar: true,
    config: true,
    logging: true,
};

/// A message of [`TEXT`] on a connection, as the decoder of Soroush makes one.
pub fn message(chat: &Chat) -> Message {
    Message {
        id: "0123456789abcdef0123456789abcdef".to_owned(),
        platform: "soroush".to_owned(),
        chat: chat.clone(),
        private: true,
        sender: Sender { id: Some(chat.id.as_str().into()), name: None, automated: false },
        sent_at: Millis(1_763_690_000_000),
        edited: false,
        content: Content::Text(TEXT.to_owned()),
        reply_to: None,
        annotations: Vec::new(),
    }
}

/// A turn of the echo bot, over and over.
pub struct Rehearsal {
    chat: Chat,
    event: Arc<Event>,
    actor: Arc<Actor>,
    view: Arc<dyn ValueView>,
}

/// The usual limits, but for the quotas of a minute: a measurement does in a second what a bot does
/// in a day.
pub fn limits() -> Limits {
    let mut limits = Limits::default();
    for name in ["sends_minute", "sends_chat_minute", "log_lines_minute", "log_bytes_minute"] {
        let most = row(name).and_then(|row| row.range).map_or(u64::MAX, |(_, most)| most);
        // Its own most is in its range.
        let _set = limits.set(name, most);
    }
    limits
}

impl Default for Rehearsal {
    fn default() -> Self {
        let connection = ConnectionName::from("shop");
        let chat = Chat { connection: connection.clone(), id: ChatId::from("k3Ja".repeat(15)) };
        let platform: Arc<dyn Platform> = Arc::new(Nowhere);
        let actor = Actor::new(BotName::from("echo"), [(connection, platform)].into(), limits(), Arc::default());
        let event = Arc::new(Event::Message(message(&chat)));
        Self { chat, event, actor: Arc::new(actor), view: Arc::new(NothingStored) }
    }
}

impl Rehearsal {
    /// The event that every turn handles.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The turn, about to begin.
    pub fn turn(&self) -> Turn {
        let Self { chat, event, actor, view } = self;
        Turn::new(InboxSeq(1), event.clone(), chat.clone(), Millis(1), actor.clone(), view.clone())
    }

    /// Runs the turn so many times.
    ///
    /// # Errors
    /// When a turn does not send what it should.
    pub async fn run(&self, plugin: &dyn Plugin, times: u64) -> anyhow::Result<()> {
        for _ in 0..times {
            let Ended { turn, result, .. } = plugin.run(self.turn()).await;
            ensure!(result == TurnResult::Done, "the turn ended with {result:?}");
            let (_, effects) = turn.into_effects();
            ensure!(effects.sends.len() == 1, "the turn sent {} messages", effects.sends.len());
        }
        Ok(())
    }

    /// Bytes of memory that a turn has at its end.
    pub async fn memory(&self, plugin: &dyn Plugin) -> u64 {
        plugin.run(self.turn()).await.memory
    }

    /// Makes sure that a plugin echoes.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check(&self, plugin: &dyn Plugin) -> anyhow::Result<()> {
        let (_, effects) = plugin.run(self.turn()).await.turn.into_effects();
        let sent: Vec<_> = effects.sends.iter().map(|send| &send.message.body).collect();
        ensure!(sent == [&Body::Text(TEXT.to_owned())], "echo answered {sent:?}");
        Ok(())
    }
}

/// The echo bot as a Rust function.
#[derive(Clone, Copy, Debug, Default)]
pub struct NativeEcho;

impl Plugin for NativeEcho {
    fn run(&self, mut turn: Turn) -> BoxFuture<'_, Ended> {
        Box::pin(async move {
            let began = Instant::now();
            let result = match answer(turn.event()) {
                Some(Reply { chat, message }) => match turn.send(chat, message) {
                    Ok(_) => TurnResult::Done,
                    Err(refusal) => TurnResult::Reject(refusal.to_string()),
                },
                None => TurnResult::Done,
            };
            let time = began.elapsed();
            Ended { turn, result, time, cpu: time.min(Duration::from_secs(1)), memory: 0 }
        })
    }

    fn digest(&self) -> &str {
        "native"
    }
}

/// What a bot with JSON in and out answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Where to.
    pub chat: Chat,
    /// What.
    pub message: Outgoing,
}

/// What echo answers.
pub fn answer(event: &Event) -> Option<Reply> {
    let Event::Message(Message { chat, content: Content::Text(text), .. }) = event else { return None };
    Some(Reply { chat: chat.clone(), message: Outgoing::text(text.as_str()) })
}

/// The echo bot with JSON in and out: an event, and a list of replies.
///
/// # Errors
/// When the JSON is no event.
pub fn answer_json(event: &[u8]) -> serde_json::Result<Vec<u8>> {
    let event: Event = serde_json::from_slice(event)?;
    let replies: Vec<Reply> = answer(&event).into_iter().collect();
    serde_json::to_vec(&replies)
}

/// Loads a component that was built by
/// `cargo build --profile plugin --target wasm32-wasip2 -p echo -p counter -p guests`.
///
/// # Errors
/// When it is not there, or not a component.
pub fn component(engine: &Engine, name: &str) -> anyhow::Result<Component> {
    load(engine, name, limits())
}

/// The same, with instances that serve a thousand turns each.
///
/// # Errors
/// Like [`component`].
pub fn reused(engine: &Engine, name: &str) -> anyhow::Result<Component> {
    load(engine, name, Limits { reuse: 1000, ..limits() })
}

fn load(engine: &Engine, name: &str, limits: Limits) -> anyhow::Result<Component> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository.join("target"), PathBuf::from);
    let path = target.join("wasm32-wasip2/plugin").join(format!("{name}.wasm"));
    let bytes = std::fs::read(&path).with_context(|| {
        let path = path.display();
        format!("{path}: run `cargo build --profile plugin --target wasm32-wasip2 -p echo -p counter -p guests` first")
    })?;
    let loaded = Component::load(engine, &bytes, Setup { grants: ALL_GRANTS, limits, ..Setup::default() });
    match loaded {
        Ok(component) => Ok(component),
        Err(error) => bail!("{}: {error}", path.display()),
    }
}

/// A platform that takes everything and delivers nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl Platform for Nowhere {
    fn receive<'a>(&'a self, _intake: &'a dyn Intake) -> BoxFuture<'a, ()> {
        Box::pin(std::future::pending())
    }

    fn send<'a>(&'a self, _chat: &'a ChatId, _message: &'a Outgoing) -> BoxFuture<'a, Result<Sent, SendError>> {
        Box::pin(std::future::pending())
    }

    fn accepts(&self, _chat: &ChatId, _message: &Outgoing) -> Result<(), Unsendable> {
        Ok(())
    }

    fn health(&self) -> Health {
        Health::default()
    }
}
