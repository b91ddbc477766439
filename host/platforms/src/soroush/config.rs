//! What the operator says about a connection.

use std::fmt;
use std::time::Duration;

use hodhod_core::ids::ConnectionName;
use reqwest::Url;
use secrecy::SecretString;
use thiserror::Error;

use crate::common::is_loopback;

/// One account.
#[derive(Clone)]
pub struct SoroushConfig {
    /// The connection's name, which is part of each chat.
    pub name: ConnectionName,
    /// The token of the bot.
    pub token: SecretString,
    /// Everything that has a default.
    pub options: Options,
}

impl fmt::Debug for SoroushConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoroushConfig")
            .field("name", &self.name)
            .field("token", &"***")
            .field("options", &self.options)
            .finish()
    }
}

/// What may be changed about a connection.
#[derive(Clone, Debug)]
pub struct Options {
    /// The server. The platform has moved before: from `bot.sapp.ir` to the default in 2021.
    pub base_url: String,
    /// `v2` for the second version of `getMessage`, which sends heartbeats; the other calls have
    /// no versions.
    pub get_message_prefix: Option<String>,
    /// The form in which messages are asked for.
    pub stream_type: StreamType,
    /// How an attachment is called when it is sent.
    pub attachment_name: AttachmentName,
    /// Send numbers as strings, as the developer page's examples do and no SDK does.
    pub quote_numbers: bool,
    /// The longest event that is read, in bytes. Known ones have 1.5 KB; the length of a text is
    /// nowhere limited.
    pub max_event: usize,
    /// The largest file that is uploaded, in bytes. No limit is published: users were told 1 GB, and
    /// saw less fail.
    pub max_upload: u64,
    /// Messages older than this are dropped. The platform keeps what arrives while nobody is
    /// connected, for days; a bot may not want to answer it.
    pub max_age: Option<Duration>,
    /// How long to wait for what.
    pub timing: Timing,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            base_url: "https://bot.splus.ir".to_owned(),
            get_message_prefix: None,
            stream_type: StreamType::EventStream,
            attachment_name: AttachmentName::Attachment,
            quote_numbers: false,
            max_event: 1 << 20,
            max_upload: 100 << 20,
            max_age: None,
            timing: Timing::default(),
        }
    }
}

impl Options {
    pub(super) fn base(&self) -> Result<Url, ConfigError> {
        let base = Url::parse(&self.base_url).map_err(|error| ConfigError::BadBase(error.to_string()))?;
        let bad = |why: &str| Err(ConfigError::BadBase(why.to_owned()));
        match base.scheme() {
            "https" => {}
            "http" => {
                if !base.host_str().is_some_and(is_loopback) {
                    tracing::warn!("the base address is http: the token travels in the clear");
                }
            }
            _ => return bad("it must begin with https:// or http://"),
        }
        if base.query().is_some() || base.fragment().is_some() {
            return bad("it must end with the path");
        }
        if !base.username().is_empty() || base.password().is_some() {
            return bad("it must not hold a user or a password");
        }
        Ok(base)
    }

    pub(super) fn prefix(&self) -> Result<Option<&str>, ConfigError> {
        let prefix = self.get_message_prefix.as_deref().filter(|prefix| !prefix.is_empty());
        match prefix {
            Some(prefix) if !prefix.bytes().all(|byte| byte.is_ascii_alphanumeric()) => Err(ConfigError::BadPrefix),
            other => Ok(other),
        }
    }

    /// The time without a byte after which the link counts as dead.
    pub(super) fn idle(&self) -> Duration {
        let heartbeats = self.get_message_prefix.as_deref() == Some("v2");
        // Without heartbeats silence is normal, and links are known to die unnoticed.
        let default = if heartbeats { Duration::from_secs(3 * 60) } else { Duration::from_secs(5 * 60) };
        self.timing.idle.unwrap_or(default)
    }
}

/// How long to wait for what. The defaults suit the real platform; tests make them short.
#[derive(Clone, Debug)]
pub struct Timing {
    /// For a connection, encryption included. The server is far from most hosts and often slow.
    pub connect: Duration,
    /// For a whole `sendMessage`. The official SDK gives up after 5 s, others never.
    pub send: Duration,
    /// Without a byte of a file, up or down, before it is given up. Large ones take their time.
    pub file: Duration,
    /// Without a byte from the server before the link counts as dead, the wait for the answer's
    /// head included: the server may send that only with the first message. By default 5 minutes,
    /// 3 with heartbeats.
    pub idle: Option<Duration>,
    /// Before the first attempt to connect again; it doubles with each failure.
    pub first_delay: Duration,
    /// The longest delay, also the most that the server's `retry:` can ask for.
    pub max_delay: Duration,
    /// A link that lasted as long was a good one: the delays start anew.
    pub healthy: Duration,
    /// A stream that ends sooner, without content type and events, is how the platform answers a
    /// bad token.
    pub quick: Duration,
    /// Between attempts with a token that is probably bad.
    pub suspect_delay: Duration,
    /// Before the store is asked again to take events that it refused; it doubles up to
    /// `max_delay`, at most 1 s.
    pub store_delay: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            send: Duration::from_secs(30),
            file: Duration::from_secs(30),
            idle: None,
            first_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(60),
            healthy: Duration::from_secs(60),
            quick: Duration::from_secs(10),
            suspect_delay: Duration::from_secs(5 * 60),
            store_delay: Duration::from_millis(200),
        }
    }
}

/// The form in which messages are asked for. The developer page names both; no server was seen
/// that honours the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamType {
    /// `text/event-stream`
    EventStream,
    /// `application/stream+json`
    JsonStream,
}

impl StreamType {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::EventStream => "text/event-stream",
            Self::JsonStream => "application/stream+json",
        }
    }
}

/// How an attachment is called when it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachmentName {
    /// `ATTACHMENT`, as on the developer page and in the Python SDK.
    Attachment,
    /// `FILE_TYPE_OTHER`, as in the PHP SDK.
    FileTypeOther,
}

impl AttachmentName {
    /// As it stands in a message.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attachment => "ATTACHMENT",
            Self::FileTypeOther => "FILE_TYPE_OTHER",
        }
    }
}

/// Why a connection cannot be made of a configuration. No text holds the token.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// There is none.
    #[error("the token is empty")]
    NoToken,
    /// It cannot stand in a path.
    #[error("the token holds characters that no token has; letters, digits, '-' and '_' are allowed")]
    BadToken,
    /// It is one of the newer interface.
    #[error(
        "the token is one of Soroush Plus's newer bot platform (api.splus.ir), which this connection does not speak"
    )]
    NewToken,
    /// The base address is no address of a server.
    #[error("the base address is not usable: {0}")]
    BadBase(String),
    /// The prefix is no single word.
    #[error("the prefix of getMessage must be one word, such as \"v2\"")]
    BadPrefix,
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made: {0}")]
    Client(String),
}
