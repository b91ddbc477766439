//! New builds under load: a bot's file is replaced again and again while people write to it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::account::Account;
use super::builds::{Builds, Kind, digest};
use super::traffic::{Book, Traffic};
use crate::{BotSetup, Running, Setup, eventually, replace};

/// How often the records of the host are read: it keeps 32, and a replacement makes two at most.
const READ: usize = 10;

/// How new builds come.
#[derive(Clone, Copy, Debug)]
pub struct Reloads {
    /// How often the file is replaced: a good build, then a bad one of each kind in turn.
    pub replacements: usize,
    /// Messages a second.
    pub rate: f64,
    /// Chats.
    pub chats: usize,
    /// The time between what came of one and the next one.
    pub gap: Duration,
}

/// One replacement.
#[derive(Clone, Debug)]
pub struct Replaced {
    /// What was put there.
    pub kind: Kind,
    /// Whether the host had compiled it before.
    pub known: bool,
    /// When its file was renamed.
    pub at: Instant,
    /// When what came of it could be seen: its first answer, or that the host says why it does not serve.
    pub seen: Instant,
    /// What the host did with it, and why, in the words of `hodhod generations`.
    pub fate: Vec<(String, String)>,
    /// From the rename to the end that the host records.
    pub took: Option<Duration>,
    /// From the rename to the first answer of it.
    pub first_answer: Option<Duration>,
    /// How long compiling took, by the log, or finding the code in the cache.
    pub compiling: Option<Duration>,
    number: u32,
    digest: String,
    clock: u64,
}

/// What came of it all.
#[derive(Clone, Debug)]
pub struct Reloaded {
    /// The messages.
    pub book: Book,
    /// What became of them.
    pub account: Account,
    /// Messages that were answered by a build that did not serve between message and answer.
    pub by_another: Vec<usize>,
    /// The replacements.
    pub replaced: Vec<Replaced>,
    /// Turns that failed, by reason.
    pub failures: BTreeMap<String, u64>,
    /// What the store has counted.
    pub totals: Value,
}

impl Reloads {
    /// Runs it, with the state of the host in a folder of this one.
    ///
    /// # Panics
    /// Where the host does not do something in time.
    pub async fn run(&self, folder: &Path) -> Reloaded {
        let builds = Builds::default();
        let files = tempfile::tempdir_in(folder).expect("a folder");
        let file = files.path().join("bot.wasm");
        replace(&file, &builds.make(Kind::Good, 0));
        let setup = Setup::within(folder, [BotSetup::new("guests").called("bot").at(&file)]).await;
        let host = setup.start_ready().await;
        let began = Instant::now();
        let mut traffic = Traffic::start(&setup.server, self.rate, self.chats);
        tokio::time::sleep(self.gap).await;

        let mut replaced: Vec<Replaced> = Vec::new();
        let mut records: Vec<Value> = Vec::new();
        for (round, (kind, number, known)) in cycle().take(self.replacements).enumerate() {
            let bytes = builds.make(kind, number);
            let clock = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
            let clock = u64::try_from(clock).expect("before the end of time");
            let at = Instant::now();
            replace(&file, &bytes);
            if kind == Kind::Good {
                // Looking at more than that, such as the log, would hold up those who are being measured.
                let answers = async || traffic.has_answered(number, at).then_some(()).ok_or(());
                eventually("a good build answers", answers).await;
            } else {
                bad_is_seen(&host, kind).await;
            }
            let (seen, fate) = (Instant::now(), Vec::new());
            let (took, first_answer, compiling) = (None, None, None);
            let digest = digest(&bytes);
            replaced.push(Replaced {
                kind,
                known,
                at,
                seen,
                fate,
                took,
                first_answer,
                compiling,
                number,
                digest,
                clock,
            });
            if round % READ == READ - 1 || round + 1 == self.replacements {
                read_records(&setup, &mut records).await;
            }
            tokio::time::sleep_until((seen + self.gap).into()).await;
        }
        traffic.hush().await;
        let last = traffic.say();
        eventually("the last message is answered", async || traffic.is_answered(last).then_some(()).ok_or(())).await;
        let status = host.idle().await;
        host.stop().await;
        let book = traffic.end().await;
        settle(&mut replaced, &records, &book, &setup.log());
        Reloaded {
            account: Account::of(&book, self.chats),
            by_another: by_another(&book, &replaced, began),
            failures: failures(&status),
            totals: status["totals"].clone(),
            book,
            replaced,
        }
    }
}

