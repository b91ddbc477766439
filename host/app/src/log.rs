//! The log: structured lines on standard error, for people on a terminal and JSON otherwise.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging. `HODHOD_LOG` sets what is logged, as in `info,hodhod_core=debug`.
pub(crate) fn start(quiet: bool) {
    let default = if quiet { "error" } else { "info" };
    let filter = EnvFilter::try_from_env("HODHOD_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let terminal = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A line that cannot be written, as on a full disk, is lost; to complain on the same stream would panic.
        .log_internal_errors(false);
    // Another subscriber can only be there if the program started logging twice.
    let _already = if terminal || quiet {
        let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        builder.with_ansi(colours).with_target(false).try_init()
    } else {
        builder.json().flatten_event(true).with_target(false).try_init()
    };
}
