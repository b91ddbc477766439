//! Why the host refused a call: one type for all imports, with words that a person can read.

use std::fmt;

use crate::raw::hodhod::bot::types;
use crate::raw::wasi::{config, keyvalue};

/// Why a call was refused. A refusal is a value, never a trap: a bot may look at it and go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The operator has not granted this; names the missing grant.
    Denied(String),
    /// The platform cannot do this.
    Unsupported(String),
    /// The call makes no sense as it is.
    Invalid(String),
    /// The most there may be of it.
    TooLarge(u64),
    /// The quota that is used up.
    QuotaExceeded(String),
    /// Try again after so many milliseconds.
    RateLimited(u64),
    /// The call took too long.
    Timeout,
    /// What answers the call is down.
    Unavailable(String),
    /// Anything else, in the host's words.
    Other(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(grant) => write!(f, "denied: {grant}"),
            Self::Unsupported(what) => write!(f, "unsupported: {what}"),
            Self::Invalid(why) => write!(f, "invalid: {why}"),
            Self::TooLarge(most) => write!(f, "too large: the most is {most}"),
            Self::QuotaExceeded(quota) => write!(f, "quota exceeded: {quota}"),
            Self::RateLimited(ms) => write!(f, "rate limited: try again after {ms} ms"),
            Self::Timeout => f.write_str("timed out"),
            Self::Unavailable(what) => write!(f, "unavailable: {what}"),
            Self::Other(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}

impl From<types::Error> for Error {
    fn from(error: types::Error) -> Self {
        match error {
            types::Error::Denied(grant) => Self::Denied(grant),
            types::Error::Unsupported(what) => Self::Unsupported(what),
            types::Error::Invalid(why) => Self::Invalid(why),
            types::Error::TooLarge(most) => Self::TooLarge(most),
            types::Error::QuotaExceeded(quota) => Self::QuotaExceeded(quota),
            types::Error::RateLimited(ms) => Self::RateLimited(ms),
            types::Error::Timeout => Self::Timeout,
            types::Error::Unavailable(what) => Self::Unavailable(what),
            types::Error::Other(why) => Self::Other(why),
        }
    }
}

impl From<keyvalue::store::Error> for Error {
    fn from(error: keyvalue::store::Error) -> Self {
        match error {
            keyvalue::store::Error::NoSuchStore => Self::Invalid("there is no such bucket in this event".into()),
            keyvalue::store::Error::AccessDenied => Self::Denied("keyvalue".into()),
            keyvalue::store::Error::Other(why) => Self::Other(why),
        }
    }
}

impl From<config::store::Error> for Error {
    fn from(error: config::store::Error) -> Self {
        match error {
            config::store::Error::Upstream(why) | config::store::Error::Io(why) => Self::Unavailable(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_of_the_contract_keeps_its_meaning() {
        use types::Error as Raw;
        for (raw, error) in [
            (Raw::Denied("a".into()), Error::Denied("a".into())),
            (Raw::Unsupported("b".into()), Error::Unsupported("b".into())),
            (Raw::Invalid("c".into()), Error::Invalid("c".into())),
            (Raw::TooLarge(1), Error::TooLarge(1)),
            (Raw::QuotaExceeded("d".into()), Error::QuotaExceeded("d".into())),
            (Raw::RateLimited(2), Error::RateLimited(2)),
            (Raw::Timeout, Error::Timeout),
            (Raw::Unavailable("e".into()), Error::Unavailable("e".into())),
            (Raw::Other("f".into()), Error::Other("f".into())),
        ] {
            assert_eq!(Error::from(raw), error);
        }
    }

    #[test]
    fn an_error_of_the_value_store_is_told_in_the_same_words() {
        use keyvalue::store::Error as Raw;
        assert_eq!(Error::from(Raw::AccessDenied), Error::Denied("keyvalue".into()));
        assert_eq!(Error::from(Raw::Other("full".into())).to_string(), "full");
    }
}
