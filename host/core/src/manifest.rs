//! The manifest: what a plugin says of itself, and what it wants of the operator.
//!
//! It travels inside the component and is read without running anything. Nothing in it is believed:
//! it is a wish, which the operator's grants fulfil or do not. A plugin that wants more than it was
//! granted is not loaded, so that a new build cannot take what nobody looked at.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::egress::Pattern;
use crate::limits::{self, Limits, MANIFEST};
use crate::runtime::{BotConfig, Grants};
use crate::text::{clean, is_clean};

/// Longest text of a manifest that a person reads, in bytes.
pub const TEXT: usize = 400;

/// Longest name in a manifest, in bytes.
pub const NAME: usize = 128;

/// Most entries of one list in a manifest.
const ENTRIES: usize = 64;

/// What a plugin says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it does, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The grants that it wants, each with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub grants: BTreeMap<String, String>,
    /// The hosts that it wants to ask over HTTP, as in the operator's configuration, each with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: BTreeMap<String, String>,
    /// The limits that it needs, in bytes, milliseconds or numbers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, u64>,
    /// The keys of its configuration.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, Key>,
}

/// One key of a plugin's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// What may stand there.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What stands there where the operator writes nothing; without it the operator must.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// What may stand in a key of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
        })
    }
}

impl Kind {
    fn admits(self, value: &str) -> bool {
        match self {
            Self::Text => true,
            Self::Integer => value.parse::<i64>().is_ok(),
            Self::Number => value.parse::<f64>().is_ok_and(f64::is_finite),
            Self::Boolean => value.parse::<bool>().is_ok(),
        }
    }
}

/// Why a manifest cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ManifestError {
    /// It is too large.
    #[error("the manifest has {0} bytes; it may have {MANIFEST}")]
    TooLarge(usize),
    /// It is no JSON of the right shape.
    #[error("the manifest cannot be read: {0}")]
    Malformed(String),
    /// Something in it cannot be.
    #[error("the manifest is wrong at {at}: {what}")]
    Wrong {
        /// Where.
        at: String,
        /// Why.
        what: String,
    },
}

/// What a plugin wants and was not given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// A grant, and what it is for.
    Grant {
        /// The grant.
        name: String,
        /// What it is for; empty where only an import wants it.
        reason: String,
    },
    /// A host, and what it is for.
    Host {
        /// The host as the operator would write it.
        pattern: String,
        /// What it is for.
        reason: String,
    },
    /// A higher limit.
    Limit {
        /// The limit.
        name: String,
        /// What it needs.
        wanted: u64,
        /// What it has.
        granted: u64,
    },
    /// A key of the configuration that has no default.
    Config {
        /// The key.
        key: String,
        /// What may stand there.
        kind: Kind,
        /// What it is for.
        description: String,
    },
}

