//! What every test of a turn needs: a component, a bot, and a message that it is told.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hodhod_core::event::{Content, Event, Message, Sender};
use hodhod_core::ids::{Chat, InboxSeq};
use hodhod_core::ledger::Ledger;
use hodhod_core::platform::Platform;
use hodhod_core::runtime::Limits;
use hodhod_core::testing::{MemoryStore, TestClock, TestPlatform};
use hodhod_core::time::Millis;
use hodhod_core::turn::{Actor, Turn};

/// The bytes of a component that `cargo xtask bots` builds.
pub(crate) fn built(name: &str) -> Vec<u8> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from);
    let plugin = target.join("wasm32-wasip2/plugin").join(format!("{name}.wasm"));
    std::fs::read(plugin).expect("`cargo xtask bots` builds the bots")
}

/// The bot `bot`, which serves `shop`.
pub(crate) fn actor(limits: Limits) -> Arc<Actor> {
    let platform: Arc<dyn Platform> = Arc::new(TestPlatform::default());
    Arc::new(Actor::new("bot".into(), [("shop".into(), platform)].into(), limits, Arc::default()))
}

/// The turn number `seq`, in which the bot is told a text in a chat of `shop`.
pub(crate) fn turn(actor: &Arc<Actor>, seq: u64, chat: &str, text: &str, began: Millis) -> Turn {
    let chat = Chat::new("shop", chat);
    let message = Message {
        id: seq.to_string(),
        platform: "test".to_owned(),
        chat: chat.clone(),
        private: true,
        sender: Sender::default(),
        sent_at: began,
        edited: false,
        content: Content::Text(text.to_owned()),
        reply_to: None,
        annotations: Vec::new(),
    };
    let view = Ledger::<()>::new(Arc::new(MemoryStore::default()), Arc::new(TestClock::default()));
    let event = Arc::new(Event::Message(message));
    Turn::new(InboxSeq(seq), event, chat, began, actor.clone(), Arc::new(view))
}
