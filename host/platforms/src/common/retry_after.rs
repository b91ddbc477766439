//! How long a server asks to wait: the header `Retry-After`, in seconds or as a date.

use std::time::Duration;

use hodhod_core::time::Millis;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// Longer waits are not believed: they would silence a bot for a slip of the server.
const MAX_WAIT: Duration = Duration::from_secs(60 * 60);

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The wait that the server asks for; `None` if it asks for none or in words of its own.
pub(crate) fn retry_after(headers: &HeaderMap, now: Millis) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => http_date(value)?.since(now),
    };
    Some(wait.min(MAX_WAIT))
}

/// A date as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`. The two obsolete forms are not read.
fn http_date(text: &str) -> Option<Millis> {
    let mut words = text.strip_suffix(" GMT")?.split_ascii_whitespace().skip(1);
    let day: u64 = words.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    let name = words.next()?;
    let month = MONTHS.iter().position(|month| *month == name)? as u64;
    let year: u64 = words.next()?.parse().ok().filter(|year| (1970..=9999).contains(year))?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);

    // Years that begin in March have their leap day at the end.
    let (year, month) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 + day - 1;
    let since_1970 = days.checked_sub(719_468)?;
    Some(Millis((((since_1970 * 24 + hour) * 60 + minute) * 60 + second) * 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &str, now: u64) -> Option<u64> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
        retry_after(&headers, Millis(now)).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_understood_and_long_waits_are_not_believed() {
        assert_eq!(parsed(" 120 ", 0), Some(120));
        assert_eq!(parsed("999999999", 0), Some(3600));
        assert_eq!(parsed("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777_000 - 5_000), Some(5));
        assert_eq!(parsed("Thu, 29 Feb 2024 00:00:00 GMT", 1_709_164_800_000 - 9_000), Some(9));
        assert_eq!(parsed("Fri, 01 Mar 2024 00:00:01 GMT", 1_709_251_200_000), Some(1));
        assert_eq!(parsed("Thu, 01 Jan 1970 00:00:00 GMT", 5), Some(0));
        for bad in ["soon", "-1", "Sun, 06 Foo 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov"] {
            assert_eq!(parsed(bad, 0), None, "{bad}");
        }
    }
}
