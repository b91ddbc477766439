//! `hodhod reload`, `rollback` and `generations`: the versions of a bot's plugin in a running host.

use std::process::ExitCode;
use std::time::Duration;

use hodhod_core::generations::{Record, Step};
use hodhod_core::limits::COMPILE_TIME;
use hodhod_web::admin::{Records, Serving};
use serde::Deserialize;

use super::asked::Asked;
use super::client::{Client, PATIENCE};
use super::output::{Answer, time};

/// Looks at the files of plugins now.
#[derive(Debug, clap::Args)]
pub(super) struct Reload {
    /// The bot, by its name in the configuration; without it, all of them.
    bot: Option<String>,
    #[command(flatten)]
    asked: Asked,
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
    asked: Asked,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Reload {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let (client, bots) = match self.bots() {
            Ok(found) => found,
            Err(error) => return Answer::<Serving>::from(Err(error)).print(self.json, |_| String::new()),
        };
        let mut code = ExitCode::SUCCESS;
        for bot in bots {
            // A new build is compiled before the answer comes.
            let patience = PATIENCE + Duration::from_millis(COMPILE_TIME);
            let serving = client.post(&["api", "bots", &bot, "reload"]).patience(patience).answer();
            let printed = Answer::<Serving>::from(serving).print(self.json, |serving| match serving {
                Serving { changed: false, generation } => {
                    format!("{bot}: its file is what serves, as generation {generation}")
                }
                Serving { generation, .. } => format!("{bot}: its new build serves, as generation {generation}"),
            })?;
            if printed != ExitCode::SUCCESS {
                code = printed;
            }
        }
        Ok(code)
    }

    /// Whom to ask about which bots.
    fn bots(&self) -> anyhow::Result<(Client, Vec<String>)> {
        #[derive(Deserialize)]
        struct Bots {
            bots: Vec<Named>,
        }
        #[derive(Deserialize)]
        struct Named {
            name: String,
        }
        let client = self.asked.client()?;
        let bots = match &self.bot {
            Some(bot) => vec![bot.clone()],
            None => client.get(&["api", "bots"]).answer::<Bots>()?.bots.into_iter().map(|bot| bot.name).collect(),
        };
        Ok((client, bots))
    }
}

impl OfBot {
    pub(super) fn roll_back(self) -> anyhow::Result<ExitCode> {
        let path = ["api", "bots", &self.bot, "rollback"];
        let serving: anyhow::Result<Serving> = self.asked.client().and_then(|client| client.post(&path).answer());
        Answer::from(serving).print(self.json, |serving| {
            format!("{}: the build before serves again, as generation {}", self.bot, serving.generation)
        })
    }

    pub(super) fn list(self) -> anyhow::Result<ExitCode> {
        let path = ["api", "bots", &self.bot, "generations"];
        let records: anyhow::Result<Records> = self.asked.client().and_then(|client| client.get(&path).answer());
        Answer::from(records).print(self.json, |told| match told.records.as_slice() {
            [] => format!("{} has served with one build since the host started", self.bot),
            records => records.iter().map(|record| line(record) + "\n").collect(),
        })
    }
}

fn line(record: &Record) -> String {
    let digest: String = record.digest.chars().take(12).collect();
    let step = match record.step {
        Step::Applied => format!("generation {} began", record.generation),
        Step::Rejected => format!("not taken, generation {} serves on", record.generation),
        Step::Superseded => format!("another took its place, generation {} serves on", record.generation),
        Step::RolledBack => format!("taken back, generation {} serves", record.generation),
    };
    let reason = record.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    format!("{} {digest:12} {step}{reason}", time(record.at))
}

#[cfg(test)]
mod tests {
    use hodhod_core::time::Millis;

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
