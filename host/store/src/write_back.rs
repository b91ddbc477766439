//! Writing the log back into the database.
//!
//! SQLite does so in parts where somebody reads an older state: it copies the pages that nobody needs the old
//! ones of, notes how far it got, and syncs the database with the last part only. Where that sync fails, pages of
//! earlier parts may be gone too, as a system forgets all that it could not write; but SQLite has noted them as
//! written, would not copy them again, and would let the log start over that alone still has them.
//!
//! It forgets how far it got when nobody has the database open. So from a sync that failed on, nothing is written
//! back any more until the store has opened the database anew ([`crate::anew`]), or for good where it ends.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hodhod_core::condition::TroubleKind;
use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, Row};

use crate::disk;
use crate::open::BUSY;

/// Pages of 4 KiB in the log after which they are copied into the database. Each page goes once,
/// however often it changed, so a longer log means less copying; 40 MiB keep the pause at some
/// tens of milliseconds.
const LONG: usize = 10_000;

/// Counts the pages in the log of a connection that writes.
pub(crate) fn watch(connection: &mut Connection) -> rusqlite::Result<Arc<AtomicUsize>> {
    let pages = Arc::new(AtomicUsize::new(0));
    let count = pages.clone();
    connection.wal_hook(Some(move |_: &mut Wal, pages| {
        count.store(usize::try_from(pages).unwrap_or_default(), Ordering::Relaxed);
        Ok(())
    }))?;
    Ok(pages)
}

/// The log of the connection that writes.
#[derive(Debug)]
pub(crate) struct WriteBack<'c> {
    connection: &'c Connection,
    pages: Arc<AtomicUsize>,
    /// Nothing is written back before.
    rests_until: Option<Instant>,
    /// True once a sync failed: what was noted as written back may not be there.
    unsure: Cell<bool>,
}

/// How long nothing is written back after the database was opened anew: longer where that did not help.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    last: Option<(Instant, Duration)>,
}

impl Rest {
    const SHORTEST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(60);

    /// The database was opened anew.
    pub(crate) fn longer(&mut self, now: Instant) {
        let rest = match self.last {
            Some((at, rest)) if now.duration_since(at) < 2 * Self::LONGEST => (2 * rest).min(Self::LONGEST),
            _ => Self::SHORTEST,
        };
        self.last = Some((now, rest));
    }

    pub(crate) fn until(&self) -> Option<Instant> {
        self.last.map(|(at, rest)| at + rest)
    }
}

impl<'c> WriteBack<'c> {
    pub(crate) fn new(connection: &'c Connection, pages: Arc<AtomicUsize>, rests_until: Option<Instant>) -> Self {
        Self { connection, pages, rests_until, unsure: Cell::new(false) }
    }

    /// True if nothing is written back any more.
    pub(crate) fn is_unsure(&self) -> bool {
        self.unsure.get()
    }

    /// Copies what is read by nobody, if the log is long.
    pub(crate) fn if_long(&self) -> rusqlite::Result<()> {
        if self.pages.load(Ordering::Relaxed) < LONG || self.rests() {
            return Ok(());
        }
        self.run("PRAGMA wal_checkpoint(PASSIVE)", |_| Ok(())).map(drop)
    }

    /// Copies all, and cuts the log off. False where somebody reads what it has to keep for them; waits for
    /// them at most as long as for any lock.
    pub(crate) fn all(&self) -> rusqlite::Result<bool> {
        if self.rests() { Ok(false) } else { self.last() }
    }

    /// The same, whenever it is.
    pub(crate) fn last(&self) -> rusqlite::Result<bool> {
        let is_busy = self.run("PRAGMA wal_checkpoint(TRUNCATE)", |row| row.get::<_, bool>(0))?;
        Ok(is_busy == Some(false))
    }

    /// The same, and waits for nobody.
    pub(crate) fn all_at_once(&self) -> rusqlite::Result<bool> {
        self.connection.busy_timeout(Duration::ZERO)?;
        let done = self.all();
        self.connection.busy_timeout(BUSY)?;
        done
    }

    fn rests(&self) -> bool {
        self.rests_until.is_some_and(|until| Instant::now() < until)
    }

    fn run<T>(&self, pragma: &str, read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>) -> rusqlite::Result<Option<T>> {
        if self.unsure.get() {
            return Ok(None);
        }
        let done = self.connection.query_row(pragma, [], read);
        if done.as_ref().is_err_and(|error| disk::kind(error) == Some(TroubleKind::NotDurable)) {
            self.unsure.set(true);
            // Nor when it is closed.
            self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        }
        done.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_left_alone_for_longer_each_time_and_never_for_more_than_a_minute() {
        let (mut rest, now) = (Rest::default(), Instant::now());
        assert!(rest.until().is_none());
        let mut after = |at: Instant| {
            rest.longer(at);
            rest.until().unwrap().duration_since(at).as_millis()
        };
        let rests: Vec<_> = (0..12).map(|n| after(now + n * Duration::from_secs(1)) / 100).collect();
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
        assert_eq!(after(now + Duration::from_secs(300)), 100, "it helped for a while");
    }
}
