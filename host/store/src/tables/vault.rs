//! Rows of the vault: at most so many of a kind on a connection, the oldest go first.

use std::collections::{BTreeSet, HashMap};

use hodhod_core::ids::ConnectionName;
use hodhod_core::store::{DoomedRecords, KeyId, ListedRecord, NameHash, RecordsOf, SealedRecord};
use hodhod_core::time::Millis;
use rusqlite::{Connection, OptionalExtension, Row, Statement};

use super::{limit, number, stored, text};

/// A connection and a kind.
type Shelf = (ConnectionName, String);

pub(crate) struct Vault<'c> {
    insert: Statement<'c>,
    delete: Statement<'c>,
    take: Statement<'c>,
    delete_at: Statement<'c>,
    drop_oldest: Statement<'c>,
    drop_expired: Statement<'c>,
    drop_of_other_keys: Statement<'c>,
    count: Statement<'c>,
    most: u64,
    /// Rows of each kind on each connection. The names are the operator's and the program's, so it stays small.
    counts: HashMap<Shelf, u64>,
    /// Where rows came or went in this transaction.
    changed: BTreeSet<Shelf>,
    /// Where it was told that the oldest go.
    told: BTreeSet<Shelf>,
}

impl<'c> Vault<'c> {
    pub(super) fn new(connection: &'c Connection, most: u64) -> rusqlite::Result<Self> {
        let mut count = connection.prepare("SELECT connection, kind, count(*) FROM vault GROUP BY connection, kind")?;
        Ok(Self {
            insert: connection.prepare(
                "INSERT INTO vault (connection, kind, sealed_by, name, person, expires, written, sealed)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?,
            delete: connection
                .prepare("DELETE FROM vault WHERE connection = ?1 AND kind = ?2 AND sealed_by = ?3 AND name = ?4")?,
            take: connection.prepare(
                "DELETE FROM vault WHERE connection = ?1 AND kind = ?2 AND sealed_by = ?3 AND name = ?4
                 AND (expires IS NULL OR expires > ?5) RETURNING name, person, expires, written, sealed",
            )?,
            delete_at: connection.prepare("DELETE FROM vault WHERE id = ?1 RETURNING connection, kind")?,
            drop_oldest: connection.prepare(
                "DELETE FROM vault WHERE id IN
                     (SELECT id FROM vault WHERE connection = ?1 AND kind = ?2 ORDER BY id LIMIT ?3)",
            )?,
            drop_expired: connection.prepare(
                "DELETE FROM vault WHERE id IN (SELECT id FROM vault WHERE expires <= ?1 LIMIT ?2)
                 RETURNING connection, kind",
            )?,
            drop_of_other_keys: connection.prepare(
                "DELETE FROM vault WHERE id IN
                     (SELECT id FROM vault WHERE connection = ?1 AND sealed_by != ?2 LIMIT ?3)
                 RETURNING connection, kind",
            )?,
            most,
            counts: counts(&mut count)?,
            count,
            changed: BTreeSet::new(),
            told: BTreeSet::new(),
        })
    }

    pub(super) fn load(&mut self) -> rusqlite::Result<()> {
        if !self.changed.is_empty() {
            self.counts = counts(&mut self.count)?;
            self.changed.clear();
        }
        Ok(())
    }

    pub(super) fn saved(&mut self) {
        self.changed.clear();
    }

    /// Writes a row as the newest, in the place of one of its name.
    pub(crate) fn put(&mut self, of: &RecordsOf, row: &SealedRecord) -> rusqlite::Result<()> {
        self.delete(of, &row.name)?;
        self.insert.execute((
            of.connection.as_str(),
            of.kind,
            of.key,
            row.name,
            row.person,
            row.expires.map(|at| stored(at.0)),
            stored(row.written.0),
            row.sealed.as_slice(),
        ))?;
        let shelf = (of.connection.clone(), of.kind.to_owned());
        *self.counts.entry(shelf.clone()).or_default() += 1;
        self.changed.insert(shelf);
        Ok(())
    }

    /// False if there was none.
    pub(crate) fn delete(&mut self, of: &RecordsOf, name: &NameHash) -> rusqlite::Result<bool> {
        let deleted = self.delete.execute((of.connection.as_str(), of.kind, of.key, name))? == 1;
        if deleted {
            self.shrink((of.connection.clone(), of.kind.to_owned()));
        }
        Ok(deleted)
    }

    /// Takes a row whose time is not over. `None` if there is none.
    pub(crate) fn take(
        &mut self,
        of: &RecordsOf,
        name: &NameHash,
        now: Millis,
    ) -> rusqlite::Result<Option<SealedRecord>> {
        let place = (of.connection.as_str(), of.kind, of.key, name, stored(now.0));
        let taken = self.take.query_row(place, record).optional()?;
        if taken.is_some() {
            self.shrink((of.connection.clone(), of.kind.to_owned()));
        }
        Ok(taken)
    }

    /// False if there was none.
    pub(crate) fn delete_at(&mut self, place: u64) -> rusqlite::Result<bool> {
        let shelf = self.delete_at.query_row([stored(place)], shelf).optional()?;
        let deleted = shelf.is_some();
        shelf.into_iter().for_each(|shelf| self.shrink(shelf));
        Ok(deleted)
    }

    /// Drops at most `most` rows and gives their number.
    pub(crate) fn drop_some(&mut self, doomed: &DoomedRecords, most: usize) -> rusqlite::Result<u64> {
        let most = limit(most);
        let dropped: rusqlite::Result<Vec<Shelf>> = match doomed {
            DoomedRecords::Expired(now) => self.drop_expired.query_map((stored(now.0), most), shelf)?.collect(),
            DoomedRecords::OfOtherKeys(connection, key) => {
                self.drop_of_other_keys.query_map((connection.as_str(), key, most), shelf)?.collect()
            }
        };
        let dropped = dropped?;
        let number = dropped.len() as u64;
        dropped.into_iter().for_each(|shelf| self.shrink(shelf));
        Ok(number)
    }

    fn shrink(&mut self, shelf: Shelf) {
        if let Some(count) = self.counts.get_mut(&shelf) {
            *count = count.saturating_sub(1);
        }
        self.changed.insert(shelf);
    }

    /// Drops what is too much where rows came.
    pub(super) fn trim(&mut self) -> rusqlite::Result<()> {
        for shelf in &self.changed {
            let Some(count) = self.counts.get_mut(shelf) else { continue };
            let excess = count.saturating_sub(self.most);
            if excess == 0 {
                continue;
            }
            let (connection, kind) = shelf;
            let dropped = self.drop_oldest.execute((connection.as_str(), kind, stored(excess)))?;
            *count = count.saturating_sub(u64::try_from(dropped).unwrap_or(u64::MAX));
            if self.told.insert(shelf.clone()) {
                tracing::warn!(%connection, kind, most = self.most,
                    "the vault is full for this kind of record; from now on the oldest go where new ones come");
            }
        }
        Ok(())
    }
}

fn counts(statement: &mut Statement<'_>) -> rusqlite::Result<HashMap<Shelf, u64>> {
    statement.query_map([], |row| Ok((shelf(row)?, number(row, 2)?)))?.collect()
}

fn shelf(row: &Row<'_>) -> rusqlite::Result<Shelf> {
    Ok((text(row, 0)?.into(), row.get(1)?))
}

fn moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Millis>> {
    let at: Option<i64> = row.get(column)?;
    Ok(at.map(|at| Millis(u64::try_from(at).unwrap_or(0))))
}

const COLUMNS: &str = "SELECT name, person, expires, written, sealed FROM vault";

fn record(row: &Row<'_>) -> rusqlite::Result<SealedRecord> {
    Ok(SealedRecord {
        name: row.get(0)?,
        person: row.get(1)?,
        expires: moment(row, 2)?,
        written: Millis(number(row, 3)?),
        sealed: row.get(4)?,
    })
}

pub(crate) fn one(connection: &Connection, of: &RecordsOf, name: &NameHash) -> rusqlite::Result<Option<SealedRecord>> {
    connection
        .prepare_cached(&format!("{COLUMNS} WHERE connection = ?1 AND kind = ?2 AND sealed_by = ?3 AND name = ?4"))?
        .query_row((of.connection.as_str(), of.kind, of.key, name), record)
        .optional()
}

/// In the order of their names, after one.
pub(crate) fn list(
    connection: &Connection,
    of: &RecordsOf,
    after: Option<&NameHash>,
    most: usize,
) -> rusqlite::Result<Vec<SealedRecord>> {
    // No name is shorter, so all are after the empty one.
    let after = after.map_or(&[][..], |after| &after[..]);
    connection
        .prepare_cached(&format!(
            "{COLUMNS} WHERE connection = ?1 AND kind = ?2 AND sealed_by = ?3 AND name > ?4 ORDER BY name LIMIT ?5"
        ))?
        .query_map((of.connection.as_str(), of.kind, of.key, after, limit(most)), record)?
        .collect()
}

/// True if there are rows of a kind, or of any, that another key has sealed.
pub(crate) fn has_of_other_keys(
    connection: &Connection,
    scope: &ConnectionName,
    kind: Option<&str>,
    key: &KeyId,
) -> rusqlite::Result<bool> {
    match kind {
        // Two searches in the index, and not one through all the rows.
        Some(kind) => connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM vault WHERE connection = ?1 AND kind = ?2 AND sealed_by < ?3)
                     OR EXISTS (SELECT 1 FROM vault WHERE connection = ?1 AND kind = ?2 AND sealed_by > ?3)",
            )?
            .query_row((scope.as_str(), kind, key), |row| row.get(0)),
        None => connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM vault WHERE connection = ?1 AND sealed_by != ?2)")?
            .query_row((scope.as_str(), key), |row| row.get(0)),
    }
}

/// Those of a person, in the order in which they were written, after a place.
pub(crate) fn of_person(
    connection: &Connection,
    scope: &ConnectionName,
    person: &NameHash,
    after: u64,
    most: usize,
) -> rusqlite::Result<Vec<ListedRecord>> {
    connection
        .prepare_cached(
            "SELECT id, kind, written, expires FROM vault
             WHERE connection = ?1 AND person = ?2 AND id > ?3 ORDER BY id LIMIT ?4",
        )?
        .query_map((scope.as_str(), person, stored(after), limit(most)), |row| {
            Ok(ListedRecord {
                place: number(row, 0)?,
                kind: row.get(1)?,
                written: Millis(number(row, 2)?),
                expires: moment(row, 3)?,
            })
        })?
        .collect()
}
