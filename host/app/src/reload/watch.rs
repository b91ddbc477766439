//! Tells when files may have changed.
//!
//! The kernel tells at once what happens in a folder that is watched, but a folder may be replaced,
//! a link on the way to it may lead elsewhere, and some file systems tell nothing. So every second
//! everybody looks for themselves, and the folders are found anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::watch as channel;

use super::stamp::Stamp;

/// How often everybody looks, whatever the kernel tells.
const LOOK: Duration = Duration::from_secs(1);

/// Tells `changes` whenever one of the files that `files` has now may have changed. Never ends.
pub(super) async fn run(files: channel::Receiver<Vec<PathBuf>>, changes: channel::Sender<()>) {
    let told = changes.clone();
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading a file changes nothing, and everybody who is told reads it.
        if !event.is_ok_and(|event| event.kind.is_access() && !is_closed_after_writing(&event)) {
            told.send_replace(());
        }
    });
    let mut folders = match watcher {
        Ok(watcher) => Some(Folders { watcher, watched: BTreeMap::new() }),
        Err(error) => {
            tracing::warn!(%error, "the system tells nothing of changed files; they are looked at each second");
            None
        }
    };
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        if let Some(mut now) = folders.take() {
            let files = files.borrow().clone();
            // A file system that does not answer holds nobody up but this.
            folders = tokio::task::spawn_blocking(move || {
                now.follow(&files);
                now
            })
            .await
            .ok();
        }
        changes.send_replace(());
    }
}

fn is_closed_after_writing(event: &notify::Event) -> bool {
    use notify::event::{AccessKind, AccessMode, EventKind};
    event.kind == EventKind::Access(AccessKind::Close(AccessMode::Write))
}

/// The folders that the kernel watches.
struct Folders {
    watcher: RecommendedWatcher,
    /// Each by its path, and which one it was.
    watched: BTreeMap<PathBuf, (u64, u64)>,
}

impl Folders {
    /// Watches the folders that the files are in now.
    fn follow(&mut self, files: &[PathBuf]) {
        let wanted: BTreeSet<PathBuf> = files.iter().flat_map(|file| folders_of(file)).collect();
        let gone: Vec<_> = self
            .watched
            .iter()
            .filter(|(path, was)| !wanted.contains(*path) || Stamp::of(path).map(|now| now.file()) != Some(**was))
            .map(|(path, _)| path.clone())
            .collect();
        if !gone.is_empty() {
            // Two names may be of one folder, which is not watched under either then; so all begin anew.
            for path in std::mem::take(&mut self.watched).into_keys() {
                // One that was removed is not watched any more.
                let _gone = self.watcher.unwatch(&path);
            }
        }
        for path in wanted {
            if self.watched.contains_key(&path) {
                continue;
            }
            let Some(found) = Stamp::of(&path) else { continue };
            match self.watcher.watch(&path, RecursiveMode::NonRecursive) {
                Ok(()) => drop(self.watched.insert(path, found.file())),
                Err(error) => tracing::debug!(path = %path.display(), %error, "a folder is not watched"),
            }
        }
    }
}

/// The folder of a file by its name, and the one that the file is really in.
fn folders_of(file: &Path) -> Vec<PathBuf> {
    let really = std::fs::canonicalize(file).ok();
    [Some(file), really.as_deref()].into_iter().flatten().filter_map(|file| file.parent()).map(Path::to_owned).collect()
}
