//! Times, in each form in which Divar tells them.
//!
//! `events/chat.md` shows microseconds since 1970 as a number, an older page the same as a string, and
//! the OpenAPI document a date with its time as RFC 3339 writes it, which servers were seen to send.
//! Which it is the text tells: numbers by their size, as seconds, milliseconds, microseconds and
//! nanoseconds of this century are a thousandfold apart.

use hodhod_core::time::Millis;
use serde_json::Value;

/// The first numbers that are too large for seconds, milliseconds and microseconds: of the years 5138, 5138
/// and 5138.
const UNITS: [(u64, u64, u64); 3] =
    [(100_000_000_000, 1000, 1), (100_000_000_000_000, 1, 1), (100_000_000_000_000_000, 1, 1000)];

/// The time that a value tells; `None` if it tells none, or the beginning of all time.
pub(super) fn moment(value: Option<&Value>) -> Option<Millis> {
    let millis = match value? {
        Value::Number(number) => of_number(number.as_u64().or_else(|| whole(number.as_f64()?))?),
        Value::String(text) => match text.trim().parse() {
            Ok(number) => of_number(number),
            Err(_) => of_date(text.trim())?,
        },
        _ => return None,
    };
    (millis > 0).then_some(Millis(millis))
}

fn of_number(number: u64) -> u64 {
    let unit = UNITS.iter().find(|(below, ..)| number < *below);
    let (_, times, over) = unit.copied().unwrap_or((0, 1, 1_000_000));
    number.saturating_mul(times) / over
}

fn whole(number: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    (0.0..1e19).contains(&number).then_some(number as u64)
}

/// `2025-07-16T10:41:42.648410Z`, also with `+03:30` behind it.
fn of_date(text: &str) -> Option<u64> {
    let (date, rest) = (text.get(..10)?, text.get(11..)?);
    if !matches!(text.as_bytes().get(10), Some(b'T' | b't' | b' ')) {
        return None;
    }
    let [year, month, day] = fields(date, '-', [4, 2, 2])?;
    let (clock, rest) = rest.split_at_checked(8)?;
    let [hour, minute, second] = fields(clock, ':', [2, 2, 2])?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            rest.split_at_checked(end)?
        }
        None => ("", rest),
    };
    let in_range = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !in_range {
        return None;
    }
    let seconds = ((days(year, month, day)? * 24 + hour) * 60 + minute) * 60 + second;
    let millis: u64 = fraction
        .chars()
        .chain("000".chars())
        .take(3)
        .filter_map(|c| c.to_digit(10))
        .fold(0, |sum, digit| sum * 10 + u64::from(digit));
    let (sign, offset) = match zone {
        "Z" | "z" => ('+', 0),
        zone => {
            let sign = zone.chars().next().filter(|c| matches!(c, '+' | '-'))?;
            let [hours, minutes] = fields(zone.get(1..)?, ':', [2, 2])?;
            (sign, (hours * 60 + minutes) * 60)
        }
    };
    // East of Greenwich it is later than it is there.
    let seconds = if sign == '+' { seconds.checked_sub(offset)? } else { seconds + offset };
    Some(seconds * 1000 + millis)
}

/// Numbers of so many digits each, with a mark between them.
fn fields<const N: usize>(text: &str, mark: char, lengths: [usize; N]) -> Option<[u64; N]> {
    let mut parts = text.split(mark);
    let mut numbers = [0; N];
    for (number, length) in numbers.iter_mut().zip(lengths) {
        let part =
            parts.next().filter(|part| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Days from 1970 to a date.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    // Years that begin in March have their leap day at the end.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    (year * 365 + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 + day - 1).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn each_form_of_a_time_is_the_same_time() {
        for (value, millis) in [
            (json!(1_729_429_926_140_000_u64), 1_729_429_926_140),
            (json!("1729429926140000"), 1_729_429_926_140),
            (json!(1_729_429_926_140_000.0), 1_729_429_926_140),
            (json!(1_729_429_926_140_u64), 1_729_429_926_140),
            (json!(1_729_429_926), 1_729_429_926_000),
            (json!(1_729_429_926_140_000_123_u64), 1_729_429_926_140),
            (json!("2025-07-16T10:41:42.648410Z"), 1_752_662_502_648),
            (json!(" 2025-07-16t10:41:42.6z "), 1_752_662_502_600),
            (json!("2025-07-16 14:11:42.648+03:30"), 1_752_662_502_648),
            (json!("2025-07-16T06:41:42-04:00"), 1_752_662_502_000),
            (json!("2024-02-29T00:00:00Z"), 1_709_164_800_000),
            (json!("1970-01-01T00:00:01Z"), 1000),
        ] {
            assert_eq!(moment(Some(&value)), Some(Millis(millis)), "{value}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for value in [
            json!(0),
            json!(-5),
            json!(""),
            json!("soon"),
            json!(true),
            json!([1]),
            json!({}),
            json!(null),
            json!("2025-07-16"),
            json!("2025-07-16T10:41:42"),
            json!("2025-07-16T10:41:42."),
            json!("2025-07-16T25:41:42Z"),
            json!("2025-13-16T10:41:42Z"),
            json!("2025-07-16T10:41:42+0330"),
            json!("1970-01-01T00:00:00+03:30"),
            json!("1969-07-16T10:41:42Z"),
            json!("۲۰۲۵-۰۷-۱۶T10:41:42Z"),
        ] {
            assert_eq!(moment(Some(&value)), None, "{value}");
        }
        assert_eq!(moment(None), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}", like in "[0-9T:.Zz+-]{0,40}") {
            let _read = (moment(Some(&json!(text))), moment(Some(&json!(like))));
        }

        #[test]
        fn no_number_makes_it_panic(number in any::<u64>(), float in any::<f64>()) {
            let _read = (moment(Some(&json!(number))), moment(Some(&json!(float))));
        }
    }
}
