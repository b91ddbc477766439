//! One request, and what came of it: bounded in time and in size, and without a secret in any word of it.
//!
//! The one question that matters to a token is whether the server can have acted. So a request that broke
//! says whether it ever left.

use std::error::Error;
use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use reqwest::{Client, RequestBuilder, Response, redirect};
use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};

use super::setup::{Setup, SetupError, is_loopback};

/// A post with all its fields has some kilobytes; more than this is not read.
pub(super) const MAX_ANSWER: usize = 1 << 20;

/// Tokens have some hundred bytes.
pub(super) const MAX_TOKEN_ANSWER: usize = 64 << 10;

/// For a connection, encryption included: a person or a turn waits.
const CONNECT: Duration = Duration::from_secs(5);

/// For a whole request. It is short beside the two minutes in which a lost answer can be asked for again.
const WHOLE: Duration = Duration::from_secs(10);

/// Connections kept for the next request go before a server in front of the platform closes them.
const MAX_KEPT: Duration = Duration::from_secs(30);

/// Longer waits are not believed: they would silence a bot for a slip of the server.
const MAX_WAIT: Duration = Duration::from_secs(60 * 60);

/// Of a server's own words so many bytes are quoted.
const MAX_QUOTE: usize = 200;

/// A shorter text may stand in an answer without being the secret, such as the key of a local server.
const BY_CHANCE: usize = 16;

/// An answer, whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// How long the server asks to wait.
    pub(super) wait: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The request never left.
    NotSent(String),
    /// The server may have acted.
    InDoubt(String),
}

/// The client, with the secrets that no word may hold.
pub(super) struct Http {
    client: Client,
    secrets: Vec<SecretString>,
    api_key: HeaderValue,
}

impl Http {
    pub(super) fn new(setup: &Setup) -> Result<Self, SetupError> {
        let mut api_key =
            HeaderValue::from_str(setup.api_key.expose_secret().trim()).map_err(|_| SetupError::BadKey)?;
        api_key.set_sensitive(true);
        let app = setup.app().ok();
        let local = Url::parse(&setup.base).is_ok_and(|base| is_loopback(&base))
            || app.is_some_and(|app| is_loopback(&app.authorize));
        let builder = Client::builder();
        // A proxy of the environment cannot reach this machine's own loopback, and would see the tokens.
        let builder = if local { builder.no_proxy() } else { builder };
        let client = builder
            .user_agent(concat!("hodhod/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .pool_idle_timeout(MAX_KEPT)
            // A connection of HTTP/2 is shared: one that died takes all requests along.
            .http1_only()
            // A redirect would take the secrets to wherever it points.
            .redirect(redirect::Policy::none())
            .referer(false)
            .build()
            .map_err(|error| SetupError::Client(chain(error.without_url())))?;
        let mut secrets = vec![setup.api_key.clone()];
        secrets.extend(app.map(|app| app.client_secret.clone()));
        Ok(Self { client, secrets, api_key })
    }

    /// A call of the platform, for the person of a token or for the app itself.
    pub(super) fn call(&self, method: http::Method, address: &str, token: Option<&SecretString>) -> RequestBuilder {
        let request = self.client.request(method, address).header("x-api-key", self.api_key.clone());
        match token.and_then(bearer) {
            Some(bearer) => request.header(header::AUTHORIZATION, bearer),
            None => request,
        }
    }

    /// A form, as the server of the tokens takes it.
    pub(super) fn form(&self, address: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.client
            .post(address)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body)
    }

    /// Sends a request, once. Cancelling it leaves open whether the server acted.
    pub(super) async fn send(
        &self,
        request: RequestBuilder,
        longest: usize,
        secrets: &[&SecretString],
    ) -> Result<Answer, Broken> {
        let words = |error: reqwest::Error| self.redact(&chain(error.without_url()), secrets);
        let response = request.send().await.map_err(|error| {
            let never_left = error.is_connect() || error.is_builder();
            if never_left { Broken::NotSent(words(error)) } else { Broken::InDoubt(words(error)) }
        })?;
        let (status, wait) = (response.status(), wait(&response));
        let body = read(response, longest).await.map_err(|error| match error {
            Some(error) => Broken::InDoubt(words(error)),
            None => Broken::InDoubt(format!("the answer is longer than {longest} bytes")),
        })?;
        Ok(Answer { status, wait, body })
    }

    /// A server's own words, short, on one line, and without a secret that they may quote.
    pub(super) fn quote(&self, body: &[u8], secrets: &[&SecretString]) -> String {
        let text = self.redact(&String::from_utf8_lossy(body), secrets);
        let words = hodhod_core::text::clean(text.trim(), MAX_QUOTE);
        if words.is_empty() { "(nothing)".to_owned() } else { words }
    }

    /// True where a text holds a secret that cannot be in it by chance.
    pub(super) fn holds_secret(&self, text: &str, secrets: &[&SecretString]) -> bool {
        let mut written = self.written(secrets).filter(|secret| secret.len() >= BY_CHANCE);
        written.any(|secret| text.contains(&secret))
    }

    fn redact(&self, text: &str, secrets: &[&SecretString]) -> String {
        self.written(secrets).fold(text.to_owned(), |text, secret| match text.contains(&secret) {
            true => text.replace(&secret, "***"),
            false => text,
        })
    }

    /// Each secret in the ways a server may say it back: as it is, and as a form has it.
    fn written<'a>(&'a self, secrets: &'a [&'a SecretString]) -> impl Iterator<Item = String> + 'a {
        let secrets = self.secrets.iter().chain(secrets.iter().copied()).map(|secret| secret.expose_secret().trim());
        secrets
            .filter(|secret| !secret.is_empty())
            .flat_map(|secret| [secret.to_owned(), form_urlencoded::byte_serialize(secret.as_bytes()).collect()])
    }
}

fn bearer(token: &SecretString) -> Option<HeaderValue> {
    // A token is checked where it comes in, so it fits.
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

async fn read(mut response: Response, longest: usize) -> Result<Vec<u8>, Option<reqwest::Error>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Some)? {
        if body.len() + chunk.len() > longest {
            return Err(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The header `Retry-After` in seconds. Its other form, a date, is nowhere documented for this platform, and
/// neither is the header.
fn wait(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_WAIT))
}

/// An error with its causes, on one line.
fn chain(error: reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(": ");
        words.push_str(&error.to_string());
        cause = error.source();
    }
    words
}
