//! The JSON of an incoming message as it may look on the wire.
//!
//! The developer page, its own examples and the SDKs disagree about what is a string, what an
//! integer and what a double, so each field takes all of them, and a field of an impossible type
//! counts as missing instead of spoiling the message.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// One message, before anything in it is believed.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Wire<'a> {
    #[serde(borrow)]
    pub(super) from: Scalar<'a>,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Scalar<'a>,
    #[serde(borrow)]
    pub(super) time: Scalar<'a>,
    #[serde(borrow)]
    pub(super) body: Scalar<'a>,
    #[serde(borrow)]
    pub(super) file_type: Scalar<'a>,
    #[serde(borrow)]
    pub(super) file_id: Scalar<'a>,
    #[serde(borrow)]
    pub(super) file_name: Scalar<'a>,
    #[serde(borrow)]
    pub(super) file_size: Scalar<'a>,
    #[serde(borrow)]
    pub(super) file_url: Scalar<'a>,
    #[serde(borrow)]
    pub(super) file_duration: Scalar<'a>,
    #[serde(borrow)]
    pub(super) thumbnail_url: Scalar<'a>,
    #[serde(borrow)]
    pub(super) image_width: Scalar<'a>,
    #[serde(borrow)]
    pub(super) image_height: Scalar<'a>,
    #[serde(borrow)]
    pub(super) thumbnail_width: Scalar<'a>,
    #[serde(borrow)]
    pub(super) thumbnail_height: Scalar<'a>,
    #[serde(borrow)]
    pub(super) latitude: Scalar<'a>,
    #[serde(borrow)]
    pub(super) longitude: Scalar<'a>,
    #[serde(borrow)]
    pub(super) nick_name: Scalar<'a>,
    #[serde(borrow)]
    pub(super) avatar_url: Scalar<'a>,
    #[serde(borrow)]
    pub(super) phone_no: Scalar<'a>,
}

/// A string or a number; anything else counts as missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Scalar<'a> {
    #[default]
    Missing,
    Text(Cow<'a, str>),
    Whole(u64),
    Float(f64),
}

/// Above this a double no longer holds each integer.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

impl Scalar<'_> {
    /// The text as it came; numbers as digits without an exponent.
    pub(super) fn as_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Missing => None,
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Whole(number) => Some(Cow::Owned(number.to_string())),
            Self::Float(number) => Some(Cow::Owned(number.to_string())),
        }
    }

    /// The text, unless there is nothing but white space.
    pub(super) fn as_words(&self) -> Option<Cow<'_, str>> {
        self.as_text().filter(|text| !text.trim().is_empty())
    }

    /// A whole number that is not negative; fractions are rounded.
    pub(super) fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Missing => None,
            Self::Whole(number) => Some(*number),
            Self::Text(text) => match text.trim().parse() {
                Ok(number) => Some(number),
                Err(_) => round(text.trim().parse().ok()?),
            },
            Self::Float(number) => round(*number),
        }
    }

    /// A finite number.
    pub(super) fn as_f64(&self) -> Option<f64> {
        let number = match self {
            Self::Missing => return None,
            #[expect(clippy::cast_precision_loss, reason = "a coordinate has three digits before the point")]
            Self::Whole(number) => *number as f64,
            Self::Text(text) => text.trim().parse().ok()?,
            Self::Float(number) => *number,
        };
        number.is_finite().then_some(number)
    }
}

fn round(number: f64) -> Option<u64> {
    let whole = number.round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    (0.0..MAX_EXACT).contains(&whole).then_some(whole as u64)
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyScalar).map(|scalar: Scalar<'de>| scalar)
    }
}

struct AnyScalar;

impl<'de> Visitor<'de> for AnyScalar {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Whole(number))
    }

    #[expect(clippy::cast_precision_loss, reason = "only negative numbers come here, and only coordinates may be such")]
    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Float(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Float(number))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Missing)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Missing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Missing)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Missing)
    }
}

/// JSON with each escape of half a character (`\ud83d` without its partner) replaced by `\ufffd`;
/// `None` if there is none. A server that cuts texts after so many UTF-16 units makes such halves,
/// and a strict parser then refuses the whole message.
pub(super) fn mend_halves(json: &str) -> Option<String> {
    let mut mended = String::with_capacity(json.len());
    let mut rest = json;
    let mut found = false;
    while let Some((before, behind)) = rest.split_once('\\') {
        mended.push_str(before);
        let taken = match unit(behind) {
            Some(0xD800..0xDC00) if matches!(behind.get(5..).and_then(partner), Some(0xDC00..0xE000)) => 11,
            Some(0xD800..0xE000) => {
                found = true;
                mended.push_str("\\ufffd");
                rest = behind.get(5..)?;
                continue;
            }
            // The character behind the backslash belongs to it, above all a second backslash.
            _ => behind.chars().next().map_or(0, char::len_utf8),
        };
        mended.push('\\');
        mended.push_str(behind.get(..taken)?);
        rest = behind.get(taken..)?;
    }
    mended.push_str(rest);
    found.then_some(mended)
}

/// The UTF-16 unit of an escape, without its backslash: `ud83d`.
fn unit(escape: &str) -> Option<u16> {
    u16::from_str_radix(escape.strip_prefix('u')?.get(..4)?, 16).ok()
}

fn partner(text: &str) -> Option<u16> {
    unit(text.strip_prefix('\\')?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_characters_are_mended_and_nothing_else() {
        for (json, mended) in [
            (r#"{"a":"\ud83d"}"#, Some(r#"{"a":"\ufffd"}"#)),
            (r#"{"a":"\ud83d\ude00 \udE00"}"#, Some(r#"{"a":"\ud83d\ude00 \ufffd"}"#)),
            (r#"{"a":"\ud83d\ud83d\ude00"}"#, Some(r#"{"a":"\ufffd\ud83d\ude00"}"#)),
            (r#"{"a":"\\ud83d \u0633 سلام \n"}"#, None),
            (r#"{"a":"\ud83d\ude00"}"#, None),
            (r#"{"a":"\u"#, None),
            ("\\", None),
        ] {
            assert_eq!(mend_halves(json).as_deref(), mended, "{json}");
        }
    }

    #[test]
    fn a_number_is_read_in_each_of_its_forms() {
        fn read(json: &str) -> Scalar<'_> {
            serde_json::from_str(json).unwrap()
        }
        for json in ["2670", "2670.0", "\"2670\"", "\" 2670 \"", "\"2670.0\"", "2669.7", "2.67e3"] {
            assert_eq!(read(json).as_u64(), Some(2670), "{json}");
        }
        for json in ["-1", "\"-1\"", "\"\"", "\"NaN\"", "1e300", "null", "true", "[1]", "{\"a\":1}"] {
            assert_eq!(read(json).as_u64(), None, "{json}");
        }
        assert_eq!(read("989120000000").as_text().as_deref(), Some("989120000000"));
        assert_eq!(read("9.8912E11").as_text().as_deref(), Some("989120000000"));
        assert_eq!(read("\"inf\"").as_f64(), None);
        assert_eq!(read("-51.5").as_f64(), Some(-51.5));
    }
}
