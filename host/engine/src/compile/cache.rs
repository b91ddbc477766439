//! Compiled code that is kept between two starts: `<folder>/<engine>/<component>.cwasm`.
//!
//! A file is written beside its place and renamed. It is not synced, since the commits of turns wait for the
//! same disk: what a failing machine leaves of it does not check. And whatever does not check is no error:
//! it was cut off or altered, is of another engine or another component, was sealed by another key, or is
//! no plain file. It counts as missing and is replaced. What was not used for longest goes when there is too
//! much.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fmt, process};

use hodhod_core::limits::{CACHE_BYTES, CACHE_ENTRIES, COMPILED};
use hodhod_core::text::hex;
use rustix::fs::{Mode, OFlags};

use super::Digest;
use super::trusted::{HEADER, Trusted};

/// A folder of compiled code, which only its host reads and writes.
pub struct Cache {
    folder: PathBuf,
    key: [u8; 32],
    entries: usize,
    bytes: u64,
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("folder", &self.folder).field("key", &"***").finish_non_exhaustive()
    }
}

/// Why an entry is not used.
#[derive(Debug, thiserror::Error)]
enum Miss {
    #[error("it is not there")]
    Absent,
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("it is not a plain file of a size that can be")]
    Odd,
    #[error("it was damaged or altered, or another host made it")]
    Wrong,
}

impl Cache {
    /// A cache in a folder that is made when it is needed. The key seals what is kept; whoever has it
    /// can have the host run any code.
    pub fn new(folder: PathBuf, key: [u8; 32]) -> Self {
        Self { folder, key, entries: CACHE_ENTRIES, bytes: CACHE_BYTES }
    }

    /// What is kept for this engine and component, if it is what was kept.
    pub(super) fn take(&self, engine: &str, component: &Digest) -> Option<Trusted> {
        let path = self.path(engine, component);
        match self.read(&path, engine, component) {
            Ok(code) => Some(code),
            Err(Miss::Absent) => None,
            Err(miss) => {
                tracing::warn!(path = %path.display(), %miss, "compiled code is not used; it is compiled anew");
                None
            }
        }
    }

    /// Keeps code. That it cannot be kept is no reason not to run it.
    pub(super) fn keep(&self, engine: &str, component: &Digest, code: &Trusted) {
        let path = self.path(engine, component);
        if let Err(error) = self.write(&path, &code.header(&self.key, engine, component), code.code()) {
            tracing::warn!(path = %path.display(), %error, "compiled code cannot be kept");
        }
        if let Err(error) = self.prune(&path) {
            tracing::warn!(folder = %self.folder.display(), %error, "old compiled code cannot be removed");
        }
    }

    fn path(&self, engine: &str, component: &Digest) -> PathBuf {
        self.folder.join(engine).join(format!("{}.cwasm", hex(component)))
    }

    fn read(&self, path: &Path, engine: &str, component: &Digest) -> Result<Trusted, Miss> {
        // Links are not followed, and nothing that is no file is waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(rustix::io::Errno::NOENT) => return Err(Miss::Absent),
            Err(rustix::io::Errno::LOOP) => return Err(Miss::Odd),
            Err(error) => return Err(Miss::Unreadable(error.into())),
        };
        let metadata = file.metadata()?;
        let most = COMPILED.saturating_add(HEADER as u64);
        if !metadata.is_file() || metadata.len() > most {
            return Err(Miss::Odd);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
        (&file).take(most).read_to_end(&mut bytes)?;
        let code = Trusted::open(&self.key, engine, component, bytes).ok_or(Miss::Wrong)?;
        // The time of its last use. It only decides what goes first when there is too much.
        if let Err(error) = file.set_modified(SystemTime::now()) {
            tracing::debug!(path = %path.display(), %error, "the use of compiled code cannot be noted");
        }
        Ok(code)
    }

    fn write(&self, path: &Path, header: &[u8], code: &[u8]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(&self.folder);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        // Two hosts that use one folder write different files, and the last one to rename its own wins.
        let mut file = tempfile::Builder::new().prefix(&format!(".{}-", process::id())).tempfile_in(folder)?;
        file.write_all(header)?;
        file.write_all(code)?;
        if path.is_dir() {
            fs::remove_dir_all(path)?;
        }
        file.persist(path)?;
        Ok(())
    }

    /// Removes what was not used for longest beyond the bounds, whatever its engine, and what a host that
    /// was killed left half written with it. `newest` stays.
    fn prune(&self, newest: &Path) -> io::Result<()> {
        let mut files = Vec::new();
        for engine in fs::read_dir(&self.folder)?.flatten().filter(is_folder) {
            for entry in fs::read_dir(engine.path())?.flatten().filter(|entry| !is_folder(entry)) {
                // Another host that uses this folder may have removed it.
                let Ok(metadata) = entry.metadata() else { continue };
                let used = if entry.path() == newest { None } else { Some(metadata.modified()?) };
                files.push((used, metadata.len(), entry.path()));
            }
        }
        // The newest first: it has no time, and no time comes before any.
        files.sort_by(|(one, ..), (other, ..)| one.is_some().cmp(&other.is_some()).then(other.cmp(one)));
        let mut bytes = 0_u64;
        for (number, (used, length, path)) in files.into_iter().enumerate() {
            bytes = bytes.saturating_add(length);
            if used.is_some() && (number >= self.entries || bytes > self.bytes) {
                fs::remove_file(&path)?;
                tracing::debug!(path = %path.display(), "old compiled code is removed");
                // The folder of an engine that is no more goes with its last file.
                if let Some(folder) = path.parent() {
                    let _not_empty = fs::remove_dir(folder);
                }
            }
        }
        Ok(())
    }
}

fn is_folder(entry: &fs::DirEntry) -> bool {
    entry.file_type().is_ok_and(|kind| kind.is_dir())
}

#[cfg(test)]
mod tests;
