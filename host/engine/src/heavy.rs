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
//! short. How long the turns of a bot begin here is its [`Weight`].

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
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
use crate::weight::{Begin, LIGHT, Weight};

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
        let began = Instant::now();
        let polled = running.as_mut().poll(cx);
        let now = Instant::now();
        // While there is nobody to mind, long turns are as good as none.
        let matters = self.company.meets(std::ptr::from_ref(self.weight).addr(), now);
        let held = if matters { self.meter.held(now - began) } else { Duration::ZERO };
        // A turn that waits is not over, however often.
        if held > LIGHT || polled.is_ready() || self.meter.leaves() {
            self.weight.end(held, now);
        }
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
    fn one_processor_is_left_to_short_turns_where_there_are_several() {
        let (heavy, processors) = (Heavy::start().unwrap(), std::thread::available_parallelism().unwrap().get());
        let threads = heavy.handle.metrics().num_workers();
        assert_eq!((threads, heavy.slices.available_permits()), (heavy.threads, heavy.threads));
        assert!(threads == processors - 1 || threads == processors && processors == 1, "{threads} of {processors}");
    }

    /// Nor is what it takes beside the guest forgotten.
    #[tokio::test]
    async fn a_turn_that_waits_again_and_again_is_one_turn() {
        let engine = Engine::new(PoolSize { turns: 1, memory: 1 << 20 }).unwrap();
        let (other, weight) = (Weight::default(), Weight::default());
        let carry = |running, weight| engine.heavy.carry(running, testing::meter(&engine), weight);
        carry(Box::pin(async {}), &other).await;
        let waits = async {
            for _ in 0..2000 {
                tokio::task::yield_now().await;
            }
        };
        carry(Box::pin(waits), &weight).await;
        let takes = async {
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(20) {}
        };
        carry(Box::pin(takes), &weight).await;
        assert_eq!(weight.begin(Instant::now()), Begin::Away, "a thousand turns would have bought it 50 ms");
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
