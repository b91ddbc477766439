//! The real clock.

use std::time::{SystemTime, UNIX_EPOCH};

use futures::FutureExt;
use futures::future::BoxFuture;
use hodhod_core::time::{Clock, Millis, whole_millis};

/// The machine's clock, and tokio's timers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        // Before 1970 there is nothing to order; such a clock counts as 1970.
        Millis(whole_millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()))
    }

    fn sleep_until(&self, when: Millis) -> BoxFuture<'static, ()> {
        tokio::time::sleep(when.since(self.now())).boxed()
    }
}
