//! Pages of the file that nothing uses. New rows use them again; where there are far more than that takes,
//! they go back to the file system, a few at a time.
//!
//! A page in the middle of the file is freed by moving the last one into it, so giving back costs writes. What
//! is kept is a quarter of the file: after a flood the file shrinks to a third more than what is in it, and a
//! day's coming and going moves nothing.

use rusqlite::{Connection, Statement};

use super::number;

/// Pages of 4 KiB given back in one transaction: 256 KiB, about 1 ms of work and one sync.
const STEP: u32 = 64;

/// Free pages that are nobody's concern: 4 MiB.
const FEW: u64 = 1024;

/// What SQLite answers for a database that can give pages back step by step.
const INCREMENTAL: i64 = 2;

pub(crate) struct Spare<'c> {
    free: Statement<'c>,
    all: Statement<'c>,
    give_back: Statement<'c>,
    /// False for a database of an older program, whose file only grows, and after a failure.
    able: bool,
}

impl<'c> Spare<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let mode: i64 = connection.query_row("PRAGMA auto_vacuum", [], |row| row.get(0))?;
        Ok(Self {
            free: connection.prepare("PRAGMA freelist_count")?,
            all: connection.prepare("PRAGMA page_count")?,
            give_back: connection.prepare(&format!("PRAGMA incremental_vacuum({STEP})"))?,
            able: mode == INCREMENTAL,
        })
    }

    /// True if it is time for [`give_back`](Self::give_back).
    pub(crate) fn is_much(&mut self) -> rusqlite::Result<bool> {
        if !self.able {
            return Ok(false);
        }
        let free = self.free.query_row([], |row| number(row, 0))?;
        Ok(free > FEW && free * 4 > self.all.query_row([], |row| number(row, 0))?)
    }

    /// Gives a few pages back. To be called in a transaction of its own.
    pub(crate) fn give_back(&mut self) -> rusqlite::Result<()> {
        // Each row stands for one page that has gone.
        let mut pages = self.give_back.query([])?;
        while pages.next()?.is_some() {}
        Ok(())
    }

    /// Gives nothing back any more until the next start.
    pub(crate) fn stop(&mut self) {
        self.able = false;
    }
}

/// Bytes of the database that nothing uses.
pub(crate) fn free_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let ask = |pragma: &str| connection.prepare_cached(pragma)?.query_row([], |row| number(row, 0));
    Ok(ask("PRAGMA freelist_count")? * ask("PRAGMA page_size")?)
}
