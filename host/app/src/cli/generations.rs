//! `hodhod reload`, `rollback` and `generations`: the versions of a bot's plugin in a running host.

use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use hodhod_core::generations::{Record, Step};
use hodhod_core::limits::COMPILE_TIME;
use hodhod_core::time::Millis;

use super::control::{self, PATIENCE};
use super::{ConfigFile, output};
use crate::config;
use crate::control::{Answer, Request, Version};

/// Looks at the files of plugins now.
#[derive(Debug, clap::Args)]
pub(super) struct Reload {
    /// The bot, by its name in the configuration; without it, all of them.
    bot: Option<String>,
    #[command(flatten)]
    file: ConfigFile,
    /// Prints JSON, one line a bot.
    #[arg(long)]
    json: bool,
}

/// Something about the versions of one bot.
#[derive(Debug, clap::Args)]
pub(super) struct OfBot {
    /// The bot, by its name in the configuration.
    bot: String,
    #[command(flatten)]
    file: ConfigFile,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Reload {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        ask(&self.file, self.bot, Version::Reload, self.json)
    }
}

impl OfBot {
    pub(super) fn run(self, order: Version) -> anyhow::Result<ExitCode> {
        ask(&self.file, Some(self.bot), order, self.json)
    }
}

fn ask(file: &ConfigFile, bot: Option<String>, order: Version, json: bool) -> anyhow::Result<ExitCode> {
    let config = match config::load(&file.config) {
        Ok(config) => config,
        Err(problems) => {
            output::problems(&problems);
            return Ok(ExitCode::FAILURE);
        }
    };
    let all = || config.bots.iter().map(|bot| bot.name.as_str().to_owned()).collect();
    let bots: Vec<String> = bot.map_or_else(all, |bot| vec![bot]);
    // A new build is compiled before the answer comes.
    let patience = if order == Version::Reload { PATIENCE + Duration::from_millis(COMPILE_TIME) } else { PATIENCE };
    let mut code = ExitCode::SUCCESS;
    for bot in bots {
        let request = Request { order: order.as_str().to_owned(), bot: bot.clone() };
        let answer = control::ask(&config.host.state, &request, patience);
        let answer = answer.unwrap_or_else(|error| Answer::refusal(format!("{error:#}")));
        if !answer.ok {
            code = ExitCode::FAILURE;
        }
        if json {
            output::say(&serde_json::to_string(&answer)?);
        } else if answer.ok {
            output::say(sentence(&bot, order, &answer).trim_end());
        } else {
            output::complain(&format!("error: {}", answer.error.as_deref().unwrap_or("the host refused")));
        }
    }
    Ok(code)
}

/// The answer for a person.
fn sentence(bot: &str, order: Version, answer: &Answer) -> String {
    let generation = answer.generation.unwrap_or(0);
    match (order, answer.changed) {
        (Version::Reload, Some(false)) => format!("{bot}: its file is what serves, as generation {generation}"),
        (Version::Reload, _) => format!("{bot}: its new build serves, as generation {generation}"),
        (Version::RollBack, _) => format!("{bot}: the build before serves again, as generation {generation}"),
        (Version::List, _) => match answer.records.as_deref() {
            None | Some([]) => format!("{bot} has served with one build since the host started"),
            Some(records) => records.iter().map(|record| line(record) + "\n").collect(),
        },
    }
}

/// A moment, as the log writes it.
fn time(at: Millis) -> impl std::fmt::Display {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(at.0))
}

fn line(record: &Record) -> String {
    let digest: String = record.digest.chars().take(12).collect();
    let step = match record.step {
        Step::Applied => format!("generation {} began", record.generation),
        Step::Rejected => format!("not taken, generation {} serves on", record.generation),
        Step::RolledBack => format!("taken back, generation {} serves", record.generation),
    };
    let reason = record.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    format!("{} {digest:12} {step}{reason}", time(record.at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_what_became_of_which_build_when_and_why() {
        let record = Record {
            generation: 3,
            step: Step::Rejected,
            digest: "0123456789abcdef".to_owned(),
            at: Millis(1_700_000_000_000),
            reason: Some("no handler".to_owned()),
        };
        assert_eq!(line(&record), "2023-11-14T22:13:20Z 0123456789ab not taken, generation 3 serves on: no handler");
    }
}
