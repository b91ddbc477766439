//! What the writer has done, for whoever watches the disk.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hodhod_core::histogram::Histogram;
use hodhod_core::store::StoreWork;
use hodhod_core::time::whole_nanos;

/// Bounds for the times of groups, in nanoseconds: from a disk that does not wait to one that nobody should have.
const TIMES: &[u64] =
    &[100_000, 300_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000, 100_000_000, 300_000_000, 1_000_000_000];

/// Bounds for the sizes of groups, up to the largest.
const SIZES: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/// Measures the groups of the writer.
pub(crate) struct Meter {
    commits: Histogram,
    groups: Histogram,
    failed: AtomicU64,
}

impl Default for Meter {
    fn default() -> Self {
        Self { commits: Histogram::new(TIMES), groups: Histogram::new(SIZES), failed: AtomicU64::default() }
    }
}

impl Meter {
    /// Counts a group of so many calls that is on disk after this time.
    pub(crate) fn committed(&self, calls: usize, took: Duration) {
        self.commits.record(whole_nanos(took));
        self.groups.record(calls as u64);
    }

    /// Counts a group of which nothing was kept.
    pub(crate) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// What was counted so far.
    pub(crate) fn work(&self) -> StoreWork {
        StoreWork {
            commits: self.commits.distribution(),
            groups: self.groups.distribution(),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }
}
