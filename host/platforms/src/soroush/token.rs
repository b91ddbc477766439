//! The token: part of every address, and of nothing that is printed.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::config::ConfigError;

/// A token that can stand in a path.
#[derive(Clone)]
pub(super) struct Token(SecretString);

impl Token {
    pub(super) fn new(text: &SecretString) -> Result<Self, ConfigError> {
        // Copied from a chat, a token often brings a blank or a line end along.
        let text = text.expose_secret().trim_ascii();
        if text.is_empty() {
            return Err(ConfigError::NoToken);
        }
        // "123456:AbC…" belongs to the platform's newer interface on another host.
        if text.split_once(':').is_some_and(|(id, _)| id.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(ConfigError::NewToken);
        }
        let of_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || b"_.~-".contains(&byte);
        if !text.bytes().all(of_alphabet) || text.bytes().all(|byte| byte == b'.') {
            return Err(ConfigError::BadToken);
        }
        Ok(Self(SecretString::from(text)))
    }

    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The same text without the token: servers quote the path of a call in their complaints.
    pub(super) fn redact(&self, text: &str) -> String {
        text.replace(self.expose(), "***")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
