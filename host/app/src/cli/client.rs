//! How a verb asks a running host: HTTP on the socket in its state folder, or at an address, with a token.
//!
//! A verb takes [`Asked`](super::asked::Asked) into its arguments, makes a [`Client`] of it and asks. What the
//! host refuses is an error with the host's own words; a host that is not there is one that says what to do.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use hodhod_core::text::clean;
use reqwest::header::CONTENT_TYPE;
use reqwest::{ClientBuilder, Method, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::runtime::Runtime;

use super::output;
use crate::socket;

/// How long the host may take for an answer: what it says is on its disk by then.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Longest answer that is taken, in bytes: the longest has some kilobytes for each bot.
const LONGEST_ANSWER: usize = 16 << 20;

/// Longest refusal that is shown, in bytes: a configuration may have many mistakes.
const LONGEST_REFUSAL: usize = 64 << 10;

/// What a host refused, in its words.
#[derive(Debug, Error)]
#[error("{error}")]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    error: String,
    /// Each thing that is wrong, where there may be more than one.
    pub(super) problems: Vec<String>,
}

#[cfg(test)]
impl Refused {
    pub(super) fn new(status: StatusCode, error: &str) -> Self {
        Self { status, error: error.to_owned(), problems: Vec::new() }
    }
}

/// A host that can be asked. Each call waits for what it asks for.
pub(super) struct Client {
    runtime: Runtime,
    http: reqwest::Client,
    base: Url,
    at: At,
    token: Option<SecretString>,
}

/// Where the host is, for a person.
enum At {
    /// The one that holds this folder.
    State(PathBuf),
    Address(String),
}

impl Client {
    /// The host that holds a state folder, by the socket there. Nothing is asked yet.
    pub(super) fn of_folder(state: PathBuf) -> anyhow::Result<Self> {
        let socket = socket::path(&state).context("no host can be asked")?;
        let http = Self::http().unix_socket(socket);
        Self::new(http, Url::parse("http://localhost")?, At::State(state), None)
    }

    /// The host at an address, with a token where there is one. Nothing is asked yet.
    pub(super) fn at(address: &Url, token: Option<SecretString>) -> anyhow::Result<Self> {
        Self::new(Self::http(), address.clone(), At::Address(address.to_string()), token)
    }

    fn new(http: ClientBuilder, base: Url, at: At, token: Option<SecretString>) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, http: http.build()?, base, at, token })
    }

    fn http() -> ClientBuilder {
        // A proxy would read the token, and a redirect lead it elsewhere.
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none())
    }

    /// Reads what is at a path, given in parts, each as it is.
    pub(super) fn get(&self, path: &[&str]) -> Ask<'_> {
        self.ask(Method::GET, path)
    }

    /// Does what is at a path, given in parts, each as it is.
    pub(super) fn post(&self, path: &[&str]) -> Ask<'_> {
        self.ask(Method::POST, path)
    }

    fn ask(&self, method: Method, path: &[&str]) -> Ask<'_> {
        let mut url = self.base.clone();
        // Of http and https, and so with a path.
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(path);
        }
        Ask { client: self, method, url, body: Ok(None), patience: PATIENCE }
    }

    fn within<T>(&self, patience: Duration, asking: impl Future<Output = reqwest::Result<T>>) -> anyhow::Result<T> {
        match self.runtime.block_on(async { tokio::time::timeout(patience, asking).await }) {
            Ok(answer) => answer.map_err(|error| self.unanswered(error)),
            Err(_) => bail!("{} does not answer in time", self.at),
        }
    }

    /// Why the host gave no answer, and what to do.
    fn unanswered(&self, error: reqwest::Error) -> anyhow::Error {
        let mut cause: &dyn std::error::Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        match (&self.at, kind) {
            (At::State(state), Some(io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)) => anyhow!(
                "no host runs with the state folder {}: start one with `hodhod run`, or give its configuration by --config",
                state.display()
            ),
            (At::State(state), Some(io::ErrorKind::PermissionDenied)) => {
                anyhow!("the host of {} belongs to another user: ask as that user", state.display())
            }
            (at, _) => anyhow!("{at} does not answer: {cause}"),
        }
    }
}

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::State(state) => write!(f, "the host of {}", state.display()),
            Self::Address(address) => write!(f, "the host at {address}"),
        }
    }
}

/// Something to ask of a host.
pub(super) struct Ask<'a> {
    client: &'a Client,
    method: Method,
    url: Url,
    body: serde_json::Result<Option<Vec<u8>>>,
    patience: Duration,
}

