use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use hodhod_core::event::{Delivery, Event, Outcome};
use hodhod_core::ids::{Chat, InboxSeq};
use hodhod_core::ledger::Ledger;
use hodhod_core::testing::{MemoryStore, TestClock};
use hodhod_core::time::Millis;
use hodhod_core::turn::Actor;
use wasmtime::{Linker, Module};

use super::*;
use crate::engine::PoolSize;

fn turn() -> Turn {
    let chat = Chat::new("shop", "a");
    let delivery = Delivery { message: "1.0".to_owned(), chat: chat.clone(), outcome: Outcome::Delivered(None) };
    let (bot, limits) = ("bot".into(), Limits::default());
    let actor = Actor::new(bot, [].into(), limits, Arc::default());
    let view = Ledger::<()>::new(Arc::new(MemoryStore::default()), Arc::new(TestClock::default()));
    Turn::new(InboxSeq(1), Arc::new(Event::Delivery(delivery)), chat, Millis(0), Arc::new(actor), Arc::new(view))
}

/// A function without loops looks at the time once, when it is entered; ten thousand calls of a
/// millisecond each would then hold the thread for ten seconds.
#[tokio::test]
async fn code_that_only_calls_the_host_is_ended_between_two_calls() {
    let engine = Engine::new(PoolSize { turns: 1, memory: 1 << 20 }).unwrap();
    let calls = "(call $work)".repeat(10_000);
    let text = format!(r#"(module (import "host" "work" (func $work)) (func (export "run") {calls}))"#);
    let module = Module::new(&engine.inner, wat::parse_str(text).unwrap()).unwrap();
    let called = Arc::new(AtomicU32::new(0));
    let mut linker = Linker::new(&engine.inner);
    let counted = called.clone();
    linker
        .func_wrap("host", "work", move || {
            counted.fetch_add(1, Ordering::Relaxed);
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(1) {}
        })
        .unwrap();

    let meter = Meter::new("bot".into(), engine.pulse.clone());
    let limits = Limits::default();
    let mut store =
        Store::new(&engine.inner, State::new(turn(), Arc::default(), &limits, meter.clone(), Arc::default()));
    bound_time(&mut store, Duration::from_millis(50));
    let instance = linker.instantiate_async(&mut store, &module).await.unwrap();
    let run = instance.get_typed_func::<(), ()>(&mut store, "run").unwrap();
    let running = Box::pin(run.call_async(&mut store, ()));
    let error = Metered { meter, inner: running }.await.unwrap_err();

    assert_eq!(classify(&error, store.data()).reason, Reason::Cpu);
    let called = called.load(Ordering::Relaxed);
    assert!(called <= 60, "it went on for {called} calls");
}
