//! What bots keep.

use hodhod_core::ids::BotName;
use hodhod_core::values::{Bucket, ValueKey};
use rusqlite::{Connection, OptionalExtension, Statement};

use super::{limit, text};

/// A bucket as columns: its kind, and the two names that say which one.
pub(super) fn columns(bucket: &Bucket) -> (&'static str, &str, &str) {
    let (connection, id) = match bucket {
        Bucket::Bot => ("", ""),
        Bucket::Chat(chat) => (chat.connection.as_str(), chat.id.as_str()),
        Bucket::User(connection, person) => (connection.as_str(), person.as_str()),
    };
    (bucket.kind(), connection, id)
}

pub(crate) struct Values<'c> {
    length: Statement<'c>,
    put: Statement<'c>,
    delete: Statement<'c>,
}

impl<'c> Values<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            length: connection.prepare(
                "SELECT length(value) FROM value
                 WHERE bot = ?1 AND bucket = ?2 AND connection = ?3 AND id = ?4 AND key = ?5",
            )?,
            put: connection.prepare(
                "INSERT INTO value (bot, bucket, connection, id, key, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT DO UPDATE SET value = excluded.value",
            )?,
            delete: connection.prepare(
                "DELETE FROM value WHERE bot = ?1 AND bucket = ?2 AND connection = ?3 AND id = ?4 AND key = ?5",
            )?,
        })
    }

    /// Stores a value; `None` deletes it. Gives how many more keys, and bytes of keys and values, there
    /// are then.
    pub(crate) fn set(&mut self, key: &ValueKey, value: Option<&[u8]>) -> rusqlite::Result<(i64, i64)> {
        let (bucket, connection, id) = columns(&key.bucket);
        let bot = key.bot.as_str();
        let name = (bot, bucket, connection, id, &*key.key);
        let before: Option<i64> = self.length.query_row(name, |row| row.get(0)).optional()?;
        match value {
            Some(value) => self.put.execute((bot, bucket, connection, id, &*key.key, value))?,
            None => self.delete.execute(name)?,
        };
        let signed = |size: usize| i64::try_from(size).unwrap_or(i64::MAX);
        let own = signed(key.key.len());
        let after = value.map_or(0, |value| own + signed(value.len()));
        let keys = i64::from(value.is_some()) - i64::from(before.is_some());
        Ok((keys, after - before.map_or(0, |before| own + before)))
    }
}

pub(crate) fn value(connection: &Connection, key: &ValueKey) -> rusqlite::Result<Option<Vec<u8>>> {
    let (bucket, scope, id) = columns(&key.bucket);
    connection
        .prepare_cached(
            "SELECT value FROM value WHERE bot = ?1 AND bucket = ?2 AND connection = ?3 AND id = ?4 AND key = ?5",
        )?
        .query_row((key.bot.as_str(), bucket, scope, id, &*key.key), |row| row.get(0))
        .optional()
}

pub(crate) fn keys(
    connection: &Connection,
    bot: &BotName,
    bucket: &Bucket,
    after: Option<&str>,
    most: usize,
) -> rusqlite::Result<Vec<String>> {
    let (bucket, scope, id) = columns(bucket);
    // Without `after` the empty key is listed too.
    let mut statement = connection.prepare_cached(match after {
        Some(_) => {
            "SELECT key FROM value WHERE bot = ?1 AND bucket = ?2 AND connection = ?3 AND id = ?4 AND key > ?5
             ORDER BY key LIMIT ?6"
        }
        None => {
            "SELECT key FROM value WHERE bot = ?1 AND bucket = ?2 AND connection = ?3 AND id = ?4 AND key >= ?5
             ORDER BY key LIMIT ?6"
        }
    })?;
    statement
        .query_map((bot.as_str(), bucket, scope, id, after.unwrap_or(""), limit(most)), |row| {
            text(row, 0).map(String::from)
        })?
        .collect()
}
