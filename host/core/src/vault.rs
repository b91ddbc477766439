//! What a connection keeps of people, across restarts: tokens that they gave, and what they are for.
//!
//! A record is sealed before it reaches the disk, with a key that is not in the database, so a copy of the
//! database gives nothing away. Each may belong to a person, with whom it goes.
//!
//! What is sealed is the name, whose it is and the value. What the store needs to find a row stands beside that:
//! connection and kind as they are, name and person as hashes with a key, times as numbers. All of it is
//! authenticated. Whoever can write the database can take a row away, or put back one that was there before under
//! the same name; nothing else.

mod keys;
mod seal;
mod sealed;

use std::time::Duration;

use futures::future::BoxFuture;
use secrecy::SecretString;

use crate::ids::SenderId;
use crate::store::StoreError;
use crate::time::Millis;

pub use self::keys::VaultKey;
pub use self::sealed::{SealedVault, Vaults};

/// How long a permission that a person is asked for may stay unanswered: long enough to read what it is about.
pub const QUESTION_LIFE: Duration = Duration::from_secs(15 * 60);

/// How long it is known which person a conversation is with, since it was last seen: a season, as people come back to
/// what they were selling.
pub const LINK_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);

/// How long it is known, by a hash, that somebody took back what they had allowed: whoever says it again, or brings late
/// what that allowed, does so within minutes.
pub const REVOCATION_LIFE: Duration = Duration::from_secs(60 * 60);

/// What records of a kind are for, in words for the person whose they are.
pub fn purpose(kind: &str) -> &'static str {
    match kind {
        "grant" => "what the person allowed the app to do on the platform, with the tokens for it",
        "state" => "a permission that the person was asked for and has not answered yet",
        "link" => "which conversation is with the person",
        "named" => "which conversation the person allowed the app to write in",
        "told" | "revoked" => "what bots are still to be told of that",
        _ => "kept by the connection, for its own use",
    }
}

/// The records of one connection. What resolves is on disk.
pub trait Vault: Send + Sync + 'static {
    /// One record; `None` if there is none, or its time is over.
    ///
    /// One that does not open is [`StoreError::Unreadable`].
    fn get(&self, kind: &'static str, name: &str) -> BoxFuture<'_, Result<Option<Record>, StoreError>>;

    /// One record, which is gone for whoever asks next, also where it does not open.
    fn take(&self, kind: &'static str, name: &str) -> BoxFuture<'_, Result<Option<Record>, StoreError>>;

    /// The records of a kind, at most `limit`, in an order that does not change: those behind the one called `after`,
    /// which may be gone. Those that do not open are left out.
    fn list(
        &self,
        kind: &'static str,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(String, Record)>, StoreError>>;

    /// Changes records, all of them or none.
    fn change(&self, changes: Vec<Change>) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// What is kept under a name.
#[derive(Clone, Debug)]
pub struct Record {
    /// Whose it is: it goes when the person is erased.
    pub person: Option<SenderId>,
    /// When it goes by itself; `None` for never.
    pub expires: Option<Millis>,
    /// What is kept. It cannot be printed.
    pub value: SecretString,
}

/// One record is written or goes.
#[derive(Clone, Debug)]
pub struct Change {
    /// The kind of record, as a word.
    pub kind: &'static str,
    /// Its name, one of a kind.
    pub name: String,
    /// What it is from now on; `None` where it goes.
    pub record: Option<Record>,
}
