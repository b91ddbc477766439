//! People who are being erased: what a turn would put back does not come back.
//!
//! While a person is erased, turns that could read or write what is theirs do not begin, and those that began
//! before end first, on disk. What they leave is then erased with the rest. Nobody else waits for any of that.
//!
//! The events themselves go too, some of which wait in lanes. One may even be on its way into a lane, as its row
//! was stored before the erasure and is pushed after it. So it is remembered for a while up to which row a person
//! was erased; an event of theirs that is older is gone, whoever still holds it. Then the person is forgotten here too.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use tokio::sync::Notify;

use super::{Turns, Waiting};
use crate::event::Event;
use crate::ids::{Chat, InboxSeq};
use crate::lanes::Next;
use crate::people::{Moment, Person};
use crate::time::Millis;

/// How long an event that was stored may take until it is in its lane; then erasures before it are forgotten.
const ON_ITS_WAY: Duration = Duration::from_secs(60);

/// When an event is looked at again that waits for an erasure.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How long the ends of turns may take to reach the disk, after the last of them is over.
const LAST_ENDS: Duration = Duration::from_secs(5);

/// The erasures under way, and those that may still meet one of their events.
#[derive(Default)]
pub(super) struct Erasures {
    all: Mutex<Vec<Entry>>,
    /// How many there are, for turns, which nearly always meet none.
    count: AtomicUsize,
    next: AtomicUsize,
    /// Told when one is over.
    ended: Notify,
}

struct Entry {
    number: usize,
    person: Person,
    /// What came later stays, where the person has wished it: so it is one wish, and not another.
    until: Option<Moment>,
    /// None while it is under way.
    over: Option<Over>,
}

/// What is gone.
struct Over {
    /// Up to this row, but of those that came from outside only as far as they were to go.
    upto: InboxSeq,
    at: Millis,
}

impl Entry {
    /// True if an event of the person is gone.
    fn has_taken(&self, event: &Event, seq: InboxSeq) -> bool {
        let Some(over) = &self.over else { return false };
        seq <= self.until.filter(|_| event.is_from_outside()).map_or(over.upto, |until| until.row)
    }
}

/// What an erasure means for an event that is to be handled.
enum Fate {
    /// It was erased.
    Gone,
    /// Its person is being erased.
    Waits,
}

