//! What a bot may ask of other servers: `[bots.NAME.grants.http]`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hodhod_core::egress::{Method, Pattern, Place, Policy, Secret};
use hodhod_core::manifest::Missing;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::Error as _;

use super::raw::RawSecret;
use super::{Problem, SecretSource};
use crate::secret;

/// What is allowed, with the secrets not read yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct HttpConfig {
    pub(crate) hosts: Vec<Pattern>,
    methods: Option<Vec<Method>>,
    allow_private: Vec<SocketAddr>,
    secrets: Vec<SecretConfig>,
    /// All of it as it stands in the file.
    written: toml::Table,
}

#[derive(Clone, Debug, PartialEq)]
struct SecretConfig {
    at: String,
    host: Pattern,
    place: Place,
    template: Option<String>,
    source: SecretSource,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHttp {
    #[serde(default)]
    hosts: Vec<String>,
    methods: Option<Vec<String>>,
    #[serde(default)]
    allow_private: Vec<String>,
    #[serde(default)]
    secrets: Vec<RawHttpSecret>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHttpSecret {
    host: Option<String>,
    header: Option<String>,
    query: Option<String>,
    template: Option<String>,
    secret: Option<RawSecret>,
}

impl HttpConfig {
    /// The grant in one line, as it was written, with the hosts that are missing.
    pub(crate) fn with(&self, missing: Vec<Missing>) -> String {
        let missing = missing.into_iter().filter_map(|missing| match missing {
            Missing::Host { pattern, .. } => Some(pattern),
            _ => None,
        });
        let hosts: Vec<_> = self.hosts.iter().map(ToString::to_string).chain(missing).collect();
        if hosts.is_empty() {
            return format!("{{ {HOSTS} }}");
        }
        let mut written = self.written.clone();
        written.insert("hosts".to_owned(), hosts.into());
        toml::Value::Table(written).to_string()
    }

    /// The methods that it may use.
    pub(crate) fn methods(&self) -> Vec<String> {
        let methods = self.methods.as_deref().unwrap_or(&Method::ALL);
        methods.iter().map(|method| method.as_str().to_owned()).collect()
    }

    /// Where the secrets are kept.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &SecretSource> {
        self.secrets.iter().map(|secret| &secret.source)
    }

    /// Reads the secrets.
    pub(crate) fn policy(&self) -> Result<Policy, Problem> {
        let secrets = self.secrets.iter().map(SecretConfig::read).collect::<Result<_, _>>()?;
        let methods = self.methods.clone().unwrap_or_else(|| Method::ALL.to_vec());
        Ok(Policy { hosts: self.hosts.clone(), methods, allow_private: self.allow_private.clone(), secrets })
    }
}

impl SecretConfig {
    fn read(&self) -> Result<Secret, Problem> {
        let value = secret::read(&self.source).map_err(|what| Problem::new(format!("{}.secret", self.at), what))?;
        self.with(&value)
    }

    fn with(&self, value: &SecretString) -> Result<Secret, Problem> {
        Secret::new(self.host.clone(), self.place.clone(), self.template.as_deref(), value)
            .map_err(|error| Problem::new(&self.at, error.to_string()))
    }
}

/// The hosts, as they are listed.
const HOSTS: &str = "hosts = [\"https://api.example.com\"]";

/// The lines to write in place of `http = true`.
fn example(bot: &str) -> String {
    format!("[{bot}.grants.http]\n           {HOSTS}")
}

/// Checks the grant of the bot at `bot`, noting what is wrong with it; `None` where it is not given.
pub(super) fn check(bot: &str, value: &toml::Value, folder: &Path, problems: &mut Vec<Problem>) -> Option<HttpConfig> {
    let at = format!("{bot}.grants.http");
    let written = match value {
        toml::Value::Boolean(false) => return None,
        toml::Value::Table(written) => written.clone(),
        _ => {
            let what = "HTTP is granted to hosts that are listed";
            problems.push(Problem::new(at, what).write(example(bot)));
            return None;
        }
    };
    let raw = match read(value) {
        Ok(raw) => raw,
        Err(error) => {
            problems.push(Problem::new(at, error.message().trim().to_owned()).write(example(bot)));
            return None;
        }
    };
    if raw.hosts.is_empty() {
        problems.push(Problem::new(&at, "no host is listed").write(HOSTS));
    }
    let hosts = all(&format!("{at}.hosts"), &raw.hosts, problems);
    let methods = raw.methods.as_ref().map(|methods| all(&format!("{at}.methods"), methods, problems));
    let allow_private = all(&format!("{at}.allow_private"), &raw.allow_private, problems);
    let mut secrets = Vec::new();
    for (number, raw) in raw.secrets.into_iter().enumerate() {
        match check_secret(format!("{at}.secrets[{number}]"), raw, folder, &hosts) {
            Ok(secret) => secrets.push(secret),
            Err(problem) => problems.push(problem),
        }
    }
    Some(HttpConfig { hosts, methods, allow_private, secrets, written })
}

/// The table, with an error that quotes no value: one of them may be a secret in the wrong place.
fn read(value: &toml::Value) -> Result<RawHttp, toml::de::Error> {
    value.clone().try_into().map_err(|error: toml::de::Error| {
        let message = error.message();
        if message.starts_with("unknown field") { error } else { toml::de::Error::custom("a value is of another kind") }
    })
}

/// Every text, read; those that cannot be are noted.
fn all<T: std::str::FromStr<Err: std::fmt::Display>>(
    at: &str,
    texts: &[String],
    problems: &mut Vec<Problem>,
) -> Vec<T> {
    let mut read = Vec::new();
    for text in texts {
        match text.parse() {
            Ok(value) => read.push(value),
            Err(error) => problems.push(Problem::new(at, format!("{:?}: {error}", without_user(text)))),
        }
    }
    read
}

/// An address without the user and the password that may stand in it.
fn without_user(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(_, host)| host)
}

