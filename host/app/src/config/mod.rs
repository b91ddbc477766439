//! The configuration: what the operator wrote ([`raw`]) and what it means.
//!
//! Everything that is wrong is told at once, each with its place and the line to write. Relative
//! paths are relative to the folder of the file.

mod bot;
mod connection;
mod http;
mod raw;
mod traces;
mod units;
mod webhooks;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hodhod_core::host::Retention;
use hodhod_core::text::suggest;

use crate::log::Format;

pub(crate) use bot::{BotEntry, written};
pub(crate) use connection::{Account, ConnectionConfig, DivarEntry, OAuthEntry, SoroushEntry};
pub(crate) use http::HttpConfig;
use raw::{RawConfig, RawHost, RawSecret};
pub(crate) use traces::TracesConfig;
pub(crate) use webhooks::WebhooksConfig;

/// After how long a send is given up where nothing else is said.
pub(crate) const GIVE_UP: Duration = Duration::from_secs(24 * 3600);

/// The whole configuration, checked.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) host: HostConfig,
    pub(crate) connections: Vec<ConnectionConfig>,
    pub(crate) bots: Vec<BotEntry>,
}

/// The host itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HostConfig {
    /// Folder of the database.
    pub(crate) state: PathBuf,
    /// Where status and metrics are served.
    pub(crate) listen: SocketAddr,
    /// The token of the API there. Without it the API is only on the socket in the state folder.
    pub(crate) admin_token: Option<SecretSource>,
    /// How long what is under way may take to end after SIGTERM.
    pub(crate) grace: Duration,
    /// Threads that run turns.
    pub(crate) workers: usize,
    /// Turns under way at once.
    pub(crate) turns: u32,
    /// How long things are kept.
    pub(crate) retention: Retention,
    /// Bytes that stay free on the file system of `state`; with less, no events are taken.
    pub(crate) keep_free: u64,
    /// How the log is written; what suits standard error where it is not set.
    pub(crate) log: Option<Format>,
    /// Where traces go, if anywhere.
    pub(crate) traces: Option<TracesConfig>,
    /// Where platforms call the host, if any does.
    pub(crate) webhooks: Option<WebhooksConfig>,
}

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretSource {
    Env(String),
    File(PathBuf),
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where: the file's place or the key.
    pub(crate) at: String,
    /// What is wrong.
    pub(crate) what: String,
    /// The line to write, where there is one.
    pub(crate) write: Option<String>,
}

impl Problem {
    pub(crate) fn new(at: impl Into<String>, what: impl Into<String>) -> Self {
        Self { at: at.into(), what: what.into(), write: None }
    }

    pub(crate) fn write(mut self, line: impl Into<String>) -> Self {
        self.write = Some(line.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)?;
        match &self.write {
            Some(line) => write!(f, "\n    write: {line}"),
            None => Ok(()),
        }
    }
}

/// Reads and checks the file.
pub(crate) fn load(path: &Path) -> Result<Config, Vec<Problem>> {
    let (text, folder) = open(path).map_err(|problem| vec![problem])?;
    parse(&text, &path.display().to_string(), folder)
}

/// The text of a file, and the folder that it is in.
fn open(path: &Path) -> Result<(String, &Path), Problem> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Problem::new(path.display().to_string(), format!("cannot be read: {error}")))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((text, folder))
}

fn state_folder(written: Option<&Path>, folder: &Path) -> PathBuf {
    folder.join(written.unwrap_or(Path::new("state")))
}

/// Where the state folder is, for who has to reach the host of a file: what is wrong elsewhere in it
/// keeps nobody from that.
pub(crate) fn state(path: &Path) -> Result<PathBuf, Problem> {
    #[derive(serde::Deserialize)]
    struct File {
        #[serde(default)]
        host: Host,
    }
    #[derive(Default, serde::Deserialize)]
    struct Host {
        state: Option<PathBuf>,
    }
    let (text, folder) = open(path)?;
    let file: File = toml::from_str(&text).map_err(|error| explain(&error, &text, &path.display().to_string()))?;
    Ok(state_folder(file.host.state.as_deref(), folder))
}

