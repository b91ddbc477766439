//! What the operator says about a connection.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use hodhod_core::ids::ConnectionName;
use hodhod_core::network::Network;
use reqwest::Url;
use secrecy::SecretString;
use thiserror::Error;

use crate::common::is_loopback;

/// The shortest time for an answer that a turn can keep at all.
const SHORTEST_ANSWER: Duration = Duration::from_millis(10);

/// A person does not look at a button for longer.
const LONGEST_ANSWER: Duration = Duration::from_secs(60);

/// Two presses so far apart are two.
const LONGEST_WINDOW: Duration = Duration::from_secs(60);

/// Less holds no event at all, in bytes.
const SMALLEST_EVENT: usize = 1 << 10;

/// One app.
#[derive(Clone)]
pub struct DivarConfig {
    /// The connection's name, which is part of each chat.
    pub name: ConnectionName,
    /// The app's slug, as it stands in the panel.
    pub slug: String,
    /// The app's key for calls.
    pub api_key: SecretString,
    /// What Divar sends along to prove itself.
    pub identification_key: SecretString,
    /// What people may be asked for; absent where nobody is.
    pub oauth: Option<OAuthConfig>,
    /// Everything that has a default.
    pub options: Options,
}

impl fmt::Debug for DivarConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DivarConfig")
            .field("name", &self.name)
            .field("slug", &self.slug)
            .field("api_key", &"***")
            .field("identification_key", &"***")
            .field("oauth", &self.oauth)
            .field("options", &self.options)
            .finish()
    }
}

/// What people may be asked for.
#[derive(Clone)]
pub struct OAuthConfig {
    /// The app's secret for tokens.
    pub client_secret: SecretString,
    /// The scopes that a bot may ask for; what follows the first dot of one is chosen by the bot.
    pub scopes: Vec<String>,
    /// Where the person comes back to: one of the addresses that the panel lists.
    pub redirect: String,
}

impl fmt::Debug for OAuthConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthConfig")
            .field("client_secret", &"***")
            .field("scopes", &self.scopes)
            .field("redirect", &self.redirect)
            .finish()
    }
}

/// What may be changed about a connection.
#[derive(Clone, Debug)]
pub struct Options {
    /// The server of the calls.
    pub base_url: String,
    /// The server of people's consent and of tokens.
    pub oauth_url: String,
    /// The server that takes files.
    pub upload_url: String,
    /// Where a page of the app sends a person back to Divar.
    pub completion_url: String,
    /// What opens where no bot says in time what should; by default the completion address.
    pub opening_url: Option<String>,
    /// From where Divar may call; from anywhere if empty. Its published addresses are said to change
    /// (Divar's developer pages, `events/ReadMe.md`).
    pub sources: Vec<Network>,
    /// How long Divar waits for the answer to a press or an opening. It publishes no deadline; apps are
    /// to answer nearly always within 2 s (`misc/policies.md`).
    pub answer_within: Duration,
    /// How long the same press again is still the same. Presses have no id.
    pub press_window: Duration,
    /// Messages older than this are dropped.
    pub max_age: Option<Duration>,
    /// The longest request that is read, in bytes. No limit is published; known ones have 1 KB, and an
    /// ad with its description some ten.
    pub max_event: usize,
    /// The largest file that is read, in bytes: videos may have 50 MB (`chat/upload_media.md`).
    pub max_download: u64,
    /// Hosts that files of messages are read from, each with its subdomains; all if empty. Divar does
    /// not say where they are.
    pub media_hosts: Vec<String>,
    /// Addresses that files may be read from although they are not global, over plain HTTP too: for
    /// local servers.
    pub allow_private: Vec<SocketAddr>,
    /// What stands in the place of the text beside a file.
    pub media_text: MediaText,
    /// Say `"type": "TEXT"` with a text, as Divar's pages do; its OpenAPI document has no such field.
    pub name_type: bool,
    /// The app's limits.
    pub pace: AppPace,
    /// How long to wait for what.
    pub timing: Timing,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            base_url: "https://open-api.divar.ir".to_owned(),
            oauth_url: "https://oauth.divar.ir".to_owned(),
            upload_url: "https://chat.divar.ir".to_owned(),
            completion_url: "https://open-platform-redirect.divar.ir/completion".to_owned(),
            opening_url: None,
            sources: Vec::new(),
            answer_within: Duration::from_millis(1500),
            press_window: Duration::from_secs(3),
            max_age: None,
            max_event: 256 << 10,
            max_download: 50 << 20,
            media_hosts: Vec::new(),
            allow_private: Vec::new(),
            media_text: MediaText::Empty,
            name_type: true,
            pace: AppPace::default(),
            timing: Timing::default(),
        }
    }
}

