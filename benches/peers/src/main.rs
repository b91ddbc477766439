//! A turn of hodhod next to a call of Extism 1.30, with the same bot, in one run.
//!
//! The bot is echo. For hodhod it is the component of `plugins/echo`; for Extism a module that gets
//! the event as JSON and gives the replies as JSON, which is how its bots talk to their host. A call
//! of Extism has no limits here but those that it always has; a turn of hodhod has its deadlines,
//! its memory limit and its buffer of effects.
//!
//! See `README.md` for how to run it.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use extism::{CompiledPlugin, Plugin, PluginBuilder};
use hodhod_bench::bots::{self, NativeEcho, Rehearsal, Reply};
use hodhod_bench::machine::{self, Load};
use hodhod_bench::rounds::{Case, Plan};
use hodhod_bench::table::Table;
use hodhod_engine::{Engine, PoolSize};
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

/// What the program uses, for both.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PLAN: Plan = Plan { rounds: 9, length: std::time::Duration::from_millis(300) };

fn main() -> anyhow::Result<()> {
    println!("{}", machine::describe());
    let load = Load::start();
    let engine = Engine::new(PoolSize::default())?;
    let echo = bots::component(&engine, "echo")?;
    let rehearsal = Rehearsal::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(rehearsal.check(&echo))?;

    let bytes = guest()?;
    let compiled = PluginBuilder::new(bytes.as_slice()).with_cache_disabled().compile()?;
    let pooled =
        PluginBuilder::new(bytes.as_slice()).with_cache_disabled().with_wasmtime_config(pool()).compile()?;
    let json = serde_json::to_vec(rehearsal.event())?;
    let expected: Vec<Reply> = bots::answer(rehearsal.event()).into_iter().collect();
    let call = |plugin: &mut Plugin, json: &[u8]| -> anyhow::Result<Vec<Reply>> {
        Ok(serde_json::from_slice(plugin.call::<&[u8], &[u8]>("handle", json)?)?)
    };
    for compiled in [&compiled, &pooled] {
        ensure!(call(&mut Plugin::new_from_compiled(compiled)?, &json)? == expected, "the bot for Extism does not echo");
    }
    let mut kept = Plugin::new_from_compiled(&compiled)?;
    let mut kept_bytes = Plugin::new_from_compiled(&compiled)?;

    // A whole call: from the event as the host holds it to the replies as the host holds them.
    let fresh = |compiled: &CompiledPlugin, times: u64| -> anyhow::Result<()> {
        for _ in 0..times {
            let json = serde_json::to_vec(rehearsal.event())?;
            let replies = call(&mut Plugin::new_from_compiled(compiled)?, &json)?;
            ensure!(replies.len() == 1, "no reply");
        }
        Ok(())
    };
    let mut cases = [
        Case::new("echo as a Rust function", |times| runtime.block_on(rehearsal.run(&NativeEcho, times))),
        Case::new("the same, JSON in and out", |times| {
            for _ in 0..times {
                std::hint::black_box(bots::answer_json(std::hint::black_box(&json))?);
            }
            Ok(())
        }),
        Case::new("**hodhod: a turn, a fresh instance**", |times| runtime.block_on(rehearsal.run(&echo, times))),
        Case::new("Extism: a call, the plugin kept", |times| {
            for _ in 0..times {
                let json = serde_json::to_vec(rehearsal.event())?;
                ensure!(call(&mut kept, &json)?.len() == 1, "no reply");
            }
            Ok(())
        }),
        Case::new("the same, JSON made before and not read after", |times| {
            for _ in 0..times {
                std::hint::black_box(kept_bytes.call::<&[u8], &[u8]>("handle", &json)?);
            }
            Ok(())
        }),
        Case::new("Extism: a call, a fresh plugin", |times| fresh(&compiled, times)),
        Case::new("the same, with the pool of hodhod", |times| fresh(&pooled, times)),
    ];
    let figures = PLAN.microseconds(&mut cases)?;
    let (native, own) = match figures.as_slice() {
        [native, _, own, ..] => (native.median, own.median),
        _ => (f64::NAN, f64::NAN),
    };
    let mut table = Table::new(["a turn of echo", "µs", "× native", "× hodhod"]);
    for (case, figure) in cases.iter().zip(&figures) {
        let times = |of: f64| format!("{:.2}", figure.median / of);
        table.row([case.name().to_owned(), figure.to_string(), times(native), times(own)]);
    }
    println!("\n{table}\nOther processes kept {:.2} cores busy meanwhile.", load.others());
    Ok(())
}

/// The settings of `host/engine`, as far as a module has them.
fn pool() -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.max_unused_warm_slots(512)
        .linear_memory_keep_resident(16 << 20)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

fn guest() -> anyhow::Result<Vec<u8>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("PEERS_TARGET_DIR").map_or_else(|| here.join("target"), PathBuf::from);
    let path = target.join("wasm32-unknown-unknown/plugin/extism_echo.wasm");
    std::fs::read(&path).with_context(|| format!("{}: build it first, as README.md says", path.display()))
}
