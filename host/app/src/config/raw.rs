//! The configuration file as it was written: every key, nothing checked but its shape.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::traces::RawTraces;
use super::webhooks::RawWebhooks;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawConfig {
    #[serde(default)]
    pub(crate) host: RawHost,
    #[serde(default)]
    pub(crate) connections: BTreeMap<String, RawConnection>,
    #[serde(default)]
    pub(crate) bots: BTreeMap<String, RawBot>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawHost {
    pub(crate) state: Option<PathBuf>,
    pub(crate) listen: Option<String>,
    pub(crate) admin_token: Option<RawSecret>,
    pub(crate) grace: Option<String>,
    pub(crate) workers: Option<usize>,
    pub(crate) turns: Option<u32>,
    pub(crate) remember: Option<String>,
    pub(crate) keep_dead: Option<String>,
    pub(crate) keep_free: Option<String>,
    pub(crate) log: Option<String>,
    pub(crate) traces: Option<RawTraces>,
    pub(crate) webhooks: Option<RawWebhooks>,
}

/// The keys of all platforms; which of them a connection may have is checked by its platform.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawConnection {
    pub(crate) platform: Option<String>,
    pub(crate) base_url: Option<String>,
    pub(crate) on_doubt: Option<String>,
    pub(crate) max_age: Option<String>,
    pub(crate) give_up: Option<String>,
    #[serde(default)]
    pub(crate) pace: RawPace,
    // Soroush
    pub(crate) token: Option<RawSecret>,
    pub(crate) get_message_prefix: Option<String>,
    pub(crate) max_upload: Option<String>,
    pub(crate) attachment_name: Option<String>,
    // Divar
    pub(crate) slug: Option<String>,
    pub(crate) api_key: Option<RawSecret>,
    pub(crate) identification_key: Option<RawSecret>,
    pub(crate) oauth: Option<RawOAuth>,
    pub(crate) oauth_url: Option<String>,
    pub(crate) upload_url: Option<String>,
    pub(crate) completion_url: Option<String>,
    pub(crate) opening_url: Option<String>,
    pub(crate) sources: Option<Vec<String>>,
    pub(crate) answer_within: Option<String>,
    pub(crate) press_window: Option<String>,
    pub(crate) media_hosts: Option<Vec<String>>,
    pub(crate) allow_private: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPace {
    pub(crate) connection: Option<String>,
    pub(crate) chat: Option<String>,
    pub(crate) at_once: Option<usize>,
    // Divar
    pub(crate) minute: Option<u32>,
    pub(crate) day: Option<u32>,
}

/// What people may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawOAuth {
    pub(crate) client_secret: Option<RawSecret>,
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
}

/// A secret is never written into the file itself, so a string here is a mistake to explain.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum RawSecret {
    Env { env: String },
    File { file: PathBuf },
    Other(IgnoredAny),
}

impl std::fmt::Debug for RawSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Env { env } => write!(f, "env {env}"),
            Self::File { file } => write!(f, "file {}", file.display()),
            Self::Other(_) => f.write_str("***"),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawBot {
    pub(crate) plugin: Option<PathBuf>,
    pub(crate) digest: Option<String>,
    #[serde(default)]
    pub(crate) connections: Vec<String>,
    #[serde(default)]
    pub(crate) config: BTreeMap<String, toml::Value>,
    #[serde(default)]
    pub(crate) grants: BTreeMap<String, toml::Value>,
    #[serde(default)]
    pub(crate) limits: BTreeMap<String, toml::Value>,
}
