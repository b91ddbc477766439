//! Time as Divar writes it, and the clock of a server that was given none.

use std::time::{SystemTime, UNIX_EPOCH};

use futures::FutureExt;
use futures::future::BoxFuture;
use hodhod_core::time::{Clock, Millis, whole_millis};
use serde_json::{Value, json};

const DAY: u64 = 24 * 60 * 60;

/// The clock of the machine.
pub(super) struct MachineClock;

impl Clock for MachineClock {
    fn now(&self) -> Millis {
        Millis(whole_millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()))
    }

    fn sleep_until(&self, when: Millis) -> BoxFuture<'static, ()> {
        tokio::time::sleep(when.since(self.now())).boxed()
    }
}

/// The form of `sent_at` in events. Divar's pages show the first, its OpenAPI document and a sample of 2025 the
/// second, its retired hook the third. The others are what a careful reader takes too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SentAt {
    /// Microseconds since 1970, a number.
    #[default]
    Micros,
    /// RFC 3339 with microseconds.
    Rfc3339,
    /// Microseconds since 1970, a string.
    MicrosText,
    /// Milliseconds since 1970, a number.
    Millis,
    /// Seconds since 1970, a number.
    Seconds,
}

impl SentAt {
    pub(super) fn write(self, micros: u64) -> Value {
        match self {
            Self::Micros => json!(micros),
            Self::Rfc3339 => json!(rfc3339(micros)),
            Self::MicrosText => json!(micros.to_string()),
            Self::Millis => json!(micros / 1000),
            Self::Seconds => json!(micros / 1_000_000),
        }
    }
}

/// `2025-07-16T10:41:42.648410Z`
pub(super) fn rfc3339(micros: u64) -> String {
    let seconds = micros / 1_000_000;
    let (year, month, day) = date(seconds / DAY);
    let of_day = seconds % DAY;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:06}Z", micros % 1_000_000)
}

/// Year, month and day of a day since 1970, in the Gregorian calendar.
fn date(day: u64) -> (u64, u64, u64) {
    // Counted from the first of March of the year 0, where a leap day is the last of its year.
    let day = day + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_each_form() {
        let micros = 1_752_662_502_648_410;
        assert_eq!(SentAt::Micros.write(micros), json!(1_752_662_502_648_410_u64));
        assert_eq!(SentAt::Rfc3339.write(micros), json!("2025-07-16T10:41:42.648410Z"));
        assert_eq!(SentAt::MicrosText.write(micros), json!("1752662502648410"));
        assert_eq!(SentAt::Millis.write(micros), json!(1_752_662_502_648_u64));
        assert_eq!(SentAt::Seconds.write(micros), json!(1_752_662_502));
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (20_454, (2026, 1, 1)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(date(days), expected, "{days}");
        }
    }
}
