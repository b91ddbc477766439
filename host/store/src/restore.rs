//! A backup takes the place of the database.
//!
//! 1. The backup is copied into the state folder, and the copy is checked and made ready there.
//! 2. The copy gets the name by which an opened folder knows that it is to take over. This one step
//!    decides: a crash before it leaves everything as it was.
//! 3. The old database and its log are moved aside, and the new one moves in. A crash in between
//!    leaves the rest for whoever opens the folder next, before it does anything else; so an old log
//!    never meets a new database, and a folder never looks empty.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::folder::{self, DATABASE, Folder};
use crate::open::{self, OpenError};
use crate::schema;

/// The copy while it is made and checked.
const INCOMING: &str = "hodhod.db.restoring";

/// The copy when it is to take over.
pub(crate) const DECIDED: &str = "hodhod.db.restored";

/// What an old database is called, with a number after it.
const ASIDE: &str = "hodhod.db.before-restore-";

/// What SQLite puts beside a database and is part of it.
const LOGS: [&str; 2] = ["-wal", "-journal"];

/// A backup that is in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The size of the database, in bytes.
    pub bytes: u64,
    /// Its schema version. The next start brings an older one to the program's own.
    pub version: i64,
    /// Sends that waited in it, all of which are in doubt now.
    pub in_doubt: u64,
    /// Where the database before it is, if there was one.
    pub aside: Option<PathBuf>,
}

/// Why a backup was not restored. The database is as it was, except where a [decided](RestoreError::Decided) restore is
/// not at its end.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// There is a database.
    #[error("{} is there already: it would be moved aside if you insist (--force)", file.display())]
    Exists {
        /// The database.
        file: PathBuf,
    },
    /// The backup is part of a database that was in use.
    #[error(
        "{} has a log beside it ({}), without which it is not whole: make a backup by `hodhod backup`",
        backup.display(), log.display()
    )]
    HasLog {
        /// The backup.
        backup: PathBuf,
        /// The log.
        log: PathBuf,
    },
    /// SQLite finds something wrong in it.
    #[error("{} is damaged: {what}; use another backup", backup.display())]
    Damaged {
        /// The backup.
        backup: PathBuf,
        /// What SQLite says.
        what: String,
    },
    /// The folder is not usable or in use, or the backup is not of this program or newer.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The operating system refused.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What it says.
        source: io::Error,
    },
    /// The operating system refused after it was decided that the backup takes over.
    #[error(
        "the backup is to take over and is not in its place yet: {}: {source}; \
         when that is mended, the next start of the host finishes it", folder.display()
    )]
    Decided {
        /// The state folder.
        folder: PathBuf,
        /// What it says.
        source: io::Error,
    },
}

/// Puts a backup into a state folder, which is made if it is missing. Blocks. A database that is there is
/// moved aside if `force` says so. All sends that wait in the backup are in doubt afterwards, as they may
/// have gone out since it was made.
///
/// # Errors
/// When a host has the folder, there is a database and `force` is false, or the backup cannot be used.
pub fn restore(folder: &Path, backup: &Path, force: bool) -> Result<Restored, RestoreError> {
    folder::make_private(folder).map_err(|source| OpenError::Folder { folder: folder.into(), source })?;
    let held = Folder::take(folder)?;
    let restored = steps(folder, &held.database, backup, force, &mut |_| Ok(()));
    if restored.is_err() {
        // What is left would be replaced by the next try.
        let _left = clear(folder);
    }
    restored
}

