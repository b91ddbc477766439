//! A turn that unit tests run what they test in, over the doubles of the core, and its meter.

use std::sync::Arc;

use hodhod_core::event::{Delivery, Event, Outcome};
use hodhod_core::ids::{Chat, InboxSeq};
use hodhod_core::ledger::Ledger;
use hodhod_core::testing::{MemoryStore, TestClock};
use hodhod_core::time::Millis;
use hodhod_core::turn::{Actor, Turn};

use crate::engine::Engine;
use crate::meter::Meter;

/// A turn of this bot, for a delivery in the chat `a` of `shop`.
pub(crate) fn turn(actor: Actor) -> Turn {
    let chat = Chat::new("shop", "a");
    let event = Delivery { message: "1.0".to_owned(), chat: chat.clone(), outcome: Outcome::Delivered(None) };
    let view = Ledger::<()>::new(Arc::new(MemoryStore::default()), Arc::new(TestClock::default()));
    Turn::new(InboxSeq(1), Arc::new(Event::Delivery(event)), chat, Millis(0), Arc::new(actor), Arc::new(view))
}

/// The meter of a turn of some bot.
pub(crate) fn meter(engine: &Engine) -> Arc<Meter> {
    Meter::new(engine.pulse.clone(), [engine.heavy.slices_of_bot(), engine.heavy.slices.clone()])
}