/// What stands in the place of the text beside a file. Divar's OpenAPI document demands the field and
/// says that there is a text or a file, not both; how a file is sent alone is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaText {
    /// An empty text.
    Empty,
    /// No such field.
    Absent,
}

/// The app's limits, which only its panel tells; absent, only what the platform answers slows calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppPace {
    /// Calls in any minute.
    pub minute: Option<NonZeroU32>,
    /// Calls in any day.
    pub day: Option<NonZeroU32>,
}

/// How long to wait for what.
#[derive(Clone, Debug)]
pub struct Timing {
    /// For a connection, encryption included.
    pub connect: Duration,
    /// For a whole call.
    pub call: Duration,
    /// Without a byte of a file, up or down, before it is given up.
    pub file: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), call: Duration::from_secs(30), file: Duration::from_secs(30) }
    }
}

impl DivarConfig {
    /// Checks what is the connection's own. Keys, and what is said of consent, check those who use them.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let of_slug = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if self.slug.is_empty() || !self.slug.bytes().all(of_slug) {
            return Err(ConfigError::BadSlug);
        }
        let options = &self.options;
        for (name, url) in
            [("base_url", &options.base_url), ("oauth_url", &options.oauth_url), ("upload_url", &options.upload_url)]
        {
            server(name, url)?;
        }
        address("completion_url", &options.completion_url)?;
        if let Some(url) = &options.opening_url {
            address("opening_url", url)?;
        }
        if !(SHORTEST_ANSWER..=LONGEST_ANSWER).contains(&options.answer_within) {
            return Err(ConfigError::BadAnswerTime);
        }
        if options.press_window > LONGEST_WINDOW {
            return Err(ConfigError::BadWindow);
        }
        if options.max_event < SMALLEST_EVENT {
            return Err(ConfigError::SmallEvent);
        }
        Ok(())
    }
}

/// The address of a server, without a slash at its end.
pub(super) fn server(name: &'static str, text: &str) -> Result<String, ConfigError> {
    let url = address(name, text)?;
    if url.scheme() == "http" && !url.host_str().is_some_and(is_loopback) {
        tracing::warn!(name, "the address is http: keys travel in the clear");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(ConfigError::bad_url(name, "it must end with the path"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn address(name: &'static str, text: &str) -> Result<Url, ConfigError> {
    let url = Url::parse(text).map_err(|error| ConfigError::bad_url(name, &error.to_string()))?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(ConfigError::bad_url(name, "it must begin with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ConfigError::bad_url(name, "it must not hold a user or a password"));
    }
    Ok(url)
}

/// Why a connection cannot be made of a configuration. No text holds a secret.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// There is none.
    #[error("{0} is empty")]
    NoSecret(&'static str),
    /// It cannot stand in a header.
    #[error("{0} holds characters that cannot stand in a header")]
    BadSecret(&'static str),
    /// It is none.
    #[error("the slug must be of letters, digits, '-' and '_', as it stands in Divar's panel")]
    BadSlug,
    /// An address is not usable.
    #[error("{name} is not usable: {why}")]
    BadUrl {
        /// Which.
        name: &'static str,
        /// Why.
        why: String,
    },
    /// What is said of people's consent cannot be used.
    #[error("{0}")]
    OAuth(String),
    /// No answer can keep to it, or nobody waits so long.
    #[error("answer_within must be between 10 ms and 60 s")]
    BadAnswerTime,
    /// Presses would be lost.
    #[error("press_window must be at most 60 s")]
    BadWindow,
    /// It holds no event.
    #[error("max_event must be at least 1 KiB")]
    SmallEvent,
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made: {0}")]
    Client(String),
}

impl ConfigError {
    fn bad_url(name: &'static str, why: &str) -> Self {
        Self::BadUrl { name, why: why.to_owned() }
    }
}
