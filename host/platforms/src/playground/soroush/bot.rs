//! Everything the server knows about one token.
//!
//! Two locks: `incoming` for the queue in front of the connection, `outgoing` for the people and what was
//! sent to them. Where both are needed, `outgoing` comes first. Neither is held over an await.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::futures::Notified;
use tokio::sync::{Notify, watch};

use super::check::Message;
use super::error::Error;
use super::faults::StreamEnd;
use super::incoming::{Incoming, Posted, Taken};
use super::people::{People, Presence};
use super::sent::SentLog;
use super::settings::{Limits, Rules};

pub(super) struct Bot {
    incoming: Mutex<Incoming>,
    outgoing: Mutex<Outgoing>,
    /// Wakes the connection: a message, another connection, a changed fault.
    news: Notify,
    /// Counts what happened to connections and the queue, for those who wait for it.
    wire_changed: watch::Sender<u64>,
    /// Counts sent messages, for those who wait for one.
    sent_changed: watch::Sender<u64>,
    gone: AtomicBool,
}

pub(super) struct Outgoing {
    pub(super) people: People,
    pub(super) sent: SentLog,
    /// Channels that the bot administers, without the `@`.
    pub(super) channels: HashSet<String>,
}

/// Why a message that is well formed was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Unreachable,
    NotAdmin,
    /// The server keeps as much as it may.
    Full,
}

impl Bot {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            incoming: Mutex::new(Incoming::new(limits.clone())),
            outgoing: Mutex::new(Outgoing {
                people: People::new(limits.people),
                sent: SentLog::new(limits.clone()),
                channels: HashSet::new(),
            }),
            news: Notify::new(),
            wire_changed: watch::Sender::new(0),
            sent_changed: watch::Sender::new(0),
            gone: AtomicBool::new(false),
        }
    }

    pub(super) fn incoming(&self) -> MutexGuard<'_, Incoming> {
        self.incoming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn outgoing(&self) -> MutexGuard<'_, Outgoing> {
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a message and notes what it says about its author, together: an answer cannot come between.
    pub(super) fn post(
        &self,
        author: Option<(&str, Presence)>,
        render: impl FnOnce(u64) -> String,
    ) -> Result<Posted, Error> {
        let posted = match author {
            Some((user, presence)) => {
                let mut outgoing = self.outgoing();
                outgoing.people.check_room(user)?;
                let posted = self.incoming().post(render)?;
                outgoing.people.set(user, presence)?;
                posted
            }
            None => self.incoming().post(render)?,
        };
        self.wake();
        Ok(posted)
    }

    /// Accepts what a bot sent: the person's keyboard changes and the log grows, or neither.
    pub(super) fn accept(&self, message: Message, bytes: usize, answered: bool, rules: Rules) -> Result<(), Refusal> {
        {
            let mut outgoing = self.outgoing();
            outgoing.may_send(&message, rules)?;
            if !outgoing.sent.has_room(bytes) {
                return Err(Refusal::Full);
            }
            if let Some(keyboard) = message.keyboard.filter(|_| !message.to_channel) {
                outgoing.people.set_keyboard(&message.to, keyboard).map_err(|_| Refusal::Full)?;
            }
            outgoing.sent.push(message.json, bytes, answered);
        }
        count(&self.sent_changed);
        Ok(())
    }

    /// A new connection takes over from the one before.
    pub(super) fn open(&self, v2: bool) -> u64 {
        let id = self.incoming().open(v2);
        self.wake();
        count(&self.wire_changed);
        id
    }

    pub(super) fn close(&self, connection: u64) {
        self.incoming().close(connection);
        count(&self.wire_changed);
    }

    /// See [`Incoming::take`].
    pub(super) fn take(&self, connection: u64, messages: usize, bytes: usize) -> Taken {
        let taken = self.incoming().take(connection, messages, bytes);
        if matches!(taken, Taken::Messages(..)) {
            count(&self.wire_changed);
        }
        taken
    }

    pub(super) fn disconnect(&self, end: StreamEnd) {
        self.incoming().ask_to_end(end);
        self.wake();
    }

    /// Makes the connection look again at the queue and the faults.
    pub(super) fn wake(&self) {
        self.news.notify_waiters();
    }

    /// Resolves at the next [`wake`](Self::wake) after this call, even if it is first polled later.
    pub(super) fn news(&self) -> Notified<'_> {
        self.news.notified()
    }

    pub(super) fn sent_changed(&self) -> watch::Receiver<u64> {
        self.sent_changed.subscribe()
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// The token is not valid any more: connections and feeds end.
    pub(super) fn retire(&self) {
        self.gone.store(true, Ordering::Release);
        self.wake();
        count(&self.wire_changed);
        count(&self.sent_changed);
    }

    /// Waits until `look` finds what it wants in the queue and the connections.
    pub(super) async fn wait_for_wire<T>(
        &self,
        timeout: Duration,
        seen: impl Fn(&Incoming) -> u64,
        look: impl FnMut(&mut Incoming) -> Option<T>,
    ) -> Result<T, Error> {
        let changed = self.wire_changed.subscribe();
        let waited = tokio::time::timeout(timeout, until(changed, &self.incoming, look)).await;
        waited.map_err(|_| Error::TimedOut { waited: timeout, seen: seen(&self.incoming()) })
    }

    /// Waits until `look` finds what it wants in what was sent.
    pub(super) async fn wait_for_sent<T>(
        &self,
        timeout: Duration,
        look: impl FnMut(&mut Outgoing) -> Option<T>,
    ) -> Result<T, Error> {
        let waited = tokio::time::timeout(timeout, until(self.sent_changed(), &self.outgoing, look)).await;
        waited.map_err(|_| Error::TimedOut { waited: timeout, seen: self.outgoing().sent.len() as u64 })
    }
}

impl Outgoing {
    fn may_send(&self, message: &Message, rules: Rules) -> Result<(), Refusal> {
        if message.to_channel {
            if self.channels.contains(&message.to) { Ok(()) } else { Err(Refusal::NotAdmin) }
        } else if self.people.reachable(&message.to, rules) {
            Ok(())
        } else {
            Err(Refusal::Unreachable)
        }
    }
}

/// Looks, and looks again after each change. A change between a look and the wait is not missed.
async fn until<S, T>(
    mut changed: watch::Receiver<u64>,
    state: &Mutex<S>,
    mut look: impl FnMut(&mut S) -> Option<T>,
) -> T {
    loop {
        changed.borrow_and_update();
        let found = look(&mut state.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(found) = found {
            return found;
        }
        if changed.changed().await.is_err() {
            // The bot holds the sender and outlives this borrow of it, so this does not happen.
            std::future::pending::<()>().await;
        }
    }
}

fn count(changes: &watch::Sender<u64>) {
    changes.send_modify(|changes| *changes = changes.wrapping_add(1));
}
