//! People who want to be forgotten, on their way to whoever does it.
//!
//! A platform is told of it, and only the host can do it. It does what it was asked for also where nobody waits for
//! the answer any more: a platform gives a request a second or two, and an erasure may have to wait for a turn.

use tokio::sync::{Mutex, MutexGuard, mpsc, oneshot};

use super::{Moment, Person};
use crate::store::StoreError;

/// Wishes that wait for the one that is being done. Who has one beyond them waits before asking.
const WAITING: usize = 64;

/// A person wants to be forgotten.
pub(crate) struct Wish {
    pub(crate) person: Person,
    /// What came later stays.
    pub(crate) until: Moment,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

impl Wish {
    /// Says what came of it, if anybody still waits.
    pub(crate) fn answer(self, done: Result<(), StoreError>) {
        let _gone = self.answer.send(done);
    }
}

/// Those that were not done yet.
pub(crate) struct Wishes {
    ask: mpsc::Sender<Wish>,
    asked: Mutex<mpsc::Receiver<Wish>>,
}

impl Default for Wishes {
    fn default() -> Self {
        let (ask, asked) = mpsc::channel(WAITING);
        Self { ask, asked: Mutex::new(asked) }
    }
}

impl Wishes {
    /// Has a person forgotten, and waits for it.
    pub(crate) async fn make(&self, person: Person, until: Moment) -> Result<(), StoreError> {
        let ending = |()| StoreError::Failed("the host is ending".to_owned());
        let (answer, answered) = oneshot::channel();
        self.ask.send(Wish { person, until, answer }).await.map_err(|_| ending(()))?;
        answered.await.unwrap_or_else(|_| Err(ending(())))
    }

    /// All that come, for the one who does them.
    pub(crate) async fn asked(&self) -> MutexGuard<'_, mpsc::Receiver<Wish>> {
        self.asked.lock().await
    }
}
