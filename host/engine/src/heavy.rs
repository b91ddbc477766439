//! Threads for turns that need much of a processor.
//!
//! A turn begins on the thread that took it, beside others that are as short as most turns are. One
//! that goes on for longer than a tick leaves for the threads here, whose priority is lower: the
//! system takes the processor away from them whenever somebody else has something to do, in the
//! middle of whatever they do. That matters because not everything ends at a tick. Copying memory is
//! one instruction and taking a long list out of a guest is one call, however long they last, and
//! nothing within a process can interrupt them.
//!
//! There is one for each processor but one, where there are several. A lower priority is still a share of a
//! processor: the system may give it to one of these threads as soon as another has had its own, however little that
//! was, and not look again for longer than a message takes on its whole way. So one processor is left to what is
//! short.
//!
//! What a turn has taken of others' time until it ended or left is counted against its bot, if it is
//! more than a few turns take together and others are there. A bot that has taken [`FORGIVEN`] so is away: its next turns begin here
//! for [`SHARE`] times as long as the last one held the thread, and for twice as long as the last time if that was
//! lately. What it took is forgotten at the same rate. So a bot takes at most one part in [`SHARE`] of the time of
//! a thread that belongs to all, whatever it does, and mostly much less. A bot whose first turn finds its code not
//! in memory stays where it is; and where hardly any turn is long, one that is was more likely held up by the
//! machine below than by its bot, and more is forgiven.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tracing::instrument::WithSubscriber;

use crate::company::Company;
use crate::meter::Meter;
use crate::priority;

/// The longest that a turn holds a thread of all and nobody minds.
pub(crate) const LIGHT: Duration = Duration::from_micros(250);

/// How long a bot's turns begin here, for each moment in which one of them held a thread of all.
const SHARE: u32 = 500;

/// What a bot may take of the threads of all before it is away. A first turn was seen to take 7 ms.
const FORGIVEN: Duration = Duration::from_millis(10);

/// The same for a bot that had [`RARE`] turns since the last one that was long.
const FORGIVEN_RARELY: Duration = Duration::from_millis(50);

/// Where fewer than one turn in so many is long, that says nothing of 99 in 100 turns of others.
const RARE: u32 = 1000;

/// The longest that one turn can bring about.
const LONGEST: Duration = Duration::from_secs(300);

thread_local! {
    static HERE: Cell<bool> = const { Cell::new(false) };
}

/// True on a thread for heavy turns.
pub(crate) fn is_here() -> bool {
    HERE.get()
}

/// The threads.
pub(crate) struct Heavy {
    handle: Handle,
    runtime: Option<Runtime>,
    threads: usize,
    company: Company,
    /// One permit a thread: who may run there for a tick.
    pub(crate) slices: Arc<Semaphore>,
}

impl Heavy {
    pub(crate) fn start() -> io::Result<Self> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).saturating_sub(1).max(1);
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("hodhod-heavy")
            .enable_io()
            .enable_time()
            .on_thread_start(|| {
                HERE.set(true);
                priority::lower();
            })
            .build()?;
        let handle = runtime.handle().clone();
        Ok(Self {
            handle,
            runtime: Some(runtime),
            threads,
            company: Company::default(),
            slices: Arc::new(Semaphore::new(threads)),
        })
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
        let running = if weight.begin(Instant::now()) == Begin::Away {
            running
        } else {
            match (Light { running: Some(running), meter, weight, company: &self.company }).await {
                Ok(done) => return done,
                Err(running) => running,
            }
        };
        // What it logs goes where it would have gone from here.
        Carried(self.handle.spawn(running.with_current_subscriber())).await
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
#[derive(Debug, Default)]
pub(crate) struct Weight {
    /// Whether there is anything to look at: of most bots there never is.
    is_known: AtomicBool,
    /// Turns that held a thread of all no longer than they may, since the last one that did.
    light: AtomicU32,
    stay: Mutex<Stay>,
}

