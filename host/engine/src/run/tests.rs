use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use hodhod_core::turn::Actor;
use tokio::sync::Notify;
use wasmtime::{Linker, Module};

use super::*;
use crate::engine::PoolSize;
use crate::meter::thread_time;
use crate::testing;

fn turn() -> Turn {
    testing::turn(Actor::new("bot".into(), [].into(), Limits::default(), Arc::default()))
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
            let began = thread_time();
            while thread_time() - began < 1_000_000 {}
        })
        .unwrap();

    let meter = testing::meter(&engine);
    let limits = Limits::default();
    let mut store = Store::new(
        &engine.inner,
        State::new(turn(), Instant::now(), Arc::default(), &limits, meter.clone(), Arc::default()),
    );
    bound_time(&mut store, Duration::from_millis(50));
    let instance = linker.instantiate_async(&mut store, &module).await.unwrap();
    let run = instance.get_typed_func::<(), ()>(&mut store, "run").unwrap();
    let running = Box::pin(run.call_async(&mut store, ()));
    let error = Metered { meter, inner: running }.await.unwrap_err();

    assert_eq!(classify(&error, store.data()).reason, Reason::Cpu);
    let called = called.load(Ordering::Relaxed);
    assert!(called <= 60, "it went on for {called} calls");
}

/// The promise: what the operator kills ends within this.
const KILLED_WITHIN: Duration = Duration::from_millis(100);

/// What a guest does while it is killed: `seen` tells that it does.
fn doings(linker: &mut Linker<State>) -> Arc<Notify> {
    let seen = Arc::new(Notify::new());
    let (now, soon) = (seen.clone(), seen.clone());
    linker.func_wrap("host", "now", move || now.notify_one()).unwrap();
    linker
        .func_wrap_async("host", "wait", move |_, (): ()| {
            soon.notify_one();
            Box::new(std::future::pending::<()>())
        })
        .unwrap();
    seen
}

/// Runs `body` as a turn is run, kills it, and gives the error that it ended with, if it did not just
/// stop. `hears` is whether the notification reaches it, or only its ticks.
async fn killed(body: &str, hears: bool) -> Option<Reason> {
    let engine = Engine::new(PoolSize { turns: 1, memory: 1 << 20 }).unwrap();
    let imports = r#"(import "host" "now" (func $now)) (import "host" "wait" (func $wait))"#;
    let text = format!(r#"(module {imports} (func (export "run") {body}))"#);
    let module = Module::new(&engine.inner, wat::parse_str(text).unwrap()).unwrap();
    let mut linker = Linker::new(&engine.inner);
    let seen = doings(&mut linker);

    let turn = turn();
    let actor = turn.actor().clone();
    let notified = turn.killed();
    let notified = Box::pin(async move { if hears { notified.await } else { std::future::pending().await } });
    let meter = testing::meter(&engine);
    let mut store = Store::new(
        &engine.inner,
        State::new(turn, Instant::now(), Arc::default(), &Limits::default(), meter.clone(), Arc::default()),
    );
    bound_time(&mut store, Duration::from_secs(60));
    let instance = linker.instantiate_async(&mut store, &module).await.unwrap();
    let run = instance.get_typed_func::<(), ()>(&mut store, "run").unwrap();

    // Another thread than that of the guest, which does not always let go of its own.
    let operator = tokio::spawn(async move {
        seen.notified().await;
        let asked = Instant::now();
        actor.kill.kill();
        asked
    });
    let weight = Weight::default();
    let metered = meter.clone();
    let running = async move {
        let call = Metered { meter: metered, inner: Box::pin(run.call_async(&mut store, ())) };
        let ended = unless_killed(call, notified).await;
        ended.map(|result| classify(&result.unwrap_err(), store.data()).reason)
    };
    let ended = engine.heavy.carry(Box::pin(running), meter, &weight).await;
    let took = operator.await.unwrap().elapsed();
    assert!(took < KILLED_WITHIN, "it went on for {took:?}");
    ended
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_spins_ends_at_its_next_tick_when_it_is_killed() {
    for _ in 0..20 {
        assert_eq!(killed("(call $now) (loop (br 0))", false).await, Some(Reason::Killed));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_only_calls_the_host_ends_between_two_calls_when_it_is_killed() {
    let body = "(call $now)".repeat(100_000);
    assert_eq!(killed(&format!("(loop {body} (br 0))"), false).await, Some(Reason::Killed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_waits_in_a_host_call_ends_when_it_is_killed() {
    for _ in 0..20 {
        assert_eq!(killed("(call $wait)", true).await, None);
    }
}
