//! What an import answers where it does nothing.

use std::time::Duration;

use thiserror::Error;

use crate::platform::Unsendable;
use crate::store::StoreError;

/// Why an import refused. A refusal is a value for the bot, never a trap.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// Not granted; the text names what is missing.
    #[error("denied: {0}")]
    Denied(String),
    /// The platform cannot do this.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// Malformed.
    #[error("invalid: {0}")]
    Invalid(String),
    /// Over a size; the limit in bytes.
    #[error("too large: at most {0} bytes")]
    TooLarge(u64),
    /// Over a count; the text names the limit.
    #[error("quota exceeded: {0}")]
    Quota(String),
    /// Too much is waiting to be sent there, or was sent in this minute; it may be tried again after
    /// this time.
    #[error("too many messages; try again in {} ms", .0.as_millis())]
    Wait(Duration),
    /// The host cannot do it now.
    #[error("unavailable: {0}")]
    Unavailable(String),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<Unsendable> for Refusal {
    fn from(error: Unsendable) -> Self {
        match error {
            Unsendable::Unsupported(text) => Self::Unsupported(text),
            Unsendable::Invalid(text) => Self::Invalid(text),
        }
    }
}