fn check_secret(at: String, raw: RawHttpSecret, folder: &Path, hosts: &[Pattern]) -> Result<SecretConfig, Problem> {
    let missing = |what: &str, line: &str| Problem::new(&at, what.to_owned()).write(line);
    let host = raw.host.ok_or_else(|| missing("the host is missing", "host = \"https://api.example.com\""))?;
    let host: Pattern = host
        .parse()
        .map_err(|error| Problem::new(format!("{at}.host"), format!("{:?}: {error}", without_user(&host))))?;
    if !hosts.iter().any(|granted| granted.includes(&host)) {
        return Err(Problem::new(format!("{at}.host"), format!("{host} is not among the hosts")));
    }
    let place = match (raw.header, raw.query) {
        (Some(header), None) => Place::Header(header),
        (None, Some(query)) => Place::Query(query),
        _ => return Err(missing("it goes into a header, or into the query", "header = \"authorization\"")),
    };
    let source = match raw.secret {
        Some(RawSecret::Env { env }) => SecretSource::Env(env),
        Some(RawSecret::File { file }) => SecretSource::File(PathBuf::from(folder).join(file)),
        Some(RawSecret::Other(_)) => {
            let what = "a secret is not written into this file; say where it is kept";
            return Err(missing(what, "secret = { env = \"API_KEY\" }"));
        }
        None => return Err(missing("the secret is missing", "secret = { env = \"API_KEY\" }")),
    };
    let config = SecretConfig { at: at.clone(), host, place, template: raw.template, source };
    // With any value, so that what is wrong with the rest is told before there is one.
    config.with(&SecretString::from("x"))?;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with a grant, each on its line.
    fn problems(text: &str) -> String {
        let mut problems = Vec::new();
        let value = toml::from_str::<toml::Table>(text).unwrap().remove("http").unwrap();
        let config = check("bots.weather", &value, Path::new("/etc/hodhod"), &mut problems);
        assert!(problems.is_empty() <= config.is_some(), "{text}");
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    const GOOD: &str = r#"
[http]
hosts = ["https://api.example.com", "https://*.example.org:8443"]
methods = ["GET"]
allow_private = ["127.0.0.1:8080"]
[[http.secrets]]
host = "https://api.example.com"
header = "authorization"
template = "Bearer {}"
secret = { env = "WEATHER_KEY" }
"#;

    #[test]
    fn the_documented_grant_is_read() {
        assert_eq!(problems(GOOD), "");
        let lasting = GOOD.replace("env = \"WEATHER_KEY\"", "file = \"key\"").replace("header", "query");
        assert_eq!(problems(&lasting), "");
    }

    #[test]
    fn a_grant_without_hosts_is_told_with_the_lines_to_write() {
        let told = problems("http = true");
        assert!(told.starts_with("bots.weather.grants.http: HTTP is granted to hosts that are listed"), "{told}");
        assert!(
            told.contains("[bots.weather.grants.http]\n           hosts = [\"https://api.example.com\"]"),
            "{told}"
        );
        assert!(problems("[http]\n").contains("no host is listed"));
    }

    #[test]
    fn a_secret_in_the_file_is_refused_and_not_printed() {
        for written in ["\"abcSECRETdef\"", "{ value = \"abcSECRETdef\" }"] {
            let told = problems(&GOOD.replace("{ env = \"WEATHER_KEY\" }", written));
            assert!(told.contains("a secret is not written into this file") && !told.contains("SECRET"), "{told}");
        }
        let told = problems(&GOOD.replace("[[http.secrets]]", "[[http.secrets]]\nheaders = \"abcSECRETdef\""));
        assert!(!told.is_empty() && !told.contains("SECRET"), "{told}");
        let told = problems("[http]\nsecrets = \"abcSECRETdef\"");
        assert!(!told.is_empty() && !told.contains("SECRET"), "{told}");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (line, instead, told) in [
            ("https://*.example.org:8443", "https://*.org", "grants.http.hosts: \"https://*.org\": a star stands for"),
            ("\"GET\"", "\"TRACE\"", "grants.http.methods: \"TRACE\": it is none of"),
            ("127.0.0.1:8080", "localhost:8080", "grants.http.allow_private: \"localhost:8080\""),
            (
                "host = \"https://api",
                "host = \"https://www",
                "secrets[0].host: https://www.example.com is not among the hosts",
            ),
            ("\"authorization\"", "\"host\"", "secrets[0]: the host sets this header itself"),
            ("Bearer {}", "Bearer", "secrets[0]: the template has to have one {}"),
            ("header = \"authorization\"", "", "secrets[0]: it goes into a header, or into the query"),
        ] {
            let text = problems(&GOOD.replace(line, instead));
            assert!(text.contains(told), "{text}");
        }
    }
}
