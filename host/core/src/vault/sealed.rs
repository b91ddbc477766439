//! The vault over the store: what is handed to the store is sealed, and what comes back is opened.
//!
//! A record that does not open is an error where it is asked for by its name, with what to do about it. In a list
//! it is left out and told in the log, so that one bad row does not keep the others from anybody.

use std::fmt;
use std::sync::{Arc, OnceLock};

use futures::future::BoxFuture;
use secrecy::ExposeSecret;

use super::seal::{open, seal};
use super::{Change, Record, Vault, VaultKey};
use crate::ids::{ConnectionName, SenderId};
use crate::refusals::Refusals;
use crate::store::{DoomedRecords, NameHash, RecordChange, RecordsOf, SealedRecord, Store, StoreError};
use crate::time::Clock;

/// Longest value of a record, in bytes: a token has a few thousand.
const LONGEST: usize = 64 << 10;

/// Rows read at once for a list.
const PAGE: usize = 256;

/// The vaults of all connections of a host. One may be handed out before the store is open; until then it is
/// closed. Clones are the same.
#[derive(Clone, Default)]
pub struct Vaults(Arc<OnceLock<Opened>>);

struct Opened {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    key: VaultKey,
}

impl fmt::Debug for Vaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.get().is_some() { "Vaults(open)" } else { "Vaults(closed)" })
    }
}

impl Vaults {
    /// Opens all that were and will be handed out, with a key that is not in the store. The first time counts.
    pub fn open(&self, store: Arc<dyn Store>, clock: Arc<dyn Clock>, key: VaultKey) {
        // Another store under records that are in use would be worse than none.
        let _opened_before = self.0.set(Opened { store, clock, key });
    }

    /// The one of a connection.
    pub fn of(&self, connection: ConnectionName) -> SealedVault {
        SealedVault { vaults: self.clone(), connection, troubles: Refusals::default() }
    }

    /// By what the store finds the records of a person.
    pub(crate) fn person(&self, connection: &ConnectionName, person: &SenderId) -> Option<NameHash> {
        self.0.get().map(|opened| opened.key.person(connection, person))
    }

    /// True if a connection has records that another key has sealed: nobody can tell whose they are.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn has_lost(&self, connection: ConnectionName) -> Result<bool, StoreError> {
        let Some(opened) = self.0.get() else { return Ok(false) };
        opened.store.has_records_of_other_keys(connection, None, opened.key.id()).await
    }

    /// Drops them, and gives their number.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn drop_lost(&self, connection: ConnectionName) -> Result<u64, StoreError> {
        let opened = self.opened()?;
        opened.store.drop_records(DoomedRecords::OfOtherKeys(connection, opened.key.id())).await
    }

    fn opened(&self) -> Result<&Opened, StoreError> {
        self.0.get().ok_or(StoreError::Closed)
    }
}

/// The records of one connection, sealed.
pub struct SealedVault {
    vaults: Vaults,
    connection: ConnectionName,
    troubles: Refusals,
}

impl fmt::Debug for SealedVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedVault({:?})", self.connection)
    }
}

impl SealedVault {
    fn of(&self, kind: &'static str) -> Result<(&Opened, RecordsOf), StoreError> {
        let opened = self.vaults.opened()?;
        Ok((opened, RecordsOf { connection: self.connection.clone(), kind, key: opened.key.id() }))
    }

    async fn get(&self, kind: &'static str, name: &str) -> Result<Option<Record>, StoreError> {
        let (opened, of) = self.of(kind)?;
        let row = opened.store.record(of.clone(), opened.key.name(&self.connection, kind, name)).await?;
        self.found(opened, of, row).await
    }

    async fn take(&self, kind: &'static str, name: &str) -> Result<Option<Record>, StoreError> {
        let (opened, of) = self.of(kind)?;
        let (name, now) = (opened.key.name(&self.connection, kind, name), opened.clock.now());
        let row = opened.store.take_record(of.clone(), name, now).await?;
        self.found(opened, of, row).await
    }

    async fn found(
        &self,
        opened: &Opened,
        of: RecordsOf,
        row: Option<SealedRecord>,
    ) -> Result<Option<Record>, StoreError> {
        match row {
            Some(row) if is_over(&row, opened) => Ok(None),
            Some(row) => match open(&opened.key, &of, &row) {
                Ok((_, record)) => Ok(Some(record)),
                Err(_altered) => Err(self.altered(of.kind)),
            },
            // Names look otherwise with another key, so nobody knows whether it is among those.
            None if self.has_lost(opened, &of).await? => Err(self.of_another_key(of.kind)),
            None => Ok(None),
        }
    }

