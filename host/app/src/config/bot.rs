//! One bot of the configuration: its plugin, its connections, what it is granted and its limits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hodhod_core::ids::{BotName, ConnectionName};
use hodhod_core::limits::{self, Limits, TABLE, Unit};
use hodhod_core::runtime::{BotConfig, Grants};

use super::http::{self, HttpConfig};
use super::raw::RawBot;
use super::{Problem, suggest, units};

/// A bot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BotEntry {
    pub(crate) name: BotName,
    pub(crate) plugin: PathBuf,
    /// The build that the operator granted, where only that one may run: its SHA-256 in hex.
    pub(crate) digest: Option<String>,
    pub(crate) connections: Vec<ConnectionName>,
    pub(crate) config: BotConfig,
    pub(crate) grants: Grants,
    pub(crate) limits: Limits,
    pub(crate) http: HttpConfig,
}

/// Checks a bot, noting what is wrong with it.
pub(super) fn check(
    name: &str,
    raw: &RawBot,
    folder: &Path,
    connections: &[&str],
    problems: &mut Vec<Problem>,
) -> Option<BotEntry> {
    let at = format!("bots.{name}");
    if raw.plugin.is_none() {
        let line = format!("plugin = \"plugins/{name}.wasm\"");
        problems.push(Problem::new(&at, "the plugin is missing").write(line));
    }
    if raw.connections.is_empty() {
        let line = format!("connections = [\"{}\"]", connections.first().unwrap_or(&"shop"));
        problems.push(Problem::new(&at, "it serves no connection").write(line));
    }
    for connection in raw.connections.iter().filter(|name| !connections.contains(&name.as_str())) {
        let problem = Problem::new(format!("{at}.connections"), format!("there is no connection {connection:?}"));
        problems.push(match suggest(connection, connections) {
            Some(meant) => problem.write(format!("connections = [\"{meant}\"]")),
            None => problem.write(format!("[connections.{connection}]")),
        });
    }
    let http = raw.grants.get("http").and_then(|value| http::check(&at, value, folder, problems));
    let mut grants = check_grants(&at, &raw.grants, problems);
    grants.http = http.is_some();
    Some(BotEntry {
        name: name.into(),
        connections: raw.connections.iter().map(|name| name.as_str().into()).collect(),
        config: check_config(&at, &raw.config, problems),
        grants,
        limits: check_limits(&at, &raw.limits, problems),
        digest: check_digest(&at, raw.digest.as_deref(), problems),
        http: http.unwrap_or_default(),
        plugin: folder.join(raw.plugin.as_ref()?),
    })
}

fn check_digest(at: &str, raw: Option<&str>, problems: &mut Vec<Problem>) -> Option<String> {
    let hex = raw?.strip_prefix("sha256:").unwrap_or_default().to_ascii_lowercase();
    if hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some(hex);
    }
    let problem = Problem::new(format!("{at}.digest"), "it is not the digest of a file");
    problems.push(problem.write("digest = \"sha256:…\", as `hodhod inspect` prints it"));
    None
}

fn check_config(at: &str, raw: &BTreeMap<String, toml::Value>, problems: &mut Vec<Problem>) -> BotConfig {
    let mut config = BTreeMap::new();
    for (key, value) in raw {
        match value {
            toml::Value::String(text) => config.insert(key.clone(), text.clone()),
            toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_) => {
                config.insert(key.clone(), value.to_string())
            }
            _ => {
                let what = "a bot's configuration holds text, numbers, true and false";
                problems.push(Problem::new(format!("{at}.config.{key}"), what));
                None
            }
        };
    }
    config
}

fn check_grants(at: &str, raw: &BTreeMap<String, toml::Value>, problems: &mut Vec<Problem>) -> Grants {
    let mut grants = Grants::default();
    // A table of its own: see `http`.
    for (name, value) in raw.iter().filter(|(name, _)| *name != "http") {
        let at = format!("{at}.grants.{name}");
        match (grants.get_mut(name), value) {
            (Some(grant), toml::Value::Boolean(given)) => *grant = *given,
            (Some(_), _) => {
                let problem = Problem::new(at, "a grant is true or false");
                problems.push(problem.write(format!("grants = {{ {name} = true }}")));
            }
            (None, _) => {
                let problem = Problem::new(at, "there is no such grant");
                problems.push(match suggest(name, &Grants::NAMES) {
                    Some(meant) => problem.write(format!("grants = {{ {meant} = true }}")),
                    None => problem.write(format!("one of: {}", Grants::NAMES.join(", "))),
                });
            }
        }
    }
    grants
}

fn check_limits(at: &str, raw: &BTreeMap<String, toml::Value>, problems: &mut Vec<Problem>) -> Limits {
    let mut limits = Limits::default();
    for (name, value) in raw {
        let at = format!("{at}.limits.{name}");
        let Some(row) = limits::row(name) else {
            let names: Vec<_> = TABLE.iter().map(|row| row.name).collect();
            let problem = Problem::new(at, "there is no such limit");
            problems.push(match suggest(name, &names) {
                Some(meant) => {
                    problem.write(limits::row(meant).map_or_else(String::new, |row| limit_line(row, row.default)))
                }
                None => problem,
            });
            continue;
        };
        let number = match (row.unit, value) {
            (Unit::Bytes, toml::Value::String(text)) => units::bytes(text),
            (Unit::Time, toml::Value::String(text)) => {
                units::duration(text).map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
            }
            (Unit::Count, toml::Value::Integer(number)) => {
                u64::try_from(*number).map_err(|_| "must not be less than nothing".to_owned())
            }
            _ => Err(format!("write it like this: {}", limit_line(row, row.default))),
        };
        if let Err(what) = number.and_then(|number| limits.set(name, number).map_err(|error| error.to_string())) {
            problems.push(Problem::new(at, what));
        }
    }
    limits
}

/// A limit with a number, as it is written in the file.
fn limit_line(row: &limits::Row, number: u64) -> String {
    format!("limits = {{ {} = {} }}", row.name, written(row, number))
}

/// The number of a limit, as it is written in the file.
pub(crate) fn written(row: &limits::Row, number: u64) -> String {
    let amount = row.amount(number).to_string();
    match row.unit {
        Unit::Count => amount,
        Unit::Bytes | Unit::Time => format!("\"{amount}\""),
    }
}
