//! The vault of a host whose disk has faults.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use hodhod_core::store::StoreError;
use hodhod_core::testing::MemoryVault;
use hodhod_core::vault::{Change, Record, Vault};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

/// The vault as a host has it: names are hashes to it, a record has a bound, and its disk can be full.
#[derive(Clone)]
pub(crate) struct HostVault {
    vault: MemoryVault,
    /// Writes that are left until it is full.
    pub(crate) room: Arc<AtomicUsize>,
    pub(crate) is_full: Arc<AtomicBool>,
    pub(crate) is_altered: Arc<AtomicBool>,
    /// True where the operator has a person erased just when a link to them is written.
    pub(crate) is_racing: Arc<AtomicBool>,
}

impl HostVault {
    pub(crate) fn new(vault: &MemoryVault) -> Self {
        let room = Arc::new(AtomicUsize::new(usize::MAX));
        let (is_full, is_altered, is_racing) = Default::default();
        Self { vault: vault.clone(), room, is_full, is_altered, is_racing }
    }

    fn check(&self, changes: &[Change]) -> Result<(), StoreError> {
        let has_room = self.room.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |room| room.checked_sub(1)).is_ok();
        if self.is_full.load(Ordering::SeqCst) || !has_room {
            return Err(StoreError::NoRoom("the disk is full".to_owned()));
        }
        for record in changes.iter().filter_map(|change| change.record.as_ref()) {
            if record.value.expose_secret().len() > 64 << 10 {
                return Err(StoreError::Failed("a record is too long".to_owned()));
            }
        }
        Ok(())
    }
}

impl Vault for HostVault {
    fn get(&self, kind: &'static str, name: &str) -> BoxFuture<'_, Result<Option<Record>, StoreError>> {
        if kind == "grant" && self.is_altered.load(Ordering::SeqCst) {
            return std::future::ready(Err(StoreError::Unreadable("it was altered".to_owned()))).boxed();
        }
        self.vault.get(kind, name)
    }

    fn take(&self, kind: &'static str, name: &str) -> BoxFuture<'_, Result<Option<Record>, StoreError>> {
        let name = name.to_owned();
        async move {
            self.check(&[])?;
            self.vault.take(kind, &name).await
        }
        .boxed()
    }

    fn list(
        &self,
        kind: &'static str,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(String, Record)>, StoreError>> {
        let hash = |name: &str| Sha256::digest(name);
        let after = after.map(hash);
        async move {
            let mut records = self.vault.list(kind, None, usize::MAX).await?;
            records.sort_by_key(|(name, _)| hash(name));
            let behind = records.into_iter().filter(|(name, _)| after.is_none_or(|after| hash(name) > after));
            Ok(behind.take(limit).collect())
        }
        .boxed()
    }

    fn change(&self, changes: Vec<Change>) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            self.check(&changes)?;
            let person = changes.iter().find(|change| change.kind == "link").and_then(|change| change.record.clone());
            self.vault.change(changes).await?;
            if let Some(person) = person.and_then(|record| record.person)
                && self.is_racing.load(Ordering::SeqCst)
            {
                self.vault.take("grant", person.as_str()).await?;
            }
            Ok(())
        }
        .boxed()
    }
}
