//! How long things are kept that nobody takes away, and the chore that drops them.

use std::time::Duration;

use super::Host;
use crate::dead::Doomed;
use crate::store::DoomedRecords;
use crate::vault::Vaults;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How often it is looked for what is too old.
const LOOK_EVERY: Duration = Duration::from_secs(3600);

/// How long things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Keys of arrivals: longer than a platform may keep a message for a host that was away, and come back
    /// with it.
    pub remember: Duration,
    /// Dead letters: as long as an operator may take to look at them.
    pub keep_dead: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { remember: 7 * DAY, keep_dead: 30 * DAY }
    }
}

impl Host {
    /// Sets how long things are kept. To be called before anything is served.
    pub fn set_retention(&mut self, retention: Retention) {
        self.retention = retention;
    }

    /// Says where connections keep what they know of people. To be called before anything is served.
    pub fn set_vaults(&mut self, vaults: Vaults) {
        self.vaults = vaults;
    }

    /// Where connections keep what they know of people.
    pub fn vaults(&self) -> &Vaults {
        &self.vaults
    }

    /// Drops what is too old, now and every hour. Never ends; one task runs this.
    pub(super) async fn forget_on_time(&self) {
        let Retention { remember, keep_dead } = self.retention;
        loop {
            let now = self.clock.now();
            if let Err(error) = self.store.forget_seen(now - remember).await {
                tracing::warn!(%error, "old keys of arrivals cannot be forgotten");
            }
            match self.store.drop_dead(Doomed::Before(now - keep_dead)).await {
                Ok(0) => {}
                Ok(letters) => tracing::info!(letters, "dead letters were too old and are dropped"),
                Err(error) => tracing::warn!(%error, "old dead letters cannot be dropped"),
            }
            match self.store.drop_records(DoomedRecords::Expired(now)).await {
                Ok(0) => {}
                Ok(records) => tracing::debug!(records, "the time of records in the vault is over; they are dropped"),
                Err(error) => tracing::warn!(%error, "records of the vault whose time is over cannot be dropped"),
            }
            self.clock.sleep_until(now + LOOK_EVERY).await;
        }
    }
}
