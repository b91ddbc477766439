//! The way of a message: parse → durable inbox → fresh turn → durable commit with the reply in the
//! outbox, with `synchronous=FULL`, next to the bare store doing the same appends and commits.
//!
//! In a closed loop each message that is done is followed by another, so a fixed number is in
//! flight; at a rate they come when they come, and what counts is how long each takes, from the
//! moment its bytes are there.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hodhod_bench::bots::{self, NativeEcho};
use hodhod_bench::machine;
use hodhod_bench::rounds::{Plan, Spread};
use hodhod_bench::table::Table;
use hodhod_core::runtime::{Limits, Plugin};
use hodhod_engine::{Engine, PoolSize};

use crate::way::{self, Bare, Board, BotSetup, Delivery, Disk, Figures, Goal, Pacer, Rig, Setup};

/// Before anything is measured: caches fill, pages are faulted in, the database gets its first pages.
const WARM_UP: Duration = Duration::from_millis(500);

/// How messages come.
#[derive(Clone, Copy, Debug)]
enum Drive {
    /// So many are always in flight.
    InFlight(u32),
    /// So many come in a second.
    ASecond(u32),
}

/// What is measured.
enum Subject {
    Host(Setup),
    Bare(Disk),
}

struct Case {
    name: String,
    subject: Subject,
    drive: Drive,
    runs: Vec<Run>,
}

/// What one round of a case gave.
struct Run {
    figures: Figures,
    /// Nanoseconds of processor by kind of thread.
    threads: Vec<(String, u64)>,
}

/// The table of the way as a whole.
pub(crate) fn measure(plan: Plan, folder: &Path) -> anyhow::Result<()> {
    let (disk, host) = usual(folder)?;
    let mut cases = Vec::new();
    for (drive, words) in [
        (Drive::InFlight(256), "256 in flight"),
        (Drive::InFlight(1024), "1,024 in flight"),
        (Drive::ASecond(1_000), "1,000 a second"),
        (Drive::ASecond(10_000), "10,000 a second"),
    ] {
        cases.push(Case::new(format!("{words}: the bare store"), Subject::Bare(disk.clone()), drive));
        cases.push(Case::new(format!("{words}: hodhod"), Subject::Host(host.clone()), drive));
    }
    run(plan, &mut cases)?;
    let mut table =
        Table::new(["", "messages/s", "ms p50", "ms p99", "ms p50 until durable in the inbox", "CPU µs a message"]);
    for case in &cases {
        table.row([
            case.name.clone(),
            format!("{:.0}", case.spread(|run| run.figures.rate)),
            format!("{:.2}", case.spread(|run| run.figures.ms(50.0))),
            format!("{:.2}", case.spread(|run| run.figures.ms(99.0))),
            format!("{:.2}", case.spread(|run| run.figures.inbox_ms(50.0))),
            format!("{:.1}", case.spread(|run| run.cpu(|_| true))),
        ]);
    }
    say(&table);
    Ok(())
}

/// The table of what the parts cost.
pub(crate) fn measure_parts(plan: Plan, folder: &Path) -> anyhow::Result<()> {
    let (disk, everything) = usual(folder)?;
    let soroush = way::client()?;
    let native = || vec![echo(Arc::new(NativeEcho), bots::limits())];
    let delivered = |delivery| Subject::Host(Setup { delivery, goal: Goal::Delivered, ..everything.clone() });
    let subjects = [
        ("everything", Subject::Host(everything.clone())),
        ("a Rust function in place of the component", Subject::Host(Setup { bots: native(), ..everything.clone() })),
        ("no store", Subject::Host(Setup { disk: None, ..everything.clone() })),
        ("no store, a Rust function", Subject::Host(Setup { disk: None, bots: native(), ..everything.clone() })),
        ("the bare store", Subject::Bare(disk)),
        ("everything, and each reply delivered at once", delivered(Delivery::AtOnce)),
        ("everything, and each reply delivered over HTTP", delivered(Delivery::Http(soroush))),
    ];
    let case = |(name, subject): (&str, _)| Case::new(name.to_owned(), subject, Drive::InFlight(1024));
    let mut cases: Vec<Case> = subjects.into_iter().map(case).collect();
    run(plan, &mut cases)?;
    let mut table = Table::new([
        "1,024 in flight",
        "messages/s",
        "ms p50",
        "CPU µs a message",
        "turns",
        "connections, commits, sends",
        "store writer",
        "messenger",
    ]);
    for case in &cases {
        let cpu = |of: &'static str| format!("{:.1}", case.spread(|run| run.cpu(|kind| kind == of)).median);
        table.row([
            case.name.clone(),
            format!("{:.0}", case.spread(|run| run.figures.rate)),
            format!("{:.2}", case.spread(|run| run.figures.ms(50.0))),
            format!("{:.1}", case.spread(|run| run.cpu(|_| true))),
            cpu("hodhod-turns"),
            cpu("hodhod"),
            cpu("store-writer"),
            cpu("messenger"),
        ]);
    }
    say(&table);
    Ok(())
}

