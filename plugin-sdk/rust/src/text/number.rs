//! Numbers that a person typed.

use std::str::FromStr;

use super::{is_blank, is_invisible};

/// The text with Persian (۰-۹) and Arabic (٠-٩) digits as ASCII ones, and all else as it was.
///
/// ```
/// use hodhod_plugin::text::digits_to_ascii;
///
/// assert_eq!(digits_to_ascii("اتاق ۱۲ و ٣٤"), "اتاق 12 و 34");
/// ```
pub fn digits_to_ascii(text: &str) -> String {
    text.chars().map(ascii_digit).collect()
}

/// The number that a text is, in whichever of the three scripts, with or without separators of
/// thousands (`٬` `،` `,`) and a decimal sign (`٫` `.`). `None` for anything else: a text that
/// merely begins with a number, or a number that does not fit.
///
/// ```
/// use hodhod_plugin::text::parse_number;
///
/// assert_eq!(parse_number("۱۲٬۵۰۰"), Some(12_500));
/// assert_eq!(parse_number(" -٣٫٥ "), Some(-3.5));
/// assert_eq!(parse_number::<u8>("۳۰۰"), None);
/// assert_eq!(parse_number::<i64>("۱۲ نفر"), None);
/// ```
pub fn parse_number<T: FromStr>(text: &str) -> Option<T> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.trim_matches(is_blank).chars().filter(|&c| !is_invisible(c)).peekable();
    while let Some(c) = chars.next() {
        match ascii_digit(c) {
            digit @ '0'..='9' => plain.push(digit),
            '.' | '٫' => plain.push('.'),
            '-' | '−' if plain.is_empty() => plain.push('-'),
            '+' if plain.is_empty() => plain.push('+'),
            // Between two digits only: a list of numbers with blanks or a closing comma is none.
            '٬' | '،' | ','
                if plain.ends_with(|c: char| c.is_ascii_digit())
                    && chars.peek().is_some_and(|&next| ascii_digit(next).is_ascii_digit()) => {}
            _ => return None,
        }
    }
    plain.parse().ok()
}

pub(super) fn ascii_digit(c: char) -> char {
    let value = match c {
        '۰'..='۹' => u32::from(c) - u32::from('۰'),
        '٠'..='٩' => u32::from(c) - u32::from('٠'),
        _ => return c,
    };
    char::from_digit(value, 10).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_three_scripts_become_ascii_and_nothing_else_changes() {
        assert_eq!(digits_to_ascii("۰۱۲۳۴۵۶۷۸۹"), "0123456789");
        assert_eq!(digits_to_ascii("٠١٢٣٤٥٦٧٨٩"), "0123456789");
        for text in ["", "نمی‌دانم", "كيف", "²½"] {
            assert_eq!(digits_to_ascii(text), text);
        }
    }

    #[test]
    fn a_number_is_read_however_it_is_typed() {
        for text in ["1234", "۱۲۳۴", "١٢٣٤", "۱٬۲۳۴", "1,234", "۱،۲۳۴", " ۱۲۳۴\u{200F}\n", "+1234", "۱2٣4"]
        {
            assert_eq!(parse_number(text), Some(1234), "{text:?}");
        }
        assert_eq!(parse_number("-۵"), Some(-5));
        assert_eq!(parse_number("\u{2212}۵"), Some(-5));
        assert_eq!(parse_number("\u{200E}-۵"), Some(-5));
        assert_eq!(parse_number("۱٬۰۰۰٫۲۵"), Some(1000.25));
    }

    #[test]
    fn what_is_not_wholly_a_number_is_none() {
        for text in ["", " ", "-", "۱۲ نفر", "۱ ۲", ",1", "1,", "1,,2", "1-2", "--1", "inf", "NaN", "1e5", "۱.۲.۳"]
        {
            assert_eq!(parse_number::<f64>(text), None, "{text:?}");
        }
        assert_eq!(parse_number::<i64>("1.5"), None);
        assert_eq!(parse_number::<u8>("256"), None);
        assert_eq!(parse_number::<u8>("-1"), None);
    }
}
