//! Opening: options, errors, and how connections are set up.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hodhod_core::store::MOST_RECORDS;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use thiserror::Error;

use crate::room::KEEP_FREE;
use crate::schema;

/// How long a statement waits for another program that works on the file, such as a backup.
pub(crate) const BUSY: Duration = Duration::from_secs(5);

/// The log file is cut to this many bytes when it starts over, should it have grown beyond what it
/// is written back at while a reader held it open.
const LOG_BYTES: i64 = 64 << 20;

/// Memory for pages of the writing connection, in KiB. It should hold a whole transaction, which
/// otherwise spills into the log early. Far more does not pay: a commit that balanced a tree looks
/// through the whole cache.
const WRITER_CACHE: i64 = 32 << 10;

/// Settings of a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// How far a write has got when its caller is told.
    pub durability: Durability,
    /// Most dead letters of one bot; the oldest go first.
    pub dead_letters_per_bot: u64,
    /// Most records of one kind that a connection keeps in the vault; the oldest go first.
    pub records_of_kind: u64,
    /// Connections that read. As many reads run at once as there are connections.
    pub readers: usize,
    /// Most bytes of writes that wait for the disk before calls are refused.
    pub most_waiting: usize,
    /// Most bytes of the database; writes that need more fail. `None` for no limit.
    pub most_bytes: Option<u64>,
    /// Bytes that stay free on the file system: with less, no events are taken. 0 for none.
    pub keep_free: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            durability: Durability::Full,
            dead_letters_per_bot: 10_000,
            records_of_kind: MOST_RECORDS,
            readers: std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 8)),
            most_waiting: 256 << 20,
            most_bytes: None,
            keep_free: KEEP_FREE,
        }
    }
}

/// How far a write has got when its caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// On disk: it survives a loss of power.
    Full,
    /// With the operating system: it survives the end of the process, and a loss of power may take
    /// the last writes, though never half of one. For measuring what `Full` costs.
    Normal,
}

/// Why a store could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The folder or a file in it cannot be made or opened.
    #[error("cannot use the state folder {}: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Another process has the folder open.
    #[error("the state folder {} is in use by another host", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The database was made by a later version of this program. Nothing was changed.
    #[error(
        "{} was written by {program}: it has schema version {found}, and hodhod {} knows versions up to {known}; \
         run that program or a newer one, or restore a backup from before it; nothing was changed",
        file.display(), env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// The database.
        file: PathBuf,
        /// Its version.
        found: i64,
        /// The latest version that this program knows.
        known: i64,
        /// The program that gave it that version, as in `hodhod 0.3.0`.
        program: String,
    },
    /// The file is not a database of this program. Nothing was changed.
    #[error(
        "{} is not a database of hodhod: {what}; choose another file or state folder; nothing was changed",
        file.display()
    )]
    Foreign {
        /// The file.
        file: PathBuf,
        /// Why it is not.
        what: String,
    },
    /// The file cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// An older database could not be brought to this program's version. It is as it was.
    #[error(
        "{} cannot be brought from schema version {from} to {to}: {source}; it is left as it was, \
         and the program that wrote it can go on with it", file.display()
    )]
    Migration {
        /// The database.
        file: PathBuf,
        /// Its version.
        from: i64,
        /// The version that this program works with.
        to: i64,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The file system cannot hold a write-ahead log.
    #[error("{} cannot have a write-ahead log, perhaps because it is on a network file system", file.display())]
    NoLog {
        /// The database.
        file: PathBuf,
    },
    /// SQLite refused.
    #[error("cannot open {}: {source}", file.display())]
    Database {
        /// The database.
        file: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The log of an earlier run cannot be made durable.
    #[error("{}, the log of an earlier run, cannot be written anew: {source}", file.display())]
    Log {
        /// The log.
        file: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The writer thread could not be started.
    #[error("cannot start the writer thread: {0}")]
    Thread(io::Error),
}

impl OpenError {
    pub(crate) fn database(file: &Path) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Database { file: file.into(), source }
    }
}

/// Opens the connection that writes, on a database of the current shape.
pub(crate) fn writing(file: &Path, options: &Options) -> Result<Connection, OpenError> {
    let (mut connection, found) = looking(file)?;
    let keep = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
    keep.map_err(OpenError::database(file))?;
    if found == 0 {
        // Before anything is in it, or it would never be able to give pages back.
        let incremental = connection.pragma_update(None, "auto_vacuum", "INCREMENTAL");
        incremental.map_err(OpenError::database(file))?;
    }
    let journal: String =
        connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(OpenError::database(file))?;
    if journal != "wal" {
        return Err(OpenError::NoLog { file: file.into() });
    }
    set_up(&connection, options).map_err(OpenError::database(file))?;
    let failed = |source| OpenError::Migration { file: file.into(), from: found, to: schema::known(), source };
    schema::migrate(&mut connection, found).map_err(failed)?;
    Ok(connection)
}

/// Opens a database without changing it, also when the connection is closed; gives its version.
pub(crate) fn looking(file: &Path) -> Result<(Connection, i64), OpenError> {
    schema::look_at(file)?;
    // To read a log that a crash left, SQLite has to make its index.
    let connection = connect_to(file).map_err(OpenError::database(file))?;
    let keep = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    keep.map_err(OpenError::database(file))?;
    let version = schema::identify(&connection, file)?;
    Ok((connection, version))
}

/// Opens a connection that may write.
pub(crate) fn connect_to(file: &Path) -> rusqlite::Result<Connection> {
    connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE)
}

/// Opens a connection that only reads. The writing one has to be open.
pub(crate) fn reading(file: &Path) -> Result<Connection, OpenError> {
    connect(file, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(OpenError::database(file))
}

/// Both kinds are used by one thread at a time.
fn connect(file: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(file, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    // What a tampered file defines is not run.
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

fn set_up(connection: &Connection, options: &Options) -> rusqlite::Result<()> {
    let set = |name: &str, value: i64| connection.pragma(None, name, value, |_| Ok(()));
    connection.pragma_update(
        None,
        "synchronous",
        match options.durability {
            Durability::Full => "FULL",
            Durability::Normal => "NORMAL",
        },
    )?;
    // SQLite would not tell that it failed.
    set("wal_autocheckpoint", 0)?;
    set("journal_size_limit", LOG_BYTES)?;
    set("cache_size", -WRITER_CACHE)?;
    set("secure_delete", 1)?;
    if let Some(bytes) = options.most_bytes {
        let page: u64 = connection.query_row("PRAGMA page_size", [], |row| row.get::<_, i64>(0))?.unsigned_abs();
        set("max_page_count", i64::try_from(bytes / page.max(1)).unwrap_or(i64::MAX))?;
    }
    Ok(())
}
