//! Keys of arrivals are kept as hashes: they identify people, and are only ever compared.

use hodhod_core::ids::ConnectionName;
use sha2::{Digest, Sha256};

/// 128 bits: among 2^40 keys a chance collision has odds of one in 2^49, and nobody can make one
/// on purpose without 2^64 tries.
pub(crate) type KeyHash = [u8; 16];

/// The hash of a key. The connection's length goes in first, so that no text in the name can move
/// the border between name and key.
pub(crate) fn key_hash(connection: &ConnectionName, key: &str) -> KeyHash {
    let connection = connection.as_str().as_bytes();
    let digest = Sha256::new()
        .chain_update(u64::try_from(connection.len()).unwrap_or(u64::MAX).to_le_bytes())
        .chain_update(connection)
        .chain_update(key.as_bytes())
        .finalize();
    let mut hash = KeyHash::default();
    hash.copy_from_slice(&digest[..16]);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(connection: &str, key: &str) -> KeyHash {
        key_hash(&connection.into(), key)
    }

    #[test]
    fn the_same_key_has_the_same_hash() {
        assert_eq!(hash("c", "k"), hash("c", "k"));
    }

    #[test]
    fn the_border_between_connection_and_key_cannot_be_moved() {
        for (a, b) in [(("ab", "c"), ("a", "bc")), (("a\0", "b"), ("a", "\0b")), (("", "a"), ("a", ""))] {
            assert_ne!(hash(a.0, a.1), hash(b.0, b.1), "{a:?} {b:?}");
        }
    }
}
