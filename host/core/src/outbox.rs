//! The outbox: what turns sent, on its way to the platforms.
//!
//! Each connection has its own: first in, first out for each bot in each chat, bots in turn and
//! their chats in turn, at the pace the platform allows. The order of writes is what makes a send survive a crash:
//!
//! 1. the turn's commit stores the send: a crash after it loses nothing;
//! 2. the try is recorded, then the request goes out: a crash between the two, or before the end
//!    is recorded, leaves a send *in doubt*, since the platform may or may not have it;
//! 3. the end is recorded: delivered, refused for good (the bot is told), or to be tried again.
//!
//! A send in doubt is tried again or dropped, as the connection's policy says, and counted.

mod all;
mod deliver;
mod gone;
mod listed;
mod pause;
mod policy;
mod stats;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::future::{Either, select};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Notify;

pub use self::all::Outboxes;
pub use self::listed::{ListedSend, SendsOf};
use self::pause::Pause;
pub use self::policy::{OnDoubt, Policy};
pub use self::stats::{SendCounts, SendStats};
use crate::event::{Delivery, Event, Outcome};
use crate::ids::{BotName, ChatId, ConnectionName, InboxSeq, OutboxSeq};
use crate::lanes::{Lanes, Next, Out};
use crate::pace::Pace;
use crate::platform::Platform;
use crate::refusals::Refusals;
use crate::store::{Arrival, QueuedSend, SendOutcome, Settlement, Store, StoreError, WaitingSend};
use crate::time::{Clock, Millis};
use crate::trace::{Moment, Traces};

/// Bytes of sends kept in memory per connection beside their rows.
const BODIES: usize = 4 << 20;

/// The wait before the store is asked again after it refused.
const STORE_WAIT: Duration = Duration::from_millis(500);

/// Who takes the `delivery` events: gives back what the store needs to keep one.
pub trait Reports: Send + Sync {
    /// The arrival that tells the bot, if it still exists.
    fn report(&self, send: &QueuedSend, delivery: Delivery) -> Option<Arrival>;

    /// The arrival is durable: in this row, or among the dead letters as the bot had no room.
    fn reported(&self, send: &QueuedSend, seq: Option<InboxSeq>, event: Arc<Event>);
}

/// A send in its lane.
#[derive(Debug)]
struct Queued {
    seq: OutboxSeq,
    /// The event whose turn sent it.
    turn: InboxSeq,
    attempts: u32,
    /// Since when it waits, for its trace; zero for since it was queued.
    since: Moment,
    /// Absent where it has to be read from the store.
    body: Option<QueuedSend>,
}

/// Where the sends of a connection go, and how.
struct Link {
    platform: Arc<dyn Platform>,
    policy: Policy,
}

/// The sends of one connection.
pub struct Outbox {
    connection: ConnectionName,
    link: ArcSwap<Link>,
    /// True while the connection is not configured: what waits goes on waiting.
    is_away: AtomicBool,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    reports: RwLock<Option<Arc<dyn Reports>>>,
    lanes: Mutex<Lanes<BotName, ChatId, Queued>>,
    pace: Mutex<Pace>,
    bodies: AtomicUsize,
    under_way: AtomicUsize,
    wake: Notify,
    draining: AtomicBool,
    traces: Traces,
    /// What has become of sends.
    pub stats: SendStats,
    pause: Mutex<Pause>,
    refusals: Refusals,
}

