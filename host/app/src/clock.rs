//! The real clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use futures::FutureExt;
use futures::future::BoxFuture;
use hodhod_core::time::{Clock, Millis, whole_millis};

/// The machine's clock as it was when the host started, and since then the time that has passed.
///
/// A clock that is set while the host runs would stop it from sending for as long as it was set
/// back, and give up whatever waits when it is set forward; so it is read once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemClock {
    started: Instant,
    at: Millis,
}

impl SystemClock {
    /// Reads the machine's clock.
    pub(crate) fn new() -> Self {
        // Before 1970 there is nothing to order; such a clock counts as 1970.
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), at: Millis(whole_millis(at)) }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        self.at + self.started.elapsed()
    }

    fn sleep_until(&self, when: Millis) -> BoxFuture<'static, ()> {
        tokio::time::sleep(when.since(self.now())).boxed()
    }
}
