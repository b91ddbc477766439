//! What an operator does for a person: shows what is stored of them, and erases it.
//!
//! Erasing goes on while everything else does. The person's turns wait meanwhile, and those under way end first; see
//! `turns::erasures`. One person at a time, and no dead letter is tried again meanwhile, or its event would
//! get past the search.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Host;
use crate::ids::ConnectionName;
use crate::people::{self, Page, Person, Place, Search};
use crate::store::{Erased, Rows, StoreError};

/// How often it is tried to take what was erased out of the log, and how long after one try the next is made.
const CLEARINGS: u32 = 20;
const CLEAR_AGAIN: Duration = Duration::from_millis(100);

/// What was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// How much it was.
    #[serde(flatten)]
    pub erased: Erased,
    /// False where the log of the database still holds it, because something else reads: until it starts over.
    pub log_is_clear: bool,
    /// True where the vault of the connection has records that do not open, so that nobody knows whose they are.
    pub has_lost: bool,
}

/// Why a person is not erased.
#[derive(Clone, Debug, Error)]
pub enum EraseError {
    /// A turn that may use what is theirs goes on for too long, or is not on disk yet.
    #[error("turns that were under way do not end, so nothing was erased; try again")]
    Busy,
    /// The store refused. Some of it may be gone.
    #[error("{0}; some of it may be erased: ask again when the store works")]
    Store(#[from] StoreError),
}

/// Takes what was erased out of the log too. False where that takes until the log starts over.
///
/// # Errors
/// When the store refuses.
pub async fn clear_log(store: &dyn crate::store::Store, clock: &dyn crate::time::Clock) -> Result<bool, StoreError> {
    for _ in 0..CLEARINGS {
        if store.clear_log().await? {
            return Ok(true);
        }
        clock.sleep_until(clock.now() + CLEAR_AGAIN).await;
    }
    Ok(false)
}

impl Host {
    /// A part of what is stored of a person, from a place on.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn export_person(&self, person: Person, from: Option<Place>) -> Result<Page, StoreError> {
        people::export(&self.search(self.whole(person)), from).await
    }

    /// Takes away all that is stored of a person. To be polled to its end.
    ///
    /// # Errors
    /// See [`EraseError`].
    pub async fn erase_person(&self, person: Person) -> Result<Erasure, EraseError> {
        let _alone = self.erasing.lock().await;
        let person = self.whole(person);
        let (connection, user) = (person.connection().clone(), person.user().cloned());
        let erasing = self.turns.begin_erasure(person.clone());
        if !erasing.stand_still().await {
            return Err(EraseError::Busy);
        }
        let search = self.search(person);
        let outbox = self.outboxes.get(&connection);
        let gone = |rows: &Rows| {
            erasing.drop_events(&rows.events);
            if let Some(outbox) = &outbox {
                outbox.drop_sends(&rows.sends);
            }
        };
        let (mut erased, upto) = people::erase(&search, gone).await?;
        let platform = self.member(&connection).and_then(|member| member.platform());
        if let (Some(platform), Some(user)) = (platform, user) {
            platform.forget(&user);
            // What it may have written before it forgot.
            erased += people::erase_records(&search).await?;
        }
        erasing.over(upto);
        let log_is_clear = clear_log(&*self.store, &*self.clock).await?;
        let has_lost = self.vaults.has_lost(connection.clone()).await?;
        tracing::info!(%connection, values = erased.values, events = erased.events, letters = erased.letters,
            sends = erased.sends, timers = erased.timers, records = erased.records,
            "the operator had what is stored of a person erased");
        Ok(Erasure { erased, log_is_clear, has_lost })
    }

    /// Drops the records of a connection that another key has sealed, and gives their number.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn drop_lost_records(&self, connection: ConnectionName) -> Result<u64, StoreError> {
        let dropped = self.vaults.drop_lost(connection.clone()).await?;
        tracing::info!(%connection, records = dropped, "the operator dropped records of the vault that do not open");
        Ok(dropped)
    }

    /// With what the platform knows of them.
    fn whole(&self, person: Person) -> Person {
        let platform = self.member(person.connection()).and_then(|member| member.platform());
        let chat = platform.and_then(|platform| platform.private_chat(person.user()?));
        match chat {
            Some(chat) => person.with_chat(chat),
            None => person,
        }
    }

    fn search(&self, person: Person) -> Search {
        Search::new(self.store.clone(), &self.vaults, person)
    }
}
