//! The operator's way to end the turns of a bot that are under way.
//!
//! A turn notes the number of kills when it begins, so one that begins later is not concerned, and
//! no kill falls between two looks. Looking costs a load; waiting costs something only in a turn
//! that waits anyway.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

use crate::runtime::{Failure, Reason};

/// Ends the turns of one bot.
#[derive(Debug, Default)]
pub struct KillSwitch {
    kills: AtomicU64,
    tripped: Notify,
}

impl KillSwitch {
    /// Ends every turn that has begun.
    pub fn kill(&self) {
        // Before the notification: whoever misses that sees this.
        self.kills.fetch_add(1, Ordering::SeqCst);
        self.tripped.notify_waiters();
    }

    /// How often it was used, for [`killed`](Self::killed).
    pub fn kills(&self) -> u64 {
        self.kills.load(Ordering::Relaxed)
    }

    /// Resolves when it is used, at once if it was since there were `before` kills. Dropping it
    /// leaves nothing behind.
    pub async fn killed(&self, before: u64) {
        let tripped = self.tripped.notified();
        if self.kills.load(Ordering::SeqCst) == before {
            tripped.await;
        }
    }
}

/// The end of a turn that was killed.
pub fn failure() -> Failure {
    Failure { reason: Reason::Killed, detail: "the operator ended it".to_owned() }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_kill_reaches_whoever_began_before_it_and_nobody_else() {
        let switch = KillSwitch::default();
        let (early, late) = (switch.kills(), switch.kills());
        let mut waiting = Box::pin(switch.killed(early));
        assert_eq!(waiting.as_mut().now_or_never(), None);
        switch.kill();
        assert_eq!(waiting.now_or_never(), Some(()), "one that waited");
        assert_eq!(switch.killed(late).now_or_never(), Some(()), "one that did not wait yet");
        assert_eq!(switch.killed(switch.kills()).now_or_never(), None, "one that began after it");
    }
}
