//! Opening the database anew while the store runs: all connections are closed, and then there are new ones.
//!
//! It is for when the log could not be written back for sure, see [`crate::write_back`]. What SQLite believed of it
//! goes with the last connection, and the log, which has all of it still, is made durable before it is read again
//! ([`crate::log`]). Calls wait meanwhile, reads fail, and a backup under way ends. As long as it cannot be opened,
//! calls are refused.

use std::thread;
use std::time::Duration;

use hodhod_core::condition::TroubleKind;
use hodhod_core::store::StoreError;
use rusqlite::Connection;

use crate::log;
use crate::open::{self, OpenError};
use crate::writer::{PROBE, Parts};

/// A connection in the place of one that wrote; `None` where the store ends before there can be one.
pub(crate) fn open(old: Connection, parts: &Parts) -> Option<Connection> {
    parts.readers.let_go();
    let _none = parts.backups.none();
    drop(old);
    loop {
        match try_open(parts) {
            Ok(connection) => return Some(connection),
            Err(error) => refuse(parts, &error)?,
        }
        parts.readers.let_go();
        thread::sleep(PROBE);
    }
}

/// Notes that the disk refuses, and fails the calls that wait; `None` where no more come.
pub(crate) fn refuse(parts: &Parts, error: &impl ToString) -> Option<()> {
    parts.disk.refused(TroubleKind::Refused, error);
    for job in parts.queue.take(Some(Duration::ZERO))? {
        let text = format!("{} in {}: it cannot be opened anew yet", job.operation(), parts.file.display());
        job.fail(StoreError::Failed(text));
    }
    Some(())
}

fn try_open(parts: &Parts) -> Result<Connection, OpenError> {
    log::write_anew(&parts.file)?;
    let connection = open::writing(&parts.file, &parts.options)?;
    parts.readers.open_again()?;
    Ok(connection)
}
