//! Comparing texts that look the same.

use super::number::ascii_digit;
use super::{is_blank, is_invisible};

/// A key that is equal for texts which a person would call the same.
///
/// Arabic ي ى and ك count as Persian ی and ک, ة as ه, and أ إ ٱ as ا (آ stays); digits count as
/// ASCII, capitals as small letters, and a half-space as a blank. Vowel marks, tatweel and marks of
/// direction do not count, nor do blanks at either end or how many there are between two words.
///
/// Compare keys made by the same build; do not store them, since a later version may fold more.
///
/// ```
/// use hodhod_plugin::text::match_key;
///
/// assert_eq!(match_key("  كتاب‌هاي ۱  "), match_key("کتاب های 1"));
/// assert_ne!(match_key("کتاب"), match_key("کتابی"));
/// ```
pub fn match_key(text: &str) -> String {
    let mut key = String::with_capacity(text.len());
    let mut blank = false;
    for c in text.chars().filter(|&c| !is_mark(c)) {
        if is_blank(c) {
            blank = true;
            continue;
        }
        if blank && !key.is_empty() {
            key.push(' ');
        }
        blank = false;
        key.extend(fold(c).to_lowercase());
    }
    key
}

/// What is written onto or between letters without being one.
fn is_mark(c: char) -> bool {
    is_invisible(c) || matches!(c, '\u{0640}' | '\u{064B}'..='\u{0652}' | '\u{0670}')
}

fn fold(c: char) -> char {
    match c {
        'ي' | 'ى' | 'ې' => 'ی',
        'ك' => 'ک',
        'ة' | 'ۀ' => 'ه',
        'أ' | 'إ' | 'ٱ' => 'ا',
        'ؤ' => 'و',
        other => ascii_digit(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_look_the_same_have_the_same_key() {
        for (one, other) in [
            ("كمك", "کمک"),
            ("علي", "علی"),
            ("على", "علی"),
            ("می‌روم", "می روم"),
            ("می\u{00A0}\u{200C} روم", "می روم"),
            (" آمار\n", "آمار"),
            ("\u{200F}آمار", "آمار"),
            ("آمـــار", "آمار"),
            ("سَلام", "سلام"),
            ("اتاق ۱۲", "اتاق ١٢"),
            ("اتاق ۱۲", "اتاق 12"),
            ("Help", "hELP"),
            ("Übersicht", "übersicht"),
        ] {
            assert_eq!(match_key(one), match_key(other), "{one:?} {other:?}");
        }
    }

    #[test]
    fn texts_that_mean_different_things_have_different_keys() {
        for (one, other) in [("آمار", "امار"), ("می روم", "میروم"), ("start", "startx"), ("1", "11"), ("", "a")]
        {
            assert_ne!(match_key(one), match_key(other));
        }
    }

    #[test]
    fn a_key_is_its_own_key() {
        for text in ["  كتاب‌هاي  ۱ ", "", "\u{200C}", "İ"] {
            let key = match_key(text);
            assert_eq!(match_key(&key), key);
        }
    }
}
