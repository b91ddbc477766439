//! Ages: since when the oldest of many things has been here.
//!
//! What waits may be a hundred thousand events, and looking at them all would hold up whoever wants
//! to take one. So those that came within the same second are counted together: coming and going
//! costs a search among the seconds of which something is left, and so does the answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::time::Millis;

/// How far apart two may come that are counted together, and so how much too old the answer may be.
const TOGETHER: Duration = Duration::from_secs(1);

/// Knows since when the oldest has been here: how many are left of those that came together, by when the first of
/// them came.
#[derive(Debug, Default)]
pub(crate) struct Ages(Mutex<BTreeMap<Millis, usize>>);

/// The stay of one thing, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Stay {
    ages: Arc<Ages>,
    since: Millis,
}

impl Ages {
    /// Something comes.
    pub(crate) fn enter(self: &Arc<Self>, now: Millis) -> Stay {
        let mut left = self.lock();
        let newest = left.last_key_value().map(|(since, _)| *since);
        // Also where the clock went back.
        let since = newest.filter(|newest| now.since(*newest) < TOGETHER).unwrap_or(now);
        *left.entry(since).or_default() += 1;
        drop(left);
        Stay { ages: self.clone(), since }
    }

    /// Since when the oldest has been here, a second too early at most.
    pub(crate) fn oldest(&self) -> Option<Millis> {
        self.lock().first_key_value().map(|(since, _)| *since)
    }

    fn leave(&self, since: Millis) {
        let mut left = self.lock();
        if let Some(count) = left.get_mut(&since) {
            *count -= 1;
            if *count == 0 {
                left.remove(&since);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Millis, usize>> {
        // It changes by whole calls, so a panic elsewhere leaves it sound.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.ages.leave(self.since);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_oldest_is_known_to_the_second_whoever_leaves_first() {
        let ages = Arc::new(Ages::default());
        assert_eq!(ages.oldest(), None);
        let [first, second] = [1000, 1999].map(|now| ages.enter(Millis(now)));
        let third = ages.enter(Millis(2000));
        drop(first);
        assert_eq!(ages.oldest(), Some(Millis(1000)), "the second came in the same second");
        drop(third);
        let fourth = ages.enter(Millis(60_000));
        drop(second);
        assert_eq!(ages.oldest(), Some(Millis(60_000)));
        drop(fourth);
        assert_eq!(ages.oldest(), None);
    }

    proptest! {
        #[test]
        fn nothing_older_is_forgotten_and_nothing_gone_is_kept(
            steps in prop::collection::vec((0_u64..700, any::<prop::sample::Index>(), any::<bool>()), 1..200),
        ) {
            let ages = Arc::new(Ages::default());
            let mut here: Vec<(u64, Stay)> = Vec::new();
            let mut now = 0;
            for (later, which, leaves) in steps {
                now += later;
                if leaves && !here.is_empty() {
                    drop(here.swap_remove(which.index(here.len())));
                } else {
                    here.push((now, ages.enter(Millis(now))));
                }
                let oldest = here.iter().map(|(since, _)| *since).min();
                match (ages.oldest(), oldest) {
                    (None, None) => {}
                    (Some(told), Some(is)) => prop_assert!(told.0 <= is && is < told.0 + 1000, "{told} for {is}"),
                    other => prop_assert!(false, "{other:?}"),
                }
            }
        }
    }
}
