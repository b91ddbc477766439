//! Credentials: read where the configuration says they are kept, and never printed.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::config::SecretSource;

/// Longest credential, in bytes: anything longer is some other file.
const LONGEST: usize = 64 << 10;

/// Reads a credential; blanks around it are not part of it.
pub(crate) fn read(source: &SecretSource) -> Result<SecretString, String> {
    let text = match source {
        SecretSource::Env(name) => {
            std::env::var(name).map_err(|_| format!("the environment variable {name} is not set"))?
        }
        SecretSource::File(path) => {
            std::fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?
        }
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(match source {
            SecretSource::Env(name) => format!("the environment variable {name} is empty"),
            SecretSource::File(path) => format!("{} is empty", path.display()),
        });
    }
    if text.len() > LONGEST {
        return Err("it is too long to be a credential".to_owned());
    }
    Ok(SecretString::from(text))
}

/// Tells whether any of these credentials is another than it was, and nothing else about them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of what the credentials are now. One that cannot be read is told where it is needed.
    pub(crate) fn of<'a>(sources: impl IntoIterator<Item = &'a SecretSource>) -> Self {
        let mut hash = Sha256::new();
        for source in sources {
            let credential = read(source).unwrap_or_default();
            hash.update(credential.expose_secret().len().to_le_bytes());
            hash.update(credential.expose_secret());
        }
        Self(hash.finalize().into())
    }
}
