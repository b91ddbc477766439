//! What an operator does with dead letters: looks at them, lets one be tried again, drops them.
//!
//! A retry is one transaction of the store, and then a place in a lane. Between the two nobody may
//! stop, or the event would wait in the inbox until the next start; and who asked for it may hang up
//! at any moment. So the host does it, and who asked only waits for the answer.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::Host;
use crate::dead::{DeadLetter, Doomed};
use crate::event::Event;
use crate::ids::{BotName, InboxSeq};
use crate::store::{Store, StoreError};
use crate::turns::Turns;

/// Retries that wait for the one that is being made. Who asks beyond them waits before asking.
const WAITING: usize = 16;

/// A dead letter with what is in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenedLetter {
    /// The letter.
    #[serde(flatten)]
    pub letter: DeadLetter,
    /// The event that could not be handled; absent where nobody can read it any more.
    pub event: Option<Arc<Event>>,
    /// Why nobody can.
    pub unreadable: Option<String>,
}

/// Why a dead letter was not put back.
#[derive(Clone, Debug, Error)]
pub enum RetryError {
    /// There is none.
    #[error("there is no dead letter {0}")]
    Unknown(InboxSeq),
    /// Nobody could handle it.
    #[error("dead letter {seq} is of the bot {bot:?}, which is not configured: add the bot again, or drop the letter")]
    NoBot {
        /// The letter.
        seq: InboxSeq,
        /// Its bot.
        bot: BotName,
    },
    /// It would die again at once.
    #[error("the bot {bot:?} has no room for it: {reason}; try again when some have been handled")]
    NoRoom {
        /// The bot.
        bot: BotName,
        /// Why.
        reason: String,
    },
    /// The store refused; the letter is where it was.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The host ends. The letter is where it was, or waits for the next start.
    #[error("the host is ending")]
    Ending,
}

struct Retry {
    seq: InboxSeq,
    answer: oneshot::Sender<Result<InboxSeq, RetryError>>,
}

/// Makes retries, one after the other.
pub(super) struct Letters {
    store: Arc<dyn Store>,
    turns: Arc<Turns>,
    ask: mpsc::Sender<Retry>,
    asked: Mutex<mpsc::Receiver<Retry>>,
    /// Held while a person is erased.
    erasing: Arc<Mutex<()>>,
}

impl Letters {
    pub(super) fn new(store: Arc<dyn Store>, turns: Arc<Turns>, erasing: Arc<Mutex<()>>) -> Self {
        let (ask, asked) = mpsc::channel(WAITING);
        Self { store, turns, ask, asked: Mutex::new(asked), erasing }
    }

    /// Makes what is asked for. Never ends; one task runs this.
    pub(super) async fn run(&self) {
        let mut asked = self.asked.lock().await;
        while let Some(Retry { seq, answer }) = asked.recv().await {
            // Who asked may have gone; it is done all the same.
            let _gone = answer.send(self.retry(seq).await);
        }
    }

    async fn retry(&self, seq: InboxSeq) -> Result<InboxSeq, RetryError> {
        let _alone = self.erasing.lock().await;
        let letter = self.store.dead_letter(seq).await?.ok_or(RetryError::Unknown(seq))?;
        let bot = letter.bot;
        if self.turns.bot(&bot).is_none() {
            return Err(RetryError::NoBot { seq, bot });
        }
        if let Some(reason) = self.turns.overflow(&bot, &letter.chat) {
            return Err(RetryError::NoRoom { bot, reason });
        }
        let row = self.store.retry_dead(seq).await?.ok_or(RetryError::Unknown(seq))?;
        let again = row.seq;
        tracing::info!(%bot, chat = %row.chat, letter = %seq, seq = %again, "a dead letter is tried again");
        // If the bot has gone in between, the event waits for it like any other of such a bot.
        let _known = self.turns.restore(row, None);
        Ok(again)
    }
}

impl Host {
    /// The newest dead letters of one bot or of all, at most `limit`. The next page goes on before the
    /// [`place`](DeadLetter::place) of the last one of this page.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn dead_letters(
        &self,
        bot: Option<BotName>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        self.store.list_dead(bot, before, limit).await
    }

    /// One dead letter with its event; `None` if there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn dead_letter(&self, seq: InboxSeq) -> Result<Option<OpenedLetter>, StoreError> {
        let Some(letter) = self.store.dead_letter(seq).await? else { return Ok(None) };
        let (event, unreadable) = match self.store.dead_event(seq).await {
            Ok(Some(event)) => (Some(event), None),
            // It went between the two questions.
            Ok(None) => return Ok(None),
            Err(StoreError::Unreadable(why)) => (None, Some(why)),
            Err(error) => return Err(error),
        };
        Ok(Some(OpenedLetter { letter, event, unreadable }))
    }

    /// Lets the event of a dead letter be tried again: as a new one, at the end of its chat. Gives its new
    /// row. Waits for [`serve`](Self::serve) to run; dropping it undoes nothing.
    ///
    /// # Errors
    /// See [`RetryError`].
    pub async fn retry_dead(&self, seq: InboxSeq) -> Result<InboxSeq, RetryError> {
        let (answer, answered) = oneshot::channel();
        self.letters.ask.send(Retry { seq, answer }).await.map_err(|_| RetryError::Ending)?;
        answered.await.unwrap_or(Err(RetryError::Ending))
    }

    /// Drops dead letters, one or all of a bot, and gives their number. Dropping the future undoes nothing.
    ///
    /// # Errors
    /// When the store refuses. Some may have been dropped.
    pub async fn drop_dead(&self, doomed: Doomed) -> Result<u64, StoreError> {
        self.store.drop_dead(doomed).await
    }
}
