//! Keys of arrivals that were seen, hashed.
//!
//! Hashes come in no order, so a key that goes straight into an index dirties a page of its own,
//! which the log then holds in full: 4 KiB for 16 bytes, half of what a turn costs. Keys are
//! therefore written one after the other first, in `seen_lately`, and kept in memory to be found.
//! When there are many, those that are neighbours in the index `seen` go into it together and
//! share its pages; a sweep through all of them takes one such share after the other.
//!
//! A sweep ends by deleting the rows of `seen_lately` that were there when it began. A crash
//! before that leaves keys in both tables, which harms nobody: the newest row tells.
//!
//! A key that stands for one event for a while only has the time of the one that it stands for. When
//! it comes for another, a row with the new time is written like that of any key. So the same few keys may
//! make many rows, and a sweep begins for their sake too.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use hodhod_core::store::is_again;
use hodhod_core::time::Millis;
use rusqlite::{Connection, OptionalExtension, Statement};

use super::stored;
use crate::hash::KeyHash;

/// How much is done at once.
#[derive(Clone, Copy)]
struct Sizes {
    /// Keys in memory beyond which some are sorted into the index.
    lately: usize,
    /// Keys sorted in at once.
    share: usize,
    /// Keys of the index looked at in one transaction when old ones are forgotten.
    step: i64,
}

const SIZES: Sizes = Sizes {
    // About 3 MiB. A sweep meets as many keys again while it is under way, so up to four times as
    // many are read back when the store is opened, in a tenth of a second.
    lately: 1 << 16,
    // With a million keys in the index they share some fifty pages.
    share: 512,
    // About 40 pages, 1 ms.
    step: 5000,
};

/// So many rows of `seen_lately` there are at most for each key in memory, where none comes twice.
const ROWS: usize = 4;

pub(crate) struct Seen<'c> {
    find: Statement<'c>,
    insert: Statement<'c>,
    list_lately: Statement<'c>,
    first: Statement<'c>,
    sort_in: Statement<'c>,
    drop_lately: Statement<'c>,
    border: Statement<'c>,
    forget: Statement<'c>,
    forget_lately: Statement<'c>,
    /// The keys in `seen_lately` that this sweep has not sorted in, with their times.
    lately: BTreeMap<KeyHash, i64>,
    /// The next row of `seen_lately`. SQLite would use the number of a forgotten last row again,
    /// and the end of a sweep would then delete what came after its beginning.
    next: i64,
    /// The last row of `seen_lately` when the last sweep ended began: those up to it are gone.
    dropped: i64,
    /// Those that the open transaction brought, with the times that they had in `lately` before.
    added: Vec<(KeyHash, Option<i64>)>,
    /// True if the open transaction took some away.
    removed: bool,
    sizes: Sizes,
    /// How many there may be before some are sorted in.
    room: usize,
    /// Where the sweep is; `None` before its first share.
    sweep: Option<Sweep>,
}

