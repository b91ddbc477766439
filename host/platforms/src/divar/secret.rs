//! What nobody is told: the keys of the app, and the tokens of people.

use std::fmt;

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::config::ConfigError;

/// A key that can stand in a header.
#[derive(Clone)]
pub(super) struct Secret(SecretString);

impl Secret {
    /// Takes a key as an operator gives it; `name` tells him which.
    pub(super) fn new(text: &SecretString, name: &'static str) -> Result<Self, ConfigError> {
        // Copied from a page, a key often brings a blank or a line end along; a header cannot end with one.
        let text = text.expose_secret().trim();
        if text.is_empty() {
            return Err(ConfigError::NoSecret(name));
        }
        if text.chars().any(char::is_control) {
            return Err(ConfigError::BadSecret(name));
        }
        Ok(Self(SecretString::from(text)))
    }

    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The value of a header, which is not printed and not kept in tables of compression.
    pub(super) fn header(&self, name: &'static str) -> Result<HeaderValue, ConfigError> {
        let text = Some(self.expose()).filter(|text| text.is_ascii());
        let value = text.and_then(|text| HeaderValue::from_str(text).ok());
        let mut value = value.ok_or(ConfigError::BadSecret(name))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Takes secrets out of what a server says: it may quote what it was sent.
#[derive(Clone, Debug)]
pub(super) struct Redaction(Vec<Secret>);

impl Redaction {
    pub(super) fn of(secrets: impl IntoIterator<Item = Secret>) -> Self {
        Self(secrets.into_iter().collect())
    }

    /// The same, with one more.
    pub(super) fn with(&self, token: Option<&SecretString>) -> Self {
        let token = token.map(|token| Secret(token.clone())).filter(|token| !token.expose().is_empty());
        Self(self.0.iter().cloned().chain(token).collect())
    }

    pub(super) fn redact(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose(), "***"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_taken_out_wherever_it_stands_and_printed_nowhere() {
        let key = Secret::new(&" k3y-1\n".into(), "api_key").unwrap();
        let redaction = Redaction::of([key.clone()]).with(Some(&"ory_at_x".into()));
        assert_eq!(redaction.redact("k3y-1 of سلام, Bearer ory_at_x"), "*** of سلام, Bearer ***");
        let header = key.header("api_key").unwrap();
        let printed = format!("{key:?} {redaction:?} {header:?}");
        assert!(!printed.contains("k3y") && !printed.contains("ory"), "{printed}");
    }

    #[test]
    fn a_key_that_no_header_can_carry_is_refused_without_being_told() {
        for bad in ["", " \n", "s3cret\nx", "s3cret\u{7f}"] {
            let error = Secret::new(&bad.into(), "api_key").unwrap_err();
            assert!(error.to_string().starts_with("api_key") && !error.to_string().contains("s3cret"), "{error}");
        }
    }
}
