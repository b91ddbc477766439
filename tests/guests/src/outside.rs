//! What a component sees of the world around it, and tells to it, apart from messages.

use std::env;

use hodhod_plugin::log::{self, Level};
use hodhod_plugin::{Context, Error};

use crate::Answer;

pub(crate) fn config_all(ctx: &Context) -> Answer {
    let mut lines: Vec<_> = ctx.config_all()?.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    lines.sort();
    Ok(Some(lines.join("\n")))
}

pub(crate) fn log((level, words): (&str, &str)) -> Answer {
    let level = match level {
        "trace" => Level::Trace,
        "debug" => Level::Debug,
        "info" => Level::Info,
        "warn" => Level::Warn,
        "error" => Level::Error,
        "critical" => Level::Critical,
        other => return Err(Error::Invalid(format!("no level \"{other}\""))),
    };
    log::write(level, "guest", words);
    Ok(Some("logged".into()))
}

#[expect(clippy::print_stdout, reason = "standard output of a component becomes log lines")]
pub(crate) fn print(words: &str) -> Answer {
    println!("{words}");
    Ok(Some("printed".into()))
}

#[expect(clippy::print_stderr, reason = "standard error of a component becomes log lines")]
pub(crate) fn eprint(words: &str) -> Answer {
    eprintln!("{words}");
    Ok(Some("printed".into()))
}

/// How much of the operator's environment reaches the component.
pub(crate) fn env() -> Answer {
    Ok(Some(format!("vars={} args={}", env::vars_os().count(), env::args_os().count())))
}

/// Opens a connection as a standard library does.
pub(crate) fn connect(address: &str) -> Answer {
    Ok(Some(match std::net::TcpStream::connect(address) {
        Ok(_) => "connected".to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    }))
}
