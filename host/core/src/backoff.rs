//! How long to wait after failures: longer each time, and not all at once.

use std::time::Duration;

/// The wait after a failure that came after `failures` others: `first`, doubled with each, at most
/// `longest`, and jittered.
pub(crate) fn after(failures: u32, first: Duration, longest: Duration) -> Duration {
    jittered(first.saturating_mul(1 << failures.min(16)).min(longest))
}

/// Between half and the whole of `wait`, so that what failed together does not come back together.
pub(crate) fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(rand::random_range(0.5..=1.0))
}