impl Manifest {
    /// Reads a manifest. Nothing of it is cleaned: what cannot be printed as it is, is refused.
    ///
    /// # Errors
    /// See [`ManifestError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MANIFEST {
            return Err(ManifestError::TooLarge(bytes.len()));
        }
        // A list of values in the right order would be read as well, and nobody could tell what it says.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(ManifestError::Malformed("it is no JSON object".to_owned()));
        }
        let manifest: Self =
            // What it quotes is the stranger's.
            serde_json::from_slice(bytes).map_err(|error| ManifestError::Malformed(clean(&error.to_string(), TEXT)))?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), ManifestError> {
        for (at, value) in [("name", &self.name), ("version", &self.version)] {
            check_text(at, value.as_deref().unwrap_or("-"), NAME)?;
        }
        check_text("description", self.description.as_deref().unwrap_or("-"), TEXT)?;
        for (at, count) in [
            ("grants", self.grants.len()),
            ("hosts", self.hosts.len()),
            ("limits", self.limits.len()),
            ("config", self.config.len()),
        ] {
            if count > ENTRIES {
                return Err(wrong(at, format!("it has {count} entries; {ENTRIES} is the most")));
            }
        }
        for (name, reason) in &self.grants {
            if !Grants::NAMES.contains(&name.as_str()) {
                return Err(wrong("grants", format!("there is no grant {:?}", shown(name))));
            }
            check_text(&format!("grants.{name}"), reason, TEXT)?;
        }
        for (pattern, reason) in &self.hosts {
            check_text("hosts", pattern, NAME)?;
            check_text("hosts", reason, TEXT)?;
            pattern.parse::<Pattern>().map_err(|error| wrong("hosts", format!("{pattern:?}: {error}")))?;
        }
        for (name, number) in &self.limits {
            let set = Limits::default().set(name, *number);
            set.map_err(|error| wrong("limits", format!("{:?}: {error}", shown(name))))?;
        }
        for (name, key) in &self.config {
            check_text("config", name, NAME)?;
            check_text(
                &format!("config.{name}"),
                if key.description.is_empty() { "-" } else { &key.description },
                TEXT,
            )?;
            if key.default.as_ref().is_some_and(|default| !key.kind.admits(default)) {
                return Err(wrong(&format!("config.{name}"), format!("the default is not {}", key.kind)));
            }
        }
        Ok(())
    }

    /// What it wants beyond what it was given: grants, limits and keys of its configuration.
    /// `imports` are the grants that its imports need, whatever it says.
    pub fn missing(
        &self,
        imports: &[&'static str],
        grants: Grants,
        limits: &Limits,
        config: &BotConfig,
    ) -> Vec<Missing> {
        let wanted = self.grants.iter().map(|(name, reason)| (name.as_str(), reason.as_str()));
        let unsaid = imports.iter().filter(|name| !self.grants.contains_key(**name)).map(|name| (*name, ""));
        let grants = wanted
            .chain(unsaid)
            .filter(|(name, _)| !grants.has(name))
            .map(|(name, reason)| Missing::Grant { name: name.to_owned(), reason: reason.to_owned() });
        let limits = self.limits.iter().filter_map(|(name, wanted)| {
            let granted = limits.get(name)?;
            (granted < *wanted).then(|| Missing::Limit { name: name.clone(), wanted: *wanted, granted })
        });
        let config = self.config.iter().filter(|(name, key)| key.default.is_none() && !config.contains_key(*name)).map(
            |(name, key)| Missing::Config { key: name.clone(), kind: key.kind, description: key.description.clone() },
        );
        grants.chain(limits).chain(config).collect()
    }

    /// The hosts that it wants to ask and that none of the granted patterns includes.
    pub fn missing_hosts(&self, granted: &[Pattern]) -> Vec<Missing> {
        let includes = |wanted: &String| {
            wanted.parse::<Pattern>().is_ok_and(|wanted| granted.iter().any(|granted| granted.includes(&wanted)))
        };
        let missing = self.hosts.iter().filter(|(wanted, _)| !includes(wanted));
        missing.map(|(pattern, reason)| Missing::Host { pattern: pattern.clone(), reason: reason.clone() }).collect()
    }

    /// What the operator granted and nobody asked for. What every bot has is not counted.
    pub fn unasked(&self, imports: &[&'static str], grants: Grants) -> Vec<&'static str> {
        let usual = Grants::default();
        let asked = |name: &str| self.grants.contains_key(name) || imports.contains(&name) || usual.has(name);
        Grants::NAMES.into_iter().filter(|name| grants.has(name) && !asked(name)).collect()
    }

    /// The granted patterns that none of the wanted ones includes. Who says of no host is not held to any.
    pub fn unasked_hosts<'a>(&self, granted: &'a [Pattern]) -> Vec<&'a Pattern> {
        let wanted: Vec<Pattern> = self.hosts.keys().filter_map(|wanted| wanted.parse().ok()).collect();
        let asked = |granted: &Pattern| wanted.is_empty() || wanted.iter().any(|wanted| wanted.includes(granted));
        granted.iter().filter(|granted| !asked(granted)).collect()
    }

    /// The limits that it names, and that are higher than it wants and than is usual.
    pub fn unasked_limits(&self, limits: &Limits) -> Vec<&str> {
        let usual = |name: &str| limits::row(name).map_or(u64::MAX, |row| row.default);
        let is_more = |(name, wanted): &(&String, &u64)| limits.get(name) > Some(usual(name).max(**wanted));
        self.limits.iter().filter(is_more).map(|(name, _)| name.as_str()).collect()
    }

    /// The configuration with its defaults.
    ///
    /// # Errors
    /// Keys whose values are not what may stand there, with what may.
    pub fn configure(&self, config: &BotConfig) -> Result<BotConfig, Vec<(String, Kind)>> {
        let misfit = |(name, key): (&String, &Key)| {
            let value = config.get(name)?;
            (!key.kind.admits(value)).then(|| (name.clone(), key.kind))
        };
        let misfits: Vec<_> = self.config.iter().filter_map(misfit).collect();
        if !misfits.is_empty() {
            return Err(misfits);
        }
        let defaults = self.config.iter().filter_map(|(name, key)| Some((name.clone(), key.default.clone()?)));
        Ok(defaults.chain(config.clone()).collect())
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grant { name, reason } if reason.is_empty() => write!(f, "it wants the grant {name}"),
            Self::Grant { name, reason } => write!(f, "it wants the grant {name}: {reason}"),
            Self::Host { pattern, reason } => write!(f, "it wants to ask {pattern}: {reason}"),
            Self::Limit { name, wanted, granted } => {
                let amount = |number| limits::row(name).map_or_else(String::new, |row| row.amount(number).to_string());
                write!(f, "it needs the limit {name} to be {}, and it is {}", amount(*wanted), amount(*granted))
            }
            Self::Config { key, kind, description } if description.is_empty() => {
                write!(f, "it needs the key {key} in its configuration, {kind}")
            }
            Self::Config { key, kind, description } => {
                write!(f, "it needs the key {key} in its configuration, {kind}: {description}")
            }
        }
    }
}

fn wrong(at: &str, what: String) -> ManifestError {
    ManifestError::Wrong { at: at.to_owned(), what }
}

/// A text as far as it can be shown.
fn shown(text: &str) -> String {
    clean(text, 40)
}

fn check_text(at: &str, text: &str, most: usize) -> Result<(), ManifestError> {
    if text.trim().is_empty() {
        return Err(wrong(&shown(at), "it says nothing".to_owned()));
    }
    if text.len() > most {
        return Err(wrong(&shown(at), format!("it has {} bytes; {most} is the most", text.len())));
    }
    if !is_clean(text) {
        return Err(wrong(&shown(at), "it has characters that cannot be shown".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests;