/// A test's way to let the program end before a step.
type Kill<'a> = &'a mut dyn FnMut(&'static str) -> io::Result<()>;

fn steps(folder: &Path, database: &Path, backup: &Path, force: bool, kill: Kill<'_>) -> Result<Restored, RestoreError> {
    let io = |file: &Path| {
        let file = file.to_owned();
        move |source| RestoreError::Io { file, source }
    };
    if !force && has_content(database).map_err(io(database))? {
        return Err(RestoreError::Exists { file: database.into() });
    }
    for log in LOGS {
        let log = beside(backup, log);
        if has_content(&log).map_err(io(&log))? {
            return Err(RestoreError::HasLog { backup: backup.into(), log });
        }
    }
    let incoming = folder.join(INCOMING);
    clear(folder).map_err(io(&incoming))?;
    schema::look_at(backup)?;
    kill("copy").map_err(io(&incoming))?;
    let mut from = File::open(backup).map_err(io(backup))?;
    let mut to = folder::private_file(&incoming).map_err(io(&incoming))?;
    io::copy(&mut from, &mut to).map_err(io(&incoming))?;
    drop(to);
    kill("check").map_err(io(&incoming))?;
    let (version, in_doubt) = prepare(&incoming, backup)?;
    let copy = File::open(&incoming).map_err(io(&incoming))?;
    copy.sync_all().map_err(io(&incoming))?;
    let bytes = copy.metadata().map_err(io(&incoming))?.len();
    kill("decide").map_err(io(&incoming))?;
    let decided = folder.join(DECIDED);
    fs::rename(&incoming, &decided).map_err(io(&decided))?;
    let aside = sync(folder)
        .and_then(|()| finish_with(folder, kill))
        .map_err(|source| RestoreError::Decided { folder: folder.into(), source })?;
    Ok(Restored { bytes, version, in_doubt, aside })
}

/// Checks a copy and makes it ready: one file without a log, in which no send passes for untried.
fn prepare(copy: &Path, backup: &Path) -> Result<(i64, u64), RestoreError> {
    let damaged = |what: String| RestoreError::Damaged { backup: backup.into(), what };
    let connection = open::connect_to(copy).map_err(OpenError::database(backup))?;
    let version = schema::identify(&connection, backup).map_err(|error| match error {
        OpenError::Database { source, .. } => damaged(source.to_string()),
        other => other.into(),
    })?;
    if version == 0 {
        return Err(damaged("it is empty".to_owned()));
    }
    let prepare = || -> rusqlite::Result<Result<u64, String>> {
        let answer: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if answer != "ok" {
            return Ok(Err(answer));
        }
        connection.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
        connection.execute("UPDATE outbox SET attempted = 1", []).map(|rows| Ok(rows as u64))
    };
    let in_doubt = prepare().map_err(|error| damaged(error.to_string()))?.map_err(damaged)?;
    connection.close().map_err(|(_, error)| damaged(error.to_string()))?;
    Ok((version, in_doubt))
}

/// Lets a copy take over for which that was decided.
pub(crate) fn finish(folder: &Path) -> io::Result<()> {
    if !folder.join(DECIDED).try_exists()? {
        return Ok(());
    }
    match finish_with(folder, &mut |_| Ok(()))? {
        Some(aside) => {
            tracing::warn!(aside = %aside.display(), "a restore that was cut off is finished; the old database is kept");
        }
        None => tracing::warn!(folder = %folder.display(), "a restore that was cut off is finished"),
    }
    Ok(())
}

/// Gives where the old database went, if it went now.
fn finish_with(folder: &Path, kill: Kill<'_>) -> io::Result<Option<PathBuf>> {
    let decided = folder.join(DECIDED);
    let database = folder.join(DATABASE);
    let mut aside = None;
    if has_content(&database)? {
        kill("take a name")?;
        let old = take_name(folder)?;
        // The logs first: as long as the database is there, the same name is found for it again.
        for log in LOGS {
            kill("move a log aside")?;
            move_away(&beside(&database, log), &beside(&old, log))?;
        }
        sync(folder)?;
        kill("move the old database aside")?;
        fs::rename(&database, &old)?;
        sync(folder)?;
        aside = Some(old);
    }
    kill("remove what belongs to nothing")?;
    for rest in LOGS.into_iter().chain(["-shm"]) {
        remove(&beside(&database, rest))?;
    }
    sync(folder)?;
    kill("move in")?;
    fs::rename(&decided, &database)?;
    sync(folder)?;
    Ok(aside)
}

/// Takes a name for the old database: a number that nothing in the folder has, so that a log that was left alone
/// never meets another database. An empty file holds it until the database comes, also where that is cut off.
fn take_name(folder: &Path) -> io::Result<PathBuf> {
    let mut taken = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(ASIDE)) else { continue };
        let (number, suffix) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
        if !number.is_empty() && suffix.is_empty() && entry.metadata()?.len() == 0 {
            return Ok(entry.path());
        }
        taken.extend(number.parse::<u64>());
    }
    let number = (1..).find(|number| !taken.contains(number)).unwrap_or(u64::MAX);
    let name = folder.join(format!("{ASIDE}{number}"));
    drop(folder::private_file(&name)?);
    sync(folder)?;
    Ok(name)
}

/// Removes what a try left that was not decided.
fn clear(folder: &Path) -> io::Result<()> {
    let incoming = folder.join(INCOMING);
    [incoming.clone(), beside(&incoming, "-wal"), beside(&incoming, "-shm"), beside(&incoming, "-journal")]
        .iter()
        .try_for_each(|file| remove(file))
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn has_content(file: &Path) -> io::Result<bool> {
    match fs::metadata(file) {
        Ok(metadata) => Ok(metadata.len() > 0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn remove(file: &Path) -> io::Result<()> {
    unless_missing(fs::remove_file(file))
}

fn move_away(file: &Path, to: &Path) -> io::Result<()> {
    unless_missing(fs::rename(file, to))
}

fn unless_missing(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
