//! Accounts on platforms: from what the configuration says of a connection to a connection that can be used.

use std::sync::Arc;

use hodhod_core::ids::ConnectionName;
use hodhod_core::platform::Platform;
use hodhod_core::vault::Vaults;
use hodhod_platforms::divar::{self, Divar, DivarConfig, OAuthConfig};
use hodhod_platforms::soroush::{self, Soroush, SoroushConfig};
use secrecy::SecretString;

use crate::clock::SystemClock;
use crate::config::{Account, Config, ConnectionConfig, DivarEntry, HostConfig, Problem, SecretSource, SoroushEntry};
use crate::secret;

/// Makes the connections. Nothing is connected yet, and the vaults need not be open.
pub(crate) fn open_all(config: &Config, vaults: &Vaults) -> Result<Vec<Arc<dyn Platform>>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut platforms = Vec::new();
    for connection in &config.connections {
        match open(connection, &config.host, vaults) {
            Ok(platform) => platforms.push(platform),
            Err(of_connection) => problems.extend(of_connection),
        }
    }
    if problems.is_empty() { Ok(platforms) } else { Err(problems) }
}

/// Makes one connection of a host.
pub(crate) fn open(
    connection: &ConnectionConfig,
    host: &HostConfig,
    vaults: &Vaults,
) -> Result<Arc<dyn Platform>, Vec<Problem>> {
    let name = &connection.name;
    let mut wallet = Wallet { at: format!("connections.{name}"), problems: Vec::new() };
    let platform: Option<Arc<dyn Platform>> = match &connection.account {
        Account::Soroush(entry) => {
            let soroush = wallet.soroush(name, entry).map(Soroush::new);
            soroush.and_then(|soroush| wallet.noted(soroush)).map(|soroush| Arc::new(soroush) as _)
        }
        Account::Divar(entry) => {
            let vault = || Arc::new(vaults.of(name.clone()));
            let clock = Arc::new(SystemClock::new());
            let divar = wallet.divar(name, entry, host).map(|config| Divar::new(config, vault(), clock));
            divar.and_then(|divar| wallet.noted(divar)).map(|divar| Arc::new(divar) as _)
        }
    };
    platform.ok_or(wallet.problems)
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
    fn noted<T, E: ToString>(&mut self, made: Result<T, E>) -> Option<T> {
        made.map_err(|error| self.problems.push(Problem::new(&self.at, error.to_string()))).ok()
    }

    fn soroush(&mut self, name: &ConnectionName, entry: &SoroushEntry) -> Option<SoroushConfig> {
        let token = self.secret("token", &entry.token)?;
        let default = soroush::Options::default();
        let options = soroush::Options {
            base_url: entry.base_url.clone().unwrap_or(default.base_url.clone()),
            get_message_prefix: entry.get_message_prefix.clone(),
            max_upload: entry.max_upload,
            attachment_name: entry.attachment_name,
            max_age: entry.max_age,
            ..default
        };
        Some(SoroushConfig { name: name.clone(), token, options })
    }

    fn divar(&mut self, name: &ConnectionName, entry: &DivarEntry, host: &HostConfig) -> Option<DivarConfig> {
        let Some(webhooks) = &host.webhooks else {
            // Who starts with such a connection is told before by the configuration: here the host runs.
            let what = "its platform calls the host, which was started without `host.webhooks` and does not listen for \
                        that: start the host anew, or leave the connection out until then";
            self.problems.push(Problem::new(&self.at, what));
            return None;
        };
        let api_key = self.secret("api_key", &entry.api_key);
        let identification_key = self.secret("identification_key", &entry.identification_key);
        let oauth = match &entry.oauth {
            None => None,
            Some(oauth) => Some(OAuthConfig {
                client_secret: self.secret("oauth.client_secret", &oauth.client_secret)?,
                scopes: oauth.scopes.clone(),
                redirect: webhooks.address("divar", name, "oauth"),
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
        Some(DivarConfig {
            name: name.clone(),
            slug: entry.slug.clone(),
            api_key: api_key?,
            identification_key: identification_key?,
            oauth,
            options,
        })
    }
}
