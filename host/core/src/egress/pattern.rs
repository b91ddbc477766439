//! Which hosts the operator means: `https://api.example.com`, `https://*.example.org:8443`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::target::{BadTarget, Host, Target};

/// One host with its scheme and port, or all hosts that have one more label in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    target: Target,
    wildcard: bool,
}

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadPattern {
    /// There is no `://`.
    #[error("the scheme is missing")]
    NoScheme,
    /// There is more than a scheme, a host and a port.
    #[error("only a scheme, a host and a port can be granted, no path")]
    Path,
    /// The star stands for too much.
    #[error("a star stands for one label in front of a name of at least two, as in *.example.org")]
    Star,
    /// The rest cannot be read.
    #[error(transparent)]
    Target(#[from] BadTarget),
}

impl Pattern {
    /// True if requests to `target` are meant.
    pub fn covers(&self, target: &Target) -> bool {
        if (self.target.scheme, self.target.port) != (target.scheme, target.port) {
            return false;
        }
        match (&self.target.host, &target.host) {
            (Host::Name(suffix), Host::Name(name)) if self.wildcard => {
                name.split_once('.').is_some_and(|(_, rest)| rest == suffix)
            }
            (own, other) => !self.wildcard && own == other,
        }
    }

    /// True if every target that `other` covers is covered.
    pub fn includes(&self, other: &Self) -> bool {
        if other.wildcard { self == other } else { self.covers(&other.target) }
    }
}

impl FromStr for Pattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        let (scheme, authority) = text.split_once("://").ok_or(BadPattern::NoScheme)?;
        if authority.contains(['/', '?', '#', '\\']) {
            return Err(BadPattern::Path);
        }
        let (wildcard, rest) = match authority.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, authority),
        };
        if rest.contains('*') {
            return Err(BadPattern::Star);
        }
        let target = Target::parse(scheme, rest)?;
        let wide = !matches!(&target.host, Host::Name(name) if name.contains('.'));
        if wildcard && wide {
            return Err(BadPattern::Star);
        }
        Ok(Self { target, wildcard })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.wildcard { "*." } else { "" };
        write!(f, "{}://{star}{}", self.target.scheme, self.target.authority())
    }
}
