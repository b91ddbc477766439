//! What is done for a person: what is stored of them is shown, and erased. The operator has it done, or the person, by
//! taking back what they had allowed on a platform.
//!
//! Erasing goes on while everything else does. The person's turns wait meanwhile, and those under way end first; see
//! `turns::erasures`. One person at a time, and no dead letter is tried again meanwhile, or its event would
//! get past the search.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, join_all, select};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Host;
use crate::ids::ConnectionName;
use crate::people::{self, Page, Person, Place, Search, Wish};
use crate::store::{Erased, Rows, StoreError};
use crate::turns::Erasing;

/// How often it is tried to take what was erased out of the log, and how long after one try the next is made.
const CLEARINGS: u32 = 20;
const CLEAR_AGAIN: Duration = Duration::from_millis(100);

/// Most people who are erased after one wait for turns.
const AT_ONCE: usize = 16;

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
        let connection = person.connection().clone();
        let erasing = self.turns.begin_erasure(self.whole(person), None);
        if !erasing.stand_still().await {
            return Err(EraseError::Busy);
        }
        let erased = self.erase(erasing).await?;
        let log_is_clear = clear_log(&*self.store, &*self.clock).await?;
        let has_lost = self.vaults.has_lost(connection.clone()).await?;
        log(&connection, &erased, "the operator had what is stored of a person erased");
        Ok(Erasure { erased, log_is_clear, has_lost })
    }

    /// Takes away what is stored of people who want that, those who come together side by side. Never ends; one task
    /// runs this.
    pub(super) async fn forget_who_asks(&self) {
        let mut asked = self.inbox.wishes().asked().await;
        let mut is_log_clear = true;
        loop {
            let mut wishes = Vec::new();
            let clearing = async {
                match is_log_clear {
                    true => std::future::pending().await,
                    false => clear_log(&*self.store, &*self.clock).await,
                }
            };
            // Nobody waits for the log, and whoever comes next does not.
            let cleared = match select(pin!(asked.recv_many(&mut wishes, AT_ONCE)), pin!(clearing)).await {
                Either::Left(_) => None,
                Either::Right((cleared, _)) => Some(cleared),
            };
            if let Some(cleared) = cleared {
                is_log_clear = true;
                if !matches!(cleared, Ok(true)) {
                    tracing::debug!(?cleared, "the log of the store holds what was erased until it starts over");
                }
                continue;
            }
            is_log_clear &= !self.forget_these(wishes).await;
        }
    }

    /// Answers each wish. True if something may be gone.
    async fn forget_these(&self, wishes: Vec<Wish>) -> bool {
        let _alone = self.erasing.lock().await;
        let mut begun = Vec::new();
        for wish in wishes {
            let person = self.whole(wish.person.clone());
            let is_here = self.member(person.connection()).is_some_and(|member| member.platform().is_some());
            if self.turns.was_erased(&person, wish.until) {
                wish.answer(Ok(()));
            } else if is_here {
                let erasing = self.turns.begin_erasure(person, Some(wish.until));
                begun.push((wish, erasing));
            } else {
                // Nobody can tell which chat is theirs.
                wish.answer(Err(StoreError::Failed("the connection is closed".to_owned())));
            }
        }
        if begun.is_empty() {
            return false;
        }
        let all_still = join_all(begun.iter().map(|(_, erasing)| erasing.stand_still())).await;
        for ((wish, erasing), is_still) in begun.into_iter().zip(all_still) {
            // The same person may have asked twice.
            let done = if self.turns.was_erased(erasing.person(), wish.until) {
                Ok(())
            } else if is_still {
                self.forget(erasing).await
            } else {
                Err(StoreError::Failed(EraseError::Busy.to_string()))
            };
            wish.answer(done);
        }
        true
    }

    async fn forget(&self, erasing: Erasing) -> Result<(), StoreError> {
        let connection = erasing.person().connection().clone();
        let erased = self.erase(erasing).await?;
        log(&connection, &erased, "a person took their consent back, and had what is stored of them erased");
        Ok(())
    }

    /// To be called by one at a time, once the person's turns stand still.
    async fn erase(&self, erasing: Erasing) -> Result<Erased, StoreError> {
        let person = erasing.person().clone();
        let (connection, user) = (person.connection().clone(), person.user().cloned());
        let search = self.search(person).until(erasing.until());
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
        Ok(erased)
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

/// Tells who was at it, for whoever has to show later that it was done.
fn log(connection: &ConnectionName, erased: &Erased, who: &'static str) {
    let Erased { values, timers, letters, events, sends, records } = *erased;
    tracing::info!(%connection, values, events, letters, sends, timers, records, "{who}");
}
