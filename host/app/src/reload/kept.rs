//! Builds that have served, kept in the state folder.
//!
//! A host may die while a bad build lies in the place of a bot's file. The next one would then have no
//! generation to go back to, so what serves is kept here. Each bot has a folder with the build that has
//! proven itself, which is the oldest file in it, and the newest one that serves and has yet to. That one is
//! synced when it has, before the other goes: turns commit to the same disk, and a swap should not be felt there.
//! What is read from here is checked and compiled like any other file.

use std::collections::hash_map::{Entry, HashMap};
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hodhod_core::bot::Bot;
use hodhod_core::ids::BotName;
use tokio::time::Instant;

use crate::plugin;

/// How often it is looked whether a generation has proven itself.
const LOOK: Duration = Duration::from_secs(1);

/// How long a generation serves without any failure until that counts as a proof, for a bot to which
/// hardly anybody writes.
const LONG: Duration = Duration::from_hours(1);

/// The builds of all bots.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    folder: PathBuf,
}

impl Kept {
    /// Of the host with this state folder.
    pub(crate) fn new(state: &Path) -> Self {
        Self { folder: state.join("builds") }
    }

    /// Keeps a build that begins to serve, beside the one that has proven itself.
    pub(crate) fn begins(&self, bot: &BotName, digest: &str, bytes: &[u8]) {
        let folder = self.of(bot);
        if let Err(error) = begins(&folder, &file(digest), bytes) {
            tracing::warn!(%bot, folder = %folder.display(), %error, "a build cannot be kept; it serves all the same");
        }
    }

    /// The build has proven itself: the others are not needed any more.
    fn has_proven_itself(&self, bot: &BotName, digest: &str) {
        let (folder, file) = (self.of(bot), file(digest));
        let builds = builds(&folder).unwrap_or_default();
        if builds.contains(&file)
            && let Err(error) =
                sync(&folder, &file).and_then(|()| remove(&folder, builds.iter().filter(|build| **build != file)))
        {
            tracing::warn!(%bot, folder = %folder.display(), %error, "old builds cannot be removed");
        }
    }

    /// What is kept for a bot other than this build, what has proven itself first.
    pub(crate) fn others(&self, bot: &BotName, digest: &str) -> impl Iterator<Item = Vec<u8>> {
        let folder = self.of(bot);
        let builds = builds(&folder).unwrap_or_default();
        let others = builds.into_iter().filter(move |build| *build != file(digest));
        others.filter_map(move |build| plugin::read(&folder.join(build)).ok())
    }

    /// Follows the generations of the bots that there are. Never ends; one task runs this.
    pub(super) async fn follow(&self, bots: impl Fn() -> Vec<Arc<Bot>>) {
        let mut known: HashMap<BotName, Serving> = HashMap::new();
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            let bots = bots();
            known.retain(|name, _| bots.iter().any(|bot| bot.name() == name));
            for bot in &bots {
                let generation = bot.generation();
                let digest = generation.plugin.digest();
                let now = || Serving { digest: digest.to_owned(), since: Instant::now(), is_proven: false };
                let serving = match known.entry(bot.name().clone()) {
                    Entry::Occupied(entry) => entry.into_mut(),
                    Entry::Vacant(entry) => entry.insert(now()),
                };
                if serving.digest != digest {
                    *serving = now();
                }
                let is_proven = generation.has_proven_itself()
                    || (generation.is_on_probation()
                        && !generation.has_failed_on_probation()
                        && serving.since.elapsed() >= LONG);
                if is_proven && !serving.is_proven {
                    serving.is_proven = true;
                    let (this, name, digest) = (self.clone(), bot.name().clone(), digest.to_owned());
                    // It is in the log where that went wrong.
                    let _panicked = tokio::task::spawn_blocking(move || this.has_proven_itself(&name, &digest)).await;
                }
            }
        }
    }

    /// Names of bots may be anything, and those of folders may not.
    fn of(&self, bot: &BotName) -> PathBuf {
        self.folder.join(hodhod_engine::digest(bot.as_str().as_bytes()))
    }
}

/// The build that serves, as long as it does.
struct Serving {
    digest: String,
    since: Instant,
    is_proven: bool,
}

fn file(digest: &str) -> OsString {
    format!("{digest}.wasm").into()
}

/// The files of a folder, the oldest first.
fn builds(folder: &Path) -> io::Result<Vec<OsString>> {
    let mut builds: Vec<(SystemTime, OsString)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // What was not written to its end has a name that begins with a dot.
        if entry.path().extension().is_some_and(|extension| extension == "wasm") {
            builds.push((entry.metadata()?.modified()?, entry.file_name()));
        }
    }
    builds.sort();
    Ok(builds.into_iter().map(|(_, name)| name).collect())
}

fn begins(folder: &Path, name: &OsString, bytes: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let before = builds(folder)?;
    if before.contains(name) {
        return Ok(());
    }
    let mut file = tempfile::Builder::new().prefix(".build-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist(folder.join(name))?;
    // One that never proved itself makes room for the next.
    remove(folder, before.iter().skip(1))
}

fn sync(folder: &Path, name: &OsString) -> io::Result<()> {
    File::open(folder.join(name))?.sync_all()?;
    File::open(folder)?.sync_all()
}

fn remove<'a>(folder: &Path, names: impl IntoIterator<Item = &'a OsString>) -> io::Result<()> {
    names.into_iter().try_for_each(|name| fs::remove_file(folder.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_that_has_proven_itself_is_kept_beside_the_newest_one() {
        let folder = tempfile::tempdir().unwrap();
        let (kept, bot) = (Kept::new(folder.path()), BotName::from("../a bot"));
        let others = |digest: &str| kept.others(&bot, digest).collect::<Vec<_>>();
        assert_eq!(others("one"), Vec::<Vec<u8>>::new());
        for build in ["one", "two", "three"] {
            kept.begins(&bot, build, build.as_bytes());
        }
        assert_eq!(others("none"), [b"one".to_vec(), b"three".to_vec()]);
        assert_eq!(others("three"), [b"one".to_vec()]);
        kept.has_proven_itself(&bot, "two");
        assert_eq!(others("none").len(), 2, "what is not there any more proves nothing");
        kept.has_proven_itself(&bot, "three");
        assert_eq!(others("none"), [b"three".to_vec()]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is outside");
    }
}