/// How long a bot's turns begin on threads of their own.
#[derive(Clone, Copy, Debug, Default)]
struct Stay {
    /// What its turns have taken of the threads of all and is not forgotten yet, as of a moment.
    taken: Option<(Duration, Instant)>,
    until: Option<Instant>,
    /// How long it was. As soon as it is over one turn tries what the others are kept from.
    lasted: Duration,
    tried: bool,
}

/// Where a turn begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begin {
    Here,
    Away,
}

impl Weight {
    fn begin(&self, now: Instant) -> Begin {
        if !self.is_known.load(Ordering::Relaxed) {
            return Begin::Here;
        }
        let mut stay = self.stay();
        match stay.until {
            Some(until) if now < until || stay.tried => Begin::Away,
            Some(_) => {
                stay.tried = true;
                Begin::Here
            }
            None => Begin::Here,
        }
    }

    /// A turn that began beside others has held their thread for so long, and has ended or left.
    fn end(&self, held: Duration, now: Instant) {
        if held > LIGHT {
            let mut stay = self.stay();
            let taken = stay.taken(now) + held;
            let is_rare = self.light.swap(0, Ordering::Relaxed) >= RARE;
            if taken > if is_rare { FORGIVEN_RARELY } else { FORGIVEN } {
                let lasting = held.saturating_mul(SHARE);
                // Again, and soon: it is away for twice as long.
                let soon = stay.until.is_some_and(|until| now < until + stay.lasted);
                stay.lasted = if soon { lasting.max(stay.lasted * 2) } else { lasting }.min(LONGEST);
                let until = now + stay.lasted;
                (stay.until, stay.tried) = (Some(until), false);
                // Only when it is back does it begin to be forgotten.
                stay.taken = Some((FORGIVEN_RARELY, until));
            } else {
                stay.taken = Some((taken, now));
            }
            self.is_known.store(true, Ordering::Relaxed);
            return;
        }
        // Where it wraps round, the next thousand begin anew.
        self.light.fetch_add(1, Ordering::Relaxed);
        if self.is_known.load(Ordering::Relaxed) {
            let mut stay = self.stay();
            let is_over = stay.until.is_none_or(|until| now >= until + stay.lasted);
            if is_over && stay.taken(now).is_zero() {
                *stay = Stay::default();
                self.is_known.store(false, Ordering::Relaxed);
            }
        }
    }

    /// A turn that tried has done no harm; the others need not wait for it.
    fn passed(&self) {
        if self.is_known.load(Ordering::Relaxed) {
            self.stay().tried = false;
        }
    }

    fn stay(&self) -> MutexGuard<'_, Stay> {
        // It changes by whole assignments, so a panic elsewhere leaves it sound.
        self.stay.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stay {
    /// What is not forgotten yet.
    fn taken(&self, now: Instant) -> Duration {
        self.taken.map_or(Duration::ZERO, |(taken, at)| taken.saturating_sub(now.duration_since(at) / SHARE))
    }
}

/// A turn where it began, until it ends or leaves.
struct Light<'w, T> {
    running: Option<BoxFuture<'static, T>>,
    meter: Arc<Meter>,
    weight: &'w Weight,
    company: &'w Company,
}

impl<T> Future for Light<'_, T> {
    type Output = Result<T, BoxFuture<'static, T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // It is there until it is taken, which ends this.
        let Some(mut running) = self.running.take() else { return Poll::Pending };
        let before = self.meter.used();
        let polled = running.as_mut().poll(cx);
        let (held, now) = (self.meter.used().saturating_sub(before), Instant::now());
        // While there is nobody to mind, long turns are as good as none.
        let matters = self.company.meets(std::ptr::from_ref(self.weight).addr(), now);
        self.weight.end(if matters { held } else { Duration::ZERO }, now);
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

