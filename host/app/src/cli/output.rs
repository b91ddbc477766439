//! What the command line prints. Everything else goes through the log.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use hodhod_core::text::{clean, escape};
use hodhod_core::time::Millis;
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::client::Refused;
use crate::config::Problem;

/// The first moment that has five digits for its year.
const YEAR_10000: Millis = Millis(253_402_300_800_000);

/// Longest cell of a table, in bytes.
const LONGEST_CELL: usize = 300;

/// Prints lines for a person, in which nothing commands a terminal: a host elsewhere may write what it likes.
/// A reader that has gone away is not an error.
pub(crate) fn say(text: &str) {
    let _closed = try_say(text);
}

/// Prints lines for a person, for who would go on for ever.
///
/// # Errors
/// When the reader has gone away.
pub(crate) fn try_say(text: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{}", cleaned(text))
}

/// Prints JSON of one line, for a program; the same JSON, in which what would command a terminal is an escape.
pub(crate) fn say_json(json: &str) {
    let _closed = try_say_json(json);
}

/// Prints JSON of one line, for who would go on for ever.
///
/// # Errors
/// When the reader has gone away.
pub(crate) fn try_say_json(json: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{}", escape(json))
}

/// Prints lines for a person beside the output.
pub(crate) fn complain(text: &str) {
    let _closed = writeln!(std::io::stderr(), "{}", cleaned(text));
}

/// All lines of a text, each without what commands a terminal.
fn cleaned(text: &str) -> String {
    text.split('\n').map(|line| clean(line, usize::MAX)).collect::<Vec<_>>().join("\n")
}

/// Prints problems.
pub(crate) fn problems(problems: &[Problem]) {
    for problem in problems {
        complain(&problem.to_string());
    }
}

/// A moment, as the log writes it.
pub(crate) fn time(at: Millis) -> String {
    // A bot may set a timer for whenever it likes.
    if at >= YEAR_10000 {
        return "after the year 9999".to_owned();
    }
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(at.0)).to_string()
}

/// Text of several lines in which nothing commands a terminal, at most `longest` bytes of it.
pub(crate) fn lines(text: &str, longest: usize) -> String {
    let mut room = longest;
    let mut lines = Vec::new();
    for line in text.lines() {
        let line = clean(line, room);
        room = room.saturating_sub(line.len() + 1);
        lines.push(line);
        if room == 0 {
            break;
        }
    }
    lines.join("\n")
}

/// Rows under their heads, in columns. What is in a cell cannot command a terminal, nor end its line.
pub(crate) fn table<const N: usize>(heads: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = rows.into_iter().map(|row| row.map(|cell| clean(&cell, LONGEST_CELL))).collect();
    let heads = heads.map(str::to_owned);
    let all = || std::iter::once(&heads).chain(&rows);
    let widths: [usize; N] = std::array::from_fn(|column| all().map(|row| row[column].width()).max().unwrap_or(0));
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| cell.clone() + &" ".repeat(width - cell.width()));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    all().map(line).collect()
}

/// What came of asking a host, as `--json` prints it: one object, whatever came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Answer<T> {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
    #[serde(flatten)]
    told: Option<T>,
}

impl<T> From<anyhow::Result<T>> for Answer<T> {
    fn from(result: anyhow::Result<T>) -> Self {
        match result {
            Ok(told) => Self { ok: true, error: None, problems: Vec::new(), told: Some(told) },
            Err(error) => {
                let problems = error.downcast_ref().map_or_else(Vec::new, |Refused { problems, .. }| problems.clone());
                Self { ok: false, error: Some(format!("{error:#}")), problems, told: None }
            }
        }
    }
}

impl<T: Serialize> Answer<T> {
    /// The host answered, and it is not as it was to be for this reason, if there is one.
    pub(crate) fn but(mut self, why: impl FnOnce(&T) -> Option<String>) -> Self {
        if let Some(why) = self.told.as_ref().and_then(why) {
            (self.ok, self.error) = (false, Some(why));
        }
        self
    }

    /// Prints it, for a person in words, and gives the exit code.
    pub(crate) fn print(&self, json: bool, words: impl FnOnce(&T) -> String) -> anyhow::Result<ExitCode> {
        match &self.told {
            _ if json => say_json(&serde_json::to_string(self)?),
            Some(told) if self.ok => say(words(told).trim_end()),
            _ => {
                complain(&format!("error: {}", self.error.as_deref().unwrap_or("the host refused")));
                self.problems.iter().for_each(|problem| complain(problem));
            }
        }
        Ok(if self.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_that_no_calendar_has_is_told_too() {
        assert_eq!(time(Millis(1_700_000_000_000)), "2023-11-14T22:13:20Z");
        assert_eq!(time(Millis(YEAR_10000.0 - 1)), "9999-12-31T23:59:59Z");
        assert_eq!(time(YEAR_10000), "after the year 9999");
        assert_eq!(time(Millis(u64::MAX)), "after the year 9999");
    }

    #[test]
    fn columns_are_as_wide_as_what_is_shown_in_them_and_a_cell_is_a_cell() {
        let rows = [["می‌روم", "one\ntwo\u{1b}[2J"], ["a", ""], ["longer", "x"]].map(|row| row.map(str::to_owned));
        // The mark that parts the letters of the first cell has no width.
        let expected = "HEAD    TAIL\nمی‌روم   one\u{fffd}two\u{fffd}[2J\na\nlonger  x\n";
        assert_eq!(table(["HEAD", "TAIL"], rows), expected);
    }

    #[test]
    fn whatever_is_said_has_all_its_lines_and_none_that_commands_a_terminal() {
        let long = "x".repeat(1 << 20);
        assert_eq!(
            cleaned(&format!("a\u{1b}[2J\n\n\tb\u{202e}\r\n{long}")),
            format!("a\u{fffd}[2J\n\n b\u{fffd}\u{fffd}\n{long}")
        );
    }

    #[test]
    fn lines_stay_lines_and_have_an_end() {
        assert_eq!(lines("one\n    two\u{9b}", 100), "one\n    two\u{fffd}");
        assert!(lines(&"x\n".repeat(100), 10).len() <= 10 + '…'.len_utf8());
    }
}
