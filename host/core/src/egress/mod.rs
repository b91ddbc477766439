//! What a bot may ask of other servers: which hosts, by which methods, at which addresses, and the
//! credentials that the host adds.
//!
//! All of it is decided from text and numbers, without looking anything up: the engine asks
//! [`Policy::admit`] before it resolves a name, and [`Policy::admit_address`] for every address
//! that came of it, before it connects. Nothing is allowed unless the operator listed it.

mod address;
mod header;
mod method;
mod pattern;
mod secret;
mod target;

use std::net::SocketAddr;

use thiserror::Error;

pub use address::{Why, is_global};
pub use header::is_forbidden;
pub use method::{BadMethod, Method};
pub use pattern::{BadPattern, Pattern};
pub use secret::{BadSecret, Place, Secret};
pub use target::{BadTarget, Host, Scheme, Target};

use crate::text::clean;

/// Longest method that is told back, in bytes.
const METHOD: usize = 32;

/// What the operator allows a bot. The default allows nothing, since it lists no host.
#[derive(Debug)]
pub struct Policy {
    /// The hosts.
    pub hosts: Vec<Pattern>,
    /// The methods.
    pub methods: Vec<Method>,
    /// Addresses that are allowed although they are not global: these, with these ports, only.
    pub allow_private: Vec<SocketAddr>,
    /// What the host adds to requests.
    pub secrets: Vec<Secret>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { hosts: Vec::new(), methods: Method::ALL.to_vec(), allow_private: Vec::new(), secrets: Vec::new() }
    }
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Denial {
    /// Where it goes cannot be read without doubt.
    #[error("its address is refused: {0}")]
    Unreadable(#[from] BadTarget),
    /// The host was not granted.
    #[error("{0} is not among the hosts it was granted")]
    Host(Target),
    /// The method was not granted.
    #[error("the method {0:?} was not granted")]
    Method(String),
    /// The name leads to an address that nobody may reach.
    #[error("{address} is {why}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// What is wrong with it.
        why: Why,
    },
}

impl Policy {
    /// Where a request goes, if it may go there.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, method: &str, scheme: &str, authority: &str) -> Result<Target, Denial> {
        let target = Target::parse(scheme, authority)?;
        if !self.hosts.iter().any(|pattern| pattern.covers(&target)) {
            return Err(Denial::Host(target));
        }
        if !self.methods.iter().any(|allowed| allowed.as_str() == method) {
            return Err(Denial::Method(clean(method, METHOD)));
        }
        Ok(target)
    }

    /// Whether an address that a name led to may be connected to.
    ///
    /// # Errors
    /// Why not.
    pub fn admit_address(&self, address: SocketAddr) -> Result<(), Denial> {
        let listed = |allowed: &SocketAddr| (allowed.ip(), allowed.port()) == (address.ip(), address.port());
        if self.allow_private.iter().any(listed) {
            return Ok(());
        }
        is_global(address.ip()).map_err(|why| Denial::Address { address, why })
    }

    /// What the host adds to a request that goes to `target`.
    pub fn secrets<'a>(&'a self, target: &'a Target) -> impl Iterator<Item = &'a Secret> {
        self.secrets.iter().filter(|secret| secret.host().covers(target))
    }

    /// A path with its query, with the secrets that belong into the query of requests to `target`.
    /// What the guest wrote there under the same name is taken out.
    pub fn with_query_secrets(&self, target: &Target, path: &str) -> String {
        self.secrets(target).fold(path.to_owned(), |path, secret| secret.added_to_query(&path))
    }

    /// True if a name of a header that came from `target` holds a secret that was sent there, as far
    /// as that shows in lower case.
    pub fn names_a_secret(&self, target: &Target, name: &str) -> bool {
        self.secrets(target).any(|secret| secret.is_in_name(name))
    }

    /// The value of a header that came from `target`, with `***` for each secret that was sent
    /// there; `None` if none is in it.
    pub fn redact(&self, target: &Target, value: &[u8]) -> Option<Vec<u8>> {
        let mut redacted = None;
        for secret in self.secrets(target) {
            if let Some(without) = secret.redact(redacted.as_deref().unwrap_or(value)) {
                redacted = Some(without);
            }
        }
        redacted
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