/// The whole way under full load.
pub(crate) fn load(plan: Plan, folder: &Path, in_flight: u32) -> anyhow::Result<()> {
    let (_, host) = usual(folder)?;
    let mut cases = [Case::new("hodhod".to_owned(), Subject::Host(host), Drive::InFlight(in_flight))];
    run(plan, &mut cases)?;
    let mut table = Table::new(["thread", "CPU µs a message"]);
    for run in cases.iter().flat_map(|case| &case.runs) {
        for (kind, nanos) in &run.threads {
            table.row([kind.clone(), format!("{:.2}", *nanos as f64 / 1e3 / run.figures.messages as f64)]);
        }
        let Figures { rate, .. } = run.figures;
        table.row([format!("{rate:.0} messages/s"), format!("{:.2}", run.cpu(|_| true))]);
    }
    say(&table);
    Ok(())
}

/// The usual case: echo in the sandbox, with the limits that a bot has by default.
fn usual(folder: &Path) -> anyhow::Result<(Disk, Setup)> {
    let (p50, p99) = machine::raw_sync(folder)?;
    say(&format!("4 KiB written and synced: p50 {p50:.0?}, p99 {p99:.0?}\n"));
    let engine = Engine::new(PoolSize::default())?;
    let disk = Disk::at(folder);
    let bots = vec![echo(Arc::new(bots::component(&engine, "echo")?), bots::limits())];
    let setup = Setup { disk: Some(disk.clone()), bots, delivery: Delivery::Never, goal: Goal::InOutbox };
    Ok((disk, setup))
}

fn echo(plugin: Arc<dyn Plugin>, limits: Limits) -> BotSetup {
    BotSetup { name: "echo", plugin, limits, connections: Vec::new() }
}

fn run(plan: Plan, cases: &mut [Case]) -> anyhow::Result<()> {
    for _ in 0..plan.rounds {
        for case in cases.iter_mut() {
            let done = case.run(plan.length)?;
            case.runs.push(done);
        }
    }
    Ok(())
}

impl Case {
    fn new(name: String, subject: Subject, drive: Drive) -> Self {
        Self { name, subject, drive, runs: Vec::new() }
    }

    fn run(&self, length: Duration) -> anyhow::Result<Run> {
        match &self.subject {
            Subject::Host(setup) => {
                let rig = Rig::start(setup)?;
                let run = rig.block_on(self.drive.run(&rig.board, length))?;
                rig.stop(true)?;
                Ok(run)
            }
            Subject::Bare(disk) => {
                let bare = Bare::start(disk)?;
                let run = bare.block_on(self.drive.run(&bare.board, length))?;
                bare.stop();
                Ok(run)
            }
        }
    }

    fn spread(&self, of: impl Fn(&Run) -> f64) -> Spread {
        Spread::of(self.runs.iter().map(of).collect())
    }
}

impl Drive {
    async fn run(self, board: &Arc<Board>, length: Duration) -> anyhow::Result<Run> {
        let pacer = match self {
            Self::InFlight(messages) => {
                board.keep_in_flight(messages);
                None
            }
            Self::ASecond(messages) => {
                let board = board.clone();
                Some(Pacer::start(f64::from(messages), move || board.write())?)
            }
        };
        tokio::time::sleep(WARM_UP).await;
        let before = way::by_thread();
        let mut threads = Vec::new();
        let figures = board.record_during(async {
            tokio::time::sleep(length).await;
            threads = way::by_thread().since(&before);
            if pacer.is_some() {
                drop(pacer);
                board.all_done().await;
            }
        });
        let figures = figures.await;
        Ok(Run { figures, threads })
    }
}

impl Run {
    /// Microseconds of processor for each message, of some kinds of threads.
    fn cpu(&self, of: impl Fn(&str) -> bool) -> f64 {
        let nanos: u64 = self.threads.iter().filter(|(kind, _)| of(kind)).map(|(_, nanos)| nanos).sum();
        nanos as f64 / 1e3 / self.figures.messages as f64
    }
}

#[expect(clippy::print_stdout, reason = "a measurement prints")]
fn say(text: &impl std::fmt::Display) {
    println!("\n{text}");
}
