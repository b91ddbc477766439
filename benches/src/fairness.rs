//! Fairness: what a flood does to another chat of the same bot, and a spinning bot to another bot.
//!
//! One person writes fifty times a second and is answered at once; what counts is how long each
//! answer takes, from the bytes to the durable outbox, in quiet and beside the others.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hodhod_bench::bots;
use hodhod_bench::machine;
use hodhod_bench::rounds::{Plan, percentile};
use hodhod_bench::table::Table;
use hodhod_core::runtime::Plugin;
use hodhod_engine::{Engine, PoolSize};

use crate::way::{BotSetup, Delivery, Disk, Goal, Pacer, Rig, Setup, What};

/// Messages of the person a second.
const A_SECOND: f64 = 50.0;

/// Messages of a flood in one chat, and of one in many, where work that is timed by the clock goes
/// on side by side and is over sooner.
const FLOOD: u32 = 2000;
const WIDE_FLOOD: u32 = 10_000;

/// The connection that the guests serve, where the flood comes; and that of the echo bot.
const FLOODED: u32 = 0;
const OTHER: u32 = 1;

/// The chat of the person; the flood comes in the chats below it.
const PERSON: u32 = 4000;

const WARM_UP: Duration = Duration::from_millis(500);

struct Case {
    name: &'static str,
    /// What comes all at once, in so many chats.
    flood: Option<(&'static str, u32)>,
    /// Where the person writes, and the word that the bot there wants first.
    person: (u32, &'static str),
    /// Nanoseconds until an answer.
    answers: Vec<u64>,
}

pub(crate) fn measure(plan: Plan, folder: &Path) -> anyhow::Result<()> {
    let (p50, p99) = machine::raw_sync(folder)?;
    say(&format!("4 KiB written and synced: p50 {p50:.0?}, p99 {p99:.0?}\n"));
    let engine = Engine::new(PoolSize::default())?;
    let bot = |name, connection| -> anyhow::Result<BotSetup> {
        let plugin: Arc<dyn Plugin> = Arc::new(bots::component(&engine, name)?);
        Ok(BotSetup { name, plugin, limits: bots::limits(), connections: vec![connection] })
    };
    let setup = Setup {
        disk: Some(Disk::at(folder)),
        bots: vec![bot("guests", FLOODED as usize)?, bot("echo", OTHER as usize)?],
        delivery: Delivery::Never,
        goal: Goal::InOutbox,
    };
    let case = |name, flood, person| Case { name, flood, person, answers: Vec::new() };
    let mut cases = [
        case("the same bot, quiet", None, (FLOODED, "echo ")),
        case("2,000 messages of 20 ms each flood one other chat", Some(("burn 20", 1)), (FLOODED, "echo ")),
        case("10,000 of them flood 63 other chats", Some(("burn 20", 63)), (FLOODED, "echo ")),
        case("another bot, quiet", None, (OTHER, "")),
        case("10,000 messages of 20 ms each flood 64 chats of a bot", Some(("burn 20", 64)), (OTHER, "")),
        case("a bot spins in one chat", Some(("spin", 1)), (OTHER, "")),
        case("a bot spins in 64 chats", Some(("spin", 64)), (OTHER, "")),
    ];
    for _ in 0..plan.rounds {
        for case in &mut cases {
            let mut answers = case.run(&setup, plan.length)?;
            case.answers.append(&mut answers);
        }
    }
    let mut table = Table::new([
        "an answer to one person",
        "answers",
        "ms p50",
        "ms p99",
        "ms most",
        "× quiet, p50",
        "× quiet, p99",
    ]);
    let mut quiet = (f64::NAN, f64::NAN);
    for case in &mut cases {
        case.answers.sort_unstable();
        let ms = |percent| percentile(&case.answers, percent) as f64 / 1e6;
        let (p50, p99) = (ms(50.0), ms(99.0));
        if case.flood.is_none() {
            quiet = (p50, p99);
        }
        table.row([
            case.name.to_owned(),
            case.answers.len().to_string(),
            format!("{p50:.2}"),
            format!("{p99:.2}"),
            format!("{:.2}", ms(100.0)),
            format!("{:.1}", p50 / quiet.0),
            format!("{:.1}", p99 / quiet.1),
        ]);
    }
    say(&table);
    Ok(())
}

impl Case {
    fn run(&self, setup: &Setup, length: Duration) -> anyhow::Result<Vec<u64>> {
        let rig = Rig::start(setup)?;
        if let Some((command, chats)) = self.flood {
            let messages = if chats == 1 { FLOOD } else { WIDE_FLOOD };
            for number in 0..messages {
                rig.board.write_to(FLOODED, number % chats, What::Command(command));
            }
        }
        let (board, (connection, word)) = (rig.board.clone(), self.person);
        let figures = rig.block_on(async {
            let pacer = Pacer::start(A_SECOND, move || board.write_to(connection, PERSON, What::Numbered(word)))?;
            tokio::time::sleep(WARM_UP).await;
            let figures = rig.board.record_during(async {
                tokio::time::sleep(length).await;
                drop(pacer);
                rig.board.all_done().await;
            });
            anyhow::Ok(figures.await)
        })?;
        rig.stop(false)?;
        Ok(figures.to_end)
    }
}

#[expect(clippy::print_stdout, reason = "a measurement prints")]
fn say(text: &impl std::fmt::Display) {
    println!("\n{text}");
}
