//! One at a time for each person.
//!
//! A fixed number of locks, so nobody can make them many: two people may share one and then wait for each
//! other, which costs the length of a request and nothing else. Nobody holds two.

use std::array;
use std::hash::{BuildHasher, RandomState};

use tokio::sync::{Mutex, MutexGuard};

use super::person::Person;

/// Many beside the requests that are under way at once.
const LOCKS: usize = 256;

/// A lock for each person.
pub(super) struct Locks {
    locks: [Mutex<()>; LOCKS],
    hasher: RandomState,
}

impl Default for Locks {
    fn default() -> Self {
        Self { locks: array::from_fn(|_| Mutex::default()), hasher: RandomState::new() }
    }
}

impl Locks {
    /// Waits for the person's turn.
    pub(super) async fn of(&self, person: &Person) -> MutexGuard<'_, ()> {
        self.lock(person).lock().await
    }

    /// True while somebody has the person's turn.
    pub(super) fn is_busy(&self, person: &Person) -> bool {
        self.lock(person).try_lock().is_err()
    }

    fn lock(&self, person: &Person) -> &Mutex<()> {
        let [first, ..] = &self.locks;
        let at = self.hasher.hash_one(person) % LOCKS as u64;
        usize::try_from(at).ok().and_then(|at| self.locks.get(at)).unwrap_or(first)
    }
}