impl Erasures {
    fn fate(&self, chat: &Chat, event: &Event, seq: InboxSeq) -> Option<Fate> {
        if self.count.load(Ordering::Acquire) == 0 || event.is_farewell() {
            return None;
        }
        let all = self.lock();
        let mut theirs = all.iter().filter(|entry| entry.person.is_behind(chat, event)).peekable();
        theirs.peek()?;
        // One that is gone is not to wait for another erasure of the same person.
        if theirs.clone().any(|entry| entry.has_taken(event, seq)) {
            return Some(Fate::Gone);
        }
        theirs.any(|entry| entry.over.is_none()).then_some(Fate::Waits)
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Entry>)) {
        let mut all = self.lock();
        change(&mut all);
        self.count.store(all.len(), Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        // Every change under the lock is one step.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turns {
    /// What becomes of an event that was taken and is of somebody who is erased; `None` where it is to be handled.
    pub(super) fn instead_of_handling(
        &self,
        chat: &Chat,
        event: &Event,
        item: Waiting,
    ) -> Result<Waiting, Next<Waiting>> {
        match self.erasures.fate(chat, event, item.seq) {
            None => Ok(item),
            Some(Fate::Gone) => {
                self.end_ask(item.seq);
                Err(Next::Done)
            }
            Some(Fate::Waits) => Err(Next::At(self.clock.now() + LOOK_AGAIN, Waiting { event: None, ..item })),
        }
    }

    /// True where an event may have been erased whose row is not there.
    pub(crate) fn is_anybody_erased(&self) -> bool {
        self.erasures.count.load(Ordering::Acquire) > 0
    }

    /// Forgets who was erased once nothing of theirs is on its way any more. Never ends; one task runs this.
    pub(crate) async fn forget_erased_on_time(&self) {
        loop {
            self.erasures.ended.notified().await;
            self.clock.sleep_until(self.clock.now() + ON_ITS_WAY).await;
            let now = self.clock.now();
            self.erasures.change(|all| {
                all.retain(|entry| entry.over.as_ref().is_none_or(|over| now.since(over.at) < ON_ITS_WAY));
            });
        }
    }

    /// Begins no further turn of a person until what comes back is dropped; where they have wished it, what came until
    /// then.
    pub(crate) fn begin_erasure(self: &Arc<Self>, person: Person, until: Option<Moment>) -> Erasing {
        let number = self.erasures.next.fetch_add(1, Ordering::Relaxed);
        self.erasures.change(|all| all.push(Entry { number, person: person.clone(), until, over: None }));
        Erasing { turns: self.clone(), person, until, number }
    }

    /// True if this wish of a person was granted lately.
    pub(crate) fn was_erased(&self, person: &Person, until: Moment) -> bool {
        let all = self.erasures.lock();
        all.iter().any(|entry| entry.person == *person && entry.over.is_some() && entry.until == Some(until))
    }
}

/// A person is being erased. Dropped before it is [`over`](Self::over), their turns begin again.
pub(crate) struct Erasing {
    turns: Arc<Turns>,
    person: Person,
    until: Option<Moment>,
    number: usize,
}

impl Erasing {
    /// Waits until the turns that began before, and could use what is theirs, are on disk. False if they do not end
    /// in the time that they may take.
    pub(crate) async fn stand_still(&self) -> bool {
        let turns = &*self.turns;
        // Which person a turn is about is not known of one that is out, so all of the connection are waited for.
        let mut out = turns.lanes().out_there(|chat| self.person.may_be_in(chat));
        let longest = turns.bots().iter().map(|bot| bot.actor().limits.wall).max().unwrap_or_default();
        let until = turns.clock.now() + longest + LAST_ENDS;
        loop {
            let told = std::pin::pin!(turns.ends.notified());
            {
                let lanes = turns.lanes();
                out.retain(|out| lanes.is_out(out));
            }
            if out.is_empty() {
                return true;
            }
            if let Either::Right(_) = select(told, turns.clock.sleep_until(until)).await {
                return false;
            }
        }
    }

    /// Whose they are.
    pub(crate) fn person(&self) -> &Person {
        &self.person
    }

    /// Takes events whose rows are gone out of their lanes. Nobody waits for the answer to one.
    pub(crate) fn drop_events(&self, rows: &[InboxSeq]) {
        if rows.is_empty() {
            return;
        }
        rows.iter().for_each(|seq| self.turns.end_ask(*seq));
        let rows: HashSet<_> = rows.iter().collect();
        let dropped = self.turns.lanes().drop_waiting(|item| rows.contains(&item.seq));
        let bytes = dropped.iter().filter_map(|item| item.event.as_ref()).map(|event| event.weight()).sum();
        self.turns.bodies.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// What came later stays, where it is the person's wish.
    pub(crate) fn until(&self) -> Option<Moment> {
        self.until
    }

    /// The events of the person up to this row are gone, those that came from outside as far as they were to go. Those
    /// behind it are handled.
    pub(crate) fn over(self, upto: InboxSeq) {
        let at = self.turns.clock.now();
        self.turns.erasures.change(|all| {
            if let Some(entry) = all.iter_mut().find(|entry| entry.number == self.number) {
                entry.over = Some(Over { upto, at });
            }
        });
        self.turns.erasures.ended.notify_one();
    }
}

impl Drop for Erasing {
    fn drop(&mut self) {
        self.turns.erasures.change(|all| all.retain(|entry| entry.number != self.number || entry.over.is_some()));
        self.turns.wake();
    }
}
