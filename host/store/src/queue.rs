//! The queue in front of the writer.
//!
//! A call enters the queue when it is made, not when its future is first polled. That is what keeps
//! the calls of one caller in order although it does not wait between them, and what makes a
//! dropped future harmless: the job is already on its way. A queue that let callers wait for a
//! place could not do either, as the job would have to travel inside the future.
//!
//! Callers are held back by their answers: each waits for its commit before it has more to write,
//! so in a healthy host the queue is as long as the work under way. The bound is for a disk that
//! hangs: a call beyond it is refused at once and changes nothing.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hodhod_core::store::StoreError;

use crate::encode::Weight;
use crate::job::Job;

/// Most jobs in one transaction: at this size a sync is already shared by so many that a larger
/// group gains nothing, and the first of them would wait for the last.
const GROUP_JOBS: usize = 1024;

/// Most rows in one transaction, unless a single job has more: about 20 ms of work.
const GROUP_ROWS: usize = 4096;

pub(crate) struct Queue {
    inner: Mutex<Inner>,
    arrived: Condvar,
    most_bytes: usize,
}

#[derive(Default)]
struct Inner {
    jobs: VecDeque<(Weight, Box<dyn Job>)>,
    bytes: usize,
    closed: bool,
}

impl Queue {
    /// A queue that refuses jobs while it holds more than `most_bytes`.
    pub(crate) fn new(most_bytes: usize) -> Self {
        Self { inner: Mutex::default(), arrived: Condvar::new(), most_bytes }
    }

    /// Puts a job at the end, or fails it.
    pub(crate) fn push(&self, job: Box<dyn Job>) {
        let weight = job.weight();
        let mut inner = self.lock();
        if inner.closed {
            drop(inner);
            return job.fail(StoreError::Closed);
        }
        // A single job beyond the bound still gets through an empty queue.
        if inner.bytes + weight.bytes > self.most_bytes && !inner.jobs.is_empty() {
            drop(inner);
            let operation = job.operation();
            let most = self.most_bytes >> 20;
            return job.fail(StoreError::Failed(format!("{operation}: {most} MiB of writes wait for the disk")));
        }
        inner.put(weight, job);
        drop(inner);
        self.arrived.notify_one();
    }

    /// Puts a job that has more to do behind all that wait. It is not refused for want of room.
    pub(crate) fn put_back(&self, job: Box<dyn Job>) {
        let weight = job.weight();
        let mut inner = self.lock();
        if inner.closed {
            drop(inner);
            return job.fail(StoreError::Closed);
        }
        inner.put(weight, job);
    }

    /// Takes what waits, in order, at most one transaction's worth; waits if nothing does, at most for
    /// `patience`, and then gives nothing. `None` when the queue is closed and empty.
    pub(crate) fn take(&self, patience: Option<Duration>) -> Option<Vec<Box<dyn Job>>> {
        let mut inner = self.lock();
        while inner.jobs.is_empty() {
            if inner.closed {
                return None;
            }
            let Some(patience) = patience else {
                inner = self.arrived.wait(inner).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let waited = self.arrived.wait_timeout(inner, patience).unwrap_or_else(PoisonError::into_inner);
            inner = waited.0;
            if waited.1.timed_out() && inner.jobs.is_empty() && !inner.closed {
                return Some(Vec::new());
            }
        }
        let mut group = Vec::with_capacity(inner.jobs.len().min(GROUP_JOBS));
        let mut rows = 0;
        while let Some((weight, _)) = inner.jobs.front() {
            rows += weight.rows;
            if group.len() == GROUP_JOBS || (rows > GROUP_ROWS && !group.is_empty()) {
                break;
            }
            let Some((weight, job)) = inner.jobs.pop_front() else { break };
            inner.bytes -= weight.bytes;
            group.push(job);
        }
        Some(group)
    }

    /// True if nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().jobs.is_empty()
    }

    /// True if nothing more is let in.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Lets nothing more in.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    /// Lets nothing more in and forgets what waits: its callers learn that the store is closed.
    pub(crate) fn abandon(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        let jobs = std::mem::take(&mut inner.jobs);
        inner.bytes = 0;
        drop(inner);
        for (_, job) in jobs {
            job.fail(StoreError::Closed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change under the lock is whole before anything in it can panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn put(&mut self, weight: Weight, job: Box<dyn Job>) {
        self.bytes += weight.bytes;
        self.jobs.push_back((weight, job));
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot::Receiver;

    use super::*;
    use crate::job::{Call, Progress, Work};
    use crate::tables::Tables;

    struct Idle(Weight);

    impl Work for Idle {
        type Output = ();
        const OPERATION: &'static str = "idle";

        fn weight(&self) -> Weight {
            self.0
        }

        fn run(&mut self, _tables: &mut Tables<'_>) -> rusqlite::Result<Progress<()>> {
            Ok(Progress::Done(()))
        }
    }

    fn job(rows: usize, bytes: usize) -> (Box<dyn Job>, Receiver<Result<(), StoreError>>) {
        Call::job(Idle(Weight { rows, bytes }))
    }

    fn push(queue: &Queue, rows: usize, bytes: usize) -> Receiver<Result<(), StoreError>> {
        let (job, answer) = job(rows, bytes);
        queue.push(job);
        answer
    }

    #[test]
    fn a_group_is_bounded_by_its_rows_and_its_jobs() {
        let queue = Queue::new(usize::MAX);
        let _big = push(&queue, 10 * GROUP_ROWS, 0);
        let _rest: Vec<_> = (0..GROUP_JOBS + 1).map(|_| push(&queue, 1, 0)).collect();
        assert_eq!(queue.take(None).unwrap().len(), 1, "a job beyond the bound goes alone");
        assert_eq!(queue.take(None).unwrap().len(), GROUP_JOBS);
        assert_eq!(queue.take(None).unwrap().len(), 1);
    }

    #[test]
    fn a_full_queue_refuses_and_takes_again_when_it_has_room() {
        let queue = Queue::new(100);
        let _first = push(&queue, 1, 90);
        let refused = push(&queue, 1, 11).try_recv().unwrap();
        assert!(matches!(refused, Err(StoreError::Failed(_))));
        let _fits = push(&queue, 1, 10);
        assert_eq!(queue.take(None).unwrap().len(), 2);
        let _large = push(&queue, 1, 1000);
        assert_eq!(queue.take(None).unwrap().len(), 1, "nothing is too large for an empty queue");
    }

    #[test]
    fn a_closed_queue_gives_out_what_it_holds_and_lets_nothing_in() {
        let queue = Queue::new(100);
        let _first = push(&queue, 1, 1);
        queue.close();
        assert!(matches!(push(&queue, 1, 1).try_recv().unwrap(), Err(StoreError::Closed)));
        assert_eq!(queue.take(None).unwrap().len(), 1);
        assert!(queue.take(None).is_none());
    }

    #[test]
    fn who_waits_with_patience_comes_back_with_nothing() {
        let queue = Queue::new(100);
        assert_eq!(queue.take(Some(Duration::from_millis(1))).map(|group| group.len()), Some(0));
        let _first = push(&queue, 1, 1);
        assert_eq!(queue.take(Some(Duration::ZERO)).map(|group| group.len()), Some(1));
        queue.close();
        assert!(queue.take(Some(Duration::from_millis(1))).is_none());
    }
}
