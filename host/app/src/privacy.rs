//! What is stored of people, where, and for how long: the text that an operator gives them, in the words of
//! `docs/privacy.md` and with the numbers of a configuration.

mod english;
mod persian;

use std::time::Duration;

use hodhod_core::host::Retention;
use hodhod_core::text::clean;

use crate::config::{self, Config};

/// The language of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// English.
    En,
    /// Persian.
    Fa,
}

/// What differs from host to host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The file that says it; none for what holds without one.
    file: Option<String>,
    retention: Retention,
    /// The connections, and how long each tries to send.
    connections: Vec<(String, Duration)>,
    bots: Vec<BotFacts>,
    /// The receiver of traces.
    traces: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct BotFacts {
    name: String,
    connections: Vec<String>,
    /// It may store values.
    keeps: bool,
    /// It may set timers.
    timers: bool,
    /// The servers that it may ask.
    servers: Vec<String>,
}

impl Default for Facts {
    fn default() -> Self {
        let (connections, bots) = (Vec::new(), Vec::new());
        Self { file: None, retention: Retention::default(), connections, bots, traces: None }
    }
}

impl Facts {
    /// Those of a configuration, which stands in a file of this name.
    pub(crate) fn of(config: &Config, file: &str) -> Self {
        let bots = config.bots.iter().map(|bot| BotFacts {
            name: bot.name.to_string(),
            connections: bot.connections.iter().map(ToString::to_string).collect(),
            keeps: bot.grants.keyvalue,
            timers: bot.grants.timers,
            servers: bot.http.hosts.iter().map(ToString::to_string).collect(),
        });
        let connections = config.connections.iter();
        Self {
            file: Some(file.to_owned()),
            retention: config.host.retention,
            connections: connections.map(|one| (one.name.to_string(), one.policy.give_up)).collect(),
            bots: bots.collect(),
            // Its address may hold what is nobody's business.
            traces: config.host.traces.as_ref().map(|traces| traces.endpoint.host_str().unwrap_or("?").to_owned()),
        }
    }

    /// The text.
    pub(crate) fn page(&self, language: Language) -> String {
        match language {
            Language::En => english::page(self),
            Language::Fa => persian::page(self),
        }
    }

    /// The longest time that a send is tried.
    fn give_up(&self) -> Duration {
        self.connections.iter().map(|(_, give_up)| *give_up).max().unwrap_or(config::GIVE_UP)
    }

    /// Most dead letters of a bot.
    fn dead_letters(&self) -> u64 {
        hodhod_store::Options::default().dead_letters_per_bot
    }
}

/// A name of the configuration in a table.
fn code(name: &str) -> String {
    format!("`{}`", clean(name, 200).replace(['`', '|'], " "))
}

/// Names of the configuration in a table.
fn codes(names: &[String]) -> String {
    names.iter().map(|name| code(name)).collect::<Vec<_>>().join(", ")
}

/// A length of time as a number and the place of its unit: days, hours, minutes, seconds, milliseconds.
fn measure(time: Duration) -> (u128, usize) {
    const UNITS: [u128; 5] = [24 * 3_600_000, 3_600_000, 60_000, 1000, 1];
    let millis = time.as_millis();
    let fits = |unit: &u128| millis >= *unit && millis.is_multiple_of(*unit);
    let unit = UNITS.iter().position(fits).unwrap_or(UNITS.len() - 1);
    (millis / UNITS[unit], unit)
}

#[cfg(test)]
mod tests;
