//! Keys of arrivals that were seen, hashed.
//!
//! Hashes come in no order, so a key that goes straight into an index dirties a page of its own,
//! which the log then holds in full: 4 KiB for 16 bytes, half of what a turn costs. Keys are
//! therefore written one after the other first, and kept in memory to be found; when there are
//! many, they go into the index together, in its order, and share its pages.

use std::collections::HashSet;

use hodhod_core::time::Millis;
use rusqlite::{Connection, OptionalExtension, Statement};

use super::stored;
use crate::hash::KeyHash;

/// Keys that go into the index together. More of them share pages better and hold others up for
/// longer: these take about 20 ms, once in as many arrivals, and 1 MiB of memory.
const TOGETHER: usize = 1 << 16;

/// Keys looked at in one transaction when old ones are forgotten: about 40 pages, 1 ms.
const STEP: i64 = 5000;

pub(crate) struct Seen<'c> {
    find: Statement<'c>,
    insert: Statement<'c>,
    list_lately: Statement<'c>,
    sort_in: Statement<'c>,
    clear_lately: Statement<'c>,
    border: Statement<'c>,
    forget: Statement<'c>,
    forget_lately: Statement<'c>,
    /// The keys in `seen_lately`.
    lately: HashSet<KeyHash>,
    /// Those that the open transaction brought.
    added: Vec<KeyHash>,
    /// True if the open transaction took some away.
    removed: bool,
    /// How many there may be before they are sorted in.
    room: usize,
}

/// How far forgetting got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Keys after this one are to be looked at.
    To(KeyHash),
    /// All have been looked at.
    End,
}

impl<'c> Seen<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let mut seen = Self {
            find: connection.prepare("SELECT 1 FROM seen WHERE hash = ?1")?,
            insert: connection.prepare("INSERT INTO seen_lately (hash, at) VALUES (?1, ?2)")?,
            list_lately: connection.prepare("SELECT hash FROM seen_lately")?,
            sort_in: connection
                .prepare("INSERT OR IGNORE INTO seen (hash, at) SELECT hash, at FROM seen_lately ORDER BY hash")?,
            clear_lately: connection.prepare("DELETE FROM seen_lately")?,
            border: connection.prepare("SELECT hash FROM seen WHERE hash > ?1 ORDER BY hash LIMIT 1 OFFSET ?2")?,
            forget: connection.prepare("DELETE FROM seen WHERE hash > ?1 AND hash <= ?2 AND at < ?3")?,
            forget_lately: connection.prepare("DELETE FROM seen_lately WHERE at < ?1 RETURNING hash")?,
            lately: HashSet::new(),
            added: Vec::new(),
            removed: true,
            room: TOGETHER,
        };
        seen.load()?;
        Ok(seen)
    }

    /// Makes what is in memory match the tables again, after a rollback.
    pub(super) fn load(&mut self) -> rusqlite::Result<()> {
        if self.removed {
            self.lately = self.list_lately.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        } else {
            for hash in &self.added {
                self.lately.remove(hash);
            }
        }
        self.saved();
        Ok(())
    }

    /// What is in memory matches the tables.
    pub(super) fn saved(&mut self) {
        self.added.clear();
        self.removed = false;
    }

    /// True if the key is new.
    pub(crate) fn insert(&mut self, hash: &KeyHash, at: Millis) -> rusqlite::Result<bool> {
        if self.lately.contains(hash) || self.find.exists([hash])? {
            return Ok(false);
        }
        self.insert.execute((hash, stored(at.0)))?;
        self.lately.insert(*hash);
        self.added.push(*hash);
        Ok(true)
    }

    /// True if it is time for [`sort_in`](Self::sort_in).
    pub(crate) fn is_crowded(&self) -> bool {
        self.lately.len() >= self.room
    }

    /// Puts what came lately into the index.
    pub(crate) fn sort_in(&mut self) -> rusqlite::Result<()> {
        // If this transaction fails, it is not tried again at once.
        self.room = self.lately.len() + TOGETHER;
        self.removed = true;
        self.sort_in.execute([])?;
        self.clear_lately.execute([])?;
        self.lately.clear();
        self.room = TOGETHER;
        Ok(())
    }

    /// Forgets old keys: the next few of the index, and with the last of them those that came lately.
    pub(crate) fn forget(&mut self, before: Millis, after: Option<KeyHash>) -> rusqlite::Result<Step> {
        let after = after.as_ref().map_or(&[][..], |hash| &hash[..]);
        let border: Option<KeyHash> = self.border.query_row((after, STEP - 1), |row| row.get(0)).optional()?;
        self.forget.execute((after, border.unwrap_or([0xff; 16]), stored(before.0)))?;
        if let Some(border) = border {
            return Ok(Step::To(border));
        }
        self.removed = true;
        let mut old = self.forget_lately.query([stored(before.0)])?;
        while let Some(row) = old.next()? {
            self.lately.remove(&row.get::<_, KeyHash>(0)?);
        }
        Ok(Step::End)
    }
}
