//! Trying a bot natively, without a host: `cargo test` is enough.
//!
//! ```
//! use hodhod_plugin::testing::TestHost;
//! use hodhod_plugin::{Bot, Context, Result};
//!
//! #[derive(Default)]
//! struct Echo;
//!
//! impl Bot for Echo {
//!     fn on_text(&mut self, ctx: &Context, text: &str) -> Result {
//!         ctx.reply(text)?;
//!         Ok(())
//!     }
//! }
//!
//! let mut host = TestHost::<Echo>::new();
//! assert_eq!(host.text("سلام").texts(), ["سلام"]);
//! ```
//!
//! It stands in for the imports that this crate wraps; those of [`raw`](crate::raw) are out of its
//! reach. It grants everything and limits nothing.

mod divar;

use std::collections::BTreeMap;
use std::marker::PhantomData;

pub use self::divar::Asked;
use crate::entry::no_event;
use crate::host::double::{self, Lasting, World};
use crate::log::Level;
use crate::{Answer, Body, Bot, Chat, Content, Event, Failure, Message, Migrate, Outgoing, Result, Sender, Timer};

/// A host with one bot, and one person who writes to it.
#[derive(Debug)]
pub struct TestHost<B> {
    /// The chat of the messages that [`text`](Self::text) and [`content`](Self::content) make.
    pub chat: Chat,
    /// Who writes them.
    pub sender: Sender,
    /// The platform that they come from.
    pub platform: String,
    /// Whether nobody else reads along.
    pub private: bool,
    /// What the platform says of them.
    pub annotations: Vec<(String, String)>,
    lasting: Lasting,
    messages: u64,
    bot: PhantomData<fn() -> B>,
}

/// What a turn did. One that failed did nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// How it ended.
    pub result: Result,
    /// What it sent, and where to.
    pub sent: Vec<(Chat, Outgoing)>,
    /// What it answered to a press or an opening.
    pub answers: Vec<Answer>,
    /// The consents that it asked for, whether it failed or not.
    pub asked: Vec<Asked>,
    /// What it wrote into the log, whether it failed or not.
    pub lines: Vec<(Level, String)>,
}

impl<B: Bot + Default> TestHost<B> {
    /// A host that remembers nothing yet.
    pub fn new() -> Self {
        Self {
            chat: Chat { connection: "test".into(), id: "chat-1".into() },
            sender: Sender { id: Some("person-1".into()), name: None, automated: false },
            platform: "test".into(),
            private: true,
            annotations: Vec::new(),
            lasting: Lasting::default(),
            messages: 0,
            bot: PhantomData,
        }
    }

    /// With this in the bot's configuration.
    #[must_use]
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.lasting.config.insert(key.into(), value.into());
        self
    }

    /// With this file on the platform.
    #[must_use]
    pub fn file(mut self, file: &str, bytes: &[u8]) -> Self {
        self.lasting.files.insert(file.into(), bytes.into());
        self
    }

    /// The person writes a text.
    pub fn text(&mut self, text: &str) -> Turn {
        self.content(Content::Text(text.into()))
    }

    /// The person sends anything.
    pub fn content(&mut self, content: Content) -> Turn {
        self.messages += 1;
        self.event(&Event::Message(Message {
            id: format!("message-{}", self.messages),
            platform: self.platform.clone(),
            chat: self.chat.clone(),
            private: self.private,
            sender: self.sender.clone(),
            sent_at: self.messages,
            edited: false,
            content,
            reply_to: None,
            annotations: self.annotations.clone(),
        }))
    }

    /// Any event: one turn, atomic as on a real host.
    pub fn event(&mut self, event: &Event) -> Turn {
        self.turn(event, || crate::handle::<B>(event))
    }

    fn turn(&mut self, event: &Event, run: impl FnOnce() -> Result) -> Turn {
        let world = World { lasting: self.lasting.clone(), buckets: buckets(event), ..World::default() };
        double::replace(world);
        let result = run();
        let world = double::replace(World::default());
        if let Err(failure) = result {
            return Turn::failed(failure, world.asked, world.lines);
        }
        self.lasting = world.lasting;
        Turn { result, sent: world.sent, answers: world.answers, asked: world.asked, lines: world.lines }
    }

    /// The timers that stand, by their ids.
    pub fn timers(&self) -> &BTreeMap<String, Timer> {
        &self.lasting.timers
    }

    /// Lets the timer with this id come due. One that does not stand does nothing.
    pub fn ring(&mut self, id: &str) -> Option<Turn> {
        let timer = self.lasting.timers.remove(id)?;
        Some(self.event(&Event::Timer(timer)))
    }
}

impl<B: Migrate + Default> TestHost<B> {
    /// This build takes over from one of this version. An error is a rejection, with its words.
    pub fn migrate(&mut self, from: &str) -> Turn {
        self.turn(&no_event(), || crate::migrate::<B>(from).map_err(Failure::reject))
    }

    /// The same bot in another build, with all that this one has stored.
    pub fn replaces<Before>(before: TestHost<Before>) -> Self {
        let TestHost { chat, sender, platform, private, annotations, lasting, messages, bot: _ } = before;
        Self { chat, sender, platform, private, annotations, lasting, messages, bot: PhantomData }
    }
}

impl<B: Bot + Default> Default for TestHost<B> {
    fn default() -> Self {
        Self::new()
    }
}

impl Turn {
    fn failed(failure: Failure, asked: Vec<Asked>, lines: Vec<(Level, String)>) -> Self {
        Self { result: Err(failure), sent: Vec::new(), answers: Vec::new(), asked, lines }
    }

    /// The texts that were sent, in their order.
    pub fn texts(&self) -> Vec<&str> {
        self.sent
            .iter()
            .filter_map(|(_, message)| match &message.body {
                Body::Text(text) => Some(text.as_str()),
                Body::Media(_) | Body::Location(_) | Body::KeyboardOnly => None,
            })
            .collect()
    }
}

/// The buckets that an event has.
fn buckets(event: &Event) -> BTreeMap<&'static str, String> {
    let (chat, sender) = match event {
        Event::Message(message) => (Some(&message.chat), message.sender.id.as_ref()),
        Event::Timer(timer) => (timer.chat.as_ref(), None),
        Event::Delivery(delivery) => (Some(&delivery.chat), None),
        Event::Other(_) => (None, None),
    };
    let mut buckets = BTreeMap::from([("bot", "bot".to_owned())]);
    if let Some(chat) = chat {
        buckets.insert("chat", format!("chat {} {}", chat.connection, chat.id));
        if let Some(sender) = sender {
            buckets.insert("user", format!("user {} {sender}", chat.connection));
        }
    }
    buckets
}
