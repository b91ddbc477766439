//! What has become of the sends of a connection since the host started, for whoever watches it.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::store::SendOutcome;

/// Counts what becomes of sends.
#[derive(Debug, Default)]
pub struct SendStats {
    delivered: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
    in_doubt: AtomicU64,
    asked_to_wait: AtomicU64,
}

/// What has become of sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SendCounts {
    /// Delivered.
    pub delivered: u64,
    /// Refused, given up or unreadable: they will never arrive.
    pub failed: u64,
    /// In doubt, and dropped as the connection's policy has it.
    pub dropped: u64,
    /// How often one was in doubt, whatever became of it.
    pub in_doubt: u64,
    /// How often the platform asked to wait.
    pub asked_to_wait: u64,
}

impl SendStats {
    /// Counts the end of a try, once it is on disk.
    pub(super) fn settled(&self, outcome: &SendOutcome) {
        let one = |count: &AtomicU64| {
            count.fetch_add(1, Ordering::Relaxed);
        };
        match outcome {
            SendOutcome::Delivered => one(&self.delivered),
            SendOutcome::Failed => one(&self.failed),
            SendOutcome::DroppedInDoubt => {
                one(&self.dropped);
                one(&self.in_doubt);
            }
            SendOutcome::Again { in_doubt: true, .. } => one(&self.in_doubt),
            SendOutcome::Again { in_doubt: false, .. } => {}
        }
    }

    /// Counts a platform that takes no more for now.
    pub(super) fn asked_to_wait(&self) {
        self.asked_to_wait.fetch_add(1, Ordering::Relaxed);
    }

    /// What was counted so far.
    pub fn counts(&self) -> SendCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        SendCounts {
            delivered: read(&self.delivered),
            failed: read(&self.failed),
            dropped: read(&self.dropped),
            in_doubt: read(&self.in_doubt),
            asked_to_wait: read(&self.asked_to_wait),
        }
    }
}
