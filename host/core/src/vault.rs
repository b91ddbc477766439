//! What a connection keeps of people, across restarts: tokens that they gave, and what they are for.
//!
//! A record is sealed before it reaches the disk, with a key that is not in the database, so a copy of the
//! database gives nothing away. Each may belong to a person, with whom it goes.

use futures::future::BoxFuture;
use secrecy::SecretString;

use crate::ids::SenderId;
use crate::store::StoreError;
use crate::time::Millis;

/// The records of one connection. What resolves is on disk.
pub trait Vault: Send + Sync + 'static {
    /// One record; `None` if there is none, or its time is over.
    fn get(&self, kind: &'static str, name: &str) -> BoxFuture<'_, Result<Option<Record>, StoreError>>;

    /// One record, which is gone for whoever asks next.
    fn take(&self, kind: &'static str, name: &str) -> BoxFuture<'_, Result<Option<Record>, StoreError>>;

    /// The records of a kind with names after `after`, in the order of the names, at most `limit`.
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
