//! A connection whose sends wait because an operator wants it.
//!
//! A pause outlives the host. It is read before the first send, and until it is known nothing goes out:
//! one that was forgotten would be worse than a moment of waiting.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::{Outbox, STORE_WAIT};
use crate::store::StoreError;
use crate::time::Millis;

/// Whether sends wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Pause {
    /// The store has not been asked yet.
    #[default]
    Unknown,
    /// They go.
    None,
    /// They wait.
    Since(Millis),
}

impl Outbox {
    /// Begins no further send until [`resume`](Self::resume); what is under way ends. When it returns the pause
    /// is on disk. False if it was paused before. Dropping it undoes nothing.
    ///
    /// # Errors
    /// When it cannot be recorded; it holds all the same until the host ends.
    pub async fn pause(&self) -> Result<bool, StoreError> {
        let (changed, saving) = {
            let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
            let (changed, since) = match *pause {
                Pause::Since(since) => (false, since),
                Pause::Unknown | Pause::None => (true, self.clock.now()),
            };
            *pause = Pause::Since(since);
            // Under the lock, so that the last to be true is the last to be recorded.
            (changed, self.store.set_send_pause(self.connection.clone(), Some(since)))
        };
        saving.await.map(|()| changed)
    }

    /// Ends a pause. False if there was none.
    ///
    /// # Errors
    /// When it cannot be recorded; sends go all the same until the host ends.
    pub async fn resume(&self) -> Result<bool, StoreError> {
        let (changed, saving) = {
            let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
            let changed = *pause != Pause::None;
            *pause = Pause::None;
            (changed, self.store.set_send_pause(self.connection.clone(), None))
        };
        self.wake.notify_one();
        saving.await.map(|()| changed)
    }

    /// Since when sends wait, if they do.
    pub fn paused(&self) -> Option<Millis> {
        match *self.pause.lock().unwrap_or_else(PoisonError::into_inner) {
            Pause::Since(since) => Some(since),
            Pause::Unknown | Pause::None => None,
        }
    }

    /// True if no send may begin.
    pub(super) fn waits(&self) -> bool {
        *self.pause.lock().unwrap_or_else(PoisonError::into_inner) != Pause::None
    }

    /// Takes up a pause of an earlier run. An order that came meanwhile stands.
    pub(super) async fn take_up_pause(&self) {
        while !self.draining.load(Ordering::Acquire) {
            match self.store.send_pause(self.connection.clone()).await {
                Ok(since) => {
                    let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
                    if *pause == Pause::Unknown {
                        *pause = since.map_or(Pause::None, Pause::Since);
                        if let Some(since) = since {
                            tracing::warn!(connection = %self.connection, %since, "the sends of this connection are paused");
                        }
                    }
                    return;
                }
                Err(error) => {
                    tracing::error!(connection = %self.connection, %error, "whether sends are paused cannot be read; they wait");
                    self.clock.sleep_until(self.clock.now() + STORE_WAIT).await;
                }
            }
        }
    }
}
