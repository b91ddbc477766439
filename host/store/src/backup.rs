//! A copy of the database, made while the host goes on.
//!
//! `VACUUM INTO` writes what one moment of the database held into a new file, on a connection of its
//! own that reads. In a database with a write-ahead log a reader holds no writer up; while the copy is
//! made the log only cannot start over, and grows by what is written meanwhile. (The other way, SQLite's
//! online backup, begins anew whenever somebody writes between its steps, or is the same long read if it
//! has only one step; and it copies free pages too.) The copy has no free pages and no log, so nothing
//! that was deleted is in it.
//!
//! It is made under another name, synced, and then put in its place: a file with the name that was asked
//! for is a whole backup.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, InterruptHandle};
use thiserror::Error;
use tokio::sync::oneshot;

use crate::folder::{DATABASE, Folder};
use crate::open::{self, OpenError};

/// What the copy is called until it is whole, with some letters after it.
const UNFINISHED: &str = ".hodhod-backup-";

/// How often a backup is interrupted that is to end: SQLite forgets an interrupt that comes between two statements.
const INTERRUPT_AGAIN: Duration = Duration::from_millis(20);

/// A backup that is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Where it is.
    pub file: PathBuf,
    /// Its size, in bytes.
    pub bytes: u64,
}

/// Why there is no backup. A file that was there is as it was.
#[derive(Debug, Error)]
pub enum BackupError {
    /// There is such a file.
    #[error("{} exists already: choose another name, or have it replaced", file.display())]
    Exists {
        /// The file.
        file: PathBuf,
    },
    /// It would take the place of what a host needs.
    #[error("{} is in the state folder, where a backup may replace nothing: choose another place", file.display())]
    Inside {
        /// The file.
        file: PathBuf,
    },
    /// There is nothing to copy.
    #[error("there is no database in {}", folder.display())]
    NoDatabase {
        /// The state folder.
        folder: PathBuf,
    },
    /// SQLite takes no such name.
    #[error("the name {file:?} is not text in UTF-8: choose another")]
    Name {
        /// The file.
        file: PathBuf,
    },
    /// Another one is being made.
    #[error("a backup is being made; ask again when it is over")]
    UnderWay,
    /// The database is opened anew after the disk failed, with nobody at it.
    #[error("the disk failed and the database is opened anew; ask again when that is over")]
    Anew,
    /// The host ended before it was whole.
    #[error("the host ended before the backup was whole")]
    Closed,
    /// The operating system refused.
    #[error("cannot write the backup {}: {source}", file.display())]
    Write {
        /// The backup.
        file: PathBuf,
        /// What it says.
        source: io::Error,
    },
    /// SQLite refused.
    #[error("cannot copy {} to {}: {source}", database.display(), file.display())]
    Copy {
        /// The database.
        database: PathBuf,
        /// The backup.
        file: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// The backups of a running store: one at a time, and none after its end.
#[derive(Default)]
pub(crate) struct Backups {
    state: Mutex<State>,
    over: Condvar,
}

#[derive(Default)]
struct State {
    under_way: bool,
    /// Ends the copying; there once it has begun.
    interrupt: Option<InterruptHandle>,
    closed: bool,
    /// True while the one under way has the database open, or is about to.
    open: bool,
    /// True while nobody may have the database open.
    paused: bool,
}

impl State {
    /// Why none may go on, if that is so.
    fn refuses(&self) -> Option<BackupError> {
        match (self.closed, self.paused) {
            (true, _) => Some(BackupError::Closed),
            (_, true) => Some(BackupError::Anew),
            _ => None,
        }
    }

    fn interrupt(&self) {
        if let Some(interrupt) = &self.interrupt {
            interrupt.interrupt();
        }
    }
}

impl Backups {
    /// Begins a backup; the answer comes when it is whole. Whether somebody waits for it makes no difference.
    pub(crate) fn begin(
        self: &Arc<Self>,
        database: PathBuf,
        to: PathBuf,
        replace: bool,
    ) -> oneshot::Receiver<Result<Backup, BackupError>> {
        let (reply, answer) = oneshot::channel();
        {
            let mut state = self.lock();
            let refused = state.refuses().or_else(|| state.under_way.then_some(BackupError::UnderWay));
            if let Some(refused) = refused {
                drop(reply.send(Err(refused)));
                return answer;
            }
            (state.under_way, state.open) = (true, true);
        }
        let under_way = UnderWay(self.clone());
        let body = move || {
            let made = under_way.make(&database, &to, replace);
            drop(under_way);
            drop(reply.send(made));
        };
        if let Err(error) = thread::Builder::new().name("store-backup".into()).spawn(body) {
            // The thread's own ends of everything are gone with it.
            tracing::error!(%error, "the thread for a backup cannot be started");
        }
        answer
    }

    /// Lets none begin, and ends the one under way soon.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.interrupt();
    }

    /// Ends the one under way if it reads the database still, and lets none begin until what is given is dropped.
    pub(crate) fn none(&self) -> NoBackups<'_> {
        self.lock().paused = true;
        self.wait_while(|state| state.open);
        NoBackups(self)
    }

    /// Waits, after [`close`](Self::close), until none is under way.
    pub(crate) fn wait(&self) {
        self.wait_while(|state| state.under_way);
    }

