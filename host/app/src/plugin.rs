//! The plugin of a bot: read, compared with what the operator granted, and loaded.

mod lines;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use hodhod_core::limits::COMPONENT;
use hodhod_core::manifest::{Manifest, Missing};
use hodhod_core::runtime::Setup;
use hodhod_engine::{Component, Engine, Inspection, LoadError, inspect};

use crate::config::{BotEntry, Problem};

/// Reads a component's file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > COMPONENT {
        return Err(format!("it has {size} bytes; a component may have {COMPONENT}"));
    }
    // It may grow while it is read.
    let (mut bytes, file) = (Vec::new(), std::fs::File::open(path).map_err(unreadable)?);
    file.take(COMPONENT + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// Loads the plugin of one bot, with warnings for the operator. A plugin that wants more than it was
/// granted is not loaded, whatever an earlier build of it wanted.
pub(crate) fn load(engine: &Engine, bot: &BotEntry) -> Result<(Component, Vec<String>), Vec<Problem>> {
    load_bytes(engine, bot, &read_of(bot)?)
}

/// Reads the file of one bot.
pub(crate) fn read_of(bot: &BotEntry) -> Result<Vec<u8>, Vec<Problem>> {
    let path = bot.plugin.display();
    read(&bot.plugin).map_err(|what| vec![Problem::new(format!("bots.{}.plugin", bot.name), format!("{path}: {what}"))])
}

/// The same, for bytes that were read.
pub(crate) fn load_bytes(
    engine: &Engine,
    bot: &BotEntry,
    bytes: &[u8],
) -> Result<(Component, Vec<String>), Vec<Problem>> {
    let at = format!("bots.{}", bot.name);
    let path = bot.plugin.display();
    let one = |problem: Problem| vec![problem];
    let found =
        inspect(bytes).map_err(|error| one(Problem::new(format!("{at}.plugin"), format!("{path}: {error}"))))?;
    if let Some(pinned) = bot.digest.as_ref().filter(|pinned| **pinned != found.digest) {
        let what = format!(
            "{path} is not the build that was granted: it is sha256:{}, and sha256:{pinned} was. \
             Look at it with `hodhod inspect {path}`",
            found.digest
        );
        return Err(one(
            Problem::new(format!("{at}.digest"), what).write(format!("digest = \"sha256:{}\"", found.digest))
        ));
    }
    let missing = missing(&found, bot);
    if !missing.is_empty() {
        let problem = |lacks: &Missing| problem(&at, &path.to_string(), &found, bot, lacks, &missing);
        return Err(missing.iter().map(problem).collect());
    }
    let manifest = found.manifest.clone().unwrap_or_default();
    let config = manifest.configure(&bot.config).map_err(|misfits| {
        let misfit = |(key, kind)| Problem::new(format!("{at}.config.{key}"), format!("{path} takes {kind} here"));
        misfits.into_iter().map(misfit).collect::<Vec<_>>()
    })?;
    let warnings = unasked(&found, bot);
    let warnings = warnings.iter().map(|unasked| format!("{at}.{unasked}: {path} did not ask for it")).collect();
    let http = Arc::new(bot.http.policy().map_err(one)?);
    let version = manifest.version.clone().unwrap_or_default();
    let setup = Setup { grants: bot.grants, limits: bot.limits.clone(), config, http, version };
    let component = Component::load(engine, bytes, setup).map_err(|error| {
        let problem = Problem::new(&at, format!("{path}: {error}"));
        one(match error {
            LoadError::NotGranted { .. } => problem.write(lines::grants(&found, bot)),
            _ => problem,
        })
    })?;
    Ok((component, warnings))
}

/// What a component wants and its bot was not given.
pub(crate) fn missing(found: &Inspection, bot: &BotEntry) -> Vec<Missing> {
    let silent = Manifest::default();
    let manifest = found.manifest.as_ref().unwrap_or(&silent);
    let mut missing = manifest.missing(&found.needs, bot.grants, &bot.limits, &bot.config);
    missing.extend(manifest.missing_hosts(&bot.http.hosts));
    missing
}

/// What a bot was given and its component did not ask for, as it is called in the configuration.
pub(crate) fn unasked(found: &Inspection, bot: &BotEntry) -> Vec<String> {
    let silent = Manifest::default();
    let manifest = found.manifest.as_ref().unwrap_or(&silent);
    let grants = manifest.unasked(&found.needs, bot.grants);
    let mut unasked: Vec<_> = grants.iter().map(|name| format!("grants.{name}")).collect();
    unasked.extend(manifest.unasked_hosts(&bot.http.hosts).iter().map(|host| format!("grants.http.hosts {host}")));
    unasked.extend(manifest.unasked_limits(&bot.limits).iter().map(|name| format!("limits.{name}")));
    unasked
}

/// What a plugin lacks, which is one of what is missing, with the line to write.
fn problem(at: &str, path: &str, found: &Inspection, bot: &BotEntry, lacks: &Missing, missing: &[Missing]) -> Problem {
    match lacks {
        Missing::Grant { name, .. } => {
            let importing =
                found.imports.iter().filter(|import| hodhod_engine::grant_of(import) == Some(name.as_str()));
            let importing: Vec<_> = importing.map(String::as_str).collect();
            let imports =
                if importing.is_empty() { String::new() } else { format!(" (it imports {})", importing.join(", ")) };
            Problem::new(at, format!("{path}: {lacks}{imports}")).write(lines::grants(found, bot))
        }
        Missing::Host { .. } => Problem::new(at, format!("{path}: {lacks}")).write(lines::grants(found, bot)),
        Missing::Limit { .. } => Problem::new(at, format!("{path}: {lacks}")).write(lines::limits(bot, missing)),
        Missing::Config { key, .. } => {
            Problem::new(format!("{at}.config"), format!("{path}: {lacks}")).write(lines::config(key))
        }
    }
}