/// The platform of a connection, for who works on the state folder of a host that does not run: what is wrong
/// elsewhere in the file keeps nobody from that either. `None` where there is no such connection.
pub(crate) fn platform(path: &Path, connection: &str) -> Result<Option<String>, Problem> {
    #[derive(serde::Deserialize)]
    struct File {
        #[serde(default)]
        connections: BTreeMap<String, Connection>,
    }
    #[derive(serde::Deserialize)]
    struct Connection {
        #[serde(default)]
        platform: String,
    }
    let (text, _) = open(path)?;
    let mut file: File = toml::from_str(&text).map_err(|error| explain(&error, &text, &path.display().to_string()))?;
    Ok(file.connections.remove(connection).map(|connection| connection.platform))
}

/// Checks the text of a file called `name`, whose paths are relative to `folder`.
pub(crate) fn parse(text: &str, name: &str, folder: &Path) -> Result<Config, Vec<Problem>> {
    let raw: RawConfig = toml::from_str(text).map_err(|error| vec![explain(&error, text, name)])?;
    let mut problems = Vec::new();
    let host = check_host(&raw.host, folder, &mut problems);
    let connections: Vec<_> = raw
        .connections
        .iter()
        .filter_map(|(name, connection)| connection::check(name, connection, folder, &mut problems))
        .collect();
    if raw.host.webhooks.is_none() {
        let called = connections.iter().filter(|connection| connection.is_called());
        problems.extend(called.map(|connection| webhooks::missing(&format!("connections.{}", connection.name))));
    }
    if raw.bots.is_empty() {
        problems.push(Problem::new("bots", "there is no bot").write("[bots.echo]"));
    }
    let names: Vec<&str> = raw.connections.keys().map(String::as_str).collect();
    let bots: Vec<_> =
        raw.bots.iter().filter_map(|(name, bot)| bot::check(name, bot, folder, &names, &mut problems)).collect();
    // Only where nothing else is wrong: a name that was misspelt is told above.
    if problems.is_empty() {
        let served = |name: &str| raw.bots.values().any(|bot| bot.connections.iter().any(|used| used == name));
        for name in names.iter().filter(|name| !served(name)) {
            let what = "no bot serves it, so what is written there would be lost";
            problems.push(Problem::new(format!("connections.{name}"), what));
        }
    }
    match host {
        Some(host) if problems.is_empty() => Ok(Config { host, connections, bots }),
        _ => Err(problems),
    }
}

/// A mistake in the file's shape, with its line and, for a key that is unknown, the one that was meant.
fn explain(error: &toml::de::Error, text: &str, name: &str) -> Problem {
    let line = error.span().map(|span| 1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count());
    let at = line.map_or_else(|| name.to_owned(), |line| format!("{name}:{line}"));
    // serde lists the known keys between backticks, the unknown one first.
    let quoted: Vec<&str> = error.message().split('`').skip(1).step_by(2).collect();
    match quoted.split_first() {
        Some((unknown, known)) if error.message().starts_with("unknown field") => {
            let what = format!("unknown key `{unknown}`");
            match suggest(unknown, known) {
                Some(meant) => Problem::new(at, what).write(format!("{meant} = …")),
                None => Problem::new(at, format!("{what}; known here: {}", known.join(", "))),
            }
        }
        _ => Problem::new(at, without_text(error.message())),
    }
}

/// A message of the parser without the text that it found: it may be a secret in the wrong place.
fn without_text(message: &str) -> String {
    let found = message.strip_prefix("invalid type: string ");
    match found.and_then(|found| found.rsplit_once(", expected ")) {
        Some((_, expected)) => format!("invalid type: string, expected {expected}"),
        None => message.trim().to_owned(),
    }
}

