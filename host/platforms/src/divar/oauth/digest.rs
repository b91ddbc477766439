//! The hash under which a secret is found again, so that the name of a record gives nothing away.

use hodhod_core::text::hex;
use sha2::{Digest, Sha256};

/// The SHA-256 of a text, in hex.
pub(super) fn digest(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}
