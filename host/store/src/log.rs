//! The write-ahead log that a run left which did not come to its end.
//!
//! SQLite believes every frame of it whose checksum fits. But where a sync failed, a system may keep pages in
//! memory as if they were on the disk, and show them to the next process. A transaction read from such
//! pages would be there until the power fails, and everything acknowledged after it would go with it, as
//! a log is read up to its first gap. So what is there is written again, as it is, and synced, before
//! anybody believes it. It is the same bytes in the same place, so a crash on the way does no harm.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::open::OpenError;

/// Bytes read and written at once.
const PIECE: usize = 1 << 20;

/// Makes the log beside a database durable. Nobody may have the database open.
pub(crate) fn write_anew(database: &Path) -> Result<(), OpenError> {
    let mut file = OsString::from(database);
    file.push("-wal");
    let file = PathBuf::from(file);
    let log = match OpenOptions::new().read(true).write(true).open(&file) {
        Ok(log) => log,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(OpenError::Log { file, source }),
    };
    copy_in_place(&log).map_err(|source| OpenError::Log { file, source })
}

fn copy_in_place(log: &File) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut at = 0;
    loop {
        let read = log.read_at(&mut piece, at)?;
        let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        log.write_all_at(bytes, at)?;
        at += read as u64;
    }
    if at > 0 { log.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_anew_is_what_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("hodhod.db");
        write_anew(&database).unwrap();
        let bytes: Vec<u8> = (0..700_001_u32).flat_map(u32::to_le_bytes).collect();
        let log = folder.path().join("hodhod.db-wal");
        std::fs::write(&log, &bytes).unwrap();
        write_anew(&database).unwrap();
        assert_eq!(std::fs::read(&log).unwrap(), bytes);
    }
}
