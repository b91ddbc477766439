//! A clock that stands still until a test moves it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::oneshot;

use crate::time::{Clock, Millis};

/// A clock that a test moves.
#[derive(Clone, Debug)]
pub struct TestClock(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    now: Millis,
    sleepers: BTreeMap<Millis, Vec<oneshot::Sender<()>>>,
}

impl Default for TestClock {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State { now: Millis(1_000_000), sleepers: BTreeMap::new() })))
    }
}

impl TestClock {
    /// Moves the clock and wakes who has slept long enough.
    pub fn advance(&self, by: Duration) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = state.now + by;
        state.now = now;
        let later = state.sleepers.split_off(&(now + Duration::from_millis(1)));
        for sleeper in std::mem::replace(&mut state.sleepers, later).into_values().flatten() {
            // Whoever stopped sleeping does not want to be woken.
            let _gone = sleeper.send(());
        }
    }

    /// Sets the clock back. Who sleeps wakes when it is as late as they wanted.
    pub fn set_back(&self, by: Duration) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.now = state.now - by;
    }

    /// When the next sleeper wakes.
    pub fn next_sleeper(&self) -> Option<Millis> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.sleepers.retain(|_, sleepers| {
            sleepers.retain(|sleeper| !sleeper.is_closed());
            !sleepers.is_empty()
        });
        state.sleepers.keys().next().copied()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Millis {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).now
    }

    fn sleep_until(&self, when: Millis) -> BoxFuture<'static, ()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if when <= state.now {
            return Box::pin(std::future::ready(()));
        }
        let (wake, woken) = oneshot::channel();
        state.sleepers.entry(when).or_default().push(wake);
        Box::pin(async {
            // An error would mean that the clock is gone, and time with it.
            if woken.await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}
