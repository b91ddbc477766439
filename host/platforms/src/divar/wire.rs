//! JSON in which any field may be of any type, or missing.
//!
//! Divar's pages, its OpenAPI document and what its servers were seen to send disagree about what is a
//! number and what a string, and fields that are zero are left out. So nothing here fails: a field of
//! an impossible type counts as missing, instead of spoiling the message.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// Ids seen have up to 44 characters, and Divar promises at most 64.
const LONGEST_ID: usize = 256;

/// Above this a double no longer holds each integer.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// The fields of a JSON object; none where there is no object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(Option<&'a Map<String, Value>>);

impl<'a> Fields<'a> {
    pub(super) fn of(value: &'a Value) -> Self {
        Self(value.as_object())
    }

    /// Those of an object that is at hand.
    pub(super) fn of_object(object: &'a Map<String, Value>) -> Self {
        Self(Some(object))
    }

    /// False where there was no object at all.
    pub(super) fn exist(self) -> bool {
        self.0.is_some()
    }

    /// The field, unless it is missing or `null`.
    pub(super) fn value(self, name: &str) -> Option<&'a Value> {
        self.0?.get(name).filter(|value| !value.is_null())
    }

    /// The fields of the object under a name.
    pub(super) fn at(self, name: &str) -> Self {
        Self(self.value(name).and_then(Value::as_object))
    }

    /// The text as it came; numbers as digits.
    pub(super) fn text(self, name: &str) -> Option<Cow<'a, str>> {
        match self.value(name)? {
            Value::String(text) => Some(Cow::Borrowed(text)),
            Value::Number(number) => Some(Cow::Owned(number.to_string())),
            _ => None,
        }
    }

    /// The text without white space around it, unless there is nothing but that.
    pub(super) fn words(self, name: &str) -> Option<String> {
        self.text(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// One of a set of names, which are compared without regard to case.
    pub(super) fn name(self, name: &str) -> Option<String> {
        self.words(name).map(|text| text.to_ascii_uppercase())
    }

    /// An opaque id.
    pub(super) fn id(self, name: &str) -> Option<String> {
        clean_id(&self.text(name)?).map(str::to_owned)
    }

    /// A whole number that is not negative; fractions are rounded.
    pub(super) fn whole(self, name: &str) -> Option<u64> {
        match self.value(name)? {
            Value::Number(number) => number.as_u64().or_else(|| round(number.as_f64()?)),
            Value::String(text) => text.trim().parse().ok().or_else(|| round(text.trim().parse().ok()?)),
            _ => None,
        }
    }

    /// A finite number.
    pub(super) fn number(self, name: &str) -> Option<f64> {
        let number = match self.value(name)? {
            Value::Number(number) => number.as_f64()?,
            Value::String(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }
}

/// An id that can stand in a chat's name, in a path and in a log; `None` if it cannot be one.
pub(super) fn clean_id(text: &str) -> Option<&str> {
    clean_word(text, LONGEST_ID)
}

/// The same, of another length.
pub(super) fn clean_word(text: &str, longest: usize) -> Option<&str> {
    let text = text.trim();
    let is_short = (1..=longest).contains(&text.len());
    let is_one_word = !text.chars().any(char::is_whitespace) && hodhod_core::text::is_clean(text);
    // A path of dots alone is a step up, not a name.
    let is_name = text.bytes().any(|byte| byte != b'.');
    (is_short && is_one_word && is_name).then_some(text)
}

/// A name of the platform's as a part of one of ours: `POST_UPDATE` is `post-update`.
pub(super) fn dashed(name: &str) -> String {
    const LONGEST: usize = 64;
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    name.trim().chars().map(plain).take(LONGEST).collect()
}

fn round(number: f64) -> Option<u64> {
    let whole = number.round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    (0.0..MAX_EXACT).contains(&whole).then_some(whole as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_is_read_in_each_of_its_forms() {
        for value in [json!(2670), json!(2670.0), json!("2670"), json!(" 2670 "), json!("2670.0"), json!(2669.7)] {
            assert_eq!(Fields::of(&json!({"a": value})).whole("a"), Some(2670), "{value}");
        }
        for value in [json!(-1), json!("-1"), json!(""), json!("NaN"), json!(1e300), json!(null), json!([1]), json!({})]
        {
            assert_eq!(Fields::of(&json!({"a": value})).whole("a"), None, "{value}");
        }
        assert_eq!(Fields::of(&json!({"a": "inf"})).number("a"), None);
        assert_eq!(Fields::of(&json!({"a": "-51.5"})).number("a"), Some(-51.5));
        assert_eq!(Fields::of(&json!({"a": u64::MAX})).text("a").as_deref(), Some("18446744073709551615"));
    }

    #[test]
    fn an_id_is_one_clean_word() {
        assert_eq!(clean_id(" 6GqmD7+/dle5=\n"), Some("6GqmD7+/dle5="));
        for bad in ["", " ", "..", "a b", "a\u{202e}b", "a\nb", "a\u{a0}b", &"a".repeat(LONGEST_ID + 1)] {
            assert_eq!(clean_id(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn names_of_the_platform_become_plain_ones() {
        assert_eq!(dashed(" POST_UPDATE "), "post-update");
        assert_eq!(dashed("a\u{202e}.گ"), "a---");
        assert_eq!(dashed(&"x".repeat(1000)).len(), 64);
    }
}
