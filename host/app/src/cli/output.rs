//! What the command line prints. Everything else goes through the log.

use std::io::Write;

use crate::config::Problem;

/// Prints a line. A reader that has gone away is not an error.
pub(crate) fn say(line: &str) {
    let _closed = writeln!(std::io::stdout(), "{line}");
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
