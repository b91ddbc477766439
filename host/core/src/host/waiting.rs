//! What an operator sees of what waits to be sent or to fire, and the pauses of sends.

use thiserror::Error;

use super::Host;
use crate::ids::{BotName, ConnectionName, OutboxSeq};
use crate::outbox::{ListedSend, SendsOf};
use crate::store::StoreError;
use crate::timers::{ListedTimer, TimerPlace};

/// Why the sends of a connection were not paused or resumed.
#[derive(Clone, Debug, Error)]
pub enum PauseError {
    /// There is no such connection.
    #[error("there is no connection {0:?}")]
    Unknown(ConnectionName),
    /// It is done, but after a restart nobody would know.
    #[error("it is done, but not recorded, and would not outlive a restart: {0}")]
    NotRecorded(#[from] StoreError),
}

impl Host {
    /// The undelivered sends of a connection, a chat or all, after `after`, in order, at most `limit`. Zero
    /// begins at the first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list_sends(&self, of: SendsOf, after: OutboxSeq, limit: usize) -> Result<Vec<ListedSend>, StoreError> {
        self.store.list_sends(of, after, limit).await
    }

    /// Lets the sends of a connection wait; what is under way ends, nothing is lost. True if they did not
    /// wait before. Dropping it undoes nothing.
    ///
    /// # Errors
    /// See [`PauseError`].
    pub async fn pause_sends(&self, connection: &ConnectionName) -> Result<bool, PauseError> {
        let outbox = self.outboxes.get(connection).ok_or_else(|| PauseError::Unknown(connection.clone()))?;
        let changed = outbox.pause().await?;
        if changed {
            tracing::warn!(%connection, "the operator paused the sends of this connection");
        }
        Ok(changed)
    }

    /// Lets them go again. True if they waited before.
    ///
    /// # Errors
    /// See [`PauseError`].
    pub async fn resume_sends(&self, connection: &ConnectionName) -> Result<bool, PauseError> {
        let outbox = self.outboxes.get(connection).ok_or_else(|| PauseError::Unknown(connection.clone()))?;
        let changed = outbox.resume().await?;
        if changed {
            tracing::warn!(%connection, "the operator let the sends of this connection go again");
        }
        Ok(changed)
    }

    /// The timers of a bot or of all, the next to fire first, those after `after`, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list_timers(
        &self,
        bot: Option<BotName>,
        after: Option<TimerPlace>,
        limit: usize,
    ) -> Result<Vec<ListedTimer>, StoreError> {
        self.store.list_timers(bot, after, limit).await
    }
}
