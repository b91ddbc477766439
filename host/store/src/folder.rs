//! The state folder: who may read it, and who has it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::open::OpenError;
use crate::restore;

pub(crate) const DATABASE: &str = "hodhod.db";
const LOCK: &str = "hodhod.lock";

/// The state folder, held by this process until dropped. The lock is the kernel's, so a host that
/// was killed holds nothing.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) database: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder and an empty database file where they are missing, and takes the lock.
    pub(crate) fn hold(folder: &Path) -> Result<Self, OpenError> {
        let unusable = |source| OpenError::Folder { folder: folder.into(), source };
        make_private(folder).map_err(unusable)?;
        let held = Self::take(folder)?;
        drop(private_file(&held.database).map_err(unusable)?);
        // SQLite syncs the folder only for files that it made itself.
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(unusable)?;
        Ok(held)
    }

    /// Takes the lock of a folder that is there, and ends a restore that was begun in it.
    pub(crate) fn take(folder: &Path) -> Result<Self, OpenError> {
        let unusable = |source| OpenError::Folder { folder: folder.into(), source };
        if !folder.is_dir() {
            return Err(unusable(io::ErrorKind::NotFound.into()));
        }
        let lock = private_file(&folder.join(LOCK)).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { folder: folder.into() }),
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        restore::finish(folder).map_err(unusable)?;
        Ok(Self { path: folder.into(), database: folder.join(DATABASE), _lock: lock })
    }
}

/// True if there is a database in a state folder, or a restore that is to bring one.
pub fn has_database(folder: &Path) -> bool {
    let has_content = |file: PathBuf| fs::metadata(file).is_ok_and(|metadata| metadata.len() > 0);
    has_content(folder.join(DATABASE)) || has_content(folder.join(restore::DECIDED))
}

/// Makes a folder that only its owner can enter. One that exists is left as the operator made it.
pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    if !folder.is_dir() {
        builder.create(folder)?;
        if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            File::open(parent)?.sync_all()?;
        }
    }
    Ok(())
}

/// Opens a file that only its owner can read, made where it is missing. SQLite gives the files
/// beside the database the same mode.
pub(crate) fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
