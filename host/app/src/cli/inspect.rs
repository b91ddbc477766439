//! `hodhod inspect`: what a component is and wants, without running it, beside what it was granted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use hodhod_core::limits::row;
use hodhod_core::manifest::Manifest;
use hodhod_core::runtime::Grants;
use hodhod_engine::{Inspection, inspect};
use serde_json::{Value, json};

use super::output;
use crate::config::{self, BotEntry};
use crate::plugin;

/// Says what a component is, what it wants, and what each bot that runs it was granted.
#[derive(Debug, clap::Args)]
pub(super) struct Inspect {
    /// The component.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The configuration whose bots are compared; left out where there is none.
    #[arg(long, value_name = "FILE", default_value = "hodhod.toml")]
    config: PathBuf,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let bytes = plugin::read(&self.file).map_err(|what| anyhow::anyhow!("{}: {what}", self.file.display()))?;
        let found = inspect(&bytes).with_context(|| self.file.display().to_string())?;
        let bots = self.bots();
        if self.json {
            output::say_json(&self.as_json(&found, &bots).to_string());
        } else {
            self.print(&found, &bots);
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The bots that run this file. Where there is no configuration there are none; one that is wrong
    /// is told, and has none either.
    fn bots(&self) -> Vec<BotEntry> {
        if !self.config.exists() {
            output::complain(&format!("{}: not there, so no bots are compared", self.config.display()));
            return Vec::new();
        }
        let config = match config::load(&self.config) {
            Ok(config) => config,
            Err(problems) => {
                output::problems(&problems);
                return Vec::new();
            }
        };
        let same = |other: &Path| match (self.file.canonicalize(), other.canonicalize()) {
            (Ok(this), Ok(other)) => this == other,
            _ => self.file == other,
        };
        config.bots.into_iter().filter(|bot| same(&bot.plugin)).collect()
    }

    fn as_json(&self, found: &Inspection, bots: &[BotEntry]) -> Value {
        let of = |bot: &BotEntry| {
            json!({
                "bot": bot.name.as_str(),
                "pinned": bot.digest,
                "granted": Grants::NAMES.into_iter().filter(|name| bot.grants.has(name)).collect::<Vec<_>>(),
                "hosts": bot.http.hosts.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "methods": bot.grants.http.then(|| bot.http.methods()),
                "limits": bot.limits.chosen().map(|(row, number)| (row.name, number)).collect::<BTreeMap<_, _>>(),
                "config": bot.config.keys().collect::<Vec<_>>(),
                "missing": plugin::missing(found, bot),
                "unasked": plugin::unasked(found, bot),
            })
        };
        json!({
            "file": self.file.display().to_string(),
            "inspection": found,
            "bots": bots.iter().map(of).collect::<Vec<_>>(),
        })
    }

    fn print(&self, found: &Inspection, bots: &[BotEntry]) {
        let line = |name: &str, text: &str| output::say(&format!("{name:<12} {text}"));
        line("file", &self.file.display().to_string());
        line("digest", &format!("sha256:{}", found.digest));
        line("size", &format!("{} bytes", found.size));
        list("imports", &found.imports);
        list("unknown", &found.unknown);
        line("migrates", if found.migrates { "what another build stored: it exports lifecycle.migrate" } else { "no" });
        match &found.manifest {
            Some(manifest) => print_manifest(manifest),
            None => line("manifest", "none: what it wants is known from its imports only"),
        }
        let needs: Vec<_> = found.needs.iter().map(|name| (*name).to_owned()).collect();
        list("needs", &needs);
        for bot in bots {
            output::say("");
            line("bot", bot.name.as_str());
            match &bot.digest {
                Some(pinned) if *pinned == found.digest => line("pinned", "this build"),
                Some(pinned) => line("pinned", &format!("another build, sha256:{pinned}: this one does not load")),
                None => {}
            }
            let granted: Vec<_> =
                Grants::NAMES.iter().filter(|name| bot.grants.has(name)).map(ToString::to_string).collect();
            list("granted", &granted);
            if bot.grants.http {
                let methods = bot.http.methods().join(", ");
                list("hosts", &bot.http.hosts.iter().map(|host| format!("{host} ({methods})")).collect::<Vec<_>>());
            }
            let limits = bot.limits.chosen().map(|(row, number)| amount(row.name, number));
            list("limits", &limits.collect::<Vec<_>>());
            list("config", &bot.config.keys().cloned().collect::<Vec<_>>());
            let missing: Vec<_> = plugin::missing(found, bot).iter().map(ToString::to_string).collect();
            list("missing", &missing);
            list("not asked", &plugin::unasked(found, bot));
        }
    }
}

fn print_manifest(manifest: &Manifest) {
    let line = |name: &str, text: &str| output::say(&format!("{name:<12} {text}"));
    for (name, text) in
        [("name", &manifest.name), ("version", &manifest.version), ("description", &manifest.description)]
    {
        if let Some(text) = text {
            line(name, text);
        }
    }
    let pair = |(name, reason): (&String, &String)| format!("{name}: {reason}");
    list("wants", &manifest.grants.iter().map(pair).collect::<Vec<_>>());
    list("hosts", &manifest.hosts.iter().map(pair).collect::<Vec<_>>());
    let limits: Vec<_> = manifest.limits.iter().map(|(name, number)| amount(name, *number)).collect();
    list("limits", &limits);
    let keys = manifest.config.iter().map(|(name, key)| match &key.default {
        Some(default) => format!("{name}: {}, else \"{default}\"", key.kind),
        None => format!("{name}: {}, must be there", key.kind),
    });
    list("config", &keys.collect::<Vec<_>>());
}

fn amount(name: &str, number: u64) -> String {
    row(name).map_or_else(String::new, |row| format!("{name}: {}", row.amount(number)))
}

/// A name with its entries below each other; nothing where there are none.
fn list(name: &str, entries: &[String]) {
    for (index, entry) in entries.iter().enumerate() {
        let name = if index == 0 { name } else { "" };
        output::say(&format!("{name:<12} {entry}"));
    }
}
