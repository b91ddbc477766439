//! Running other programs, one step after the other.

use std::io::Write;
use std::process::Command;

use crate::tools;

/// Why a command did not work, for a person.
pub(crate) struct Failed(pub(crate) String);

/// Prints a line beside the output.
pub(crate) fn complain(line: &str) {
    // Nobody is left to tell if the terminal is gone.
    let _closed = writeln!(std::io::stderr(), "{line}");
}

/// Prints a line of output.
pub(crate) fn say(line: &str) {
    let _closed = writeln!(std::io::stdout(), "{line}");
}

/// Runs a program and tells whether it could be run and succeeded.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}

/// Runs a step; its output goes to the terminal.
pub(crate) fn step(what: &str, command: &mut Command) -> Result<(), Failed> {
    complain(&format!("── {what}"));
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failed(format!("failed: {what} ({status})"))),
        Err(error) => Err(Failed(format!("missing: {} ({error})", command.get_program().to_string_lossy()))),
    }
}

/// A call of the cargo that called us.
pub(crate) fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// Builds the bots in Rust as components.
pub(crate) fn bots() -> Result<(), Failed> {
    tools::target()?;
    let build = ["build", "--locked", "--profile", "plugin", "--target", "wasm32-wasip2"];
    let packages = ["echo", "counter", "xo", "courier", "guests", "guests-divar", "guests-http"];
    step("build the bots", cargo(build).args(packages.iter().flat_map(|name| ["-p", name])))
}
