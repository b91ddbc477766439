//! Accounts on platforms: from what the configuration says of a connection to a connection that can be used.
//!
//! That takes two steps. The first reads the credentials and says what is wrong with them, before anything is
//! opened or made. The second needs the store, where some platforms keep what people allow them.

use std::sync::Arc;

use hodhod_core::ids::ConnectionName;
use hodhod_core::platform::Platform;
use hodhod_core::store::Store;
use hodhod_core::time::Clock;
use hodhod_core::vault::{SealedVault, VaultKey};
use hodhod_platforms::divar::{self, Divar, DivarConfig, OAuthConfig};
use hodhod_platforms::soroush::{self, Soroush, SoroushConfig};
use secrecy::SecretString;

use crate::config::{Account, Config, ConnectionConfig, DivarEntry, HostConfig, Problem, SecretSource, SoroushEntry};
use crate::secret;
use crate::state_key::StateKey;

/// An account whose credentials are read.
pub(crate) enum Credited {
    Soroush(SoroushConfig),
    Divar(Box<DivarConfig>),
}

/// What accounts keep things in.
#[derive(Clone)]
pub(crate) struct Vaults {
    store: Arc<dyn Store>,
    key: VaultKey,
    clock: Arc<dyn Clock>,
}

impl Vaults {
    pub(crate) fn new(store: Arc<dyn Store>, key: &StateKey, clock: Arc<dyn Clock>) -> Self {
        Self { store, key: VaultKey::new(key.derive("vault")), clock }
    }
}

/// Reads the credentials of all connections.
pub(crate) fn read(config: &Config) -> Result<Vec<Credited>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut accounts = Vec::new();
    for connection in &config.connections {
        match read_one(connection, &config.host) {
            Ok(account) => accounts.push(account),
            Err(of_connection) => problems.extend(of_connection),
        }
    }
    if problems.is_empty() { Ok(accounts) } else { Err(problems) }
}

/// Reads the credentials of one connection.
pub(crate) fn read_one(connection: &ConnectionConfig, host: &HostConfig) -> Result<Credited, Vec<Problem>> {
    let mut wallet = Wallet { at: format!("connections.{}", connection.name), problems: Vec::new() };
    let account = match &connection.account {
        Account::Soroush(entry) => wallet.soroush(&connection.name, entry).map(Credited::Soroush),
        Account::Divar(entry) => {
            let config = wallet.divar(&connection.name, entry, host);
            config.map(|config| Credited::Divar(Box::new(config)))
        }
    };
    account.ok_or(wallet.problems)
}

impl Credited {
    /// Makes the connection. Nothing is connected yet.
    pub(crate) fn open(self, vaults: &Vaults) -> Result<Arc<dyn Platform>, Problem> {
        Ok(match self {
            Self::Soroush(config) => {
                let at = format!("connections.{}", config.name);
                Arc::new(Soroush::new(config).map_err(|error| Problem::new(at, error.to_string()))?)
            }
            Self::Divar(config) => {
                let at = format!("connections.{}", config.name);
                let Vaults { store, key, clock } = vaults.clone();
                let vault = SealedVault::new(store, key, config.name.clone(), clock.clone());
                let divar = Divar::new(*config, Arc::new(vault), clock);
                Arc::new(divar.map_err(|error| Problem::new(at, error.to_string()))?)
            }
        })
    }
}

/// Credentials that are read for one connection, and what is wrong with them.
struct Wallet {
    at: String,
    problems: Vec<Problem>,
}

impl Wallet {
    fn secret(&mut self, key: &str, source: &SecretSource) -> Option<SecretString> {
        let read = secret::read(source);
        read.map_err(|what| self.problems.push(Problem::new(format!("{}.{key}", self.at), what))).ok()
    }

    /// Notes what the platform itself finds wrong.
    fn checked<T, E: ToString>(&mut self, config: T, check: impl FnOnce(&T) -> Result<(), E>) -> Option<T> {
        match check(&config) {
            Ok(()) => Some(config),
            Err(error) => {
                self.problems.push(Problem::new(&self.at, error.to_string()));
                None
            }
        }
    }

    fn soroush(&mut self, name: &ConnectionName, entry: &SoroushEntry) -> Option<SoroushConfig> {
        let token = self.secret("token", &entry.token)?;
        let default = soroush::Options::default();
        let options = soroush::Options {
            base_url: entry.base_url.clone().unwrap_or(default.base_url.clone()),
            get_message_prefix: entry.get_message_prefix.clone(),
            max_age: entry.max_age,
            ..default
        };
        let config = SoroushConfig { name: name.clone(), token, options };
        self.checked(config, |config| Soroush::new(config.clone()).map(drop))
    }

    fn divar(&mut self, name: &ConnectionName, entry: &DivarEntry, host: &HostConfig) -> Option<DivarConfig> {
        let api_key = self.secret("api_key", &entry.api_key);
        let identification_key = self.secret("identification_key", &entry.identification_key);
        let oauth = match &entry.oauth {
            None => None,
            Some(oauth) => Some(OAuthConfig {
                client_secret: self.secret("oauth.client_secret", &oauth.client_secret)?,
                scopes: oauth.scopes.clone(),
                redirect: host.webhooks.as_ref()?.address("divar", name, "oauth"),
            }),
        };
        let default = divar::Options::default();
        let or = |written: &Option<String>, default: &String| written.clone().unwrap_or_else(|| default.clone());
        let options = divar::Options {
            base_url: or(&entry.base_url, &default.base_url),
            oauth_url: or(&entry.oauth_url, &default.oauth_url),
            upload_url: or(&entry.upload_url, &default.upload_url),
            completion_url: or(&entry.completion_url, &default.completion_url),
            opening_url: entry.opening_url.clone(),
            sources: entry.sources.clone(),
            answer_within: entry.answer_within,
            press_window: entry.press_window,
            max_age: entry.max_age,
            media_hosts: entry.media_hosts.clone(),
            allow_private: entry.allow_private.clone(),
            pace: entry.pace,
            ..default
        };
        let config = DivarConfig {
            name: name.clone(),
            slug: entry.slug.clone(),
            api_key: api_key?,
            identification_key: identification_key?,
            oauth,
            options,
        };
        self.checked(config, DivarConfig::check)
    }
}