impl<'a> Ask<'a> {
    /// How long the answer may take, or the beginning of one that streams, where it is not [`PATIENCE`].
    pub(super) fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// With this behind the path, where it is there.
    pub(super) fn with(mut self, name: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            self.url.query_pairs_mut().append_pair(name, &value.to_string());
        }
        self
    }

    /// With this in the body, as JSON.
    pub(super) fn body(self, body: &impl Serialize) -> Self {
        Self { body: serde_json::to_vec(body).map(Some), ..self }
    }

    /// Asks, and reads the answer to its end.
    pub(super) fn answer<T: DeserializeOwned>(self) -> anyhow::Result<T> {
        let (client, deadline) = (self.client, Instant::now() + self.patience);
        let mut body = self.stream()?;
        let mut answer = Vec::new();
        while let Some(part) = body.next(deadline.saturating_duration_since(Instant::now()))? {
            if answer.len() + part.len() > LONGEST_ANSWER {
                bail!("{} answers without end", client.at);
            }
            answer.extend_from_slice(&part);
        }
        serde_json::from_slice(&answer).with_context(|| format!("{} answers something else", client.at))
    }

    /// Asks, and gives the answer as it comes: for what has no end, or is too large to be held.
    pub(super) fn stream(self) -> anyhow::Result<Body<'a>> {
        let Self { client, method, url, body, patience } = self;
        let request = client.http.request(method, url);
        let request = match &client.token {
            Some(token) => request.bearer_auth(token.expose_secret()),
            None => request,
        };
        let request = match body? {
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(body),
            None => request,
        };
        let response = client.within(patience, request.send())?;
        let status = response.status();
        let mut body = Body { client, response };
        if status.is_success() {
            return Ok(body);
        }
        #[derive(Deserialize)]
        struct Refusal {
            error: String,
            #[serde(default)]
            problems: Vec<String>,
        }
        let mut told = Vec::new();
        while let Some(part) = body.next(patience)?
            && told.len() < LONGEST_REFUSAL
        {
            told.extend_from_slice(&part);
        }
        match serde_json::from_slice(&told) {
            Ok(Refusal { error, problems }) => {
                let error = clean(&error, LONGEST_REFUSAL);
                let problems = problems.iter().map(|problem| output::lines(problem, LONGEST_REFUSAL)).collect();
                Err(Refused { status, error, problems }.into())
            }
            Err(_) => bail!("{} answers {status}", client.at),
        }
    }
}

/// An answer as it comes.
pub(super) struct Body<'a> {
    client: &'a Client,
    response: Response,
}

impl Body<'_> {
    /// Waits for its next part, which may take so long; `None` at its end.
    pub(super) fn next(&mut self, patience: Duration) -> anyhow::Result<Option<Bytes>> {
        self.client.within(patience, self.response.chunk())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use serde_json::Value;

    use super::*;
    use crate::cli::asked::of;

    /// A host that answers one request with these bytes, and gives what it was sent.
    fn answering(bytes: &'static str) -> (String, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let told = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut request, mut buffer) = (Vec::new(), [0; 1024]);
            while !request.ends_with(b"\r\n\r\n") {
                let read = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..read]);
            }
            stream.write_all(bytes.as_bytes()).unwrap();
            String::from_utf8(request).unwrap()
        });
        (url, told)
    }

    #[test]
    fn a_part_of_a_path_is_one_part_whatever_it_holds_and_the_token_goes_along() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "0123456789abcdef\n").unwrap();
        let (url, told) = answering("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n[1]");
        let client = of("none".into(), Some(&format!("{url}/below/")), Some(file)).client().unwrap();
        let answer: Value = client.post(&["api", "bots", "a/b?c سلام", "pause"]).answer().unwrap();
        assert_eq!(answer[0], 1);
        let told = told.join().unwrap();
        assert!(
            told.starts_with("POST /below/api/bots/a%2Fb%3Fc%20%D8%B3%D9%84%D8%A7%D9%85/pause HTTP/1.1\r\n"),
            "{told}"
        );
        assert!(told.to_lowercase().contains("\r\nauthorization: bearer 0123456789abcdef\r\n"), "{told}");
    }

    #[test]
    fn what_a_host_refuses_is_told_in_its_words_which_cannot_command_a_terminal() {
        let (url, _) = answering("HTTP/1.1 409 Conflict\r\ncontent-length: 23\r\n\r\n{\"error\":\"no\\u001b[2J\"}");
        let client = of("none".into(), Some(&url), None).client().unwrap();
        assert_eq!(client.get(&["status"]).answer::<Value>().unwrap_err().to_string(), "no\u{fffd}[2J");
    }

    #[test]
    fn an_answer_that_streams_is_given_part_by_part_and_one_that_breaks_off_is_no_answer() {
        let (url, _) = answering("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n");
        let client = of("none".into(), Some(&url), None).client().unwrap();
        let mut body = client.get(&["logs"]).stream().unwrap();
        let mut text = Vec::new();
        let end = loop {
            match body.next(PATIENCE) {
                Ok(Some(part)) => text.extend_from_slice(&part),
                end => break end,
            }
        };
        assert_eq!(text, b"onetwo");
        assert!(end.unwrap_err().to_string().contains("does not answer"));
    }
}