impl Outbox {
    /// An empty outbox.
    pub fn new(
        connection: ConnectionName,
        platform: Arc<dyn Platform>,
        policy: Policy,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            connection,
            link: ArcSwap::from_pointee(Link { platform, policy }),
            is_away: AtomicBool::new(false),
            store,
            reports: RwLock::new(None),
            lanes: Mutex::default(),
            pace: Mutex::new(Pace::new(policy.connection, policy.chat, clock.clone())),
            clock,
            bodies: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            wake: Notify::new(),
            draining: AtomicBool::new(false),
            traces: Traces::default(),
            stats: SendStats::default(),
            pause: Mutex::default(),
            refusals: Refusals::default(),
        }
    }

    /// With traces of what happens to events.
    #[must_use]
    pub fn traced(self, traces: Traces) -> Self {
        Self { traces, ..self }
    }

    /// Lets sends that begin from now on go to another account under the same name, or otherwise than before.
    pub fn relink(&self, platform: Arc<dyn Platform>, policy: Policy) {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.link.swap(Arc::new(Link { platform, policy })).policy;
        if (old.connection, old.chat) != (policy.connection, policy.chat) {
            let mut new = Pace::new(policy.connection, policy.chat, self.clock.clone());
            // What the platform said about waiting still holds.
            new.hold_like(&pace);
            *pace = new;
        }
        self.lanes().set_limits(policy.at_once);
        drop(pace);
        self.is_away.store(false, Ordering::Release);
        self.wake.notify_one();
    }

    /// Begins no further send until [`relink`](Self::relink).
    pub fn unlink(&self) {
        self.is_away.store(true, Ordering::Release);
    }

    /// True while its connection is not configured.
    pub fn is_away(&self) -> bool {
        self.is_away.load(Ordering::Acquire)
    }

    fn policy(&self) -> Policy {
        self.link.load().policy
    }

    /// Says who takes the `delivery` events.
    pub fn set_reports(&self, reports: Arc<dyn Reports>) {
        *self.reports.write().unwrap_or_else(PoisonError::into_inner) = Some(reports);
    }

    /// Its connection.
    pub fn connection(&self) -> &ConnectionName {
        &self.connection
    }

    /// Sends waiting, and sends under way.
    pub fn waiting(&self) -> (usize, usize) {
        (self.lanes().waiting(), self.under_way.load(Ordering::Relaxed))
    }

    /// Puts a committed send into its lane.
    pub fn push(&self, seq: OutboxSeq, send: QueuedSend) {
        let weight = weight(&send);
        let keep = self.bodies.fetch_add(weight, Ordering::Relaxed) + weight <= BODIES;
        if !keep {
            self.bodies.fetch_sub(weight, Ordering::Relaxed);
        }
        let (bot, lane) = (send.bot.clone(), send.chat.id.clone());
        let (turn, since) = (send.id.turn, self.traces.now());
        let body = keep.then_some(send);
        self.enqueue(&bot, &lane, Queued { seq, turn, attempts: 0, since, body }, Millis(0));
    }

    /// Takes up a send of an earlier run. One that was being tried is in doubt.
    ///
    /// # Errors
    /// When the store cannot be read, or has been closed.
    pub async fn restore(&self, row: WaitingSend) -> Result<(), StoreError> {
        let (mut attempts, mut not_before) = (row.attempts, row.not_before);
        if row.attempted {
            match self.policy().on_doubt {
                OnDoubt::Resend => {
                    let now = self.clock.now();
                    let again = SendOutcome::Again { attempts: row.attempts + 1, not_before: now, in_doubt: true };
                    tracing::warn!(bot = %row.bot, connection = %self.connection, chat = %row.chat, seq = %row.seq,
                        trace_id = %self.traces.of(row.turn),
                        "a send was in doubt when the host stopped; it is sent again");
                    self.record(&Settlement { seq: row.seq, outcome: again, report: None }).await?;
                    attempts += 1;
                    not_before = Millis(0);
                }
                OnDoubt::Drop => {
                    let send = match self.store.send(row.seq).await {
                        Err(StoreError::Unreadable(why)) => return self.fail_unread(row.seq, row.turn, &why).await,
                        send => send?,
                    };
                    let Some(send) = send else { return Ok(()) };
                    tracing::warn!(bot = %row.bot, connection = %self.connection, chat = %row.chat, seq = %row.seq,
                        trace_id = %self.traces.of(row.turn),
                        "a send was in doubt when the host stopped; it is dropped");
                    let why = "the host stopped before the platform answered".to_owned();
                    return self.settle(row.seq, &send, SendOutcome::DroppedInDoubt, Some(Outcome::InDoubt(why))).await;
                }
            }
        }
        // When its last try ended is not known any more.
        let since = if attempts > 0 { self.traces.now() } else { Moment(0) };
        let queued = Queued { seq: row.seq, turn: row.turn, attempts, since, body: None };
        self.enqueue(&row.bot, &row.chat.id, queued, not_before);
        Ok(())
    }

    /// Sends what waits until [`Outboxes::drain`] and what was begun has ended. Cancelling leaves
    /// the sends under way in doubt; they are dealt with at the next start.
    pub async fn run(&self) {
        self.take_up_pause().await;
        let mut under_way = FuturesUnordered::new();
        loop {
            let draining = self.draining.load(Ordering::Acquire);
            let mut wait_until = None;
            if !draining && !self.is_away.load(Ordering::Acquire) {
                while under_way.len() < self.policy().at_once {
                    match self.take() {
                        Ok(out) => under_way.push(self.deliver(out)),
                        Err(until) => {
                            wait_until = until;
                            break;
                        }
                    }
                }
            }
            self.under_way.store(under_way.len(), Ordering::Relaxed);
            if draining && under_way.is_empty() {
                return;
            }
            let woken = self.wake.notified();
            let alarm = async {
                match wait_until {
                    Some(at) => self.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let idle = std::pin::pin!(async {
                let (woken, alarm) = (std::pin::pin!(woken), std::pin::pin!(alarm));
                select(woken, alarm).await;
            });
            if under_way.is_empty() {
                idle.await;
            } else {
                match select(under_way.next(), idle).await {
                    Either::Left(_) | Either::Right(_) => {}
                }
            }
        }
    }

    /// The next send that may go, or when there may be one.
    fn take(&self) -> Result<Out<BotName, ChatId, Queued>, Option<Millis>> {
        if self.waits() {
            return Err(None);
        }
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lanes = self.lanes();
        let now = self.clock.now();
        loop {
            if lanes.waiting() == 0 {
                return Err(None);
            }
            pace.connection().map_err(Some)?;
            let Some(out) = lanes.take(now) else { return Err(lanes.next_wake()) };
            match pace.chat(&out.lane) {
                Ok(()) => return Ok(out),
                Err(at) => lanes.finish(&out.group, &out.lane, Next::At(at, out.item)),
            }
        }
    }

    fn enqueue(&self, bot: &BotName, lane: &ChatId, item: Queued, not_before: Millis) {
        let mut lanes = self.lanes();
        lanes.set_limit(bot, self.policy().at_once);
        // Known since a moment ago.
        let _known = lanes.push(bot, lane, item, not_before);
        drop(lanes);
        self.wake.notify_one();
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes<BotName, ChatId, Queued>> {
        // Lanes change by whole calls, so a panic elsewhere leaves them sound.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn weight(send: &QueuedSend) -> usize {
    send.message.weight()
}

#[cfg(test)]
mod tests;
