//! `hodhod check`.

use std::process::ExitCode;
use std::sync::Arc;

use hodhod_core::platform::Platform;
use hodhod_core::vault::Vaults;
use serde::Serialize;
use serde_json::json;

use super::{ConfigFile, output};
use crate::config::{self, Config, Problem};
use crate::{accounts, admin, wiring};

/// Checks the configuration and the plugins without connecting to anything.
#[derive(Debug, clap::Args)]
pub(super) struct Check {
    #[command(flatten)]
    file: ConfigFile,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Found { problems, warnings, addresses } = self.look()?;
        if self.json {
            let list: Vec<_> = problems
                .iter()
                .map(|problem| json!({ "at": problem.at, "what": problem.what, "write": problem.write }))
                .collect();
            output::say_json(
                &json!({ "ok": problems.is_empty(), "problems": list, "warnings": warnings, "addresses": addresses })
                    .to_string(),
            );
        } else if problems.is_empty() {
            warnings.iter().for_each(|warning| output::complain(&format!("warning: {warning}")));
            output::say(&format!("{}: nothing is wrong", self.file.config.display()));
            for Entered { connection, what, address } in &addresses {
                output::say(&format!("{connection}: {what}: {address}"));
            }
        } else {
            output::problems(&problems);
        }
        Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn look(&self) -> anyhow::Result<Found> {
        let config = match config::load(&self.file.config) {
            Ok(config) => config,
            Err(problems) => return Ok(Found { problems, ..Found::default() }),
        };
        let (addresses, mut problems) = match accounts::open_all(&config, &Vaults::default()) {
            Ok(platforms) => (entered(&config, &platforms), Vec::new()),
            Err(problems) => (Vec::new(), problems),
        };
        problems.extend(admin::token(&config.host).err());
        problems.extend(config.host.traces.as_ref().and_then(|traces| traces.headers().err()));
        let engine = wiring::engine(&config)?;
        let mut warnings = Vec::new();
        match wiring::plugins(&engine, &config) {
            Ok((_, told)) => warnings = told,
            Err(of_plugins) => problems.extend(of_plugins),
        }
        Ok(Found { problems, warnings, addresses })
    }
}

/// What was found.
#[derive(Default)]
struct Found {
    problems: Vec<Problem>,
    warnings: Vec<String>,
    addresses: Vec<Entered>,
}

/// An address that the operator has to enter at a platform.
#[derive(Serialize)]
struct Entered {
    connection: String,
    /// What the platform calls it.
    what: &'static str,
    address: String,
}

/// What the platforms that call have to be told.
fn entered(config: &Config, platforms: &[Arc<dyn Platform>]) -> Vec<Entered> {
    let Some(webhooks) = &config.host.webhooks else { return Vec::new() };
    let called = config.connections.iter().zip(platforms);
    called
        .filter_map(|(connection, platform)| Some((&connection.name, platform.webhook()?)))
        .flat_map(|(name, webhook)| {
            webhook.entries().iter().map(move |entry| Entered {
                connection: name.to_string(),
                what: entry.what,
                address: webhooks.address(webhook.platform(), name, entry.path),
            })
        })
        .collect()
}
