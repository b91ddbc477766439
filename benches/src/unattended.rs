//! A host that nobody looks after, and the account of every message at the end.

use std::path::Path;

use hodhod_bench::table::Table;
use hodhod_tests::soak::Wear;

use crate::reloads::{ms, nanos, say};
use crate::way::runtime;

/// Runs it and prints the account. False where it does not balance.
pub(crate) fn measure(wear: Wear, folder: &Path) -> anyhow::Result<bool> {
    let Wear { length, rate, chats, seed } = wear;
    say(&format!("{length:.0?}, {rate} messages a second over {chats} chats, --seed {seed}"));
    let ended = runtime()?.block_on(wear.run(folder));
    let mut table = Table::new(["what happened", "times"]);
    for (name, times) in &ended.happened {
        table.row([name.clone(), times.to_string()]);
    }
    table.row(["starts with a bad build in place".to_owned(), ended.bad_starts.to_string()]);
    say(&table);

    let account = &ended.account;
    let mut table = Table::new(["messages", "number"]);
    let mut row = |name: &str, number: u64| table.row([name.to_owned(), number.to_string()]);
    row("said", account.said as u64);
    row("lost by the messenger: at the end of what went into a connection that ended", ended.in_the_gap.len() as u64);
    row("stored", ended.total("arrivals"));
    row("answered", account.answered as u64);
    row("lost: read and not answered", ended.lost.len() as u64);
    row("sends in doubt, sent again", ended.total("in_doubt_resent"));
    row("answered once more, right after", account.repeated.len() as u64);
    row("doubled: answered once more than sends in doubt explain", ended.unexplained as u64);
    row("out of order", account.out_of_order.len() as u64);
    row("dead letters", ended.total("dead"));
    say(&table);

    let mut took: Vec<u64> = ended.book.latencies(|_| true).into_iter().map(nanos).collect();
    took.sort_unstable();
    let [p50, p99, most] = [50.0, 99.0, 100.0].map(|percent| ms(&took, percent));
    say(&format!("an answer, restarts and all: {p50} ms p50, {p99} ms p99, {most} ms at most"));
    let flaws = ended.flaws();
    match flaws.as_slice() {
        [] => say(&"The account balances."),
        flaws => say(&format!("The account does not balance: {}", flaws.join("; "))),
    }
    Ok(flaws.is_empty())
}
