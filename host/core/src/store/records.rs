//! The rows of the vault, as the store has them: sealed, under names that say nothing.
//!
//! The store knows neither the key nor what a row holds. It finds a row by the hash of its name, and the rows of
//! a person by the hash of the person; see [`vault`](crate::vault).

use futures::future::BoxFuture;

use super::StoreError;
use crate::ids::ConnectionName;
use crate::time::Millis;

/// Most rows of one kind on one connection; with one more the oldest goes. For each of so many people one of them,
/// and a database that they do not fill: about 30 MB.
pub const MOST_RECORDS: u64 = 100_000;

/// What a name or a person is to the store: a hash with a key that the store does not have.
pub type NameHash = [u8; 16];

/// Tells by which key a row was sealed, and nothing of the key.
pub type KeyId = [u8; 8];

/// The rows of one kind on one connection, of those that one key has sealed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordsOf {
    /// The connection.
    pub connection: ConnectionName,
    /// The kind.
    pub kind: &'static str,
    /// The key.
    pub key: KeyId,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRecord {
    /// The hash of its name.
    pub name: NameHash,
    /// The hash of whoever it belongs to, if it belongs to anybody.
    pub person: Option<NameHash>,
    /// When its time is over; `None` for never.
    pub expires: Option<Millis>,
    /// When it was written.
    pub written: Millis,
    /// All that it holds, sealed.
    pub sealed: Vec<u8>,
}

/// A row is written or goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordChange {
    /// Among which rows.
    pub of: RecordsOf,
    /// The hash of its name.
    pub name: NameHash,
    /// What it is from now on; `None` where it goes.
    pub record: Option<SealedRecord>,
}

/// What is known of a row without its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRecord {
    /// Its place in the order in which rows were written. A page goes on after that of the last one of the page before.
    pub place: u64,
    /// The kind.
    pub kind: String,
    /// When it was written.
    pub written: Millis,
    /// When its time is over; `None` for never.
    pub expires: Option<Millis>,
}

/// Rows to drop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DoomedRecords {
    /// Those whose time is over at this moment.
    Expired(Millis),
    /// Those of a connection that another key than this one has sealed.
    OfOtherKeys(ConnectionName, KeyId),
}

/// The part of [`Store`](super::Store) that the vault uses. Its calls keep the same promises.
pub trait Records: Send + Sync + 'static {
    /// One row; `None` if there is none.
    fn record(&self, of: RecordsOf, name: NameHash) -> BoxFuture<'static, Result<Option<SealedRecord>, StoreError>>;

    /// One row, which is gone for whoever asks next, in one transaction. One whose time is over at `now` is none.
    fn take_record(
        &self,
        of: RecordsOf,
        name: NameHash,
        now: Millis,
    ) -> BoxFuture<'static, Result<Option<SealedRecord>, StoreError>>;

    /// The rows with names after `after`, in the order of the hashes, at most `limit`.
    fn list_records(
        &self,
        of: RecordsOf,
        after: Option<NameHash>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<SealedRecord>, StoreError>>;

    /// True if there are rows of a kind, or of any, on a connection which another key than this one has sealed.
    fn has_records_of_other_keys(
        &self,
        connection: ConnectionName,
        kind: Option<&'static str>,
        key: KeyId,
    ) -> BoxFuture<'static, Result<bool, StoreError>>;

    /// Writes and drops rows, in order. A row that is written is the newest, also where there was one of its name. Of a
    /// kind with more than [`MOST_RECORDS`] on a connection then, the oldest go.
    fn change_records(&self, changes: Vec<RecordChange>) -> BoxFuture<'static, Result<(), StoreError>>;

    /// Drops rows and gives their number; done in steps that hold nobody up.
    fn drop_records(&self, doomed: DoomedRecords) -> BoxFuture<'static, Result<u64, StoreError>>;

    /// The rows of a person after a place, in the order in which they were written, at most `limit`.
    fn records_of(
        &self,
        connection: ConnectionName,
        person: NameHash,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<ListedRecord>, StoreError>>;
}
