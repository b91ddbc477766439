//! The configuration, checked once: addresses that can be called, scopes that can be written, and the words
//! for an operator who has not set any of it up.

use hodhod_core::ids::ConnectionName;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use url::Url;

use super::scope::{self, Allowed};
use crate::divar::config::DivarConfig;

/// Why nobody can be asked for consent with a configuration. No text holds a secret.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SetupError {
    /// An address is none.
    #[error("{name} is not usable: {why}")]
    Address {
        /// The line of the configuration.
        name: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// There is no slug.
    #[error("the slug is empty: it is the app's name in the panel")]
    NoSlug,
    /// There is no client secret.
    #[error("oauth.client_secret is empty: it stands in the panel, beside the slug")]
    NoSecret,
    /// A scope cannot be one.
    #[error("oauth.scopes: {0:?} cannot be a scope")]
    BadScope(String),
    /// Nobody would know whose consent it is.
    #[error("oauth.scopes has no \"USER_ID\": without it nobody knows whose consent it is")]
    NoUserId,
    /// The API key cannot stand in a header.
    #[error("the API key holds characters that no key has")]
    BadKey,
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made: {0}")]
    Client(String),
}

/// What was checked of a connection.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) name: ConnectionName,
    pub(super) api_key: SecretString,
    /// Where the calls are, without a slash at its end.
    pub(super) base: String,
    pub(super) completion: Url,
    app: Option<App>,
}

/// The app, as the server knows it that asks people.
#[derive(Debug)]
pub(super) struct App {
    /// Its id.
    pub(super) slug: String,
    pub(super) client_secret: SecretString,
    pub(super) allowed: Allowed,
    pub(super) redirect: String,
    /// The page that asks a person.
    pub(super) authorize: Url,
    /// Where codes and tokens are exchanged.
    pub(super) token: String,
}

impl Setup {
    pub(super) fn new(config: &DivarConfig) -> Result<Self, SetupError> {
        let options = &config.options;
        let base = address("base_url", &options.base_url)?;
        warn_in_the_clear("base_url", &base);
        Ok(Self {
            name: config.name.clone(),
            api_key: config.api_key.clone(),
            base: base.as_str().trim_end_matches('/').to_owned(),
            completion: address("completion_url", &options.completion_url)?,
            app: App::new(config)?,
        })
    }

    /// The app.
    ///
    /// # Errors
    /// Where the operator has not set it up: the line to write.
    pub(super) fn app(&self) -> Result<&App, String> {
        self.app.as_ref().ok_or_else(|| {
            format!(
                "nobody can be asked for consent: connections.{} needs the line oauth = {{ client_secret = \
                 {{ env = \"…\" }}, scopes = [\"USER_ID\", …] }}",
                self.name
            )
        })
    }
}

impl App {
    fn new(config: &DivarConfig) -> Result<Option<Self>, SetupError> {
        let Some(oauth) = &config.oauth else { return Ok(None) };
        if config.slug.is_empty() {
            return Err(SetupError::NoSlug);
        }
        // Copied from a page, a secret often brings a line end along.
        let client_secret = SecretString::from(oauth.client_secret.expose_secret().trim());
        if client_secret.expose_secret().is_empty() {
            return Err(SetupError::NoSecret);
        }
        if let Some(bad) = oauth.scopes.iter().find(|scope| !scope::is_scope(scope)) {
            return Err(SetupError::BadScope(bad.clone()));
        }
        let allowed = Allowed::new(&oauth.scopes);
        if !allowed.allows(scope::USER_ID) {
            return Err(SetupError::NoUserId);
        }
        address("the address that people come back to", &oauth.redirect)?;
        let server = address("oauth_url", &config.options.oauth_url)?;
        warn_in_the_clear("oauth_url", &server);
        let server = server.as_str().trim_end_matches('/');
        Ok(Some(Self {
            slug: config.slug.clone(),
            client_secret,
            allowed,
            redirect: oauth.redirect.clone(),
            authorize: address("oauth_url", &format!("{server}/oauth2/auth"))?,
            token: format!("{server}/oauth2/token"),
        }))
    }
}

/// An address of HTTP without query, fragment and user.
fn address(name: &'static str, text: &str) -> Result<Url, SetupError> {
    let bad = |why: String| SetupError::Address { name, why };
    let url = Url::parse(text).map_err(|error| bad(error.to_string()))?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(bad("it must begin with https:// or http://".to_owned()));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("it must end with the path".to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("it must not hold a user or a password".to_owned()));
    }
    Ok(url)
}

fn warn_in_the_clear(name: &'static str, url: &Url) {
    if url.scheme() == "http" && !is_loopback(url) {
        tracing::warn!(name, "the address is http: secrets travel in the clear");
    }
}

/// True where an address is on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::divar::config::{OAuthConfig, Options};

    fn config(scopes: &[&str]) -> DivarConfig {
        DivarConfig {
            name: "shop".into(),
            slug: "my-app".to_owned(),
            api_key: "key".into(),
            identification_key: "identification".into(),
            oauth: Some(OAuthConfig {
                client_secret: "secret".into(),
                scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
                redirect: "https://bot.example/divar/shop/oauth".to_owned(),
            }),
            options: Options::default(),
        }
    }

    #[test]
    fn what_is_wrong_is_said_before_anybody_is_asked() {
        let setup = Setup::new(&config(&["USER_ID"])).unwrap();
        assert_eq!(setup.app().unwrap().token, "https://oauth.divar.ir/oauth2/token");
        let broken = |change: fn(&mut DivarConfig)| {
            let mut config = config(&["USER_ID"]);
            change(&mut config);
            Setup::new(&config).unwrap_err()
        };
        let of_oauth = |change: fn(&mut OAuthConfig)| {
            let mut config = config(&["USER_ID"]);
            change(config.oauth.as_mut().unwrap());
            Setup::new(&config).unwrap_err()
        };
        assert_eq!(Setup::new(&config(&["USER_PHONE"])).unwrap_err(), SetupError::NoUserId);
        assert_eq!(Setup::new(&config(&["USER_ID", "a b"])).unwrap_err(), SetupError::BadScope("a b".to_owned()));
        assert_eq!(broken(|config| config.slug.clear()), SetupError::NoSlug);
        assert_eq!(of_oauth(|oauth| oauth.client_secret = " \n".into()), SetupError::NoSecret);
        for error in [
            broken(|config| config.options.oauth_url = "oauth.divar.ir".to_owned()),
            broken(|config| config.options.base_url = "ftp://divar.ir".to_owned()),
            broken(|config| config.options.completion_url = "javascript:alert(1)".to_owned()),
            broken(|config| config.options.base_url = "https://key@divar.ir".to_owned()),
            of_oauth(|oauth| oauth.redirect.push_str("?a=b")),
            of_oauth(|oauth| oauth.redirect = "/divar/shop/oauth".to_owned()),
        ] {
            assert!(matches!(error, SetupError::Address { .. }), "{error:?}");
        }
    }

    #[test]
    fn the_line_to_write_is_named() {
        let setup = Setup::new(&DivarConfig { oauth: None, ..config(&[]) }).unwrap();
        let words = setup.app().unwrap_err();
        assert!(words.contains("connections.shop") && words.contains("oauth = { client_secret"), "{words}");
    }
}
