//! The time inside a turn: that of the host, going on from when the turn began.
//!
//! The host keeps a clock of its own, which a change of the machine's clock does not move. A guest
//! that saw the machine's would set its timers by another one than they fire by.

use std::time::{Duration, Instant};

use hodhod_core::time::Millis;
use wasmtime_wasi::HostWallClock;

/// The clock of one turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TurnClock {
    began: Millis,
    at: Instant,
}

impl TurnClock {
    /// For a turn that begins now, which is `began` by the host's clock.
    pub(crate) fn new(began: Millis) -> Self {
        Self { began, at: Instant::now() }
    }

    /// Now, by the host's clock.
    pub(crate) fn now(&self) -> Millis {
        self.began + self.at.elapsed()
    }
}

impl HostWallClock for TurnClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.began.0).saturating_add(self.at.elapsed())
    }
}
