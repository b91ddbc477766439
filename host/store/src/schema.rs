//! The shape of the database, and how an older one gets there.

use rusqlite::Connection;

/// Each takes the database one version on. What is released is never changed, only followed.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001-first.sql"),
    include_str!("../migrations/0002-timers-and-usage.sql"),
    include_str!("../migrations/0003-bot-state.sql"),
    include_str!("../migrations/0004-dead-letters.sql"),
];

/// The version that this program works with.
pub(crate) fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// The version that the database has; 0 for an empty file.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Applies what the database lacks, each step with its new version in one transaction.
pub(crate) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let from = version(connection)?;
    for (step, to) in MIGRATIONS.iter().zip(1..).filter(|(_, to)| *to > from) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", to)?;
        transaction.commit()?;
        tracing::info!(version = to, "the database has a new shape");
    }
    Ok(())
}
