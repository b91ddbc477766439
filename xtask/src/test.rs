//! `cargo xtask test`: every check and every test, and one closing line.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::steps::{Failed, bots, cargo, complain, say, step};
use crate::{other, tools};

/// Tests whose name has this in it need Python.
const PYTHON: &str = "python_sdk";

/// Names the folder of what Divar publishes, to the tests of the contract with it.
const EXAMPLES: &str = "HODHOD_DIVAR_EXAMPLES";

/// Where that is looked for otherwise: beside the repository, as seen from here.
const BESIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/spec/examples/divar");

/// The file that is always among it.
const DOCUMENT: &str = "openapi-chat-subset.json";

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
    let examples = examples(std::env::var_os(EXAMPLES));
    counts.add(tests(&without, examples.as_deref().ok())?);
    counts.add(plain(&["test", "--locked", "--workspace", "--doc"], None)?);
    // Those tests run only where they are asked for, so nothing had to be left out.
    skipped.extend(examples.err());
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
    say(&format!("{} passed, {} failed, {} skipped", counts.passed, counts.failed, skipped.len()));
    if counts.failed > 0 { Err(Failed("some tests failed".to_owned())) } else { Ok(()) }
}

/// What the folder is that has what Divar publishes; otherwise why the contract with it is not tested.
fn examples(named: Option<OsString>) -> Result<PathBuf, String> {
    let folder = named.map_or_else(|| BESIDE.into(), PathBuf::from);
    let missing = || {
        format!(
            "divar_contract: Divar's OpenAPI document and examples are not at {}; {EXAMPLES} names another folder",
            folder.display()
        )
    };
    // Tests run in the folders of their crates.
    let folder = folder.canonicalize().map_err(|_| missing())?;
    if folder.join(DOCUMENT).is_file() { Ok(folder) } else { Err(missing()) }
}

/// What became of tests. Those that did not run are told by whoever left them out.
#[derive(Default)]
struct Counts {
    passed: usize,
    failed: usize,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Runs all tests but those with one of these in their name; those of the contract with Divar where its files are.
fn tests(without: &[&str], examples: Option<&Path>) -> Result<Counts, Failed> {
    if tools::has_nextest() {
        let mut arguments = vec!["nextest", "run", "--locked", "--workspace", "--no-fail-fast", "--color", "never"];
        let filter = without.iter().map(|name| format!("not test({name})")).collect::<Vec<_>>().join(" and ");
        if !without.is_empty() {
            arguments.extend(["-E", &filter]);
        }
        if examples.is_some() {
            arguments.extend(["--run-ignored", "all"]);
        }
        return nextest(&arguments, examples);
    }
    let mut arguments = vec!["test", "--locked", "--workspace", "--all-targets", "--no-fail-fast", "--"];
    arguments.extend(without.iter().flat_map(|name| ["--skip", name]));
    if examples.is_some() {
        arguments.push("--include-ignored");
    }
    plain(&arguments, examples)
}

/// Runs tests with nextest and reads its summary, as in
/// `Summary [ 1.9s] 38 tests run: 37 passed (1 slow), 1 failed, 0 skipped`.
fn nextest(arguments: &[&str], examples: Option<&Path>) -> Result<Counts, Failed> {
    let lines = run_and_show(arguments, examples)?;
    let summary = lines.iter().rev().find(|line| line.trim_start().starts_with("Summary ["));
    let summary = summary.ok_or_else(|| Failed("failed: the tests did not run to their end".to_owned()))?;
    Ok(Counts {
        passed: number_before(summary, "passed"),
        failed: number_before(summary, "failed") + number_before(summary, "timed out"),
    })
}

/// Runs tests with cargo's own runner and adds up its summaries, as in
/// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out`.
fn plain(arguments: &[&str], examples: Option<&Path>) -> Result<Counts, Failed> {
    let lines = run_and_show(arguments, examples)?;
    let mut counts = Counts::default();
    let mut seen = false;
    for line in lines.iter().filter(|line| line.starts_with("test result: ")) {
        seen = true;
        counts.add(Counts { passed: number_before(line, "passed"), failed: number_before(line, "failed") });
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
fn run_and_show(arguments: &[&str], examples: Option<&Path>) -> Result<Vec<String>, Failed> {
    complain(&format!("── cargo {}", arguments.join(" ")));
    let failed = |error: std::io::Error| Failed(format!("failed: cargo {} ({error})", arguments.join(" ")));
    // Both outputs in one pipe, in the order in which they are written.
    let (reader, writer) = std::io::pipe().map_err(failed)?;
    let mut child = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(arguments)
        .envs(examples.map(|folder| (EXAMPLES, folder)))
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
    fn without_divars_files_one_is_skipped_with_its_reason_and_with_them_none_is() {
        let folder = std::env::temp_dir().join(format!("hodhod-xtask-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let reason = examples(Some(folder.clone().into())).unwrap_err();
        assert!(reason.starts_with("divar_contract: ") && reason.contains(EXAMPLES), "{reason}");
        assert!(reason.contains(&folder.display().to_string()), "{reason}");
        std::fs::write(folder.join(DOCUMENT), "{}").unwrap();
        assert_eq!(examples(Some(folder.clone().into())), Ok(folder.canonicalize().unwrap()));
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(examples(Some(folder.into())).is_err());
    }

    #[test]
    fn the_numbers_of_a_summary_are_read() {
        let line = "     Summary [  67.016s] 46 tests run: 45 passed (2 slow), 1 failed, 3 timed out, 0 skipped";
        assert_eq!(["passed", "failed", "timed out"].map(|word| number_before(line, word)), [45, 1, 3]);
        let line = "test result: ok. 17 passed; 0 failed; 1 ignored; 0 measured";
        assert_eq!(number_before(line, "passed"), 17);
    }
}
