//! Code that this host made itself: the only code that is loaded.
//!
//! Compiled code is machine code; whoever chooses it owns the host. So there is a type for it with two
//! ways to come by it. It was just compiled, by this process or by a child that is this very program.
//! Or it was read from a file and carries a code of authenticity (HMAC-SHA256) that only somebody with
//! the host's key can make, over this format, this engine, this component and every byte.
//!
//! A child has compiled what a stranger wrote, and its output is trusted all the same: a component that
//! took over the compiler would own the host if the host compiled by itself, and here too.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wasmtime::component::Component;

use super::Digest;

/// How a file of sealed code begins. Another number stands for another format.
const FORMAT: &[u8; 16] = b"hodhod code 1\r\n\0";
const MAC: usize = 32;

/// What comes before the code in a file.
pub(super) const HEADER: usize = FORMAT.len() + MAC;

/// Code that this host made.
pub(super) struct Trusted(Vec<u8>);

impl Trusted {
    /// What the compiler has just made.
    pub(super) fn compiled(code: Vec<u8>) -> Self {
        Self(code)
    }

    /// What is in a file, if it is what [`Trusted::header`] made for this engine and this component.
    pub(super) fn open(key: &[u8; 32], engine: &str, component: &Digest, mut file: Vec<u8>) -> Option<Self> {
        let (header, code) = file.split_at_checked(HEADER)?;
        let (format, given) = header.split_at_checked(FORMAT.len())?;
        if format != FORMAT {
            return None;
        }
        mac(key, engine, component, code).verify_slice(given).ok()?;
        file.drain(..HEADER);
        Some(Self(file))
    }

    /// What comes before the code in a file.
    pub(super) fn header(&self, key: &[u8; 32], engine: &str, component: &Digest) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        let (format, code) = header.split_at_mut(FORMAT.len());
        format.copy_from_slice(FORMAT);
        code.copy_from_slice(&mac(key, engine, component, &self.0).finalize().into_bytes());
        header
    }

    pub(super) fn code(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The component that can run.
    #[expect(unsafe_code, reason = "compiled code can be loaded in no other way")]
    pub(super) fn load(&self, engine: &wasmtime::Engine) -> wasmtime::Result<Component> {
        // SAFETY: the bytes must be what wasmtime made when it compiled. A `Trusted` is made from the
        // compiler's own output or from a file whose MAC was just found right (`open`), over the bytes
        // that are loaded here and nobody else can change; wasmtime itself looks whether version and
        // settings fit this engine.
        unsafe { Component::deserialize(engine, &self.0) }
    }
}

fn mac(key: &[u8; 32], engine: &str, component: &Digest, code: &[u8]) -> Hmac<Sha256> {
    // Shorter than a block, so it is used as it is.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    // With its length before each part, no two lists of parts have the same text.
    for part in [FORMAT.as_slice(), engine.as_bytes(), component, code] {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part);
    }
    mac
}
