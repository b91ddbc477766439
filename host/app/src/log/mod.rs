//! The log: structured lines on standard error, for people on a terminal and JSON otherwise, and the
//! newest of them in memory for whoever follows them.

mod keep;
mod print;
mod ring;

use std::io::IsTerminal;
use std::sync::Arc;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use self::keep::Keep;
pub(crate) use self::print::line as in_words;
pub(crate) use self::ring::Ring;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// Starts the log of a host, in a format or, without one, in that which suits standard error; gives its
/// newest lines. `HODHOD_LOG` sets what is logged, as in `info,hodhod_core=debug`.
pub(crate) fn start(format: Option<Format>) -> Arc<Ring> {
    let ring = Arc::new(Ring::default());
    let suits = if std::io::stderr().is_terminal() { Format::Text } else { Format::Json };
    begin("info", format.unwrap_or(suits), Some(Keep(ring.clone())));
    ring
}

/// Starts the log of a verb that talks to a person: what is as bad as `level`, unless `HODHOD_LOG` says otherwise.
pub(crate) fn start_quiet(level: &str) {
    begin(level, Format::Text, None);
}

fn begin(default: &str, format: Format, keep: Option<Keep>) {
    let filter = EnvFilter::try_from_env("HODHOD_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    // A line that cannot be written, as on a full disk, is lost; to complain on the same stream would panic.
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false).log_internal_errors(false);
    let lines = match format {
        Format::Json => lines.json().flatten_event(true).boxed(),
        Format::Text => {
            let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            lines.with_ansi(wanted && std::io::stderr().is_terminal()).boxed()
        }
    };
    // Another subscriber can only be there if the program started logging twice.
    let _already = tracing_subscriber::registry().with(filter).with(lines).with(keep).try_init();
}
