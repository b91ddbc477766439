//! The onlooker's side: what the app sent, and what was asked of its server.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::watch;

use super::error::Error;
use super::push::{Push, PushCounts};
use super::sent::{Sent, SentFeed};
use super::server::DivarServer;

impl DivarServer {
    // What the app sent.

    /// Everything that was sent and not taken yet, in order.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.shared().world().sent.all()
    }

    /// The same, and makes room: whoever lets an app send for long must take from time to time.
    #[must_use]
    pub fn take_sent(&self) -> Vec<Sent> {
        self.shared().world().sent.take()
    }

    /// Waits until at least `count` messages were sent and not taken yet, and returns all of them.
    ///
    /// # Errors
    /// If that takes too long.
    pub async fn wait_for_sent(&self, count: usize, timeout: Duration) -> Result<Vec<Sent>, Error> {
        let shared = self.shared();
        let look = || {
            let world = shared.world();
            (world.sent.len() >= count).then(|| world.sent.all())
        };
        let waited = tokio::time::timeout(timeout, until(shared.sent_changed(), look)).await;
        waited.map_err(|_| Error::TimedOut { waited: timeout, seen: shared.world().sent.len() as u64 })
    }

    /// Waits for a message that `wanted` says yes to, among those kept and those to come.
    ///
    /// # Errors
    /// If that takes too long.
    pub async fn wait_for_sent_where(
        &self,
        timeout: Duration,
        mut wanted: impl FnMut(&Sent) -> bool,
    ) -> Result<Sent, Error> {
        let shared = self.shared();
        let mut next = 0;
        let look = || {
            let world = shared.world();
            while let Some(sent) = world.sent.at_or_after(next) {
                next = sent.index + 1;
                if wanted(sent) {
                    return Some(sent.clone());
                }
            }
            None
        };
        let waited = tokio::time::timeout(timeout, until(shared.sent_changed(), look)).await;
        waited.map_err(|_| Error::TimedOut { waited: timeout, seen: shared.world().sent.total() })
    }

    /// Follows what the app sends from now on.
    #[must_use]
    pub fn subscribe_sent(&self) -> SentFeed {
        SentFeed::new(Arc::clone(self.shared()))
    }

    // What was asked of its server.

    /// Everything that was asked and is remembered, in order, the newest
    /// [`Limits::pushes`](super::Limits::pushes).
    #[must_use]
    pub fn pushes(&self) -> Vec<Push> {
        self.shared().pushes().all()
    }

    /// Takes what was asked from the oldest on, up to the first that waits.
    #[must_use]
    pub fn take_pushes(&self) -> Vec<Push> {
        self.shared().pushes().take_ended()
    }

    /// How many events are how far, since the server started.
    #[must_use]
    pub fn push_counts(&self) -> PushCounts {
        self.shared().pushes().counts()
    }

    /// Waits until no event waits any more.
    ///
    /// # Errors
    /// If that takes too long.
    pub async fn wait_until_pushed(&self, timeout: Duration) -> Result<PushCounts, Error> {
        let shared = self.shared();
        let look = || Some(shared.pushes().counts()).filter(|counts| counts.waiting == 0);
        let waited = tokio::time::timeout(timeout, until(shared.push_changes(), look)).await;
        waited.map_err(|_| Error::TimedOut { waited: timeout, seen: shared.pushes().counts().delivered })
    }

    /// Waits for a push that `wanted` says yes to, among those remembered and those to come.
    ///
    /// # Errors
    /// If that takes too long.
    pub async fn wait_for_push(&self, timeout: Duration, mut wanted: impl FnMut(&Push) -> bool) -> Result<Push, Error> {
        let shared = self.shared();
        let look = || shared.pushes().iter().find(|push| wanted(push)).cloned();
        let waited = tokio::time::timeout(timeout, until(shared.push_changes(), look)).await;
        waited.map_err(|_| Error::TimedOut { waited: timeout, seen: shared.pushes().total() })
    }

    // Files.

    /// The file behind a media token, as the app uploaded it.
    #[must_use]
    pub fn uploaded(&self, media_token: &str) -> Option<super::StoredFile> {
        self.shared().media().uploaded(media_token)
    }

    /// Lays a file where it can be got, and returns the link.
    ///
    /// # Errors
    /// If there is no room.
    pub fn put_file(&self, kind: super::FileKind, name: &str, bytes: Bytes) -> Result<String, Error> {
        self.shared().media().put(&self.shared().base, kind, name, bytes).map(|file| file.link)
    }

    /// Forgets all files.
    pub fn forget_files(&self) {
        self.shared().media().forget();
    }
}

/// Looks, and looks again after each change. A change between a look and the wait is not missed.
async fn until<T>(mut changed: watch::Receiver<u64>, mut look: impl FnMut() -> Option<T>) -> T {
    loop {
        changed.borrow_and_update();
        if let Some(found) = look() {
            return found;
        }
        if changed.changed().await.is_err() {
            // The server holds the sender and outlives this borrow of it, so this does not happen.
            std::future::pending::<()>().await;
        }
    }
}
