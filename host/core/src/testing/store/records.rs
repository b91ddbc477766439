//! The rows of the vault in memory.

use futures::future::BoxFuture;

use super::MemoryStore;
use super::tables::Tables;
use crate::ids::ConnectionName;
use crate::store::{
    DoomedRecords, KeyId, ListedRecord, MOST_RECORDS, NameHash, RecordChange, Records, RecordsOf, SealedRecord,
    StoreError,
};
use crate::time::Millis;

impl Tables {
    fn place_of(&self, of: &RecordsOf, name: NameHash) -> Option<u64> {
        self.records.iter().find(|(_, (its, row))| its == of && row.name == name).map(|(place, _)| *place)
    }

    fn change_record(&mut self, change: RecordChange) {
        let RecordChange { of, name, record } = change;
        if let Some(place) = self.place_of(&of, name) {
            self.records.remove(&place);
        }
        let Some(record) = record else { return };
        let place = self.seq();
        self.records.insert(place, (of, record));
    }

    fn drop_oldest(&mut self, of: &RecordsOf) {
        let alike: Vec<u64> = self
            .records
            .iter()
            .filter(|(_, (its, _))| its.connection == of.connection && its.kind == of.kind)
            .map(|(place, _)| *place)
            .collect();
        let most = usize::try_from(MOST_RECORDS).unwrap_or(usize::MAX);
        for place in alike.iter().take(alike.len().saturating_sub(most)) {
            self.records.remove(place);
        }
    }
}

impl Records for MemoryStore {
    fn record(&self, of: RecordsOf, name: NameHash) -> BoxFuture<'static, Result<Option<SealedRecord>, StoreError>> {
        self.call(None, |tables| {
            let place = tables.place_of(&of, name)?;
            tables.records.get(&place).map(|(_, row)| row.clone())
        })
    }

    fn take_record(
        &self,
        of: RecordsOf,
        name: NameHash,
        now: Millis,
    ) -> BoxFuture<'static, Result<Option<SealedRecord>, StoreError>> {
        self.call(None, |tables| {
            let place = tables.place_of(&of, name)?;
            let is_over = |row: &SealedRecord| row.expires.is_some_and(|expires| expires <= now);
            if tables.records.get(&place).is_none_or(|(_, row)| is_over(row)) {
                return None;
            }
            tables.records.remove(&place).map(|(_, row)| row)
        })
    }

    fn list_records(
        &self,
        of: RecordsOf,
        after: Option<NameHash>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<SealedRecord>, StoreError>> {
        self.call(None, |tables| {
            let rows = tables.records.values().filter(|(its, _)| *its == of).map(|(_, row)| row);
            let mut rows: Vec<_> = rows.filter(|row| after.is_none_or(|after| row.name > after)).cloned().collect();
            rows.sort_by_key(|row| row.name);
            rows.truncate(limit);
            rows
        })
    }

    fn has_records_of_other_keys(
        &self,
        connection: ConnectionName,
        kind: Option<&'static str>,
        key: KeyId,
    ) -> BoxFuture<'static, Result<bool, StoreError>> {
        self.call(None, |tables| {
            let alike = |of: &RecordsOf| of.connection == connection && kind.is_none_or(|kind| of.kind == kind);
            tables.records.values().any(|(of, _)| alike(of) && of.key != key)
        })
    }

    fn change_records(&self, changes: Vec<RecordChange>) -> BoxFuture<'static, Result<(), StoreError>> {
        self.call(None, |tables| {
            let changed: Vec<_> = changes.iter().map(|change| change.of.clone()).collect();
            changes.into_iter().for_each(|change| tables.change_record(change));
            changed.iter().for_each(|of| tables.drop_oldest(of));
        })
    }

    fn drop_records(&self, doomed: DoomedRecords) -> BoxFuture<'static, Result<u64, StoreError>> {
        self.call(None, |tables| {
            let before = tables.records.len();
            tables.records.retain(|_, (of, row)| match &doomed {
                DoomedRecords::Expired(now) => row.expires.is_none_or(|expires| expires > *now),
                DoomedRecords::OfOtherKeys(connection, key) => of.connection != *connection || of.key == *key,
            });
            (before - tables.records.len()) as u64
        })
    }

    fn records_of(
        &self,
        connection: ConnectionName,
        person: NameHash,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<ListedRecord>, StoreError>> {
        self.call(None, |tables| {
            let behind = tables.records.range(after.saturating_add(1)..);
            let theirs = behind.filter(|(_, (of, row))| of.connection == connection && row.person == Some(person));
            let listed = theirs.map(|(place, (of, row))| ListedRecord {
                place: *place,
                kind: of.kind.to_owned(),
                written: row.written,
                expires: row.expires,
            });
            listed.take(limit).collect()
        })
    }
}
