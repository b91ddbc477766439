//! The rows of the vault.

use hodhod_core::ids::ConnectionName;
use hodhod_core::store::{
    DoomedRecords, KeyId, ListedRecord, NameHash, RecordChange, Records, RecordsOf, SealedRecord,
};
use hodhod_core::time::Millis;

use super::{Answer, SqliteStore};
use crate::tables;
use crate::vault::{Change, Discard, Take};

impl Records for SqliteStore {
    fn record(&self, of: RecordsOf, name: NameHash) -> Answer<Option<SealedRecord>> {
        self.query("read a record of the vault", move |connection| tables::record(connection, &of, &name))
    }

    fn take_record(&self, of: RecordsOf, name: NameHash, now: Millis) -> Answer<Option<SealedRecord>> {
        self.submit(Ok(Take { of, name, now }))
    }

    fn list_records(&self, of: RecordsOf, after: Option<NameHash>, limit: usize) -> Answer<Vec<SealedRecord>> {
        self.query("list records of the vault", move |connection| {
            tables::list_records(connection, &of, after.as_ref(), limit)
        })
    }

    fn has_records_of_other_keys(
        &self,
        connection: ConnectionName,
        kind: Option<&'static str>,
        key: KeyId,
    ) -> Answer<bool> {
        self.query("look for records of other keys", move |reader| {
            tables::has_records_of_other_keys(reader, &connection, kind, &key)
        })
    }

    fn change_records(&self, changes: Vec<RecordChange>) -> Answer<()> {
        self.submit(Ok(Change(changes)))
    }

    fn drop_records(&self, doomed: DoomedRecords) -> Answer<u64> {
        self.submit(Ok(Discard::new(doomed)))
    }

    fn records_of(
        &self,
        connection: ConnectionName,
        person: NameHash,
        after: u64,
        limit: usize,
    ) -> Answer<Vec<ListedRecord>> {
        self.query("list the records of a person", move |reader| {
            tables::records_of_person(reader, &connection, &person, after, limit)
        })
    }
}
