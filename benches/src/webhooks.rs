//! Events that a messenger brings by calling, while the host is killed in the middle: how soon each is stored, and
//! whether each is handled once.

use std::path::Path;

use hodhod_bench::table::Table;
use hodhod_tests::soak::Flood;

use crate::reloads::{ms, nanos, say};
use crate::way::runtime;

/// Runs it and prints the account. False where it does not balance.
pub(crate) fn measure(flood: Flood, folder: &Path) -> anyhow::Result<bool> {
    let Flood { rate, length, connections } = flood;
    say(&format!("{rate} events a second from {connections} connections for {length:.0?}, kill -9 in the middle"));
    let flooded = runtime()?.block_on(flood.run(folder));
    let total = |name: &str| flooded.totals[name].as_u64().unwrap_or(0).to_string();
    let more: usize = flooded.answers.values().map(|times| times - 1).sum();
    let mut table = Table::new(["events", "number"]);
    let mut row = |name: &str, number: String| table.row([name.to_owned(), number]);
    row("written", flooded.said.to_string());
    row("requests that were not answered with 200, and made again", flooded.again.to_string());
    row("stored", total("arrivals"));
    row("known already, and dropped", total("duplicates"));
    row("handled", total("handled"));
    row("answered", flooded.answers.len().to_string());
    row("sends in doubt, sent again", total("in_doubt_resent"));
    row("answered once more", more.to_string());
    say(&table);
    let mut took: Vec<u64> = flooded.took.iter().copied().map(nanos).collect();
    took.sort_unstable();
    let [p50, p99, most] = [50.0, 99.0, 100.0].map(|percent| ms(&took, percent));
    say(&format!(
        "a 200, from the request to its end: {p50} ms p50, {p99} ms p99, {most} ms at most; Divar wants the p99 under \
         2000 ms. From the kill until another host was ready: {:.0?}",
        flooded.away
    ));
    let flaws = flooded.flaws();
    match flaws.as_slice() {
        [] => say(&"Each was handled once."),
        flaws => say(&format!("The account does not balance: {}", flaws.join("; "))),
    }
    Ok(flaws.is_empty())
}
