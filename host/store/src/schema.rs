//! The shape of the database, whose it is, and how an older one gets there.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior};

use crate::open::OpenError;

/// Each takes the database one version on. What is released is never changed, only followed.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001-first.sql"),
    include_str!("../migrations/0002-timers-and-usage.sql"),
    include_str!("../migrations/0003-bot-state.sql"),
    include_str!("../migrations/0004-dead-letters.sql"),
    include_str!("../migrations/0005-whose-it-is.sql"),
    include_str!("../migrations/0006-send-pauses.sql"),
    include_str!("../migrations/0007-builds.sql"),
    include_str!("../migrations/0008-vault.sql"),
    include_str!("../migrations/0009-asked.sql"),
];

/// What SQLite keeps in the file to say whose it is: "hodh".
const APPLICATION: i32 = 0x686f_6468;

/// The first version that has it.
const FIRST_WITH_APPLICATION: i64 = 5;

/// What every SQLite file begins with, and where the number of the application stands.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const APPLICATION_AT: usize = 68;

/// This program's version.
const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// The version that this program works with.
pub(crate) fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Refuses a file that is certainly not this program's, without SQLite, which would make files beside it.
/// Nothing there, or nothing in it, is all right.
pub(crate) fn look_at(file: &Path) -> Result<(), OpenError> {
    let mut head = Vec::new();
    let read = File::open(file).and_then(|file| file.take(100).read_to_end(&mut head));
    match read {
        Ok(0) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(OpenError::Unreadable { file: file.into(), source }),
        Ok(_) => {}
    }
    if !head.starts_with(MAGIC) {
        return Err(foreign(file, "it is no SQLite database"));
    }
    let number = head.get(APPLICATION_AT..APPLICATION_AT + 4).and_then(|bytes| bytes.try_into().ok());
    match number.map(i32::from_be_bytes) {
        None => Err(foreign(file, "it is cut off")),
        Some(0 | APPLICATION) => Ok(()),
        Some(other) => Err(foreign(file, &format!("its application id is {other:#x}"))),
    }
}

/// The version of a database; 0 for one that is empty. Changes nothing.
///
/// # Errors
/// When it is another program's, or newer than this one.
pub(crate) fn identify(connection: &Connection, file: &Path) -> Result<i64, OpenError> {
    let failed = |source: rusqlite::Error| match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => foreign(file, "it is no SQLite database, or damaged at its beginning"),
        _ => OpenError::Database { file: file.into(), source },
    };
    let number = |query: &str| connection.query_row(query, [], |row| row.get::<_, i64>(0)).map_err(failed);
    let application = number("PRAGMA application_id")?;
    let found = number("PRAGMA user_version")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    let ours =
        number("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('inbox', 'outbox', 'tally')")?;
    match application {
        0 if found == 0 && tables == 0 => return Ok(0),
        // Versions before the first that says whose it is are known by their tables.
        0 if (1..FIRST_WITH_APPLICATION).contains(&found) && ours == 3 => {}
        0 => return Err(foreign(file, "it has tables of another program")),
        other if other != i64::from(APPLICATION) => {
            return Err(foreign(file, &format!("its application id is {other:#x}")));
        }
        _ if found < FIRST_WITH_APPLICATION => return Err(foreign(file, &format!("its version is {found}"))),
        _ => {}
    }
    if found > known() {
        let program = connection.query_row("SELECT program FROM shaped_by WHERE id = 1", [], |row| row.get(0));
        return Err(OpenError::Newer {
            file: file.into(),
            found,
            known: known(),
            // A refusal without the name is better than another error.
            program: program.optional().ok().flatten().unwrap_or_else(|| "a later program".to_owned()),
        });
    }
    Ok(found)
}

fn foreign(file: &Path, what: &str) -> OpenError {
    OpenError::Foreign { file: file.into(), what: what.to_owned() }
}

/// Brings a database of version `from` to the version that this program works with: all of the steps in
/// one transaction, so that one which fails leaves the database as it was.
pub(crate) fn migrate(connection: &mut Connection, from: i64) -> rusqlite::Result<()> {
    if from == known() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (step, _) in MIGRATIONS.iter().zip(1..).filter(|(_, to)| *to > from) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known())?;
    transaction.execute("UPDATE shaped_by SET program = ?1", [format!("hodhod {PROGRAM}")])?;
    transaction.commit()?;
    if from > 0 {
        tracing::info!(from, to = known(), "the database has a new shape");
    }
    Ok(())
}
