//! `cargo xtask test`: every check and every test, and one closing line.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::steps::{Failed, bots, cargo, complain, say, step};
use crate::{other, tools};

/// Tests whose name has this in it need Python.
const PYTHON: &str = "python_sdk";

/// Runs everything. What really is missing is reported as skipped, with the reason.
pub(crate) fn run() -> Result<(), Failed> {
    tools::c_compiler()?;
    step("formatting", &mut cargo(["fmt", "--all", "--check"]))?;
    bots()?;
    let mut skipped = other::bots()?;
    step("build", &mut cargo(["build", "--locked", "--workspace"]))?;
    step("clippy", &mut cargo(["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    step("documentation", cargo(["doc", "--locked", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))?;

    let mut counts = Counts::default();
    if !tools::has_python() {
        skipped.push(format!("{PYTHON}: python3 with venv is missing"));
    }
    let without: Vec<&str> = skipped.iter().filter_map(|reason| Some(reason.split_once(':')?.0)).collect();
    counts.add(tests(&without)?);
    counts.add(plain(&["test", "--locked", "--workspace", "--doc"])?);
    match tools::deny() {
        Some(mut deny) => step(
            "licences, sources and bans",
            deny.args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]),
        )?,
        None => skipped.push("cargo-deny: it is not there and could not be installed".to_owned()),
    }
    for reason in &skipped {
        say(&format!("skipped: {reason}"));
    }
    say(&format!("{} passed, {} failed, {} skipped", counts.passed, counts.failed, counts.skipped + skipped.len()));
    if counts.failed > 0 { Err(Failed("some tests failed".to_owned())) } else { Ok(()) }
}

#[derive(Default)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Runs all tests but those with one of these in their name.
fn tests(without: &[&str]) -> Result<Counts, Failed> {
    if tools::has_nextest() {
        let mut arguments = vec!["nextest", "run", "--locked", "--workspace", "--no-fail-fast", "--color", "never"];
        let filter = without.iter().map(|name| format!("not test({name})")).collect::<Vec<_>>().join(" and ");
        if !without.is_empty() {
            arguments.extend(["-E", &filter]);
        }
        return nextest(&arguments);
    }
    let mut arguments = vec!["test", "--locked", "--workspace", "--all-targets", "--no-fail-fast", "--"];
    arguments.extend(without.iter().flat_map(|name| ["--skip", name]));
    plain(&arguments)
}

/// Runs tests with nextest and reads its summary, as in
/// `Summary [ 1.9s] 38 tests run: 37 passed (1 slow), 1 failed, 0 skipped`.
fn nextest(arguments: &[&str]) -> Result<Counts, Failed> {
    let lines = run_and_show(arguments)?;
    let summary = lines.iter().rev().find(|line| line.trim_start().starts_with("Summary ["));
    let summary = summary.ok_or_else(|| Failed("failed: the tests did not run to their end".to_owned()))?;
    Ok(Counts {
        passed: number_before(summary, "passed"),
        failed: number_before(summary, "failed") + number_before(summary, "timed out"),
        // Left out by the filter above, and counted there.
        skipped: 0,
    })
}

/// Runs tests with cargo's own runner and adds up its summaries, as in
/// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out`.
fn plain(arguments: &[&str]) -> Result<Counts, Failed> {
    let lines = run_and_show(arguments)?;
    let mut counts = Counts::default();
    let mut seen = false;
    for line in lines.iter().filter(|line| line.starts_with("test result: ")) {
        seen = true;
        counts.add(Counts { passed: number_before(line, "passed"), failed: number_before(line, "failed"), skipped: 0 });
    }
    if seen { Ok(counts) } else { Err(Failed("failed: the tests did not run".to_owned())) }
}

/// The number that stands before a word.
fn number_before(line: &str, word: &str) -> usize {
    let words: Vec<&str> = line.split([' ', ',', ';', ':']).filter(|word| !word.is_empty()).collect();
    let first = word.split(' ').next().unwrap_or(word);
    let place = words.iter().position(|other| *other == first);
    place.and_then(|place| words.get(place.checked_sub(1)?)?.parse().ok()).unwrap_or(0)
}

/// Runs cargo and shows its output while keeping it.
fn run_and_show(arguments: &[&str]) -> Result<Vec<String>, Failed> {
    complain(&format!("── cargo {}", arguments.join(" ")));
    let failed = |error: std::io::Error| Failed(format!("failed: cargo {} ({error})", arguments.join(" ")));
    // Both outputs in one pipe, in the order in which they are written.
    let (reader, writer) = std::io::pipe().map_err(failed)?;
    let mut child = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(writer.try_clone().map_err(failed)?)
        .stderr(writer)
        .spawn()
        .map_err(failed)?;
    let mut lines = Vec::new();
    for line in BufReader::new(reader).split(b'\n') {
        let line = String::from_utf8_lossy(&line.map_err(failed)?).into_owned();
        say(&line);
        lines.push(line);
    }
    let status = child.wait().map_err(failed)?;
    let tests_ran = lines.iter().any(|line| line.contains("Summary [") || line.starts_with("test result: "));
    if !status.success() && !tests_ran {
        return Err(Failed(format!("failed: cargo {} ({status})", arguments.join(" "))));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_summary_are_read() {
        let line = "     Summary [  67.016s] 46 tests run: 45 passed (2 slow), 1 failed, 3 timed out, 0 skipped";
        assert_eq!(["passed", "failed", "timed out"].map(|word| number_before(line, word)), [45, 1, 3]);
        let line = "test result: ok. 17 passed; 0 failed; 1 ignored; 0 measured";
        assert_eq!(number_before(line, "passed"), 17);
    }
}
