//! The calls: `getMessage`, which streams, and `sendMessage`. Those of files have files of their own.
//!
//! The token stands in their path, so no address and no error that could hold one is printed.

use std::fmt;
use std::time::Duration;

use hodhod_core::platform::{SendError, Sent};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Client, ClientBuilder, Response, Url, redirect};

use crate::common::{chain, is_loopback, read_some, retry_after};

use super::config::{ConfigError, Options, SoroushConfig, StreamType};
use super::judge::judge;
use super::patience::Ending;
use super::receive::now;
use super::token::Token;

/// Finds a peer that is gone while nothing is sent, long before the idle timeout does.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Connections kept for the next send go before a server in front of the platform closes them (75 s
/// is common): a request that meets the closing is in doubt.
const MAX_KEPT: Duration = Duration::from_secs(30);

/// The server, as one bot sees it.
pub(super) struct Api {
    receiver: Client,
    sender: Client,
    files: Client,
    base: String,
    prefix: Option<String>,
    stream_type: StreamType,
    token: Token,
    send_timeout: Duration,
    file_quiet: Duration,
    max_upload: u64,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("base", &self.base).field("token", &self.token).finish_non_exhaustive()
    }
}

impl Api {
    pub(super) fn new(config: &SoroushConfig) -> Result<Self, ConfigError> {
        let options = &config.options;
        let build =
            |builder: ClientBuilder| builder.build().map_err(|error| ConfigError::Client(chain(error.without_url())));
        Ok(Self {
            receiver: build(builder(options).pool_max_idle_per_host(0))?,
            sender: build(builder(options).pool_idle_timeout(MAX_KEPT))?,
            // A file is rare, and kept connections would only be closed by the time of the next one.
            files: build(builder(options).pool_max_idle_per_host(0))?,
            base: options.base()?.as_str().trim_end_matches('/').to_owned(),
            prefix: options.prefix()?.map(str::to_owned),
            stream_type: options.stream_type,
            token: Token::new(&config.token)?,
            send_timeout: options.timing.send,
            file_quiet: options.timing.file,
            max_upload: options.max_upload,
        })
    }

    /// Asks for messages; answers with the stream. Cancelling it closes the connection.
    pub(super) async fn get_message(&self, last_event_id: &str) -> Result<Response, Ending> {
        let prefix = self.prefix.as_deref().map(|prefix| format!("/{prefix}")).unwrap_or_default();
        let address = format!("{}{prefix}/{}/getMessage", self.base, self.token.expose());
        let form = HeaderValue::from_static(self.stream_type.as_str());
        let mut request = self
            .receiver
            .get(address)
            // The developer page wants both, its own sample sends neither.
            .header(ACCEPT, form.clone())
            .header(CONTENT_TYPE, form)
            .header(CACHE_CONTROL, "no-cache");
        if let Ok(id) = HeaderValue::from_str(last_event_id)
            && !id.is_empty()
        {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.map_err(|error| Ending::NotConnected(self.describe(error)))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(Ending::Status {
            code: response.status().as_u16(),
            wait: retry_after(response.headers(), now()),
            elsewhere: other_host(response.headers()).map(|host| self.token.redact(&host)),
        })
    }

    /// Sends one message, once. Cancelling it leaves it in doubt.
    pub(super) async fn send_message(&self, json: Vec<u8>) -> Result<Sent, SendError> {
        let response = self
            .sender
            .post(format!("{}/{}/sendMessage", self.base, self.token.expose()))
            .timeout(self.send_timeout)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .body(json)
            .send()
            .await
            .map_err(|error| {
                let never_left = error.is_connect() || error.is_builder();
                let words = self.describe(error);
                if never_left { SendError::NotSent(words) } else { SendError::InDoubt(words) }
            })?;
        let status = response.status();
        let wait = retry_after(response.headers(), now());
        judge(status, wait, &read_some(response).await, &self.token)
    }

    /// The client for files.
    pub(super) fn files(&self) -> &Client {
        &self.files
    }

    /// The address without a slash at its end.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// The time without a byte of a file after which it is given up.
    pub(super) fn file_quiet(&self) -> Duration {
        self.file_quiet
    }

    /// The largest file that is uploaded, in bytes.
    pub(super) fn max_upload(&self) -> u64 {
        self.max_upload
    }

    /// The token, which is in every address.
    pub(super) fn token(&self) -> &Token {
        &self.token
    }

    /// An error in words, without the address.
    pub(super) fn describe(&self, error: reqwest::Error) -> String {
        describe(error, &self.token)
    }
}

/// An error in words, without the address.
pub(super) fn describe(error: reqwest::Error, token: &Token) -> String {
    token.redact(&chain(error.without_url()))
}

fn builder(options: &Options) -> ClientBuilder {
    let identity = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
    let builder = Client::builder();
    // A proxy of the environment cannot reach this machine's own loopback, and would see the token.
    let is_local = options.base().is_ok_and(|base| base.host_str().is_some_and(is_loopback));
    let builder = if is_local { builder.no_proxy() } else { builder };
    builder
        .user_agent(concat!("hodhod/", env!("CARGO_PKG_VERSION")))
        // A compressing proxy would hold messages back until its block is full.
        .default_headers(identity)
        .connect_timeout(options.timing.connect)
        .tcp_keepalive(KEEPALIVE)
        // A connection of HTTP/2 is shared: a stream that went quiet would be asked for again on the
        // very connection that died. Here each failure closes its own.
        .http1_only()
        // A redirect would take the token to wherever it points.
        .redirect(redirect::Policy::none())
        .referer(false)
}

/// The host that a redirect points to; its path may hold the token.
fn other_host(headers: &HeaderMap) -> Option<String> {
    Url::parse(headers.get(LOCATION)?.to_str().ok()?).ok()?.host_str().map(str::to_owned)
}