    /// True if there are records that another key has sealed.
    async fn has_lost(&self, opened: &Opened, of: &RecordsOf) -> Result<bool, StoreError> {
        opened.store.has_records_of_other_keys(of.connection.clone(), Some(of.kind), of.key).await
    }

    async fn list(
        &self,
        kind: &'static str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Record)>, StoreError> {
        let (opened, of) = self.of(kind)?;
        let mut after = after.map(|name| opened.key.name(&self.connection, kind, name));
        let mut records = Vec::new();
        let mut altered = 0_u64;
        while records.len() < limit {
            let rows = opened.store.list_records(of.clone(), after, PAGE.min(limit)).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.name);
            for row in rows.iter().filter(|row| !is_over(row, opened)).take(limit - records.len()) {
                match open(&opened.key, &of, row) {
                    Ok(record) => records.push(record),
                    Err(_altered) => altered += 1,
                }
            }
        }
        self.tell(opened, &of, altered).await?;
        Ok(records)
    }

    /// Tells of what is not in a list, once in a while.
    async fn tell(&self, opened: &Opened, of: &RecordsOf, altered: u64) -> Result<(), StoreError> {
        let now = opened.clock.now();
        let error = if altered > 0 {
            self.altered(of.kind)
        } else if self.has_lost(opened, of).await? {
            self.of_another_key(of.kind)
        } else {
            self.troubles.over(now);
            return Ok(());
        };
        if self.troubles.refused(now) {
            tracing::error!(connection = %self.connection, kind = of.kind, "{error}");
        }
        Ok(())
    }

    async fn change(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        let opened = self.vaults.opened()?;
        let changes = changes.into_iter().map(|change| self.sealed(opened, change)).collect::<Result<_, _>>()?;
        opened.store.change_records(changes).await
    }

    fn sealed(&self, opened: &Opened, change: Change) -> Result<RecordChange, StoreError> {
        let Change { kind, name, record } = change;
        let of = RecordsOf { connection: self.connection.clone(), kind, key: opened.key.id() };
        let Some(record) = record else {
            let name = opened.key.name(&self.connection, kind, &name);
            return Ok(RecordChange { of, name, record: None });
        };
        let bytes = record.value.expose_secret().len();
        let row = seal(&opened.key, &of, &name, &record, opened.clock.now()).filter(|_| bytes <= LONGEST);
        let row = row.ok_or_else(|| {
            let connection = &self.connection;
            StoreError::Failed(format!(
                "a record of the kind {kind:?} of the connection {connection:?} has {bytes} bytes, and may have {LONGEST}"
            ))
        })?;
        Ok(RecordChange { name: row.name, of, record: Some(row) })
    }

    fn altered(&self, kind: &str) -> StoreError {
        let connection = &self.connection;
        StoreError::Unreadable(format!(
            "a record of the kind {kind:?} in the vault of the connection {connection:?} does not open: it was altered, \
             or belongs elsewhere; put a backup of the database back, or erase whoever it belongs to \
             (`hodhod user erase {connection} --user ID`) and let them grant it again"
        ))
    }

    fn of_another_key(&self, kind: &str) -> StoreError {
        let connection = &self.connection;
        StoreError::Unreadable(format!(
            "records of the kind {kind:?} in the vault of the connection {connection:?} were sealed with the key of another \
             state folder: put the file `key` that belongs to this database back, or drop them \
             (`hodhod user erase {connection} --lost`) and let people grant again"
        ))
    }
}

fn is_over(row: &SealedRecord, opened: &Opened) -> bool {
    row.expires.is_some_and(|expires| expires <= opened.clock.now())
}

impl Vault for SealedVault {
    fn get(&self, kind: &'static str, name: &str) -> BoxFuture<'_, Result<Option<Record>, StoreError>> {
        let name = name.to_owned();
        Box::pin(async move { self.get(kind, &name).await })
    }

    fn take(&self, kind: &'static str, name: &str) -> BoxFuture<'_, Result<Option<Record>, StoreError>> {
        let name = name.to_owned();
        Box::pin(async move { self.take(kind, &name).await })
    }

    fn list(
        &self,
        kind: &'static str,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(String, Record)>, StoreError>> {
        let after = after.map(str::to_owned);
        Box::pin(async move { self.list(kind, after.as_deref(), limit).await })
    }

    fn change(&self, changes: Vec<Change>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.change(changes))
    }
}
