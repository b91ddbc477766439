//! How a turn ends that did not work out, and what an import's refusal means for it.

use std::fmt::Display;
use std::time::Duration;

use crate::raw::hodhod::bot::types;
use crate::raw::wasi::{config, keyvalue};
use crate::{Error, Failure};

/// What every method of a bot returns: nothing, or why the event could not be handled.
///
/// The second parameter is there so that the name can stand in for the one of `std`.
pub type Result<T = (), E = Failure> = core::result::Result<T, E>;

/// How long an event waits that met a call which took too long.
const AFTER_TIMEOUT_MS: u64 = 1_000;

/// How long an event waits that met something which is down: long enough to come back, and short
/// enough for a person who waits.
const AFTER_UNAVAILABLE_MS: u64 = 5_000;

impl Failure {
    /// Deliver the event again after this long.
    pub fn retry(after: Duration) -> Self {
        Self::Retry(u64::try_from(after.as_millis()).unwrap_or(u64::MAX))
    }

    /// Never deliver the event again: it goes to the dead letters with this reason.
    ///
    /// ```
    /// # use hodhod_plugin::{Failure, Result};
    /// fn amount(text: &str) -> Result<u64> {
    ///     text.parse().map_err(Failure::reject)
    /// }
    /// # assert!(amount("x").is_err());
    /// ```
    pub fn reject(reason: impl Display) -> Self {
        Self::Reject(reason.to_string())
    }
}

/// What passes by itself is tried again, and everything else is rejected with the error's words;
/// so `?` after a call of the host does what one would write by hand.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::RateLimited(ms) => Self::Retry(ms),
            Error::Timeout => Self::Retry(AFTER_TIMEOUT_MS),
            Error::Unavailable(_) => Self::Retry(AFTER_UNAVAILABLE_MS),
            lasting => Self::reject(lasting),
        }
    }
}

impl From<types::Error> for Failure {
    fn from(error: types::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<keyvalue::store::Error> for Failure {
    fn from(error: keyvalue::store::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<config::store::Error> for Failure {
    fn from(error: config::store::Error) -> Self {
        Error::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_is_tried_again() {
        assert_eq!(Failure::from(Error::RateLimited(250)), Failure::Retry(250));
        assert_eq!(Failure::from(Error::Timeout), Failure::Retry(1_000));
        assert_eq!(Failure::from(Error::Unavailable("soroush".into())), Failure::Retry(5_000));
    }

    #[test]
    fn what_lasts_is_rejected_with_a_reason_to_read() {
        let reason = |error: Error| match Failure::from(error) {
            Failure::Reject(reason) => reason,
            Failure::Retry(ms) => panic!("retry after {ms}"),
        };
        assert_eq!(reason(Error::Denied("send-to-others".into())), "denied: send-to-others");
        assert_eq!(reason(Error::TooLarge(4096)), "too large: the most is 4096");
        assert_eq!(reason(Error::Other("odd".into())), "odd");
    }

    #[test]
    fn the_question_mark_takes_errors_of_the_raw_imports() {
        fn raw() -> Result {
            Err(types::Error::RateLimited(7))?
        }
        fn values() -> Result {
            Err(keyvalue::store::Error::NoSuchStore)?
        }
        fn config() -> Result {
            Err(config::store::Error::Io("gone".into()))?
        }
        assert_eq!(raw(), Err(Failure::Retry(7)));
        assert_eq!(values(), Err(Failure::Reject("invalid: there is no such bucket in this event".into())));
        assert_eq!(config(), Err(Failure::Retry(5_000)));
    }

    #[test]
    fn a_wait_that_does_not_fit_is_the_longest_that_does() {
        assert_eq!(Failure::retry(Duration::from_millis(20)), Failure::Retry(20));
        assert_eq!(Failure::retry(Duration::MAX), Failure::Retry(u64::MAX));
    }
}
