//! Measures hodhod: a turn, the way of a message, what its parts cost, fairness, and the long proofs.
//!
//! ```text
//! cargo build --profile plugin --target wasm32-wasip2 -p echo -p counter -p guests
//! cargo run --release -p hodhod-bench -- turn
//! cargo run --release -p hodhod-bench -- pipeline
//! cargo run --release -p hodhod-bench -- parts
//! cargo run --release -p hodhod-bench -- fairness
//! cargo build --release -p hodhod && cargo run --release -p hodhod-bench -- reloads
//! cargo build --release -p hodhod && cargo run --release -p hodhod-bench -- unattended --minutes 10
//! cargo build --release -p hodhod && cargo run --release -p hodhod-bench -- webhooks
//! ```
//!
//! Each but the last three takes about a minute and prints its table with the machine above it. Cases run in turn;
//! figures are medians of the rounds, with the least and the most. When others keep cores busy, the
//! last line says so, and only ratios within one table mean anything.
//!
//! `reloads` takes about six minutes. The last three run the real program, and exit with 1 where a message was
//! lost, doubled or out of order.
//!
//! `load` runs the whole way for some seconds under full load, for a profiler. The comparison with
//! another host is a workspace of its own, in `peers/`.

#![expect(clippy::print_stdout, reason = "a measurement prints")]

mod fairness;
mod pipeline;
mod reloads;
mod turn;
mod unattended;
mod way;
mod webhooks;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use hodhod_bench::machine::{self, Load};
use hodhod_bench::rounds::Plan;
use hodhod_tests::soak::{Flood, Reloads, Wear};

/// What the program uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures hodhod.
#[derive(Debug, Parser)]
struct Arguments {
    /// What to measure.
    what: What,
    /// The folder for databases, which should be on the disk that a host would use.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
    /// Rounds; each runs every case once.
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds that a case runs in a round.
    #[arg(long)]
    seconds: Option<f64>,
    /// `load` only: messages in flight.
    #[arg(long, default_value_t = 1024)]
    in_flight: u32,
    /// `reloads`, `unattended` and `webhooks` only: messages a second; 500 by default, and 1,000 for `webhooks`.
    #[arg(long)]
    rate: Option<f64>,
    /// `reloads` and `unattended` only: chats.
    #[arg(long, default_value_t = 50)]
    chats: usize,
    /// `reloads` only: how often the file of the bot is replaced.
    #[arg(long, default_value_t = 100)]
    replacements: usize,
    /// `unattended` and `webhooks` only: for how long; 10 by default, and 1 for `webhooks`.
    #[arg(long)]
    minutes: Option<f64>,
    /// `unattended` only: what decides what happens when; by default another one each time, which is printed.
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// A turn in the sandbox, next to a Rust call.
    Turn,
    /// The way of a message, next to the bare store.
    Pipeline,
    /// The same without some of its parts, and with delivery.
    Parts,
    /// What a flood and a spinning bot do to others.
    Fairness,
    /// The way of a message under full load, for a profiler.
    Load,
    /// New builds of a bot, good and bad, while people write to it.
    Reloads,
    /// Cuts, kills and new builds at random, and the account of all messages.
    Unattended,
    /// Events that a messenger brings by calling, with a kill in the middle.
    Webhooks,
}

impl Arguments {
    fn rate(&self, usual: f64) -> f64 {
        self.rate.unwrap_or(usual)
    }

    fn length(&self, usual: f64) -> anyhow::Result<Duration> {
        Ok(Duration::try_from_secs_f64(self.minutes.unwrap_or(usual) * 60.0)?)
    }

    fn plan(&self, rounds: usize, seconds: f64) -> Plan {
        Plan { rounds: self.rounds.unwrap_or(rounds), length: Duration::from_secs_f64(self.seconds.unwrap_or(seconds)) }
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let folder = arguments.folder.as_path();
    println!("{}; {}", machine::describe(), machine::file_system(folder));
    let load = Load::start();
    let mut holds = true;
    match arguments.what {
        What::Turn => turn::measure(arguments.plan(9, 0.3))?,
        What::Pipeline => pipeline::measure(arguments.plan(3, 2.0), folder)?,
        What::Parts => pipeline::measure_parts(arguments.plan(3, 2.0), folder)?,
        What::Fairness => fairness::measure(arguments.plan(2, 5.0), folder)?,
        What::Load => pipeline::load(arguments.plan(1, 10.0), folder, arguments.in_flight)?,
        What::Reloads => {
            let rate = arguments.rate(500.0);
            let Arguments { replacements, chats, .. } = arguments;
            holds = reloads::measure(Reloads { replacements, rate, chats, gap: reloads::GAP }, folder)?;
        }
        What::Unattended => {
            let (length, rate) = (arguments.length(10.0)?, arguments.rate(500.0));
            let seed = arguments.seed.unwrap_or_else(rand::random);
            holds = unattended::measure(Wear { length, rate, chats: arguments.chats, seed }, folder)?;
        }
        What::Webhooks => {
            let (length, rate) = (arguments.length(1.0)?, arguments.rate(1000.0));
            holds = webhooks::measure(Flood { rate, length, connections: 64 }, folder)?;
        }
    }
    println!("\nOther processes kept {:.2} cores busy meanwhile.", load.others());
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
