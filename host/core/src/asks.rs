//! Who waits for the answer to an event, and what becomes of them.
//!
//! ```text
//!        a turn that answers ends well        its end is on disk
//!  open ───────────────────────────► claimed ────────────────────► over, with the answer
//!   │ ▲                                 │
//!   │ └───── it has to run again ───────┘
//!   ├─► over, with none: every bot is done with the event
//!   └─► gone: nobody waits any more
//! ```
//!
//! A claim is made when a turn has ended and before its end is handed in, so whether its answer is a message or
//! not is part of the one commit. From the claim until that commit is on disk whoever waits stays, also beyond
//! their patience; a claim that comes to nothing is dropped, and the event is open again. Where several bots
//! answer, the first to claim is heard.
//!
//! A platform that asks again for the same event, as one that tries a press again does, waits with who asked first.
//! Nothing of this is on disk: after a restart nobody waits. Who asks again then finds the rows that still wait by the
//! key, which is on disk beside them. There is one entry for each event that somebody waits for, and it goes with the
//! last of them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use tokio::sync::watch;

use crate::ids::{ConnectionName, InboxSeq};
use crate::outgoing::Answer;
use crate::store::is_again;
use crate::time::{Clock, Millis};

/// How long whoever waits stays beyond their patience while the turn that answers them is on its way to the disk.
/// A disk that works takes a hundredth of it; an answer that comes later still is lost, as it was no message.
const COMMIT: Duration = Duration::from_secs(5);

/// Every event that somebody waits for.
#[derive(Default)]
pub(crate) struct Asks(Mutex<Table>);

#[derive(Default)]
struct Table {
    asks: HashMap<u64, Ask>,
    /// The newest ask of each key that is waited for: a key may stand for another event by now.
    keys: HashMap<Key, u64>,
    /// The ask of each row that a bot is not done with.
    rows: HashMap<InboxSeq, u64>,
    /// Asks that there were.
    made: u64,
    closed: bool,
}

type Key = (ConnectionName, String);

struct Ask {
    key: Key,
    /// When the first of those who wait came.
    since: Millis,
    phase: watch::Sender<Phase>,
    /// What the bots that were told are not done with.
    rows: Vec<InboxSeq>,
    /// How many wait.
    askers: usize,
    /// How many of them wait for the event to be stored.
    storing: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Claimed,
    Over(Option<Answer>),
}

impl Asks {
    /// Notes that somebody is about to store an event that arrives now, and to wait for what a bot answers. Before it
    /// is stored, so that who asks again a moment later finds them.
    pub(crate) fn announce(
        self: &Arc<Self>,
        connection: &ConnectionName,
        key: &str,
        within: Option<Duration>,
        now: Millis,
    ) -> Asker {
        let mut table = self.lock();
        let key = (connection.clone(), key.to_owned());
        let is_same = |id: &u64| table.asks.get(id).is_some_and(|ask| is_again(ask.since, now, within));
        let id = match table.keys.get(&key).copied().filter(is_same) {
            Some(id) => id,
            None => table.make(key, now),
        };
        let phase = match table.asks.get_mut(&id) {
            Some(ask) => {
                ask.askers += 1;
                ask.storing += 1;
                ask.phase.subscribe()
            }
            // Keys and asks come and go together.
            None => watch::Sender::new(Phase::Over(None)).subscribe(),
        };
        Asker { asks: self.clone(), id, phase, is_storing: true, is_gone: false }
    }

    /// Who waits for the answer to a row, if anybody does.
    pub(crate) fn of(self: &Arc<Self>, row: InboxSeq) -> Option<Asked> {
        let id = *self.lock().rows.get(&row)?;
        Some(Asked { asks: self.clone(), id })
    }

    /// Notes that bots are done with these rows: no answer comes from there any more.
    pub(crate) fn end(&self, rows: &[InboxSeq]) {
        let mut table = self.lock();
        for row in rows {
            let Some(id) = table.rows.remove(row) else { continue };
            if let Some(ask) = table.asks.get_mut(&id) {
                ask.rows.retain(|of_ask| of_ask != row);
            }
            table.look(id);
        }
    }

    /// Lets nobody wait any more but for what is on its way to the disk. To be called when no turn runs.
    pub(crate) fn close(&self) {
        let mut table = self.lock();
        table.closed = true;
        let all: Vec<u64> = table.asks.keys().copied().collect();
        all.into_iter().for_each(|id| table.look(id));
    }

