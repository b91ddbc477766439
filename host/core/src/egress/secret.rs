//! Credentials that the host puts into requests, so that a bot can use what it never sees.
//!
//! A secret goes to the hosts it is bound to and nowhere else. What a server gives back in the
//! fields of its response is searched for it, as it is and as addresses, forms and quoted strings write it;
//! bodies are not, so a server that quotes a credential in a body tells it to the bot.

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use url::form_urlencoded;

use super::header::is_forbidden;
use super::pattern::Pattern;

/// What stands in place of a secret.
const REDACTED: &[u8] = b"***";

/// Where the value stands in a template.
const HOLE: &str = "{}";

/// Where in a request a secret goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Into the header of this name, in lower case.
    Header(String),
    /// Into the parameter of this name of the query.
    Query(String),
}

/// One credential.
#[derive(Debug)]
pub struct Secret {
    host: Pattern,
    place: Place,
    /// As it is sent.
    sent: SecretString,
    /// As it was given, without the template.
    value: SecretString,
}

/// Why something cannot be a secret. The text does not hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadSecret {
    /// The header cannot be.
    #[error("it is not the name of a header")]
    Name,
    /// The header is the host's own.
    #[error("the host sets this header itself")]
    Forbidden,
    /// The query's parameter has no name.
    #[error("the name of the parameter is missing, or has control characters")]
    Parameter,
    /// The template has not one place for the value.
    #[error("the template has to have one {{}}, where the secret goes, and visible ASCII around it")]
    Template,
    /// A header cannot carry the value.
    #[error("the secret is empty, or has characters other than visible ASCII")]
    Value,
}

impl Secret {
    /// A secret for requests to `host`.
    ///
    /// # Errors
    /// See [`BadSecret`].
    pub fn new(host: Pattern, place: Place, template: Option<&str>, value: &SecretString) -> Result<Self, BadSecret> {
        let place = match place {
            Place::Header(name) => Place::Header(header_name(&name)?),
            Place::Query(name) if name.is_empty() || name.chars().any(char::is_control) => {
                return Err(BadSecret::Parameter);
            }
            query @ Place::Query(_) => query,
        };
        let template = template.unwrap_or(HOLE);
        if template.matches(HOLE).count() != 1 || !template.chars().all(visible) {
            return Err(BadSecret::Template);
        }
        let value = value.expose_secret();
        if value.is_empty() || !value.chars().all(visible) {
            return Err(BadSecret::Value);
        }
        let sent = template.replace(HOLE, value);
        Ok(Self { host, place, sent: SecretString::from(sent), value: SecretString::from(value) })
    }

    /// The hosts it is bound to.
    pub fn host(&self) -> &Pattern {
        &self.host
    }

    /// The header it goes into, and what it says there.
    pub fn header(&self) -> Option<(&str, &SecretString)> {
        match &self.place {
            Place::Header(name) => Some((name, &self.sent)),
            Place::Query(_) => None,
        }
    }

    /// A path with its query, with the secret in the query if it belongs there.
    pub(super) fn added_to_query(&self, path: &str) -> String {
        let Place::Query(name) = &self.place else { return path.to_owned() };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let kept = query.split('&').filter(|pair| !pair.is_empty() && !is_named(pair, name));
        let own = format!("{}={}", encode(name), encode(self.sent.expose_secret()));
        let pairs: Vec<&str> = kept.chain([own.as_str()]).collect();
        format!("{path}?{}", pairs.join("&"))
    }

    pub(super) fn is_in_name(&self, name: &str) -> bool {
        let name = name.as_bytes();
        (0..name.len()).any(|at| self.quoted_at(name, at, |one, other| one.eq_ignore_ascii_case(&other)).is_some())
    }

    /// The bytes with `***` in place of the secret; `None` if it is not in them.
    pub(super) fn redact(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let (mut redacted, mut kept, mut at) = (Vec::new(), 0, 0);
        while at < bytes.len() {
            match self.quoted_at(bytes, at, |one, other| one == other) {
                Some(end) => {
                    redacted.extend_from_slice(bytes.get(kept..at).unwrap_or_default());
                    redacted.extend_from_slice(REDACTED);
                    (kept, at) = (end, end);
                }
                None => at += 1,
            }
        }
        (kept > 0).then(|| {
            redacted.extend_from_slice(bytes.get(kept..).unwrap_or_default());
            redacted
        })
    }

    /// Where the secret ends if it begins at `at`, whichever of its characters are encoded.
    fn quoted_at(&self, bytes: &[u8], at: usize, same: impl Fn(u8, u8) -> bool) -> Option<usize> {
        // A percent sign may stand for itself or begin a code, so there may be several ends, the furthest last.
        let behind = |end: usize, wanted: u8| {
            let readings = readings(bytes, end).into_iter().flatten();
            readings.filter(|(byte, _)| same(*byte, wanted)).map(|(_, end)| end).collect::<Vec<_>>()
        };
        let mut value = self.value.expose_secret().bytes();
        let mut ends = behind(at, value.next()?);
        for wanted in value {
            ends = ends.into_iter().flat_map(|end| behind(end, wanted)).collect();
            ends.sort_unstable();
            ends.dedup();
            if ends.is_empty() {
                return None;
            }
        }
        ends.last().copied()
    }
}

fn visible(c: char) -> bool {
    matches!(c, ' '..='~')
}

fn header_name(name: &str) -> Result<String, BadSecret> {
    let name = name.to_ascii_lowercase();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(fits) {
        return Err(BadSecret::Name);
    }
    if is_forbidden(&name) || name == "content-length" {
        return Err(BadSecret::Forbidden);
    }
    Ok(name)
}

fn encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// True if a pair of a query has this name, however it is encoded.
fn is_named(pair: &str, name: &str) -> bool {
    form_urlencoded::parse(pair.as_bytes()).any(|(other, _)| other == name)
}

/// What may be meant at one place: the byte itself, a space in a form, what is behind the backslash of a quoted string,
/// a code of an address, and one of an address within an address. Each with where it ends.
fn readings(bytes: &[u8], at: usize) -> [Option<(u8, usize)>; 4] {
    let rest = bytes.get(at..).unwrap_or_default();
    let other = match rest {
        [b'+', ..] => Some((b' ', at + 1)),
        [b'\\', byte, ..] => Some((*byte, at + 2)),
        _ => None,
    };
    let hex = |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |high, low| hex(high).zip(hex(low)).map(|(high, low)| high << 4 | low);
    let code = match rest {
        [b'%', high, low, ..] => byte(high, low).map(|byte| (byte, at + 3)),
        _ => None,
    };
    let twice = match rest {
        [b'%', b'2', b'5', high, low, ..] => byte(high, low).map(|byte| (byte, at + 5)),
        _ => None,
    };
    [rest.first().map(|byte| (*byte, at + 1)), other, code, twice]
}
