//! Events that a bot sends to itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{Context, Error, host};

impl Context<'_> {
    /// Calls [`on_timer`](crate::Bot::on_timer) after this long, in the chat of this event.
    ///
    /// Each chat has its own timers: setting one again under the same id moves it.
    pub fn set_timer(&self, id: &str, after: Duration, payload: &str) -> Result<(), Error> {
        let after = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        self.set_timer_at(id, self.now().saturating_add(after), payload)
    }

    /// Like [`set_timer`](Self::set_timer), for a moment: milliseconds since 1970, UTC.
    pub fn set_timer_at(&self, id: &str, due: u64, payload: &str) -> Result<(), Error> {
        host::set_timer(id, due, self.chat(), payload)
    }

    /// Takes a timer back. One that does not stand is no error.
    pub fn cancel_timer(&self, id: &str) -> Result<(), Error> {
        host::cancel_timer(id, self.chat())
    }

    /// The time: milliseconds since 1970, UTC.
    pub fn now(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}
