//! Sizes, times and rates as people write them: `32 MiB`, `100 ms`, `5/s`.

use std::num::NonZeroU32;
use std::time::Duration;

use hodhod_core::pace::Rate;

/// Reads a size in bytes.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let factor: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(format!("{text:?} is not a size; write it like \"32 MiB\" (B, KiB, MiB, GiB)")),
    };
    let number: u64 = number.parse().map_err(|_| format!("{text:?} is not a size; write it like \"32 MiB\""))?;
    number.checked_mul(factor).ok_or_else(|| format!("{text:?} is too large"))
}

/// Reads a length of time.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "min" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        _ => return Err(format!("{text:?} is not a length of time; write it like \"100 ms\" (ms, s, min, h, d)")),
    };
    let number: u64 =
        number.parse().map_err(|_| format!("{text:?} is not a length of time; write it like \"100 ms\""))?;
    number.checked_mul(millis).map(Duration::from_millis).ok_or_else(|| format!("{text:?} is too long"))
}

/// Reads a rate.
pub(crate) fn rate(text: &str) -> Result<Rate, String> {
    let wrong = || format!("{text:?} is not a rate; write it like \"5/s\" (s, min, h)");
    let (count, per) = text.split_once('/').ok_or_else(wrong)?;
    let count: NonZeroU32 = count.trim().parse().map_err(|_| wrong())?;
    let seconds = match per.trim() {
        "s" => 1,
        "min" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    Ok(Rate { count, period: Duration::from_secs(seconds) })
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_read_as_people_write_them() {
        assert_eq!(bytes("32 MiB"), Ok(32 << 20));
        assert_eq!(bytes("64KiB"), Ok(64 << 10));
        assert_eq!(duration("100 ms"), Ok(Duration::from_millis(100)));
        assert_eq!(duration("2min"), Ok(Duration::from_secs(120)));
        assert_eq!(rate("20/min").map(|rate| rate.period), Ok(Duration::from_secs(60)));
    }

    #[test]
    fn what_is_no_size_or_time_is_refused_with_an_example() {
        for wrong in ["", "32", "MiB", "-1 MiB", "1.5 MiB", "32 MB", "99999999999 GiB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "5", "s", "1.5 s", "5 sec"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        for wrong in ["5", "0/s", "/s", "5/day"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
        insta::assert_snapshot!(bytes("32 MB").unwrap_err(), @r#""32 MB" is not a size; write it like "32 MiB" (B, KiB, MiB, GiB)"#);
    }
}
