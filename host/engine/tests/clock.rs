//! What time it is for a guest.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hodhod_core::event::{Content, Event, Message, Sender};
use hodhod_core::ids::{Chat, InboxSeq};
use hodhod_core::ledger::Ledger;
use hodhod_core::outgoing::Body;
use hodhod_core::platform::Platform;
use hodhod_core::runtime::{Grants, Limits, Plugin, Setup, TurnResult};
use hodhod_core::testing::{MemoryStore, TestClock, TestPlatform};
use hodhod_core::time::Millis;
use hodhod_core::turn::{Actor, Turn};
use hodhod_engine::{Component, Engine, PoolSize};

#[tokio::test]
async fn a_guest_sees_the_clock_of_the_host_and_not_that_of_the_machine() {
    let engine = Engine::new(PoolSize { turns: 1, memory: 64 << 20 }).unwrap();
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from);
    let bytes = std::fs::read(target.join("wasm32-wasip2/plugin/guests.wasm")).expect("`cargo xtask bots` builds them");
    let grants = Grants { messenger: true, keyvalue: true, timers: true, files: true, ..Grants::default() };
    let component = Component::load(&engine, &bytes, Setup { grants, ..Setup::default() }).unwrap();

    // A day in the eighties, at which timers of this host would be due by its own clock.
    let began = Millis(500_000_000_000);
    let chat = Chat::new("shop", "a");
    let message = Message {
        id: "1".to_owned(),
        platform: "test".to_owned(),
        chat: chat.clone(),
        private: true,
        sender: Sender::default(),
        sent_at: began,
        edited: false,
        content: Content::Text("now".to_owned()),
        reply_to: None,
        annotations: Vec::new(),
    };
    let platform: Arc<dyn Platform> = Arc::new(TestPlatform::default());
    let actor = Actor::new("bot".into(), [("shop".into(), platform)].into(), Limits::default(), Arc::default());
    let view = Ledger::<()>::new(Arc::new(MemoryStore::default()), Arc::new(TestClock::default()));
    let event = Arc::new(Event::Message(message));
    let ended = component.run(Turn::new(InboxSeq(1), event, chat, began, Arc::new(actor), Arc::new(view))).await;

    assert_eq!(ended.result, TurnResult::Done);
    let (_, effects) = ended.turn.into_effects();
    let Body::Text(said) = &effects.sends[0].message.body else { panic!("{effects:?}") };
    let said: u64 = said.parse().unwrap();
    assert!((began.0..began.0 + 60_000).contains(&said), "{said}");
}
