//! `hodhod limits`: every limit of a bot, as `docs/limits.md` has it.

use std::process::ExitCode;

use hodhod_core::limits::{TABLE, Unit, page};
use serde_json::json;

use super::output;

/// Prints every limit of a bot, with its number and what happens when it is reached.
#[derive(Debug, clap::Args)]
pub(super) struct Limits {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Limits {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        if self.json {
            let rows = TABLE.iter().map(|row| {
                let unit = match row.unit {
                    Unit::Bytes => "bytes",
                    Unit::Time => "ms",
                    Unit::Count => "count",
                };
                json!({
                    "name": row.name, "what": row.what.trim(), "unit": unit, "default": row.default,
                    "range": row.range, "reached": row.reached,
                })
            });
            output::say_json(&json!(rows.collect::<Vec<_>>()).to_string());
        } else {
            output::say(page().trim_end());
        }
        Ok(ExitCode::SUCCESS)
    }
}