    fn wait_while(&self, goes_on: impl Fn(&State) -> bool) {
        let mut state = self.lock();
        state.interrupt();
        while goes_on(&state) {
            state = self.over.wait_timeout(state, INTERRUPT_AGAIN).unwrap_or_else(PoisonError::into_inner).0;
            state.interrupt();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While this is there, there are no backups.
pub(crate) struct NoBackups<'b>(&'b Backups);

impl Drop for NoBackups<'_> {
    fn drop(&mut self) {
        self.0.lock().paused = false;
    }
}

/// The one backup under way, until it is dropped.
struct UnderWay(Arc<Backups>);

impl UnderWay {
    fn make(&self, database: &Path, to: &Path, replace: bool) -> Result<Backup, BackupError> {
        let connection = open::reading(database)?;
        {
            let mut state = self.0.lock();
            if let Some(refused) = state.refuses() {
                return Err(refused);
            }
            state.interrupt = Some(connection.get_interrupt_handle());
        }
        let made = write(connection, database, to, replace, || self.closed());
        match made {
            Err(BackupError::Copy { source, .. })
                if source.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) =>
            {
                Err(self.0.lock().refuses().unwrap_or(BackupError::Closed))
            }
            made => made,
        }
    }
}

impl UnderWay {
    /// It has the database open no more.
    fn closed(&self) {
        let mut state = self.0.lock();
        state.open = false;
        state.interrupt = None;
        drop(state);
        self.0.over.notify_all();
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.lock().under_way = false;
        self.closed();
    }
}

/// Copies the database of a state folder that no host uses. Blocks. An older version stays what it is.
///
/// # Errors
/// When a host has the folder, the database is not of this program or is newer, or the copy cannot be written.
pub fn backup_folder(folder: &Path, to: &Path, replace: bool) -> Result<Backup, BackupError> {
    let held = Folder::take(folder)?;
    let nothing = || BackupError::NoDatabase { folder: folder.into() };
    if fs::metadata(&held.database).map_or(0, |metadata| metadata.len()) == 0 {
        return Err(nothing());
    }
    let (connection, version) = open::looking(&held.database)?;
    if version == 0 {
        return Err(nothing());
    }
    write(connection, &held.database, to, replace, || ())
}

/// Lets the copy give pages back that it does not use, also where the database cannot, because an older program
/// made it.
fn can_shrink(connection: &Connection) {
    let mode = connection.query_row("PRAGMA auto_vacuum", [], |row| row.get::<_, i64>(0));
    if mode == Ok(0) {
        // Changes nothing in the database; without it the copy is as able as that.
        let _unable = connection.pragma_update(None, "auto_vacuum", "INCREMENTAL");
    }
}

/// True if a file in a state folder is there already, or would count as a part of the database: a rename over
/// the database takes it away from the host that uses it, and one over the key from all later ones.
fn is_of_a_host(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().as_encoded_bytes();
    name.starts_with(DATABASE.as_bytes()) || file.symlink_metadata().is_ok()
}

/// True if both are the same folder, by whatever path.
fn is_one(folder: &Path, state: Option<&Path>) -> bool {
    let of = |path: &Path| fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()));
    of(folder).is_some_and(|folder| state.and_then(of) == Some(folder))
}

/// Writes what the database holds now; `copied` is called when the connection is closed.
fn write(
    connection: Connection,
    database: &Path,
    to: &Path,
    replace: bool,
    copied: impl FnOnce(),
) -> Result<Backup, BackupError> {
    let failed = |source| BackupError::Write { file: to.into(), source };
    // Absolute, so that SQLite cannot take it for an address.
    let file = std::path::absolute(to).map_err(failed)?;
    let folder = file.parent().ok_or_else(|| failed(io::ErrorKind::IsADirectory.into()))?;
    if is_one(folder, database.parent()) && is_of_a_host(&file) {
        return Err(BackupError::Inside { file });
    }
    if !replace && file.symlink_metadata().is_ok() {
        return Err(BackupError::Exists { file });
    }
    // For its owner only, and gone if anything fails.
    let unfinished = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder).map_err(failed)?;
    let name = unfinished.path().to_str().ok_or_else(|| BackupError::Name { file: file.clone() })?;
    can_shrink(&connection);
    connection.execute("VACUUM INTO ?1", [name]).map_err(|source| BackupError::Copy {
        database: database.into(),
        file: to.into(),
        source,
    })?;
    drop(connection);
    copied();
    unfinished.as_file().sync_all().map_err(failed)?;
    let bytes = unfinished.as_file().metadata().map_err(failed)?.len();
    if replace {
        unfinished.persist(&file).map_err(|error| failed(error.error))?;
    } else {
        unfinished.persist_noclobber(&file).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Exists { file: file.clone() },
            _ => failed(error.error),
        })?;
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(Backup { file, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_reaches_a_backup_also_where_its_first_interrupt_came_too_early() {
        let backups = Arc::new(Backups::default());
        let connection = Connection::open_in_memory().unwrap();
        {
            let mut state = backups.lock();
            state.under_way = true;
            state.interrupt = Some(connection.get_interrupt_handle());
        }
        let under_way = UnderWay(backups.clone());
        backups.close();
        let copying = thread::spawn(move || {
            let without_end = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
            let ended = connection.query_row(without_end, [], |_| Ok(()));
            drop(under_way);
            ended.unwrap_err().sqlite_error_code()
        });
        backups.wait();
        assert_eq!(copying.join().unwrap(), Some(ErrorCode::OperationInterrupted));
    }
}
