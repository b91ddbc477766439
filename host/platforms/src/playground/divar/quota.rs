//! How much an app has asked, in this minute and this day.

use hodhod_core::time::Millis;

use super::refusal::Refusal;
use super::settings::Quotas;

const MINUTE: u64 = 60 * 1000;
const DAY: u64 = 24 * 60 * MINUTE;
/// Iran is that much ahead of UTC, the whole year.
const IRAN: u64 = 210 * MINUTE;

#[derive(Default)]
pub(super) struct Quota {
    pub(super) limits: Quotas,
    /// The number of the minute, and the calls in it.
    minute: (u64, u32),
    day: (u64, u32),
}

impl Quota {
    pub(super) fn new(limits: Quotas) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Counts one call, unless there is no room for it.
    pub(super) fn count(&mut self, now: Millis) -> Result<(), Refusal> {
        let local = now.0.saturating_add(IRAN);
        let wait = |unit: u64| self.limits.retry_after.then(|| (unit - local % unit).div_ceil(1000));
        let per_minute = "rate limit exceeded: too many requests per minute";
        let (minute_wait, day_wait) = (wait(MINUTE), wait(DAY));
        roll(&mut self.minute, local / MINUTE);
        roll(&mut self.day, local / DAY);
        if self.limits.per_day.is_some_and(|most| self.day.1 >= most) {
            return Err(Refusal::exhausted("daily quota exceeded", day_wait));
        }
        if self.limits.per_minute.is_some_and(|most| self.minute.1 >= most) {
            return Err(Refusal::exhausted(per_minute, minute_wait));
        }
        self.minute.1 = self.minute.1.saturating_add(1);
        self.day.1 = self.day.1.saturating_add(1);
        Ok(())
    }
}

fn roll(window: &mut (u64, u32), now: u64) {
    if window.0 != now {
        *window = (now, 0);
    }
}
