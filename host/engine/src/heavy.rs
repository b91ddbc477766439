//! Threads for turns that need much of a processor.
//!
//! A turn begins on the thread that took it, beside others that are as short as most turns are. One
//! that goes on for longer than a tick leaves for the threads here, whose priority is lower: the
//! system takes the processor away from them whenever somebody else has something to do, in the
//! middle of whatever they do. That matters because not everything ends at a tick. Copying memory is
//! one instruction and taking a long list out of a guest is one call, however long they last, and
//! nothing within a process can interrupt them.
//!
//! What a turn has taken of others' time until it left is counted against its bot, whose next turns
//! begin here for [`SHARE`] times as long. So a bot takes at most one part in [`SHARE`] of the time
//! of a thread that belongs to all, whatever it does.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use rustix::process::setpriority_process;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::meter::Meter;
use crate::ticker::TICK;

/// How much lower the priority of these threads is, as `nice` counts. With nothing left over they still
/// get about a tenth of a processor.
const NICE: i32 = 10;

/// How long a bot's turns begin here, for each moment in which one of them held a thread of all.
const SHARE: u32 = 500;

/// The longest that one turn can bring about.
const LONGEST: Duration = Duration::from_secs(300);

thread_local! {
    static HERE: Cell<bool> = const { Cell::new(false) };
}

/// True on a thread for heavy turns.
pub(crate) fn is_here() -> bool {
    HERE.get()
}

/// The threads, one for each processor.
pub(crate) struct Heavy {
    handle: Handle,
    runtime: Option<Runtime>,
    threads: usize,
    /// One permit a thread: who may run there for a tick.
    pub(crate) slices: Arc<Semaphore>,
}

impl Heavy {
    pub(crate) fn start() -> io::Result<Self> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("hodhod-heavy")
            .enable_io()
            .enable_time()
            .on_thread_start(|| {
                HERE.set(true);
                if let Err(error) = setpriority_process(None, NICE) {
                    tracing::warn!(%error, "the threads of heavy turns cannot be given a lower priority");
                }
            })
            .build()?;
        let handle = runtime.handle().clone();
        Ok(Self { handle, runtime: Some(runtime), threads, slices: Arc::new(Semaphore::new(threads)) })
    }

    /// What the slices of one bot go through: as many as there are threads, so that bots wait for those
    /// by turns, and not each with all of its turns.
    pub(crate) fn slices_of_bot(&self) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(self.threads))
    }

    /// Runs what `meter` measures, here or where this is polled.
    pub(crate) async fn carry<T: Send + 'static>(
        &self,
        running: BoxFuture<'static, T>,
        meter: Arc<Meter>,
        weight: &Weight,
    ) -> T {
        let running = if weight.is_heavy() {
            running
        } else {
            match (Light { running: Some(running), meter, weight }).await {
                Ok(done) => return done,
                Err(running) => running,
            }
        };
        Carried(self.handle.spawn(running)).await
    }
}

impl Drop for Heavy {
    fn drop(&mut self) {
        // What runs here belongs to somebody who holds this; and waiting is not allowed everywhere.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What the turns of one bot have lately taken of the time of others.
#[derive(Debug)]
pub(crate) struct Weight {
    base: Instant,
    /// Until when its turns begin on threads of their own, in nanoseconds after `base`.
    until: AtomicU64,
}

impl Default for Weight {
    fn default() -> Self {
        Self { base: Instant::now(), until: AtomicU64::new(0) }
    }
}

impl Weight {
    fn is_heavy(&self) -> bool {
        let until = self.until.load(Ordering::Relaxed);
        until != 0 && self.base.elapsed() < Duration::from_nanos(until)
    }

    /// Counts that a turn has held a thread for so long.
    fn add(&self, held: Duration) {
        if held > TICK {
            let until = self.base.elapsed() + held.saturating_mul(SHARE).min(LONGEST);
            self.until.fetch_max(u64::try_from(until.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }
}

/// A turn where it began, until it ends or leaves.
struct Light<'w, T> {
    running: Option<BoxFuture<'static, T>>,
    meter: Arc<Meter>,
    weight: &'w Weight,
}

impl<T> Future for Light<'_, T> {
    type Output = Result<T, BoxFuture<'static, T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // It is there until it is taken, which ends this.
        let Some(mut running) = self.running.take() else { return Poll::Pending };
        let before = self.meter.used();
        let polled = running.as_mut().poll(cx);
        self.weight.add(self.meter.used().saturating_sub(before));
        match polled {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending if self.meter.leaves() => Poll::Ready(Err(running)),
            Poll::Pending => {
                self.running = Some(running);
                Poll::Pending
            }
        }
    }
}

/// A turn that has left. It ends when nobody waits for it any more.
struct Carried<T>(JoinHandle<T>);

impl<T> Future for Carried<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match ready!(Pin::new(&mut self.0).poll(cx)) {
            Ok(done) => Poll::Ready(done),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The threads are gone, and with them everything that could be waiting.
                Err(_cancelled) => Poll::Pending,
            },
        }
    }
}

impl<T> Drop for Carried<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bot_takes_at_most_one_part_in_five_hundred_of_the_time_of_others() {
        let weight = Weight::default();
        weight.add(TICK);
        assert!(!weight.is_heavy(), "a tick is everybody's");
        weight.add(Duration::from_millis(20));
        let until = Duration::from_nanos(weight.until.load(Ordering::Relaxed));
        assert!(weight.is_heavy() && until >= Duration::from_secs(10), "{until:?}");
        weight.add(Duration::from_millis(3));
        assert!(Duration::from_nanos(weight.until.load(Ordering::Relaxed)) >= until, "less does not shorten it");
        weight.add(Duration::from_secs(3600));
        let until = Duration::from_nanos(weight.until.load(Ordering::Relaxed));
        assert!(until <= weight.base.elapsed() + LONGEST, "{until:?}");
    }
}
