//! Taking a command apart. What is left of the line stays exactly as it was.

use hodhod_plugin::Error;

/// The first word, and the rest.
pub(crate) fn one(text: &str) -> (&str, &str) {
    text.split_once(' ').unwrap_or((text, ""))
}

/// The first two words, and the rest.
pub(crate) fn three(text: &str) -> (&str, &str, &str) {
    let (first, rest) = one(text);
    let (second, rest) = one(rest);
    (first, second, rest)
}

pub(crate) fn number(text: &str) -> Result<u64, Error> {
    text.parse().map_err(|error| Error::Invalid(format!("\"{text}\": {error}")))
}

pub(crate) fn degrees(text: &str) -> Result<f64, Error> {
    text.parse().map_err(|error| Error::Invalid(format!("\"{text}\": {error}")))
}
