//! Where a request goes, read strictly: what two parsers could read in two ways is refused.

use std::fmt;
use std::net::IpAddr;

use thiserror::Error;

/// Longest name of a host, and longest part of it between two dots, in bytes: those of DNS.
const NAME: usize = 253;
const LABEL: usize = 63;

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Without encryption.
    Http,
    /// With TLS.
    Https,
}

impl Scheme {
    /// The port where none is written.
    pub fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    fn parse(text: &str) -> Result<Self, BadTarget> {
        if text.eq_ignore_ascii_case("https") {
            Ok(Self::Https)
        } else if text.eq_ignore_ascii_case("http") {
            Ok(Self::Http)
        } else {
            Err(BadTarget::Scheme)
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

/// A server's name or address, in its one spelling.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name: lower case, in ASCII.
    Name(String),
    /// An address, however it was written.
    Address(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// Which server.
    pub host: Host,
    /// Which port of it.
    pub port: u16,
}

/// Why a target is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadTarget {
    /// Not `http` or `https`.
    #[error("only https and http are spoken")]
    Scheme,
    /// There is a name or a password before the host.
    #[error("a user or a password stands before the host")]
    User,
    /// There is no host.
    #[error("the host is missing")]
    Empty,
    /// A character that no name of a host has.
    #[error("the host has a character that cannot be in one")]
    Character,
    /// It is neither a name nor an address.
    #[error("the host is neither a name nor an address")]
    Host,
    /// The port is no number from 1 to 65535, plainly written.
    #[error("the port is not a number from 1 to 65535")]
    Port,
}

impl Target {
    /// Reads a scheme, and a host with or without its port.
    ///
    /// Spellings of an address in other numbers (`0x7f.1`, `2130706433`) are the address that they
    /// mean; a name is put into the one form that DNS knows.
    ///
    /// # Errors
    /// See [`BadTarget`].
    pub fn parse(scheme: &str, authority: &str) -> Result<Self, BadTarget> {
        let scheme = Scheme::parse(scheme)?;
        if authority.contains('@') {
            return Err(BadTarget::User);
        }
        let (host, rest) = match authority.strip_prefix('[') {
            Some(inner) => {
                let (inner, rest) = inner.split_once(']').ok_or(BadTarget::Host)?;
                (address_v6(inner)?, rest)
            }
            None => match authority.split_once(':') {
                Some((host, _)) => (name_or_v4(host)?, authority.strip_prefix(host).unwrap_or_default()),
                None => (name_or_v4(authority)?, ""),
            },
        };
        let port = match rest.strip_prefix(':') {
            Some(port) => number(port)?,
            None if rest.is_empty() => scheme.port(),
            None => return Err(BadTarget::Port),
        };
        Ok(Self { scheme, host, port })
    }

    /// The host, and the port where it is not the usual one: the value of the `Host` header.
    pub fn authority(&self) -> String {
        if self.port == self.scheme.port() { self.host.to_string() } else { format!("{}:{}", self.host, self.port) }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority())
    }
}

fn number(text: &str) -> Result<u16, BadTarget> {
    if text.starts_with('0') || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BadTarget::Port);
    }
    text.parse().map_err(|_| BadTarget::Port)
}

fn address_v6(inner: &str) -> Result<Host, BadTarget> {
    // The standard library takes neither zones nor anything but the address.
    inner.parse().map(|address| Host::Address(IpAddr::V6(address))).map_err(|_| BadTarget::Host)
}

fn name_or_v4(text: &str) -> Result<Host, BadTarget> {
    if text.is_empty() {
        return Err(BadTarget::Empty);
    }
    // Percent signs are refused, since only some parsers decode them. What is not ASCII is left to
    // the rules for international names.
    if text.chars().any(|c| c.is_whitespace() || (c.is_ascii() && !may_be_in_a_name(c))) {
        return Err(BadTarget::Character);
    }
    // A name of DNS is not longer, and the mapping of a huge text takes long.
    if text.len() > 4 * NAME {
        return Err(BadTarget::Host);
    }
    match url::Host::parse(text).map_err(|_| BadTarget::Host)? {
        url::Host::Ipv4(address) => Ok(Host::Address(IpAddr::V4(address))),
        url::Host::Ipv6(address) => Ok(Host::Address(IpAddr::V6(address))),
        // Looked at again, because characters may have been mapped to such that were refused above.
        url::Host::Domain(name) if name.chars().all(may_be_in_a_name) && is_name(&name) => Ok(Host::Name(name)),
        url::Host::Domain(_) => Err(BadTarget::Host),
    }
}

fn may_be_in_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// True if every label is there, so that a dot at the end makes no second spelling.
fn is_name(name: &str) -> bool {
    name.len() <= NAME && name.split('.').all(|label| (1..=LABEL).contains(&label.len()))
}
