//! Where traces go: `[host.traces]`.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::raw::RawSecret;
use super::{Problem, SecretSource};
use crate::secret;

const AT: &str = "host.traces";

/// The line to write.
const ENDPOINT: &str = "endpoint = \"http://127.0.0.1:4318\"";

/// Where traces go, checked; the values of headers are not read yet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TracesConfig {
    /// The address of the receiver, with the path for traces.
    pub(crate) endpoint: Url,
    /// Sent with each request.
    headers: Vec<(String, SecretSource)>,
    /// The share of traces that is exported, from 0 to 1.
    pub(crate) sample: f64,
}

impl TracesConfig {
    /// Reads the values of the headers.
    pub(crate) fn headers(&self) -> Result<HashMap<String, SecretString>, Problem> {
        self.headers
            .iter()
            .map(|(name, source)| {
                let problem = |what: String| Problem::new(format!("{AT}.headers.{name}"), what);
                let value = secret::read(source).map_err(problem)?;
                // The exporter would leave it out without a word.
                match HeaderValue::from_str(value.expose_secret()) {
                    Ok(_) => Ok((name.clone(), value)),
                    Err(_) => Err(problem("no header can have this value".to_owned())),
                }
            })
            .collect()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTraces {
    endpoint: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, RawSecret>,
    sample: Option<f64>,
}

/// Checks the table, noting what is wrong with it.
pub(super) fn check(raw: &RawTraces, folder: &Path, problems: &mut Vec<Problem>) -> Option<TracesConfig> {
    let endpoint = match raw.endpoint.as_deref().map(endpoint) {
        Some(Ok(endpoint)) => Some(endpoint),
        Some(Err(what)) => {
            problems.push(Problem::new(format!("{AT}.endpoint"), what).write(ENDPOINT));
            None
        }
        None => {
            problems.push(Problem::new(AT, "the address of the receiver is missing").write(ENDPOINT));
            None
        }
    };
    let sample = raw.sample.unwrap_or(1.0);
    if !(0.0..=1.0).contains(&sample) {
        problems.push(Problem::new(format!("{AT}.sample"), "must be from 0 to 1"));
    }
    let mut headers = Vec::new();
    for (name, source) in &raw.headers {
        let at = format!("{AT}.headers.{name}");
        let source = match source {
            RawSecret::Env { env } => SecretSource::Env(env.clone()),
            RawSecret::File { file } => SecretSource::File(folder.join(file)),
            RawSecret::Other(_) => {
                let what = "the value of a header is not written into this file; say where it is kept";
                problems.push(Problem::new(at, what).write(format!("{name} = {{ env = \"OTLP_HEADER\" }}")));
                continue;
            }
        };
        match HeaderName::from_bytes(name.as_bytes()) {
            Ok(_) => headers.push((name.clone(), source)),
            Err(_) => problems.push(Problem::new(at, "there can be no header of this name")),
        }
    }
    Some(TracesConfig { endpoint: endpoint?, headers, sample })
}

/// The address for traces of a receiver. An error does not hold what was written: it may be a secret.
fn endpoint(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|error| format!("it is no address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("it must begin with http:// or https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it must not hold a user or a password; use headers".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it must end with the path".to_owned());
    }
    let path = format!("{}/v1/traces", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<TracesConfig, Vec<String>> {
        let raw: RawTraces = toml::from_str(text).unwrap();
        let mut problems = Vec::new();
        let config = check(&raw, Path::new("/etc/bots"), &mut problems);
        config.filter(|_| problems.is_empty()).ok_or_else(|| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_path_for_traces_is_added() {
        for (written, meant) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("https://otlp.example/", "https://otlp.example/v1/traces"),
            ("https://otlp.example/a/b/", "https://otlp.example/a/b/v1/traces"),
        ] {
            let config = checked(&format!("endpoint = {written:?}")).unwrap();
            assert_eq!((config.endpoint.as_str(), config.sample), (meant, 1.0));
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_the_line_to_write_and_no_secret() {
        let wrong = |text| checked(text).unwrap_err().join("; ");
        assert!(wrong("").contains("write: endpoint = "));
        assert!(wrong("endpoint = \"127.0.0.1:4318\"").contains("host.traces.endpoint"));
        assert!(wrong("endpoint = \"ftp://x\"").contains("must begin with http"));
        let told = wrong("endpoint = \"https://me:SECRET@x\"");
        assert!(told.contains("use headers") && !told.contains("SECRET"), "{told}");
        let told = wrong("endpoint = \"https://x?key=SECRET\"");
        assert!(told.contains("end with the path") && !told.contains("SECRET"), "{told}");
        let told = wrong(
            "endpoint = \"http://x\"\nsample = 1.5\nheaders = { authorization = \"SECRET\", \"a b\" = { env = \"B\" } }",
        );
        assert!(told.contains("sample: must be from 0 to 1") && !told.contains("SECRET"), "{told}");
        assert!(told.contains("authorization = { env = ") && told.contains("no header of this name"), "{told}");
        assert!(wrong("endpoint = \"http://x\"\nsample = nan").contains("from 0 to 1"));
    }
}
