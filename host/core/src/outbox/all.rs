//! The outboxes of all connections, for those who have a send and look for its place.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::Outbox;
use crate::ids::{BotName, Chat, ConnectionName, OutboxSeq};
use crate::store::QueuedSend;

/// The wait before a bot tries again to send to a crowded chat.
const CROWDED_WAIT: Duration = Duration::from_secs(1);

/// The outboxes of all connections.
#[derive(Default)]
pub struct Outboxes {
    by_connection: RwLock<HashMap<ConnectionName, Arc<Outbox>>>,
    draining: AtomicBool,
}

impl Outboxes {
    /// Makes a connection's outbox known.
    pub fn add(&self, outbox: Arc<Outbox>) {
        let mut all = self.by_connection.write().unwrap_or_else(PoisonError::into_inner);
        if self.draining.load(Ordering::Acquire) {
            outbox.draining.store(true, Ordering::Release);
        }
        all.insert(outbox.connection.clone(), outbox);
    }

    /// One connection's outbox.
    pub fn get(&self, connection: &ConnectionName) -> Option<Arc<Outbox>> {
        self.by_connection.read().unwrap_or_else(PoisonError::into_inner).get(connection).cloned()
    }

    /// Puts committed sends into their lanes.
    pub fn push_all(&self, sends: Vec<(OutboxSeq, QueuedSend)>) {
        if sends.is_empty() {
            return;
        }
        let all = self.by_connection.read().unwrap_or_else(PoisonError::into_inner);
        for (seq, send) in sends {
            if let Some(outbox) = all.get(&send.chat.connection) {
                outbox.push(seq, send);
            }
        }
    }

    /// How long a bot has to wait before it sends more to a chat, where too much of it waits already.
    pub fn is_crowded(&self, bot: &BotName, chat: &Chat) -> Option<Duration> {
        let outbox = self.get(&chat.connection)?;
        let lanes = outbox.lanes();
        let most = outbox.policy();
        let crowded =
            lanes.waiting_in_lane(bot, &chat.id) >= most.waiting_chat || lanes.waiting_in(bot) >= most.waiting;
        crowded.then_some(CROWDED_WAIT)
    }

    /// Lets no outbox begin another send.
    pub fn drain(&self) {
        let all = self.by_connection.write().unwrap_or_else(PoisonError::into_inner);
        self.draining.store(true, Ordering::Release);
        for outbox in all.values() {
            outbox.draining.store(true, Ordering::Release);
            outbox.wake.notify_one();
        }
    }
}
