//! A vault in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::{BoxFuture, ready};

use crate::store::StoreError;
use crate::time::Clock;
use crate::vault::{Change, Record, Vault};

type Records = BTreeMap<(&'static str, String), Record>;

/// A vault in memory. Clones share it, so a connection over a clone is the connection after a crash.
#[derive(Clone)]
pub struct MemoryVault {
    clock: Arc<dyn Clock>,
    records: Arc<Mutex<Records>>,
    fails: Arc<Mutex<bool>>,
}

impl MemoryVault {
    /// An empty one.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, records: Arc::default(), fails: Arc::default() }
    }

    /// Makes every call fail, or none.
    pub fn fail(&self, fails: bool) {
        *self.fails.lock().unwrap_or_else(PoisonError::into_inner) = fails;
    }

    fn call<R: Send + 'static>(&self, run: impl FnOnce(&mut Records) -> R) -> BoxFuture<'_, Result<R, StoreError>> {
        if *self.fails.lock().unwrap_or_else(PoisonError::into_inner) {
            return Box::pin(ready(Err(StoreError::Failed("the test wants it".to_owned()))));
        }
        let now = self.clock.now();
        let mut records: MutexGuard<'_, Records> = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.retain(|_, record| record.expires.is_none_or(|expires| expires > now));
        Box::pin(ready(Ok(run(&mut records))))
    }
}

impl Vault for MemoryVault {
    fn get(&self, kind: &'static str, name: &str) -> BoxFuture<'_, Result<Option<Record>, StoreError>> {
        self.call(|records| records.get(&(kind, name.to_owned())).cloned())
    }

    fn take(&self, kind: &'static str, name: &str) -> BoxFuture<'_, Result<Option<Record>, StoreError>> {
        self.call(|records| records.remove(&(kind, name.to_owned())))
    }

    fn list(
        &self,
        kind: &'static str,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(String, Record)>, StoreError>> {
        self.call(|records| {
            let of_kind =
                records.iter().filter(|((of, name), _)| *of == kind && after.is_none_or(|after| **name > *after));
            of_kind.take(limit).map(|((_, name), record)| (name.clone(), record.clone())).collect()
        })
    }

    fn change(&self, changes: Vec<Change>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.call(|records| {
            for Change { kind, name, record } in changes {
                match record {
                    Some(record) => records.insert((kind, name), record),
                    None => records.remove(&(kind, name)),
                };
            }
        })
    }
}