impl<T> Drop for Light<'_, T> {
    fn drop(&mut self) {
        self.weight.passed();
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
    use crate::engine::{Engine, PoolSize};
    use crate::testing;

    #[test]
    fn a_bot_takes_at_most_one_part_in_five_hundred_of_the_time_of_others() {
        let (weight, now) = (Weight::default(), Instant::now());
        weight.end(LIGHT, now);
        assert_eq!(weight.begin(now), Begin::Here, "so much is everybody's");
        weight.end(Duration::from_millis(20), now);
        assert_eq!(weight.begin(now), Begin::Away);
        assert_eq!(weight.begin(now + Duration::from_millis(9999)), Begin::Away);
        assert_eq!(weight.begin(now + Duration::from_secs(10)), Begin::Here);
    }

    #[test]
    fn a_first_turn_that_takes_long_is_forgiven_and_one_after_another_is_not() {
        let (weight, now) = (Weight::default(), Instant::now());
        weight.end(Duration::from_millis(7), now);
        assert_eq!(weight.begin(now), Begin::Here);
        weight.end(Duration::from_millis(7), now + Duration::from_millis(1));
        assert_eq!(weight.begin(now + Duration::from_millis(1)), Begin::Away);
        // What was forgotten meanwhile may be taken again.
        let weight = Weight::default();
        weight.end(Duration::from_millis(7), now);
        let later = now + Duration::from_millis(7) * SHARE;
        weight.end(Duration::from_millis(7), later);
        assert_eq!(weight.begin(later), Begin::Here);
    }

    #[test]
    fn more_is_forgiven_where_hardly_any_turn_is_long_and_no_more_than_that() {
        let (weight, now) = (Weight::default(), Instant::now());
        let begin_after = |light: u32| {
            (0..light).for_each(|_| weight.end(Duration::from_micros(16), now));
            weight.end(Duration::from_millis(8), now);
            weight.begin(now)
        };
        assert_eq!([(); 6].map(|()| begin_after(RARE)), [Begin::Here; 6]);
        assert_eq!(begin_after(RARE), Begin::Away, "56 ms at once are not an accident");
        let weight = Weight::default();
        weight.end(Duration::from_millis(8), now);
        (1..RARE).for_each(|_| weight.end(Duration::from_micros(16), now));
        weight.end(Duration::from_millis(8), now);
        assert_eq!(weight.begin(now), Begin::Away, "one in a thousand is not rare");
    }

    #[test]
    fn one_turn_tries_before_the_others_follow() {
        let (weight, now) = (Weight::default(), Instant::now());
        weight.end(Duration::from_millis(20), now);
        let over = now + Duration::from_secs(10);
        assert_eq!(
            [weight.begin(over), weight.begin(over), weight.begin(over)],
            [Begin::Here, Begin::Away, Begin::Away]
        );
        weight.end(Duration::from_micros(10), over);
        weight.passed();
        assert_eq!(weight.begin(over), Begin::Here);
    }

    #[test]
    fn a_bot_that_is_heavy_again_and_again_stays_away_for_longer_and_longer() {
        let (weight, mut now) = (Weight::default(), Instant::now());
        weight.end(FORGIVEN, now);
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            assert_eq!(weight.begin(now), Begin::Here);
            weight.end(Duration::from_millis(2), now);
            let stay = weight.stay().lasted;
            assert!(stay.abs_diff(Duration::from_secs(seconds)) < Duration::from_millis(1), "{stay:?}");
            now += stay;
        }
        // After as long without another it is a bot like any other.
        now += LONGEST;
        weight.end(Duration::ZERO, now);
        weight.end(Duration::from_millis(12), now);
        assert!(weight.stay().lasted < Duration::from_secs(7));
    }

    /// A turn holds its component, and that these threads.
    #[tokio::test]
    async fn what_nobody_waits_for_any_more_keeps_no_threads() {
        let engine = Engine::new(PoolSize { turns: 1, memory: 1 << 20 }).unwrap();
        let (heavy, threads) = (engine.heavy.clone(), Arc::downgrade(&engine.heavy));
        let meter = testing::meter(&engine);
        let (held, metered) = (engine, meter.clone());
        let weight = Weight::default();
        let (told, left) = tokio::sync::oneshot::channel();
        let running = Box::pin(async move {
            metered.next_slice().await;
            told.send(is_here()).unwrap();
            std::future::pending::<()>().await;
            drop(held);
        });
        tokio::select! {
            () = heavy.carry(running, meter, &weight) => unreachable!("it never ends"),
            here = left => assert!(here.unwrap(), "it has left"),
        }
        drop(heavy);
        while threads.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    }
}
