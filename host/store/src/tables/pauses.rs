//! Connections whose sends wait. There are as many rows as connections that the operator configured, at most.

use hodhod_core::ids::ConnectionName;
use hodhod_core::time::Millis;
use rusqlite::{Connection, OptionalExtension, Statement};

use super::{number, stored};

pub(crate) struct Pauses<'c> {
    set: Statement<'c>,
    clear: Statement<'c>,
}

impl<'c> Pauses<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            set: connection.prepare("INSERT OR REPLACE INTO send_pause (connection, since) VALUES (?1, ?2)")?,
            clear: connection.prepare("DELETE FROM send_pause WHERE connection = ?1")?,
        })
    }

    pub(crate) fn set(&mut self, connection: &ConnectionName, since: Option<Millis>) -> rusqlite::Result<()> {
        match since {
            Some(since) => self.set.execute((connection.as_str(), stored(since.0))),
            None => self.clear.execute([connection.as_str()]),
        }
        .map(drop)
    }
}

pub(crate) fn since(connection: &Connection, of: &ConnectionName) -> rusqlite::Result<Option<Millis>> {
    connection
        .prepare_cached("SELECT since FROM send_pause WHERE connection = ?1")?
        .query_row([of.as_str()], |row| number(row, 0).map(Millis))
        .optional()
}
