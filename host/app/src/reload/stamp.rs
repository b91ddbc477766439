//! What tells whether a file is another than it was, without reading it.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Which file it is, how long it is and when it was last written; links are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    file: (u64, u64),
    bytes: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// Of a file or folder, if there is one.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        Some(Self {
            file: (found.dev(), found.ino()),
            bytes: found.size(),
            written: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }

    /// Which file or folder it is, whatever is in it.
    pub(super) fn file(&self) -> (u64, u64) {
        self.file
    }
}
