//! New builds under load: what people notice when a bot's file is replaced, by a good build or a bad one.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use hodhod_bench::rounds::percentile;
use hodhod_bench::table::Table;
use hodhod_tests::soak::{Kind, Reloaded, Reloads, Replaced};

use crate::way::runtime;

/// The time from what came of one replacement to the next one: enough for what it did to be over, and for
/// messages of which it is known that nothing disturbed them.
pub(crate) const GAP: Duration = Duration::from_millis(2500);

/// What is near a replacement: so long before the rename and after it.
const NEAR: Duration = Duration::from_millis(500);

/// How long after a replacement it is quiet: an event that failed may be tried again after a second.
const OVER: Duration = Duration::from_millis(1500);

/// Runs it and prints what came of it. False where a message was not answered exactly once, in order and
/// by a build that served.
pub(crate) fn measure(plan: Reloads, folder: &Path) -> anyhow::Result<bool> {
    let reloaded = runtime()?.block_on(plan.run(folder));
    let Reloads { replacements, rate, chats, .. } = plan;
    say(&format!("{replacements} new builds, {rate} messages a second over {chats} chats"));
    let account = &reloaded.account;
    let failures: Vec<String> =
        reloaded.failures.iter().map(|(reason, turns)| format!("{turns} by {reason}")).collect();
    say(&format!(
        "said {}, answered {}, without an answer {}, more than once {}, out of order {}, by a build that did not \
         serve {}, dead letters {}, sends in doubt {}; turns that failed: {}",
        account.said,
        account.answered,
        account.unanswered.len(),
        account.repeated.len() + account.doubled.len(),
        account.out_of_order.len(),
        reloaded.by_another.len(),
        reloaded.totals["dead"],
        reloaded.totals["in_doubt_resent"],
        failures.join(", "),
    ));
    say(&fates(&reloaded.replaced));
    say(&answers(&reloaded));
    say(&swaps(&reloaded.replaced));
    Ok(account.is_exact() && reloaded.by_another.is_empty() && have_their_fates(&reloaded.replaced))
}

fn have_their_fates(replaced: &[Replaced]) -> bool {
    replaced.iter().all(|one| one.fate.last().is_some_and(|(step, _)| step == one.kind.fate()))
}

/// What became of each kind of build.
fn fates(replaced: &[Replaced]) -> Table {
    let mut table = Table::new(["a build that", "times", "what became of it", "ms until then, p50", "most"]);
    let mut by_kind: BTreeMap<(Kind, String), Vec<u64>> = BTreeMap::new();
    for one in replaced {
        let steps: Vec<String> = one.fate.iter().map(|(step, reason)| shown(step, reason)).collect();
        let took = one.took.map_or(0, nanos);
        by_kind.entry((one.kind, steps.join(", "))).or_default().push(took);
    }
    for ((kind, fate), took) in &mut by_kind {
        took.sort_unstable();
        table.row([kind.to_string(), took.len().to_string(), fate.clone(), ms(took, 50.0), ms(took, 100.0)]);
    }
    table
}

/// A step with the beginning of its reason, without the path that it begins with.
fn shown(step: &str, reason: &str) -> String {
    let words = reason.split_once(".wasm: ").map_or(reason, |(_, words)| words);
    let words = words.split_once(" (").map_or(words, |(words, _)| words);
    let beginning: String = words.chars().take(60).collect();
    let more = if beginning.len() < words.len() { "…" } else { "" };
    if words.is_empty() { step.to_owned() } else { format!("{step}: {beginning}{more}") }
}

/// How long answers took, in quiet and near replacements.
fn answers(reloaded: &Reloaded) -> Table {
    let near = |one: &Replaced, said: Instant| said + NEAR >= one.at && said <= one.at + NEAR;
    let disturbed = |one: &Replaced, said: Instant| said + NEAR >= one.at && said <= one.seen + OVER;
    let of =
        |kind: Kind, known: bool| reloaded.replaced.iter().filter(move |one| one.kind == kind && one.known == known);
    let near_one = |kind: Kind, known: bool| reloaded.book.latencies(|said| of(kind, known).any(|one| near(one, said)));
    let quiet = reloaded.book.latencies(|said| !reloaded.replaced.iter().any(|one| disturbed(one, said)));
    let mut table =
        Table::new(["an answer, the message written", "answers", "ms p50", "ms p99", "ms most", "× quiet, p99"]);
    let mut cases = vec![("in quiet".to_owned(), quiet)];
    cases.push(("near a good build, new".to_owned(), near_one(Kind::Good, false)));
    cases.push(("near a good build, in the cache".to_owned(), near_one(Kind::Good, true)));
    cases.extend(Kind::BAD.map(|kind| (format!("near a build that {kind}"), near_one(kind, false))));
    let mut quiet_p99 = f64::NAN;
    for (name, took) in cases {
        let mut took: Vec<u64> = took.into_iter().map(nanos).collect();
        took.sort_unstable();
        let p99 = percentile(&took, 99.0) as f64;
        if quiet_p99.is_nan() {
            quiet_p99 = p99;
        }
        let times = format!("{:.1}", p99 / quiet_p99);
        table.row([name, took.len().to_string(), ms(&took, 50.0), ms(&took, 99.0), ms(&took, 100.0), times]);
    }
    table
}

/// How long it took until a good build served.
fn swaps(replaced: &[Replaced]) -> Table {
    let mut table = Table::new(["from the rename of a good build", "times", "ms p50", "ms p99", "ms most"]);
    for (cache, known) in [("new", false), ("in the cache", true)] {
        let good: Vec<&Replaced> = replaced.iter().filter(|one| one.kind == Kind::Good && one.known == known).collect();
        let mut row = |name: &str, figures: Vec<Option<Duration>>| {
            let mut figures: Vec<u64> = figures.into_iter().flatten().map(nanos).collect();
            figures.sort_unstable();
            let [p50, p99, most] = [50.0, 99.0, 100.0].map(|percent| ms(&figures, percent));
            table.row([format!("{cache}: {name}"), figures.len().to_string(), p50, p99, most]);
        };
        row("of that, to compile or to find its code", good.iter().map(|one| one.compiling).collect());
        row("until it serves", good.iter().map(|one| one.took).collect());
        row("until its first answer is with the messenger", good.iter().map(|one| one.first_answer).collect());
        let beyond = |one: &&Replaced| Some(one.first_answer?.saturating_sub(one.compiling?));
        row("the same without compiling", good.iter().map(beyond).collect());
    }
    table
}

/// A percentile of what is in order, in milliseconds.
pub(crate) fn ms(sorted: &[u64], percent: f64) -> String {
    format!("{:.1}", percentile(sorted, percent) as f64 / 1e6)
}

pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[expect(clippy::print_stdout, reason = "a measurement prints")]
pub(crate) fn say(text: &impl std::fmt::Display) {
    println!("\n{text}");
}
