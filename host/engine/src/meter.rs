//! Processor time of a turn, and fairness between turns on one thread.
//!
//! A turn's processor time is the time spent polling it. One that runs past a tick is heavy: it
//! yields, and goes on only when it holds the thread's one *slice*, so that between two slices of
//! heavy turns every light turn gets to run, however many heavy ones there are. Before that it has
//! to be the one of its bot that asks for the slice, so that bots get it in turn, not turns. A turn
//! gives its slice up whenever it waits for something else.
//!
//! The yield must be tokio's own: wasmtime's built-in one wakes itself before it returns, which
//! keeps the run queue busy and starves timers and sockets for hundreds of milliseconds.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hodhod_core::ids::BotName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ticker::Pulse;

thread_local! {
    static SLICES: RefCell<Slices> = RefCell::new(Slices::default());
}

/// Who may run on this thread.
struct Slices {
    thread: Arc<Semaphore>,
    /// One for each bot that was ever heavy here; there are as many bots as the operator configured.
    bots: HashMap<BotName, Arc<Semaphore>>,
}

impl Default for Slices {
    fn default() -> Self {
        Self { thread: Arc::new(Semaphore::new(1)), bots: HashMap::new() }
    }
}

impl Slices {
    fn of(&mut self, bot: &BotName) -> [Arc<Semaphore>; 2] {
        let own = self.bots.entry(bot.clone()).or_insert_with(|| Arc::new(Semaphore::new(1)));
        [own.clone(), self.thread.clone()]
    }
}

/// Measures one turn.
#[derive(Debug)]
pub(crate) struct Meter {
    base: Instant,
    /// Nanoseconds of finished polls.
    used: AtomicU64,
    /// When the poll under way began, in nanoseconds after `base`.
    poll_began: AtomicU64,
    bot: BotName,
    pulse: Arc<Pulse>,
    /// The bot's own permit and the thread's.
    slice: Mutex<Option<[OwnedSemaphorePermit; 2]>>,
}

impl Meter {
    pub(crate) fn new(bot: BotName, pulse: Arc<Pulse>) -> Arc<Self> {
        Arc::new(Self {
            base: Instant::now(),
            used: AtomicU64::new(0),
            poll_began: AtomicU64::new(0),
            bot,
            pulse,
            slice: Mutex::new(None),
        })
    }

    /// Tells that the guest is still running.
    pub(crate) fn beat(&self) {
        self.pulse.beat();
    }

    /// Processor time up to now, from within a poll.
    pub(crate) fn now(&self) -> Duration {
        let began = self.poll_began.load(Ordering::Relaxed);
        let poll = nanos(self.base.elapsed()).saturating_sub(began);
        Duration::from_nanos(self.used.load(Ordering::Relaxed).saturating_add(poll))
    }

    /// Processor time of the polls that have ended.
    pub(crate) fn used(&self) -> Duration {
        Duration::from_nanos(self.used.load(Ordering::Relaxed))
    }

    /// Lets everything else on this thread run, then waits for the slice.
    pub(crate) fn next_slice(self: &Arc<Self>) -> impl Future<Output = ()> + Send + 'static {
        let meter = self.clone();
        let [own, thread] = SLICES.with_borrow_mut(|slices| slices.of(&meter.bot));
        meter.give_up_slice();
        async move {
            // Neither is ever closed; if one were, running on is all there is to do.
            let Ok(own) = own.acquire_owned().await else { return };
            let Ok(thread) = thread.acquire_owned().await else { return };
            // With the slice in hand, so that the next heavy turn does not begin in the very poll in
            // which this one's predecessor ended: everything light runs in between.
            tokio::task::yield_now().await;
            *meter.slice.lock().unwrap_or_else(PoisonError::into_inner) = Some([own, thread]);
        }
    }

    fn give_up_slice(&self) {
        let permits = self.slice.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(permits);
    }
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
        self.meter.beat();
        let began = nanos(self.meter.base.elapsed());
        self.meter.poll_began.store(began, Ordering::Relaxed);
        let result = Pin::new(&mut self.inner).poll(cx);
        let took = nanos(self.meter.base.elapsed()).saturating_sub(began);
        self.meter.used.fetch_add(took, Ordering::Relaxed);
        self.meter.give_up_slice();
        result
    }
}
