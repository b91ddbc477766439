//! The socket in the state folder by which the owner of a host reaches it: the pages and the API of
//! `hodhod-web`, with nothing else in front of them.
//!
//! Who may open the socket is the owner of the folder and nobody else, which is why it needs no
//! password. The host holds the folder's lock, so a socket that is already there belongs to a host
//! that is gone.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use hodhod_web::{Door, Web};
use thiserror::Error;
use tokio::net::UnixListener;

/// The socket's name in the state folder.
const NAME: &str = "control.sock";

/// Where the socket is made before it is put in its place. Not longer than [`NAME`], as the kernel
/// takes the path.
const NURSERY: &str = ".control";

/// The kernel's room for the path of a socket, with the zero at its end.
const LONGEST_PATH: usize = 108;

/// Why a state folder cannot have a control socket.
#[derive(Debug, Error)]
pub(crate) enum SocketError {
    /// The kernel takes no such path.
    #[error(
        "{} has {} bytes, and the path of a socket may have {}: choose a shorter `state` in [host]",
        .0.display(), .0.as_os_str().len(), LONGEST_PATH - 1
    )]
    TooLong(PathBuf),
    /// The operating system refuses.
    #[error("{}: {source}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
}

/// The path of the socket of a state folder.
pub(crate) fn path(state: &Path) -> Result<PathBuf, SocketError> {
    let path = state.join(NAME);
    if path.as_os_str().len() < LONGEST_PATH { Ok(path) } else { Err(SocketError::TooLong(path)) }
}

/// The socket of a running host. It goes with this.
pub(crate) struct Socket {
    listener: UnixListener,
    place: Place,
}

impl Socket {
    /// Makes the socket, in place of one that a host left behind. The caller holds the folder.
    pub(crate) fn bind(state: &Path) -> Result<Self, SocketError> {
        let path = path(state)?;
        let made = in_nursery(&state.join(NURSERY), &path);
        let listener = made.map_err(|source| SocketError::Io { path: path.clone(), source })?;
        Ok(Self { listener, place: Place(path) })
    }

    /// Serves until it is dropped.
    pub(crate) async fn serve(self, web: Web) {
        let Self { listener, place: _gone_at_the_end } = self;
        web.serve(listener, Door::Owner).await;
    }
}

/// Where the socket is in the folder, until this is dropped.
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        // One that stays is replaced by the next host.
        let _gone = std::fs::remove_file(&self.0);
    }
}

/// Binds where nobody else can look, so that the socket never has other rights than its own, and
/// puts it in its place in one step.
fn in_nursery(nursery: &Path, path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_dir_all(nursery) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => DirBuilder::new().mode(0o700).create(nursery)?,
    }
    let newborn = nursery.join("s");
    let listener = UnixListener::bind(&newborn)?;
    std::fs::set_permissions(&newborn, Permissions::from_mode(0o600))?;
    std::fs::rename(&newborn, path)?;
    std::fs::remove_dir(nursery)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_socket_is_for_its_owner_only_and_replaces_one_that_was_left_behind() {
        let state = tempfile::tempdir().unwrap();
        let file = path(state.path()).unwrap();
        std::fs::create_dir(state.path().join(NURSERY)).unwrap();
        drop(std::os::unix::net::UnixListener::bind(&file).unwrap());
        assert!(std::os::unix::net::UnixStream::connect(&file).is_err(), "nobody listens at what was left behind");

        let socket = Socket::bind(state.path()).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let left: Vec<_> = std::fs::read_dir(state.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [NAME], "nothing else is left");
        drop(std::os::unix::net::UnixStream::connect(&file).unwrap());
        drop(socket);
        assert!(!file.exists(), "it goes with the host");
    }

    #[test]
    fn a_path_that_is_too_long_for_a_socket_is_told_before_the_kernel_refuses_it() {
        let fits = PathBuf::from("/").join("x".repeat(LONGEST_PATH - 3 - NAME.len()));
        assert_eq!(path(&fits).unwrap().as_os_str().len(), LONGEST_PATH - 1);
        assert!(NURSERY.len() + "/s".len() <= NAME.len());
        let error = path(&fits.join("y")).unwrap_err().to_string();
        assert!(error.ends_with("choose a shorter `state` in [host]"), "{error}");
    }
}
