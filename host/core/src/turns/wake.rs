//! Who is woken when there is something to do, or when the time of something has come.
//!
//! A thread that is woken for nothing costs others the processor in the middle of what they do, so no more workers are
//! woken than there are events, and none by a commit after which nothing waits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::{Either, select};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::Turns;

/// A worker, as far as others see it.
#[derive(Debug, Default)]
pub(super) struct Worker {
    woken: Notify,
    /// Whether it has nothing to do. Who takes that from it wakes it.
    idle: AtomicBool,
}

impl Worker {
    /// Lets it look for work, now or as soon as it can.
    pub(super) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Wakes it if it has nothing to do. False if it has, or if somebody else has just woken it.
    fn wake_if_idle(&self) -> bool {
        // Most of the time a look is enough, and leaves it to all processors.
        let is_idle = self.idle.load(Ordering::SeqCst) && self.idle.swap(false, Ordering::SeqCst);
        if is_idle {
            self.wake();
        }
        is_idle
    }

    /// Resolves when it is woken, also where that was before.
    pub(super) fn woken(&self) -> Notified<'_> {
        self.woken.notified()
    }

    /// Waits until it is woken, with nothing to do. Whoever looks before it says that it is idle wakes others, or all.
    pub(super) async fn rest(&self) {
        let _resting = Resting(self);
        self.idle.store(true, Ordering::SeqCst);
        self.woken().await;
    }
}

/// Ends with the rest, also where that is cancelled: nobody counts on it then.
struct Resting<'a>(&'a Worker);

impl Drop for Resting<'_> {
    fn drop(&mut self) {
        self.0.idle.store(false, Ordering::SeqCst);
    }
}

impl Turns {
    /// Wakes workers when a lane's wait is over, or a bot's rest. Never ends; one task runs this.
    pub async fn wake_on_time(&self) {
        loop {
            let changed = std::pin::pin!(self.alarm.notified());
            let next = [self.lanes().next_wake(), self.next_rest()].into_iter().flatten().min();
            match next {
                None => changed.await,
                // The workers take nothing, and are woken when that is over.
                Some(_) if self.is_held_up() => changed.await,
                Some(at) => {
                    if let Either::Left(_) = select(self.clock.sleep_until(at), changed).await {
                        self.end_rests();
                        self.wake();
                        // The workers take what is due; until they have, the same alarm would ring.
                        self.clock.sleep_until(self.clock.now() + Duration::from_millis(1)).await;
                    }
                }
            }
        }
    }

    /// Wakes whoever waits for work, or for the time of some.
    pub(super) fn wake(&self) {
        self.workers.iter().for_each(Worker::wake);
        self.alarm.notify_one();
    }

    /// Wakes as many workers as there is work for: of those that have none, and where these are not enough all.
    pub(super) fn wake_for(&self, events: usize) {
        let woken = self.workers.iter().filter(|worker| worker.wake_if_idle()).take(events).count();
        if woken < events {
            self.workers.iter().for_each(Worker::wake);
        }
    }

    /// True if the disk is to take what waits for it before anything else begins. Who commits says when that is over.
    fn is_held_up(&self) -> bool {
        if !self.ledger.is_full() {
            return false;
        }
        // Before another look, or that could be over in between and nobody would say so.
        self.is_late.store(true, Ordering::SeqCst);
        self.ledger.is_full()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::FutureExt;

    use super::*;
    use crate::testing::{MemoryStore, TestClock};
    use crate::trace::Traces;

    fn turns(workers: usize) -> Turns {
        let (store, clock) = (Arc::new(MemoryStore::default()), Arc::new(TestClock::default()));
        Turns::new(store, clock, Arc::default(), workers, 1, Traces::default())
    }

    #[test]
    fn as_many_workers_are_woken_as_there_are_events() {
        let turns = turns(3);
        let mut rests: Vec<_> = turns.workers.iter().map(|worker| Box::pin(worker.rest())).collect();
        assert!(rests.iter_mut().all(|rest| rest.now_or_never().is_none()));
        turns.wake_for(2);
        rests.retain_mut(|rest| rest.now_or_never().is_none());
        assert_eq!(rests.len(), 1);
        turns.wake_for(1);
        assert!(rests.pop().unwrap().now_or_never().is_some());
    }

    #[test]
    fn a_worker_that_was_about_to_rest_looks_again() {
        let turns = turns(2);
        turns.wake_for(1);
        assert!(turns.workers.iter().all(|worker| worker.rest().now_or_never().is_some()));
    }

    #[test]
    fn an_alarm_that_looks_at_a_disk_that_keeps_up_has_nobody_woken_by_commits() {
        let turns = turns(1);
        assert!(!turns.is_held_up());
        assert!(!turns.is_late.load(Ordering::SeqCst));
    }

    #[test]
    fn a_worker_that_rests_is_woken_once() {
        let worker = Worker::default();
        assert!(!worker.wake_if_idle(), "it has something to do");
        let mut rest = std::pin::pin!(worker.rest());
        assert!(rest.as_mut().now_or_never().is_none());
        assert!(worker.wake_if_idle());
        assert!(!worker.wake_if_idle(), "somebody has just woken it");
        assert!(rest.now_or_never().is_some());
    }

    #[test]
    fn nobody_counts_on_a_worker_that_went_in_its_rest() {
        let worker = Worker::default();
        assert!(worker.rest().now_or_never().is_none());
        assert!(!worker.wake_if_idle());
    }
}