/// What is put there, with its number, and whether it was there before: a good build between two bad
/// ones, every other one such as was there before.
fn cycle() -> impl Iterator<Item = (Kind, u32, bool)> {
    (0_u32..).flat_map(|pair| {
        let known = pair % 2 == 1;
        // The newest one serves; the one before it is the newest that is known and is another.
        let good = if known { pair.div_ceil(2) - 1 } else { pair / 2 + 1 };
        [(Kind::Good, good, known), (Kind::BAD[pair as usize % Kind::BAD.len()], pair, false)]
    })
}

async fn bad_is_seen(host: &Running, kind: Kind) {
    let seen = |status: &Value| status["bots"][0]["trouble"]["step"] == kind.fate();
    eventually("a bad build does not serve", async || {
        let status = host.status().await;
        if seen(&status) {
            return Ok(());
        }
        // Asking is work for the host, which is being measured.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(status)
    })
    .await;
}

/// Adds what `hodhod generations` says that was not known yet.
async fn read_records(setup: &Setup, records: &mut Vec<Value>) {
    let output = setup.command("generations").args(["bot", "--json"]).output().await.expect("the program runs");
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let told = answer["records"].as_array().expect("records");
    let new = told.iter().skip_while(|record| records.last().is_some_and(|last| last != *record));
    let new: Vec<Value> = match records.last() {
        Some(_) => new.skip(1).cloned().collect(),
        None => new.cloned().collect(),
    };
    records.extend(new);
}

/// The turns of the bot that failed, by reason.
fn failures(status: &Value) -> BTreeMap<String, u64> {
    let told = status["bots"][0]["failures"].as_object().expect("numbers by reason").iter();
    told.filter_map(|(reason, turns)| Some((reason.clone(), turns.as_u64().filter(|turns| *turns > 0)?))).collect()
}

/// Writes to each replacement what became of it.
fn settle(replaced: &mut [Replaced], records: &[Value], book: &Book, log: &str) {
    let mut records = records.iter().peekable();
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let mut compiled = lines.iter().filter(|line| line["plugin"].is_string() && line["cached"].is_boolean());
    // The one that the host began with.
    compiled.next();
    let mut compiled = compiled.peekable();
    for one in replaced {
        // Half of a file has a digest of its own too.
        while let Some(record) = records.next_if(|record| record["digest"] == one.digest.as_str()) {
            let word = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
            let ended = record["at"].as_u64().expect("a time").saturating_sub(one.clock);
            one.fate.push((word("step"), word("reason")));
            one.took = Some(Duration::from_millis(ended));
        }
        while let Some(line) = compiled.next_if(|line| line["plugin"] == one.digest.as_str()) {
            one.compiling = line["ms"].as_u64().map(Duration::from_millis);
        }
        let mut answers = book.answers.iter().filter(|answer| answer.build == one.number && answer.at >= one.at);
        let first = answers.next().filter(|_| one.kind == Kind::Good);
        one.first_answer = first.map(|answer| answer.at - one.at);
    }
}

/// The messages that were answered by a build that did not serve at any moment between the two.
fn by_another(book: &Book, replaced: &[Replaced], began: Instant) -> Vec<usize> {
    let good: Vec<&Replaced> = replaced.iter().filter(|one| one.kind == Kind::Good).collect();
    let begins = std::iter::once((0, began)).chain(good.iter().map(|one| (one.number, one.at)));
    let ends = good.iter().map(|one| Some(one.seen)).chain([None]);
    let served: Vec<_> = begins.zip(ends).collect();
    let is_one_that_served = |build: u32, said: Instant, at: Instant| {
        served
            .iter()
            .any(|((number, from), until)| *number == build && *from <= at && until.is_none_or(|until| said <= until))
    };
    let answers = book.answers.iter();
    answers
        .filter(|answer| !is_one_that_served(answer.build, book.said[answer.message], answer.at))
        .map(|answer| answer.message)
        .collect()
}