/// Reads an optional value by a function, noting what is wrong with it.
fn read<T>(
    at: &str,
    value: Option<&String>,
    or: T,
    read: impl Fn(&str) -> Result<T, String>,
    problems: &mut Vec<Problem>,
) -> T {
    match value.map(|text| read(text)) {
        None => or,
        Some(Ok(value)) => value,
        Some(Err(what)) => {
            problems.push(Problem::new(at, what));
            or
        }
    }
}

fn check_host(raw: &RawHost, folder: &Path, problems: &mut Vec<Problem>) -> Option<HostConfig> {
    const LISTEN: &str = "127.0.0.1:8600";
    let listen = raw.listen.as_deref().unwrap_or(LISTEN);
    let listen = match listen.parse() {
        Ok(address) => Some(address),
        Err(_) => {
            let what = format!("{listen:?} is not an address and a port");
            problems.push(Problem::new("host.listen", what).write(format!("listen = \"{LISTEN}\"")));
            None
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = raw.workers.unwrap_or(cores);
    if workers == 0 {
        problems.push(Problem::new("host.workers", "at least one thread has to run turns"));
    }
    let turns = raw.turns.unwrap_or(512);
    if !(1..=10_000).contains(&turns) {
        problems.push(Problem::new("host.turns", "must be from 1 to 10000"));
    }
    let log = match raw.log.as_deref() {
        None => None,
        Some("text") => Some(Format::Text),
        Some("json") => Some(Format::Json),
        Some(other) => {
            let what = format!("{other:?} is neither \"text\" nor \"json\"");
            problems.push(Problem::new("host.log", what).write("log = \"json\""));
            None
        }
    };
    let traces = raw.traces.as_ref().and_then(|raw| traces::check(raw, folder, problems));
    let webhooks = raw.webhooks.as_ref().and_then(|raw| webhooks::check(raw, problems));
    Some(HostConfig {
        log,
        traces,
        webhooks,
        state: state_folder(raw.state.as_deref(), folder),
        listen: listen?,
        admin_token: raw.admin_token.as_ref().and_then(|token| {
            let example = "admin_token = { env = \"HODHOD_TOKEN\" }".to_owned();
            secret(token, "host.admin_token", example, folder, problems)
        }),
        grace: read("host.grace", raw.grace.as_ref(), Duration::from_secs(2), units::duration, problems),
        workers,
        turns,
        retention: check_retention(raw, problems),
        keep_free: read("host.keep_free", raw.keep_free.as_ref(), hodhod_store::KEEP_FREE, units::bytes, problems),
    })
}

fn check_retention(raw: &RawHost, problems: &mut Vec<Problem>) -> Retention {
    const HOUR: Duration = Duration::from_secs(3600);
    let default = Retention::default();
    let mut time = |key: &str, written: Option<&String>, default: Duration| {
        let at = format!("host.{key}");
        let time = read(&at, written, default, units::duration, problems);
        if !(HOUR..=365 * 24 * HOUR).contains(&time) {
            let days = default.as_secs() / (24 * 3600);
            problems.push(Problem::new(at, "must be from 1 h to 365 d").write(format!("{key} = \"{days} d\"")));
        }
        time
    };
    Retention {
        remember: time("remember", raw.remember.as_ref(), default.remember),
        keep_dead: time("keep_dead", raw.keep_dead.as_ref(), default.keep_dead),
    }
}

/// Where a token is kept, if it is not in the file itself.
fn secret(
    raw: &RawSecret,
    at: &str,
    example: String,
    folder: &Path,
    problems: &mut Vec<Problem>,
) -> Option<SecretSource> {
    match raw {
        RawSecret::Env { env } => Some(SecretSource::Env(env.clone())),
        RawSecret::File { file } => Some(SecretSource::File(folder.join(file))),
        RawSecret::Other(_) => {
            let what = "a token is not written into this file; say where it is kept";
            problems.push(Problem::new(at, what).write(example));
            None
        }
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
