//! The host's own key: 32 random bytes in the state folder, made at the first start.
//!
//! It is never used itself. Each use has a key of its own that is derived by a label, so that none of
//! them can be confused with another, or tells anything about it. Whoever reads the file can have the
//! host run any code, can make names of files and open the vault, so it is for the host's user only.

use std::fmt;
use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const NAME: &str = "key";
const LENGTH: usize = 32;

/// The key of this host.
pub(crate) struct StateKey([u8; LENGTH]);

impl fmt::Debug for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StateKey(***)")
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// The file cannot be used.
    #[error("{path} cannot be made or read: {source}")]
    Unusable { path: PathBuf, source: io::Error },
    /// Others may have read it.
    #[error(
        "{path} is open to others (mode {mode:o}): run `chmod 600 {path}`, or, if somebody may have read it, remove it; \
         then code is compiled anew, bots no longer know the files of earlier messages, and what people granted is lost"
    )]
    Open { path: PathBuf, mode: u32 },
    /// It is not what this program wrote.
    #[error(
        "{path} is damaged, as it does not have {LENGTH} bytes: put it back from a backup, or remove it; \
         then code is compiled anew, bots no longer know the files of earlier messages, and what people granted is lost"
    )]
    Damaged { path: PathBuf },
}

impl StateKey {
    /// Reads the key of a state folder. Makes folder and key where they are missing.
    pub(crate) fn open(folder: &Path) -> Result<Self, KeyError> {
        let path = folder.join(NAME);
        let unusable = |source| KeyError::Unusable { path: path.clone(), source };
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(folder, &path).map_err(unusable)?;
                File::open(&path)
            }
            opened => opened,
        };
        let file = file.map_err(unusable)?;
        let mode = file.metadata().map_err(unusable)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Open { path, mode });
        }
        let mut bytes = Vec::new();
        file.take(LENGTH as u64 + 1).read_to_end(&mut bytes).map_err(unusable)?;
        let key = bytes.try_into().map_err(|_| KeyError::Damaged { path })?;
        Ok(Self(key))
    }

    /// The key for one use.
    pub(crate) fn derive(&self, label: &str) -> [u8; LENGTH] {
        // Shorter than a block, so it is used as it is.
        let mut block = [0; 64];
        block[..LENGTH].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(b"hodhod key for ");
        mac.update(label.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// Makes the file, whole or not at all. If another process is faster, its key stays.
fn make(folder: &Path, path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // With mode 0600.
    let mut file = tempfile::Builder::new().prefix(".key-").tempfile_in(folder)?;
    file.write_all(&rand::random::<[u8; LENGTH]>())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => {}
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.error),
    }
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("a/state");
        let made = StateKey::open(&state).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&state), mode(&state.join("key"))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&state).unwrap().count(), 1, "nothing else is left behind");
        assert_eq!(StateKey::open(&state).unwrap().derive("a"), made.derive("a"));
        assert_ne!(made.0, [0; LENGTH]);
        let other = StateKey::open(&folder.path().join("b")).unwrap();
        assert_ne!(other.derive("a"), made.derive("a"));
    }

    #[test]
    fn many_that_start_at_once_have_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let keys = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| StateKey::open(folder.path()).unwrap().0)).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(keys, vec![keys[0]; 8]);
    }

    #[test]
    fn each_use_has_a_key_of_its_own() {
        let key = StateKey([7; LENGTH]);
        assert_ne!(key.derive("files"), key.derive("code"));
        assert_ne!(key.derive("files"), key.0);
        assert_eq!(format!("{key:?}"), "StateKey(***)");
    }

    #[test]
    fn a_key_that_others_can_read_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        StateKey::open(folder.path()).unwrap();
        let path = folder.path().join("key");
        for mode in [0o640, 0o604, 0o660, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let text = StateKey::open(folder.path()).unwrap_err().to_string();
            assert!(text.contains(&format!("mode {mode:o}")) && text.contains("chmod 600"), "{text}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        StateKey::open(folder.path()).unwrap();
    }

    #[test]
    fn a_key_that_was_cut_off_is_refused_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        StateKey::open(folder.path()).unwrap();
        let path = folder.path().join("key");
        for bytes in [&[][..], &[1; 31], &[1; 33]] {
            fs::write(&path, bytes).unwrap();
            assert!(matches!(StateKey::open(folder.path()), Err(KeyError::Damaged { .. })));
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
    }
}
