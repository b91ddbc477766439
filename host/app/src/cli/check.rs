//! `hodhod check`.

use std::process::ExitCode;

use hodhod_core::vault::Vaults;
use serde_json::json;

use super::{ConfigFile, output};
use crate::config::{self, Problem};
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
        let (problems, warnings) = self.look()?;
        if self.json {
            let list: Vec<_> = problems
                .iter()
                .map(|problem| json!({ "at": problem.at, "what": problem.what, "write": problem.write }))
                .collect();
            output::say_json(&json!({ "ok": problems.is_empty(), "problems": list, "warnings": warnings }).to_string());
        } else if problems.is_empty() {
            warnings.iter().for_each(|warning| output::complain(&format!("warning: {warning}")));
            output::say(&format!("{}: nothing is wrong", self.file.config.display()));
        } else {
            output::problems(&problems);
        }
        Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn look(&self) -> anyhow::Result<(Vec<Problem>, Vec<String>)> {
        let config = match config::load(&self.file.config) {
            Ok(config) => config,
            Err(problems) => return Ok((problems, Vec::new())),
        };
        let mut problems = accounts::open_all(&config, &Vaults::default()).err().unwrap_or_default();
        problems.extend(admin::token(&config.host).err());
        problems.extend(config.host.traces.as_ref().and_then(|traces| traces.headers().err()));
        let engine = wiring::engine(&config)?;
        let mut warnings = Vec::new();
        match wiring::plugins(&engine, &config) {
            Ok((_, told)) => warnings = told,
            Err(of_plugins) => problems.extend(of_plugins),
        }
        Ok((problems, warnings))
    }
}
