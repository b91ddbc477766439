//! Events that a bot sends to itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{Context, Error, Missed, Timer, host};

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
        let timer = Timer { id: id.into(), chat: self.chat().cloned(), due, payload: payload.into() };
        self.set_any_timer(&timer, Missed::Fire)
    }

    /// Sets a timer for any chat of the bot or for none, and says what becomes of it if the host
    /// is not running when it is due.
    pub fn set_any_timer(&self, timer: &Timer, missed: Missed) -> Result<(), Error> {
        host::set_timer(timer, missed)
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
