//! The calls to Divar, each made once.
//!
//! The app's key stands in a header of each call, and where one is made in a person's name the
//! person's token in another. Neither is printed, also where a server quotes it.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hodhod_core::platform::SendError;
use hodhod_core::time::{Millis, whole_millis};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::common::{chain, is_loopback, read_some, retry_after};

use super::config::{ConfigError, DivarConfig, Options, server};
use super::judge::{Failure, judge};
use super::secret::{Redaction, Secret};

/// The app's key. Names of headers have no case; the OpenAPI document writes it in capitals.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Connections kept for the next call go before a server in front of the platform closes them (75 s
/// is common): a request that meets the closing is in doubt.
const MAX_KEPT: Duration = Duration::from_secs(30);

/// Finds a peer that is gone while nothing is sent.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// The server, as one app sees it.
pub(super) struct Api {
    calls: Client,
    /// Without a time for the whole, which a large file would not keep.
    files: Client,
    base: String,
    upload: String,
    key: HeaderValue,
    redaction: Redaction,
    call_time: Duration,
    pub(super) file_quiet: Duration,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("base", &self.base).field("upload", &self.upload).finish_non_exhaustive()
    }
}

impl Api {
    pub(super) fn new(config: &DivarConfig) -> Result<Self, ConfigError> {
        let options = &config.options;
        let key = Secret::new(&config.api_key, "api_key")?;
        let identification = Secret::new(&config.identification_key, "identification_key")?;
        Ok(Self {
            calls: client(&options.base_url, MAX_KEPT, options)?,
            // A file is rare, and kept connections would only be closed by the time of the next one.
            files: client(&options.upload_url, Duration::ZERO, options)?,
            base: server("base_url", &options.base_url)?,
            upload: server("upload_url", &options.upload_url)?,
            key: key.header("api_key")?,
            redaction: Redaction::of([key, identification]),
            call_time: options.timing.call,
            file_quiet: options.timing.file,
        })
    }

    /// Makes one call, once, in a person's name if there is a token. Cancelling it leaves it in doubt.
    pub(super) async fn post(&self, path: &str, token: Option<&SecretString>, json: Vec<u8>) -> Result<Value, Failure> {
        let redaction = self.redaction.with(token);
        let mut request = self
            .calls
            .post(format!("{}{path}", self.base))
            .timeout(self.call_time)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .header(API_KEY, self.key.clone())
            .body(json);
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, bearer(token)?);
        }
        let response = request.send().await.map_err(|error| {
            let never_left = error.is_connect() || error.is_builder();
            let words = redaction.redact(&chain(error.without_url()));
            if never_left { SendError::NotSent(words) } else { SendError::InDoubt(words) }
        })?;
        let (status, wait) = (response.status(), retry_after(response.headers(), now()));
        judge(status, wait, &read_some(response).await, &redaction)
    }

    /// The client for files.
    pub(super) fn files(&self) -> &Client {
        &self.files
    }

    /// The address of the server that takes files, without a slash at its end.
    pub(super) fn upload_base(&self) -> &str {
        &self.upload
    }

    /// What no text may hold, with one secret more.
    pub(super) fn redaction(&self, token: &SecretString) -> Redaction {
        self.redaction.with(Some(token))
    }
}

/// The header of a token.
pub(super) fn bearer(token: &SecretString) -> Result<HeaderValue, SendError> {
    let value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()));
    let mut value = value.map_err(|_| SendError::Refused("a token cannot stand in a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn client(base: &str, kept: Duration, options: &Options) -> Result<Client, ConfigError> {
    let identity = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
    let builder = Client::builder();
    // A proxy of the environment cannot reach this machine's own loopback, and would see the keys.
    let is_local = Url::parse(base).is_ok_and(|base| base.host_str().is_some_and(is_loopback));
    let builder = if is_local { builder.no_proxy() } else { builder };
    let builder = if kept.is_zero() { builder.pool_max_idle_per_host(0) } else { builder.pool_idle_timeout(kept) };
    builder
        .user_agent(concat!("hodhod/", env!("CARGO_PKG_VERSION")))
        .default_headers(identity)
        .connect_timeout(options.timing.connect)
        .tcp_keepalive(KEEPALIVE)
        // A connection of HTTP/2 is shared: one that died would take other sends along.
        .http1_only()
        // A redirect would take the keys to wherever it points.
        .redirect(redirect::Policy::none())
        .referer(false)
        .build()
        .map_err(|error| ConfigError::Client(chain(error.without_url())))
}

/// The time at which an answer arrives, for dates in it; zero if the clock stands before 1970.
pub(super) fn now() -> Millis {
    Millis(SystemTime::now().duration_since(UNIX_EPOCH).map(whole_millis).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const TOKEN: &str = "ory_at_mAODvjM21UayVFDtP.Gx2sCv2jT4VIbb";

    /// Answers one request, and gives what it was.
    async fn serve(listener: TcpListener, answer: String) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"{}") {
            assert!(stream.read_buf(&mut asked).await.unwrap() > 0);
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(asked).unwrap().to_ascii_lowercase()
    }

    #[tokio::test]
    async fn a_call_in_a_persons_name_carries_the_persons_token_which_no_error_tells() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = Options { base_url: format!("http://{}", listener.local_addr().unwrap()), ..Options::default() };
        let config = DivarConfig {
            name: "shop".into(),
            slug: "my-app".to_owned(),
            api_key: "the-api-key".into(),
            identification_key: "the-identification-key".into(),
            oauth: None,
            options,
        };
        let api = Api::new(&config).unwrap();
        let words = format!("no scope for {TOKEN} and the-api-key");
        let refusal = format!("HTTP/1.1 403 No\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{words}", words.len());
        let token = SecretString::from(TOKEN);
        let calling = api.post("/v2/x", Some(&token), b"{}".to_vec());
        let (refused, asked) = tokio::join!(calling, serve(listener, refusal));
        assert!(asked.starts_with("post /v2/x http/1.1\r\n"), "{asked}");
        assert!(asked.contains(&format!("\r\nauthorization: bearer {}\r\n", TOKEN.to_ascii_lowercase())), "{asked}");
        assert!(asked.contains("\r\nx-api-key: the-api-key\r\n"), "{asked}");
        let failure = refused.unwrap_err();
        assert!(failure.is_about_keys);
        assert_eq!(failure.error.to_string(), "refused: HTTP 403: no scope for *** and ***");
    }
}
