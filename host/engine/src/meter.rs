//! Processor time of a turn, and fairness between turns that need much of it.
//!
//! A turn's processor time is the time spent polling it. One that runs past a tick is heavy: it goes
//! to the [threads of such turns](crate::heavy), and yields at each tick. It goes on only when it
//! holds one of as many *slices* as there are threads, and it has to ask for that in the name of its
//! bot, so that bots get slices in turn, and not turns. A turn gives its slice up whenever it waits
//! for something else.
//!
//! The yield must be tokio's own: wasmtime's built-in one wakes itself before it returns, which
//! keeps the run queue busy and starves timers and sockets for hundreds of milliseconds.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::heavy;
use crate::ticker::Pulse;
use crate::weight::LIGHT;

/// How long a heavy turn that calls the host goes on, at most, before it lets others go first.
const WAY: Duration = Duration::from_micros(200);

/// Measures one turn.
#[derive(Debug)]
pub(crate) struct Meter {
    base: Instant,
    /// Nanoseconds of finished polls.
    used: AtomicU64,
    /// When the poll under way began, in nanoseconds after `base`.
    poll_began: AtomicU64,
    /// The processor time of the thread at that moment, in nanoseconds.
    thread_began: AtomicU64,
    pulse: Arc<Pulse>,
    /// The slices of its bot and those of all.
    slices: [Arc<Semaphore>; 2],
    slice: Mutex<Option<[OwnedSemaphorePermit; 2]>>,
    /// When others were last let go first, in nanoseconds after `base`.
    gave_way: AtomicU64,
    /// Set once it waits for being polled on another thread.
    leaves: AtomicBool,
}

impl Meter {
    pub(crate) fn new(pulse: Arc<Pulse>, slices: [Arc<Semaphore>; 2]) -> Arc<Self> {
        Arc::new(Self {
            base: Instant::now(),
            used: AtomicU64::new(0),
            poll_began: AtomicU64::new(0),
            thread_began: AtomicU64::new(0),
            pulse,
            slices,
            slice: Mutex::new(None),
            gave_way: AtomicU64::new(0),
            leaves: AtomicBool::new(false),
        })
    }

    /// Tells that the guest is still running.
    pub(crate) fn beat(&self) {
        self.pulse.beat();
    }

    /// True if so much processor time is used up now, from within a poll.
    pub(crate) fn has_used(&self, limit: Duration) -> bool {
        let (before, lasted) = (self.used.load(Ordering::Relaxed), self.lasted());
        let reaches = |poll| before.saturating_add(poll) >= nanos(limit);
        // A poll has not used more than it has lasted, which is known without asking the system.
        reaches(lasted) && reaches(self.of_poll(lasted))
    }

    /// Lets another thread have the processor, where this one is for heavy turns, unless it has just done so.
    ///
    /// Linux may go on with such a thread while one of higher priority waits, if that was only just put aside for a
    /// third, and not look again for milliseconds. A yield makes it look.
    pub(crate) fn give_way(&self) {
        if heavy::is_here() && self.since(&self.gave_way) >= nanos(WAY) {
            thread::yield_now();
            self.gave_way.store(nanos(self.base.elapsed()), Ordering::Relaxed);
        }
    }

    /// Processor time of the polls that have ended.
    pub(crate) fn used(&self) -> Duration {
        Duration::from_nanos(self.used.load(Ordering::Relaxed))
    }

    /// True once the turn has to be polled on a thread for heavy ones to go on.
    pub(crate) fn leaves(&self) -> bool {
        self.leaves.load(Ordering::Relaxed)
    }

    /// Lets everything else on this thread run, then waits for a slice.
    pub(crate) fn next_slice(self: &Arc<Self>) -> impl Future<Output = ()> + Send + 'static {
        let meter = self.clone();
        meter.give_up_slice();
        async move {
            // Whoever polls it sees that it leaves, and has it polled there.
            poll_fn(|_| {
                meter.leaves.store(!heavy::is_here(), Ordering::Relaxed);
                if heavy::is_here() { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            let [own, all] = meter.slices.clone();
            // Neither is ever closed; if one were, running on is all there is to do.
            let Ok(own) = own.acquire_owned().await else { return };
            let Ok(all) = all.acquire_owned().await else { return };
            // With the slice in hand, so that the next heavy turn does not begin in the very poll in
            // which this one's predecessor ended: everything else runs in between.
            tokio::task::yield_now().await;
            *meter.slice.lock().unwrap_or_else(PoisonError::into_inner) = Some([own, all]);
        }
    }

    fn give_up_slice(&self) {
        let permits = self.slice.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(permits);
    }

    /// How long the poll under way has lasted, in nanoseconds.
    fn lasted(&self) -> u64 {
        self.since(&self.poll_began)
    }

    /// How long ago that was, in nanoseconds.
    fn since(&self, moment: &AtomicU64) -> u64 {
        nanos(self.base.elapsed()).saturating_sub(moment.load(Ordering::Relaxed))
    }

    /// Processor time of the poll that has just ended and lasted so long, with what the host did after its guest.
    pub(crate) fn held(&self, lasted: Duration) -> Duration {
        Duration::from_nanos(self.of_poll(nanos(lasted)))
    }

    /// Processor time of the poll under way, which has lasted so long. What is light anyway is not looked
    /// into, for which the system has to be asked.
    fn of_poll(&self, lasted: u64) -> u64 {
        if lasted <= nanos(LIGHT) {
            return lasted;
        }
        // What other threads and programs had of the processor meanwhile is not the guest's.
        thread_time().saturating_sub(self.thread_began.load(Ordering::Relaxed)).min(lasted)
    }
}

/// Processor time of this thread, in nanoseconds.
pub(crate) fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec).unwrap_or(0), u64::try_from(time.tv_nsec).unwrap_or(0));
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A future whose polls are measured.
pub(crate) struct Metered<F> {
    pub(crate) meter: Arc<Meter>,
    pub(crate) inner: F,
}

impl<F: Future + Unpin> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let meter = self.meter.clone();
        meter.give_way();
        meter.beat();
        meter.thread_began.store(thread_time(), Ordering::Relaxed);
        meter.poll_began.store(nanos(meter.base.elapsed()), Ordering::Relaxed);
        let result = Pin::new(&mut self.inner).poll(cx);
        meter.used.fetch_add(meter.of_poll(meter.lasted()), Ordering::Relaxed);
        meter.give_up_slice();
        result
    }
}
