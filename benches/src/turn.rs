//! A turn: the echo bot in the sandbox, in a fresh instance each time and in one that is reused, next to
//! the same as a Rust call.
//!
//! A turn begins with the event as the core holds it and ends with the effects as the ledger takes
//! them; store and lanes have no part in it.

use std::thread;

use anyhow::anyhow;
use hodhod_bench::bots::{self, NativeEcho, Rehearsal};
use hodhod_bench::rounds::{Case, Plan};
use hodhod_bench::table::Table;
use hodhod_core::runtime::Plugin;
use hodhod_engine::{Engine, PoolSize};
use tokio::runtime::{Builder, Runtime};

pub(crate) fn measure(plan: Plan) -> anyhow::Result<()> {
    let engine = Engine::new(PoolSize::default())?;
    let echo = bots::component(&engine, "echo")?;
    let counter = bots::component(&engine, "counter")?;
    let javascript = bots::component(&engine, "echo-js")?;
    let python = bots::component(&engine, "echo-python")?;
    let reused = |name| bots::reused(&engine, name);
    let [echo_reused, javascript_reused, python_reused] = [reused("echo")?, reused("echo-js")?, reused("echo-python")?];
    let rehearsal = Rehearsal::default();
    let runtime = runtime()?;
    runtime.block_on(rehearsal.check(&echo))?;
    runtime.block_on(rehearsal.check(&NativeEcho))?;
    let json = serde_json::to_vec(rehearsal.event())?;
    let cores = thread::available_parallelism().map_or(1, usize::from);

    let turns = |plugin: &'static str, of: &dyn Plugin, times| {
        runtime.block_on(rehearsal.run(of, times)).map_err(|error| error.context(plugin))
    };
    let mut cases = [
        Case::new("echo as a Rust function", |times| turns("native", &NativeEcho, times)),
        Case::new("the same, JSON in and out", |times| {
            for _ in 0..times {
                std::hint::black_box(bots::answer_json(std::hint::black_box(&json))?);
            }
            Ok(())
        }),
        Case::new("echo, a fresh instance", |times| turns("echo", &echo, times)),
        Case::new(format!("the same on {cores} threads at once"), |times| on_threads(cores, &echo, times)),
        Case::new("counter, a fresh instance: four values read and written, three buttons", |times| {
            turns("counter", &counter, times)
        }),
        Case::new("echo in JavaScript, a fresh instance", |times| turns("echo-js", &javascript, times)),
        Case::new("echo in Python, a fresh instance", |times| turns("echo-python", &python, times)),
        Case::new("echo, an instance reused", |times| turns("echo", &echo_reused, times)),
        Case::new("echo in JavaScript, an instance reused", |times| turns("echo-js", &javascript_reused, times)),
        Case::new("echo in Python, an instance reused", |times| turns("echo-python", &python_reused, times)),
    ];
    let figures = plan.microseconds(&mut cases)?;
    let native = figures.first().map_or(f64::NAN, |figure| figure.median);
    let mut table = Table::new(["a turn", "µs", "× native"]);
    for (case, figure) in cases.iter().zip(&figures) {
        table.row([case.name().to_owned(), figure.to_string(), format!("{:.1}", figure.median / native)]);
    }
    println!("\n{table}");
    for (name, fresh, reused) in [
        ("Rust", &echo, &echo_reused),
        ("JavaScript", &javascript, &javascript_reused),
        ("Python", &python, &python_reused),
    ] {
        let [fresh, reused] = [fresh, reused].map(|plugin| runtime.block_on(rehearsal.memory(plugin)) >> 10);
        println!("echo in {name} has {fresh} KiB of memory at the end of a turn, and {reused} KiB reused.");
    }
    if let [_, _, one, many, ..] = figures.as_slice() {
        let scaling = cores as f64 * one.median / many.median;
        println!("{cores} threads run {scaling:.2} times as many turns as one.");
    }
    Ok(())
}

/// Each thread runs the turn so many times, in a runtime of its own, as the host's workers do.
fn on_threads(threads: usize, plugin: &dyn Plugin, times: u64) -> anyhow::Result<()> {
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| runtime()?.block_on(Rehearsal::default().run(plugin, times))))
            .collect();
        running.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
    })
}

fn runtime() -> anyhow::Result<Runtime> {
    Ok(Builder::new_current_thread().enable_time().build()?)
}
