//! The keys of the vault, all made of one: each use has its own.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::zeroize::Zeroizing;
use sha2::Sha256;

use crate::ids::{ConnectionName, SenderId};
use crate::store::{KeyId, NameHash};

type Bytes = Zeroizing<[u8; 32]>;

/// What seals records and hides their names.
pub struct VaultKey {
    pub(super) seal: Bytes,
    names: Bytes,
    people: Bytes,
    id: KeyId,
}

impl fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VaultKey(***)")
    }
}

impl VaultKey {
    /// The keys that come from one that the host keeps to itself.
    pub fn new(key: [u8; 32]) -> Self {
        let key = Zeroizing::new(key);
        let of = |label: &str| Zeroizing::new(hash(&key, &["hodhod vault", label]));
        let mut id = KeyId::default();
        id.copy_from_slice(&of("id")[..8]);
        Self { seal: of("seal"), names: of("names"), people: of("people"), id }
    }

    /// By which rows tell that this key has sealed them.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// What the name of a record is to the store. It is another one on another connection, and for another kind.
    pub(super) fn name(&self, connection: &ConnectionName, kind: &str, name: &str) -> NameHash {
        short(&self.names, &[connection.as_str(), kind, name])
    }

    /// What a person of a connection is to the store.
    pub fn person(&self, connection: &ConnectionName, person: &SenderId) -> NameHash {
        short(&self.people, &[connection.as_str(), person.as_str()])
    }
}

fn short(key: &Bytes, parts: &[&str]) -> NameHash {
    let mut short = NameHash::default();
    short.copy_from_slice(&hash(key, parts)[..16]);
    short
}

fn hash(key: &Bytes, parts: &[&str]) -> [u8; 32] {
    // Shorter than a block, so it is used as it is.
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(&key[..]);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    // With its length before each part, no two lists of parts have the same text.
    for part in parts {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part.as_bytes());
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_another_one_for_another_connection_kind_or_key() {
        let key = VaultKey::new([7; 32]);
        let name = |key: &VaultKey, connection: &str, kind: &str, name: &str| key.name(&connection.into(), kind, name);
        let one = name(&key, "shop", "grant", "u1");
        assert_eq!(one, name(&VaultKey::new([7; 32]), "shop", "grant", "u1"));
        for other in [
            name(&key, "shop", "grant", "u2"),
            name(&key, "shop", "gran", "tu1"),
            name(&key, "shopg", "rant", "u1"),
            name(&key, "other", "grant", "u1"),
            name(&VaultKey::new([8; 32]), "shop", "grant", "u1"),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn what_stands_for_a_person_is_no_name_and_no_other_connections() {
        let key = VaultKey::new([7; 32]);
        let person = key.person(&"shop".into(), &"u1".into());
        assert_ne!(person, key.person(&"other".into(), &"u1".into()));
        assert_ne!(person, key.name(&"shop".into(), "u1", ""));
        assert_ne!(key.id(), VaultKey::new([8; 32]).id());
    }

    #[test]
    fn the_key_is_not_printed() {
        assert_eq!(format!("{:?}", VaultKey::new([7; 32])), "VaultKey(***)");
    }
}