    /// How many events somebody waits for.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        let table = self.lock();
        assert!(table.keys.values().chain(table.rows.values()).all(|id| table.asks.contains_key(id)));
        assert!(table.keys.len() <= table.asks.len());
        table.asks.len()
    }

    /// True if nobody has claimed to answer those who wait for this, of whom there are some.
    #[cfg(test)]
    pub(crate) fn is_open(&self, connection: &ConnectionName, key: &str) -> bool {
        let table = self.lock();
        let id = table.keys.get(&(connection.clone(), key.to_owned()));
        id.is_some_and(|id| table.asks.get(id).is_some_and(Ask::is_open))
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // It changes by whole calls, so a panic elsewhere leaves it sound.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn make(&mut self, key: Key, since: Millis) -> u64 {
        self.made += 1;
        let phase = watch::Sender::new(Phase::Open);
        self.keys.insert(key.clone(), self.made);
        self.asks.insert(self.made, Ask { key, since, phase, rows: Vec::new(), askers: 0, storing: 0 });
        self.made
    }

    /// Ends an ask that nobody waits for, or that nobody can answer any more.
    fn look(&mut self, id: u64) {
        let Some(ask) = self.asks.get(&id) else { return };
        let is_hopeless = self.closed || (ask.rows.is_empty() && ask.storing == 0);
        if ask.is_open() && (ask.askers == 0 || is_hopeless) {
            self.end(id, None);
        }
    }

    /// True if somebody is told.
    fn end(&mut self, id: u64, answer: Option<Answer>) -> bool {
        let Some(ask) = self.asks.remove(&id) else { return false };
        if self.keys.get(&ask.key) == Some(&id) {
            self.keys.remove(&ask.key);
        }
        for row in &ask.rows {
            self.rows.remove(row);
        }
        ask.phase.send_replace(Phase::Over(answer));
        ask.askers > 0
    }
}

impl Ask {
    /// True while somebody waits and nobody has claimed to answer them: one that nobody waits for is gone.
    fn is_open(&self) -> bool {
        *self.phase.borrow() == Phase::Open
    }
}

/// Somebody who waits. Dropping it is going away.
pub(crate) struct Asker {
    asks: Arc<Asks>,
    id: u64,
    phase: watch::Receiver<Phase>,
    is_storing: bool,
    is_gone: bool,
}

impl Asker {
    /// True if it is known which rows may bring an answer.
    pub(crate) fn has_rows(&self) -> bool {
        self.asks.lock().asks.get(&self.id).is_some_and(|ask| !ask.rows.is_empty())
    }

    /// Notes that the event is on disk, in these rows: in none where no bot has a use or room for it, and where it was
    /// there before and nothing of it waits any more. A row that others wait for stays theirs.
    pub(crate) fn stored(&mut self, rows: impl IntoIterator<Item = InboxSeq>) {
        let mut guard = self.asks.lock();
        let table = &mut *guard;
        self.is_storing = false;
        let Some(ask) = table.asks.get_mut(&self.id) else { return };
        ask.storing -= 1;
        for row in rows {
            if let Entry::Vacant(vacant) = table.rows.entry(row) {
                vacant.insert(self.id);
                ask.rows.push(row);
            }
        }
        table.look(self.id);
    }

    /// Waits until then for the answer of a bot. Dropping it is going away.
    pub(crate) async fn answer(mut self, clock: &dyn Clock, until: Millis) -> Option<Answer> {
        let last = until + COMMIT;
        loop {
            let until = match &*self.phase.borrow_and_update() {
                Phase::Over(answer) => return answer.clone(),
                Phase::Claimed => last,
                Phase::Open => until,
            };
            let is_time = {
                let changed = std::pin::pin!(self.phase.changed());
                matches!(select(changed, clock.sleep_until(until)).await, Either::Right(_))
            };
            if is_time && self.leave(clock.now() >= last) {
                return None;
            }
        }
    }

    /// Goes, unless the answer is there, or on its way and it is not the last moment. One step: a claim is made
    /// before it or not at all.
    fn leave(&mut self, is_last: bool) -> bool {
        let asks = self.asks.clone();
        let mut table = asks.lock();
        let leaves = table.asks.get(&self.id).is_some_and(|ask| is_last || ask.is_open());
        if leaves {
            self.go(&mut table);
        }
        leaves
    }

    fn go(&mut self, table: &mut Table) {
        if std::mem::replace(&mut self.is_gone, true) {
            return;
        }
        let Some(ask) = table.asks.get_mut(&self.id) else { return };
        ask.askers -= 1;
        ask.storing -= usize::from(self.is_storing);
        table.look(self.id);
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        let asks = self.asks.clone();
        self.go(&mut asks.lock());
    }
}

/// A row of an event that somebody waits for.
#[derive(Clone)]
pub(crate) struct Asked {
    asks: Arc<Asks>,
    id: u64,
}

impl Asked {
    /// True while an answer would be heard.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.asks.lock().asks.get(&self.id).is_some_and(Ask::is_open)
    }

    /// Claims to be the one who is heard, if anybody still waits and nobody else is.
    pub(crate) fn claim(&self, answer: Answer) -> Option<Claim> {
        let table = self.asks.lock();
        let ask = table.asks.get(&self.id).filter(|ask| ask.is_open())?;
        ask.phase.send_replace(Phase::Claimed);
        Some(Claim { asks: self.asks.clone(), id: self.id, answer: Some(answer) })
    }
}

/// The right to answer. Dropping it gives it back.
pub(crate) struct Claim {
    asks: Arc<Asks>,
    id: u64,
    /// Absent once it is told.
    answer: Option<Answer>,
}

impl Claim {
    /// Tells the answer, which is on disk as far as anything of it is. False if nobody is there any more.
    pub(crate) fn tell(mut self) -> bool {
        let answer = self.answer.take();
        self.asks.lock().end(self.id, answer)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.answer.is_none() {
            return;
        }
        let mut table = self.asks.lock();
        if let Some(ask) = table.asks.get_mut(&self.id) {
            ask.phase.send_replace(Phase::Open);
        }
        table.look(self.id);
    }
}

#[cfg(test)]
mod tests;
