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
        // In small letters too: a name of a host is told in them.
        let (small, token) = (text.to_ascii_lowercase(), self.expose().to_ascii_lowercase());
        let mut rest = text;
        let mut redacted = String::with_capacity(text.len());
        for (at, _) in small.match_indices(&token) {
            let done = text.len() - rest.len();
            // Small letters of ASCII are as long as large ones, so places are the same.
            if let (Some(before), Some(after)) = (text.get(done..at), text.get(at + token.len()..)) {
                redacted.push_str(before);
                redacted.push_str("***");
                rest = after;
            }
        }
        redacted + rest
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_out_wherever_and_however_it_is_written() {
        let token = Token::new(&SecretString::from("aB3_x")).unwrap();
        assert_eq!(token.redact("/aB3_x/send سلام ab3_X"), "/***/send سلام ***");
        assert_eq!(token.redact("İ and aB3_"), "İ and aB3_");
    }
}
