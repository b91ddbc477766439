//! What the command line prints. Everything else goes through the log.

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;

use crate::config::Problem;

/// Prints a line. A reader that has gone away is not an error.
pub(crate) fn say(line: &str) {
    let _closed = writeln!(std::io::stdout(), "{line}");
}

/// Prints a line, for who would go on for ever.
///
/// # Errors
/// When the reader has gone away.
pub(crate) fn try_say(line: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}

/// Prints a line for a person beside the output.
pub(crate) fn complain(line: &str) {
    let _closed = writeln!(std::io::stderr(), "{line}");
}

/// Prints problems.
pub(crate) fn problems(problems: &[Problem]) {
    for problem in problems {
        complain(&problem.to_string());
    }
}

/// What came of asking a host, as `--json` prints it: one object, whatever came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Answer<T> {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    told: Option<T>,
}

impl<T> From<anyhow::Result<T>> for Answer<T> {
    fn from(result: anyhow::Result<T>) -> Self {
        match result {
            Ok(told) => Self { ok: true, error: None, told: Some(told) },
            Err(error) => Self { ok: false, error: Some(format!("{error:#}")), told: None },
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
            _ if json => say(&serde_json::to_string(self)?),
            Some(told) if self.ok => say(words(told).trim_end()),
            _ => complain(&format!("error: {}", self.error.as_deref().unwrap_or("the host refused"))),
        }
        Ok(if self.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
