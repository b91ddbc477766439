//! Reads: a few connections of their own, which wait for no write.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hodhod_core::store::StoreError;
use rusqlite::Connection;

use crate::open::{OpenError, reading};
use crate::tables::is_unreadable;

/// Connections, each used by one thread at a time.
pub(crate) struct Readers {
    file: PathBuf,
    closed: AtomicBool,
    slots: Box<[Mutex<Option<Connection>>]>,
}

impl Readers {
    pub(crate) fn open(file: &Path, count: usize) -> Result<Self, OpenError> {
        let slots = (0..count.max(1)).map(|_| reading(file).map(|connection| Mutex::new(Some(connection))));
        Ok(Self { file: file.into(), closed: AtomicBool::new(false), slots: slots.collect::<Result<_, _>>()? })
    }

    /// Runs a query on a connection that is free, or waits for one.
    pub(crate) fn read<T>(
        &self,
        operation: &str,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let slot = self.free();
        let connection = slot.as_ref().ok_or_else(|| self.none(operation))?;
        query(connection).map_err(|error| {
            let text = format!("{operation} in {}: {error}", self.file.display());
            if is_unreadable(&error) { StoreError::Unreadable(text) } else { StoreError::Failed(text) }
        })
    }

    fn none(&self, operation: &str) -> StoreError {
        if self.closed.load(Ordering::Acquire) {
            return StoreError::Closed;
        }
        StoreError::Failed(format!("{operation} in {}: it is being opened anew", self.file.display()))
    }

    /// Closes the connections for good, each when its read is over. Reads fail from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.let_go();
    }

    /// Closes the connections until they are opened again.
    pub(crate) fn let_go(&self) {
        for slot in &self.slots {
            drop(slot.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }

    /// Opens those that are not open, unless they were closed for good.
    pub(crate) fn open_again(&self) -> Result<(), OpenError> {
        for slot in &self.slots {
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            if slot.is_none() && !self.closed.load(Ordering::Acquire) {
                *slot = Some(reading(&self.file)?);
            }
        }
        Ok(())
    }

    /// A thread keeps to one connection where it can, whose statements and pages are then warm.
    fn free(&self) -> MutexGuard<'_, Option<Connection>> {
        let home = home() % self.slots.len();
        let (before, after) = self.slots.split_at(home);
        let free = after.iter().chain(before).find_map(|slot| slot.try_lock().ok());
        // A panic in a query leaves the connection as usable as an error does.
        free.unwrap_or_else(|| self.slots[home].lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A number of the thread's own, counted up.
fn home() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static HOME: Cell<Option<usize>> = const { Cell::new(None) });
    HOME.with(|home| {
        home.get().unwrap_or_else(|| {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            home.set(Some(number));
            number
        })
    })
}
