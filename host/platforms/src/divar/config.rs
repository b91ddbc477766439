//! What the operator says about a connection.

use hodhod_core::ids::ConnectionName;
use secrecy::SecretString;

/// One app.
#[derive(Clone, Debug)]
pub struct DivarConfig {
    /// The connection's name, which is part of each chat.
    pub name: ConnectionName,
    /// The app's name in the panel, which is its id where people are asked for consent.
    pub slug: String,
    /// The API key.
    pub api_key: SecretString,
    /// What people may be asked for; absent where nobody is asked.
    pub oauth: Option<OAuthConfig>,
    /// Everything that has a default.
    pub options: Options,
}

/// What people may be asked for.
#[derive(Clone, Debug)]
pub struct OAuthConfig {
    /// The secret of the panel that proves who exchanges a code; not the API key.
    pub client_secret: SecretString,
    /// What a bot may ask a person for.
    pub scopes: Vec<String>,
    /// Where the person comes back to; one of the addresses that the panel allows.
    pub redirect: String,
}

/// What may be changed about a connection.
#[derive(Clone, Debug)]
pub struct Options {
    /// The server of the calls.
    pub base_url: String,
    /// The server that asks people for consent.
    pub oauth_url: String,
    /// Where a person goes on to when all is done.
    pub completion_url: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            base_url: "https://open-api.divar.ir".to_owned(),
            oauth_url: "https://oauth.divar.ir".to_owned(),
            completion_url: "https://open-platform-redirect.divar.ir/completion".to_owned(),
        }
    }
}
