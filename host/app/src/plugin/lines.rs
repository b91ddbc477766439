//! The lines that give a plugin what it lacks.
//!
//! That of the grants and that of the limits are whole: each stands in place of the one that is there, and holds
//! what that held and all that is missing. Writing it once is enough, and takes nothing away.

use hodhod_core::manifest::{Manifest, Missing};
use hodhod_core::runtime::Grants;
use hodhod_engine::Inspection;

use crate::config::{BotEntry, written};

/// What the bot has and everything that the plugin wants.
pub(super) fn grants(found: &Inspection, bot: &BotEntry) -> String {
    let usual = Grants::default();
    let silent = Manifest::default();
    let manifest = found.manifest.as_ref().unwrap_or(&silent);
    let wants = |name: &str| bot.grants.has(name) || found.needs.contains(&name) || manifest.grants.contains_key(name);
    let wanted = Grants::NAMES.map(|name| (name, wants(name)));
    let unusual = wanted.into_iter().filter(|(name, wanted)| *wanted != usual.has(name));
    table(
        "grants",
        unusual.map(|(name, wanted)| match name {
            "http" => (name, bot.http.with(manifest.missing_hosts(&bot.http.hosts))),
            name => (name, wanted.to_string()),
        }),
    )
}

/// The limits that are not the usual ones, with those that are missing.
pub(super) fn limits(bot: &BotEntry, missing: &[Missing]) -> String {
    let mut limits = bot.limits.clone();
    for missing in missing {
        if let Missing::Limit { name, wanted, .. } = missing {
            // It stands in a manifest that was checked, so the number is one that the limit may have.
            let _set = limits.set(name, *wanted);
        }
    }
    table("limits", limits.chosen().map(|(row, number)| (row.name, written(row, number))))
}

/// One key of the configuration, to stand among the others: their values are nobody's to print.
pub(super) fn config(key: &str) -> String {
    toml::Table::from_iter([(key.to_owned(), "…".into())]).to_string().trim_end().to_owned()
}

fn table(name: &str, pairs: impl Iterator<Item = (&'static str, String)>) -> String {
    let pairs: Vec<_> = pairs.map(|(key, value)| format!("{key} = {value}")).collect();
    format!("{name} = {{ {} }}", pairs.join(", "))
}
