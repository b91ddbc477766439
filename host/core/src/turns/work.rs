//! What a worker does: takes the next few events, and runs their turns beside one another.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::{Either, select};
use futures::stream::{FuturesUnordered, StreamExt};

use super::{Taken, Turns};
use crate::lanes::Next;

/// Most events one worker takes at once, and the work it expects of them. A batch makes taking
/// cheap; its bound keeps a turn from waiting behind another worker's backlog, or another bot's.
const BATCH: usize = 64;
const BATCH_WORK: Duration = Duration::from_micros(250);

impl Turns {
    /// Runs turns until [`drain`](Self::drain) and what was begun has ended. Cancelling ends the
    /// turns under way without effects; their events stay in the inbox.
    pub async fn work(&self, worker: usize) {
        let Some(worker) = self.workers.get(worker) else { return };
        let unstarted = Rc::new(Cell::new(0_usize));
        let mut running = FuturesUnordered::new();
        loop {
            let draining = self.draining.load(Ordering::Acquire);
            if !draining && unstarted.get() == 0 {
                for taken in self.take() {
                    unstarted.set(unstarted.get() + 1);
                    let (unstarted, counted) = (unstarted.clone(), Count(self));
                    running.push(async move {
                        unstarted.set(unstarted.get() - 1);
                        if unstarted.get() == 0 {
                            // There may be room for more beside those that wait for something.
                            worker.wake();
                        }
                        self.turn(taken).await;
                        drop(counted);
                    });
                }
            }
            if running.is_empty() {
                if draining {
                    return;
                }
                worker.rest().await;
            } else {
                let notified = std::pin::pin!(worker.woken());
                match select(running.next(), notified).await {
                    Either::Left(_) | Either::Right(_) => {}
                }
            }
        }
    }

    /// Takes what goes next. Each that is taken counts as under way.
    fn take(&self) -> Vec<Taken> {
        let mut taken = Vec::new();
        let mut work = Duration::ZERO;
        if self.ledger.is_full() {
            // Told again when the batch under way is on disk.
            return taken;
        }
        let now = self.clock.now();
        let mut lanes = self.lanes();
        while taken.len() < BATCH && work < BATCH_WORK && self.under_way.load(Ordering::Relaxed) < self.most {
            let Some(out) = lanes.take(now) else { break };
            if let Some(wait) = self.outboxes.is_crowded(&out.group, &out.lane) {
                lanes.finish(&out.group, &out.lane, Next::At(now + wait, out.item));
                self.alarm.notify_one();
                continue;
            }
            let mut phase = 0;
            if let Some(bot) = self.bot(&out.group) {
                work += bot.stats.usual_cpu();
                phase = bot.lock_health().phase();
            }
            // Only grows under the lock of the lanes, so the limit is never passed.
            self.under_way.fetch_add(1, Ordering::Relaxed);
            taken.push(Taken { out, phase });
        }
        taken
    }
}

/// A turn under way, counted until it is dropped.
struct Count<'a>(&'a Turns);

impl Drop for Count<'_> {
    fn drop(&mut self) {
        if self.0.under_way.fetch_sub(1, Ordering::Relaxed) == self.0.most {
            // Others could not take anything and may now.
            self.0.wake();
        }
    }
}
