//! Timers: events that bots send to themselves, kept across restarts.
//!
//! A timer is a row until it is due; then, in one transaction, the row goes and an event waits in
//! the inbox. So a timer fires once, and what fires it can stop at any moment. Only the next
//! moment at which something is due is kept in memory, whatever number of timers stands.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::bot::Bot;
use crate::event::{Event, Timer};
use crate::ids::{BotName, Chat};
use crate::inbox::arrival;
use crate::refusals::Refusals;
use crate::store::{Arrival, Route, Store, StoreError};
use crate::time::{Clock, Millis, whole_millis};
use crate::turns::Turns;

/// Most timers that fire in one transaction.
const BATCH: usize = 256;

/// The wait before a bot is looked at again that had no room for its timers.
const BUSY_WAIT: Duration = Duration::from_millis(100);

/// The wait after the store refused.
const STORE_WAIT: Duration = Duration::from_secs(1);

/// The full name of a timer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TimerKey {
    /// Whose it is.
    pub bot: BotName,
    /// The chat it belongs to.
    pub chat: Option<Chat>,
    /// The bot's own name of it.
    pub id: String,
}

/// What becomes of a timer that came due while the host was not running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missed {
    /// It fires when the host is back.
    #[default]
    Fire,
    /// It is dropped.
    Skip,
}

/// When a timer fires, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// When it is due.
    pub due: Millis,
    /// What the bot gets with it.
    pub payload: String,
    /// What becomes of it if the host is not running then.
    pub missed: Missed,
}

/// A timer as an operator sees it: without what it carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedTimer {
    /// Its name.
    #[serde(flatten)]
    pub key: TimerKey,
    /// When it is due.
    pub due: Millis,
    /// What becomes of it if the host is not running then.
    pub missed: Missed,
}

impl ListedTimer {
    /// Its place among all timers.
    pub fn place(&self) -> TimerPlace {
        (self.due, self.key.clone())
    }
}

/// A place in the order in which timers fire. A page goes on after that of the last timer of the page before.
pub type TimerPlace = (Millis, TimerKey);

/// A change of a timer: `None` cancels.
pub type TimerWrite = (TimerKey, Option<Standing>);

/// A timer that fires: the row goes if it still stands so, and the event arrives. One that was set anew in
/// between fires as it is then.
#[derive(Clone, Debug)]
pub struct Firing {
    /// The timer.
    pub key: TimerKey,
    /// How it stood.
    pub standing: Standing,
    /// The event, for its bot alone. Its key is not looked at: the row of the timer says that it is new.
    pub arrival: Arrival,
}

/// Fires the timers of all bots.
pub struct Timers {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    turns: Arc<Turns>,
    changed: Arc<Notify>,
    refusals: Refusals,
}

impl Timers {
    /// Timers in front of `turns`, which tell `changed` when a turn has set one.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, turns: Arc<Turns>, changed: Arc<Notify>) -> Self {
        Self { store, clock, turns, changed, refusals: Refusals::default() }
    }

    /// Fires timers as they come due. Never ends; one task runs this.
    pub async fn run(&self) {
        loop {
            let changed = std::pin::pin!(self.changed.notified());
            let now = self.clock.now();
            let wake = match self.fire(now).await {
                Ok(next) => {
                    if let Some(lasted) = self.refusals.over(now) {
                        tracing::info!(lasted_ms = whole_millis(lasted), "timers are fired again");
                    }
                    next
                }
                Err(StoreError::Closed) => return std::future::pending().await,
                Err(error) => {
                    if self.refusals.refused(now) {
                        tracing::error!(%error, "timers cannot be fired; they wait");
                    }
                    Some(now + STORE_WAIT)
                }
            };
            match wake {
                Some(at) if at <= now => {}
                Some(at) => if let Either::Right(_) = select(self.clock.sleep_until(at), changed).await {},
                None => changed.await,
            }
        }
    }

    /// Fires what is due, at most one batch, and tells when to come back.
    async fn fire(&self, now: Millis) -> Result<Option<Millis>, StoreError> {
        // Timers of a bot that has enough to do stand a little longer, instead of filling its lanes.
        let has_room = |bot: &Arc<Bot>| self.turns.waiting(bot.name()).0 < bot.actor().limits.waiting.div_ceil(2);
        let (ready, busy): (Vec<_>, Vec<_>) = self.turns.bots().into_iter().partition(has_room);
        let bots: Vec<_> = ready.iter().map(|bot| bot.name().clone()).collect();
        let due = self.store.due_timers(bots.clone(), now, BATCH).await?;
        if due.is_empty() {
            let next = self.store.next_timer(bots).await?;
            let look_again = (!busy.is_empty()).then(|| now + BUSY_WAIT);
            return Ok(next.into_iter().chain(look_again).min());
        }
        let firings: Vec<_> = due.into_iter().map(|(key, standing)| self.firing(key, standing, now)).collect();
        let events: Vec<_> = firings
            .iter()
            .map(|Firing { key, arrival, .. }| {
                let overflows = arrival.routes.iter().any(|route| route.overflow.is_some());
                (key.bot.clone(), arrival.chat.clone(), arrival.event.clone(), overflows)
            })
            .collect();
        let traces = self.turns.traces();
        let began = traces.now();
        let rows = self.store.fire(firings).await?;
        let ended = traces.now();
        let fired = events.into_iter().zip(rows);
        let fired = fired.filter_map(|((bot, chat, event, overflows), row)| {
            if row.is_none() && overflows {
                self.turns.overflowed(&bot);
            }
            row.map(|seq| (bot, chat, seq, event))
        });
        self.turns.push(fired.inspect(|(bot, chat, seq, event)| {
            traces.tell(*seq, began, ended, || arrival(bot, chat, event, None));
        }));
        Ok(Some(now))
    }

    fn firing(&self, key: TimerKey, standing: Standing, now: Millis) -> Firing {
        let (due, payload) = (standing.due, standing.payload.clone());
        let chat = key.chat.clone().unwrap_or_else(|| Chat::new("", ""));
        let route = Route { bot: key.bot.clone(), overflow: self.turns.overflow(&key.bot, &chat) };
        let event = Event::Timer(Timer { id: key.id.clone(), chat: key.chat.clone(), due, payload });
        let arrival = Arrival {
            chat,
            key: String::new(),
            within: None,
            asked: false,
            received: now,
            routes: vec![route],
            event: Arc::new(event),
        };
        Firing { key, standing, arrival }
    }
}
