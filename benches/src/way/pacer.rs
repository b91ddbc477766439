//! Messages that come at their own pace, whatever becomes of the earlier ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A thread that does something so many times a second, until it is dropped.
pub(crate) struct Pacer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Pacer {
    /// Starts. What was late is made up for, so that the rate holds.
    pub(crate) fn start(a_second: f64, mut act: impl FnMut() + Send + 'static) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let gap = Duration::from_secs_f64(1.0 / a_second);
        let thread = thread::Builder::new().name("pacer".to_owned()).spawn(move || {
            let mut due = Instant::now();
            while !stopped.load(Ordering::Relaxed) {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                act();
                due += gap;
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // If it panicked, messages are missing, and the figures say so.
        let _panicked = self.thread.take().map(JoinHandle::join);
    }
}
