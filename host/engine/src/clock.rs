//! The time inside a turn: that of the host, going on from when the turn began.
//!
//! The host keeps a clock of its own, which a change of the machine's clock does not move. A guest
//! that saw the machine's would set its timers by another one than they fire by.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hodhod_core::time::{Millis, whole_millis};
use wasmtime_wasi::HostWallClock;

/// The clock of one turn. Clones are the same clock.
#[derive(Clone, Debug)]
pub(crate) struct TurnClock {
    base: Instant,
    /// What the host's clock said at `base`, in milliseconds.
    at_base: Arc<AtomicU64>,
}

impl TurnClock {
    /// For a turn that began at `at`, which is `began` by the host's clock.
    pub(crate) fn new(began: Millis, at: Instant) -> Self {
        Self { base: at, at_base: Arc::new(AtomicU64::new(began.0)) }
    }

    /// For another turn of the same guest. It never goes back: this one may have begun before the last ended.
    pub(crate) fn begin(&self, began: Millis, at: Instant) {
        let at_base = began.0.saturating_sub(whole_millis(at.saturating_duration_since(self.base)));
        self.at_base.fetch_max(at_base, Ordering::Relaxed);
    }

    /// Now, by the host's clock.
    pub(crate) fn now(&self) -> Millis {
        Millis(self.at_base.load(Ordering::Relaxed)) + self.base.elapsed()
    }
}

impl HostWallClock for TurnClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.at_base.load(Ordering::Relaxed)).saturating_add(self.base.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_that_began_before_the_last_one_ended_sees_no_earlier_time() {
        let began = Instant::now();
        let clock = TurnClock::new(Millis(10_000), began);
        clock.begin(Millis(10_500), began);
        let seen = clock.now();
        clock.begin(Millis(10_000), began);
        assert!(clock.now() >= seen && seen >= Millis(10_500));
    }
}