#[derive(Clone, Copy)]
struct Sweep {
    /// The last key sorted in.
    after: KeyHash,
    /// The last row of `seen_lately` when the sweep began.
    rows: i64,
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
        Self::with(connection, SIZES)
    }

    fn with(connection: &'c Connection, sizes: Sizes) -> rusqlite::Result<Self> {
        let mut seen = Self {
            find: connection.prepare("SELECT at FROM seen WHERE hash = ?1")?,
            insert: connection.prepare("INSERT INTO seen_lately (id, hash, at) VALUES (?1, ?2, ?3)")?,
            list_lately: connection.prepare("SELECT hash, at FROM seen_lately ORDER BY id")?,
            sort_in: connection.prepare(
                "INSERT INTO seen (hash, at) VALUES (?1, ?2) ON CONFLICT (hash) DO UPDATE SET at = excluded.at",
            )?,
            drop_lately: connection.prepare("DELETE FROM seen_lately WHERE id <= ?1")?,
            border: connection.prepare("SELECT hash FROM seen WHERE hash > ?1 ORDER BY hash LIMIT 1 OFFSET ?2")?,
            forget: connection.prepare("DELETE FROM seen WHERE hash > ?1 AND hash <= ?2 AND at < ?3")?,
            forget_lately: connection.prepare("DELETE FROM seen_lately WHERE at < ?1 RETURNING hash")?,
            lately: BTreeMap::new(),
            next: connection.query_row("SELECT coalesce(max(id), 0) + 1 FROM seen_lately", [], |row| row.get(0))?,
            first: connection.prepare("SELECT min(id) FROM seen_lately")?,
            dropped: 0,
            added: Vec::new(),
            removed: true,
            sizes,
            room: sizes.lately,
            sweep: None,
        };
        seen.load()?;
        Ok(seen)
    }

    /// Makes what is in memory match the tables again, after a rollback.
    pub(super) fn load(&mut self) -> rusqlite::Result<()> {
        if self.removed {
            let all = self.list_lately.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            self.lately = all.collect::<Result<_, _>>()?;
            let first: Option<i64> = self.first.query_row([], |row| row.get(0))?;
            self.dropped = first.unwrap_or(self.next) - 1;
            // The sweep may be past keys that are back.
            self.sweep = None;
        } else {
            for (hash, before) in self.added.iter().rev() {
                match before {
                    Some(at) => self.lately.insert(*hash, *at),
                    None => self.lately.remove(hash),
                };
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

    /// True if the key is new, or stands for another event by now.
    pub(crate) fn insert(&mut self, hash: &KeyHash, at: Millis, within: Option<Duration>) -> rusqlite::Result<bool> {
        let first = match self.lately.get(hash) {
            Some(first) => Some(*first),
            None => self.find.query_row([hash], |row| row.get(0)).optional()?,
        };
        let first = first.map(|first| Millis(u64::try_from(first).unwrap_or(0)));
        if first.is_some_and(|first| is_again(first, at, within)) {
            return Ok(false);
        }
        self.insert.execute((self.next, hash, stored(at.0)))?;
        self.next += 1;
        let before = self.lately.insert(*hash, stored(at.0));
        self.added.push((*hash, before));
        Ok(true)
    }

    /// True if it is time for [`sort_in`](Self::sort_in).
    pub(crate) fn is_crowded(&self) -> bool {
        self.crowd() > self.room
    }

    /// How many keys there are, or would be if each had as many rows as it has at most where none comes twice.
    fn crowd(&self) -> usize {
        let rows = usize::try_from(self.next - 1 - self.dropped).unwrap_or(0);
        self.lately.len().max(rows / ROWS)
    }

    /// Puts the next share of what came lately into the index. To be called in a transaction of
    /// its own.
    pub(crate) fn sort_in(&mut self) -> rusqlite::Result<()> {
        // If the transaction fails, it is not tried again at once.
        self.room = self.crowd() + self.sizes.lately;
        self.removed = true;
        let rows = self.sweep.map_or(self.next - 1, |sweep| sweep.rows);
        let rest = (self.sweep.map_or(Bound::Unbounded, |sweep| Bound::Excluded(sweep.after)), Bound::Unbounded);
        let share: Vec<_> = self.lately.range(rest).take(self.sizes.share).map(|(hash, at)| (*hash, *at)).collect();
        for (hash, at) in &share {
            self.sort_in.execute((hash, at))?;
            self.lately.remove(hash);
        }
        self.sweep = share.last().map(|(after, _)| Sweep { after: *after, rows });
        if share.len() < self.sizes.share {
            self.drop_lately.execute([rows])?;
            self.dropped = rows;
            self.sweep = None;
        }
        self.room = self.sizes.lately;
        Ok(())
    }

    /// Forgets old keys: first those that came lately, then those of the index, the next few after
    /// `after`. What is sorted in meanwhile is not old.
    pub(crate) fn forget(&mut self, before: Millis, after: Option<KeyHash>) -> rusqlite::Result<Step> {
        if after.is_none() {
            self.forget_lately(before)?;
        }
        let after = after.as_ref().map_or(&[][..], |hash| &hash[..]);
        let border: Option<KeyHash> =
            self.border.query_row((after, self.sizes.step - 1), |row| row.get(0)).optional()?;
        self.forget.execute((after, border.unwrap_or([0xff; 16]), stored(before.0)))?;
        Ok(border.map_or(Step::End, Step::To))
    }

    fn forget_lately(&mut self, before: Millis) -> rusqlite::Result<()> {
        self.removed = true;
        let before = stored(before.0);
        let mut old = self.forget_lately.query([before])?;
        while let Some(row) = old.next()? {
            let hash: KeyHash = row.get(0)?;
            // It may have come again since.
            if self.lately.get(&hash).is_some_and(|at| *at < before) {
                self.lately.remove(&hash);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
