//! Turns: takes events out of their lanes, runs them, and decides what their end means.
//!
//! Workers pull: whoever has nothing left to start takes the next few events, at most what is expected to keep it busy
//! for a quarter of a millisecond, so a slow bot never sits in front of fast ones in one worker's hands while another worker is idle.
//! Each worker is meant to be polled by a thread of its own.
//!
//! An event leaves memory and lane only when its turn is on disk. After a crash the inbox holds
//! every event whose turn was not, and they run again; nobody saw the first attempt.
//!
//! How a turn ends changes the health of its bot, and the lanes follow it: see [`Turns::order`] and
//! [`health`](crate::health).

mod arrive;
mod builds;
mod commit;
mod erasures;
mod hand;
mod members;
mod wake;
mod work;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use futures::future::OptionFuture;
use tokio::sync::Notify;

use self::commit::Ticket;
use self::erasures::Erasures;
use self::wake::Worker;
use crate::ages::Stay;
use crate::asks::Asks;
use crate::bot::Bot;
use crate::event::Event;
use crate::ids::{BotName, Chat, InboxSeq};
use crate::lanes::{Lanes, Next, Out};
use crate::ledger::Ledger;
use crate::outbox::Outboxes;
use crate::runtime::TurnResult;
use crate::store::{Mark, Store, StoreError, TurnCommit};
use crate::time::{Clock, Millis};
use crate::trace::{Moment, Traces, What};
use crate::turn::{Effects, Turn};
use crate::values::Reads;
use crate::verdict;

/// How often a turn is run again at once because of another's writes, before it gets to run alone.
const CONFLICTS: u8 = 3;

/// The wait before an event is tried again whose body could not be read.
const UNREADABLE_WAIT: Duration = Duration::from_secs(1);

pub use builds::{MigrateError, Successor};
pub(crate) use erasures::Erasing;
pub use hand::{Obeyed, OrderError};

/// An event in its lane.
#[derive(Debug)]
struct Waiting {
    seq: InboxSeq,
    attempts: u32,
    conflicts: u8,
    /// Since when it waits, for its trace.
    since: Moment,
    stay: Option<Stay>,
    /// Absent where it has to be read from the store.
    event: Option<Arc<Event>>,
}

type Queue = Lanes<BotName, Chat, Waiting>;

/// An event that is out, and the phase of its bot's health in which it was taken.
struct Taken {
    out: Out<BotName, Chat, Waiting>,
    phase: u64,
}

/// The running of turns.
pub struct Turns {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ledger: Arc<Ledger<Ticket>>,
    outboxes: Arc<Outboxes>,
    asks: Arc<Asks>,
    bots: RwLock<HashMap<BotName, Arc<Bot>>>,
    /// Those that were removed, as far as their orders and quotas reach.
    former: Mutex<HashMap<BotName, Arc<Bot>>>,
    /// Held while several bots change together.
    routing: RwLock<()>,
    lanes: Mutex<Queue>,
    /// When the rests of bots are over; some of them have been ended by other means.
    rests: Mutex<BTreeSet<(Millis, BotName)>>,
    bodies: AtomicUsize,
    under_way: AtomicUsize,
    most: usize,
    workers: Vec<Worker>,
    alarm: Notify,
    /// Whether lanes and bots whose wait is over may still wait, for the disk.
    is_late: AtomicBool,
    timers: Arc<Notify>,
    /// Told when turns have ended for good, or are to run again.
    ends: Notify,
    draining: AtomicBool,
    erasures: Erasures,
    traces: Traces,
}

impl Turns {
    /// Turns for `workers` workers, at most `most` of them under way at once.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        outboxes: Arc<Outboxes>,
        workers: usize,
        most: usize,
        traces: Traces,
    ) -> Self {
        Self {
            ledger: Arc::new(Ledger::new(store.clone(), clock.clone())),
            store,
            clock,
            outboxes,
            asks: Arc::default(),
            bots: RwLock::default(),
            former: Mutex::default(),
            routing: RwLock::default(),
            lanes: Mutex::default(),
            rests: Mutex::default(),
            bodies: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            most,
            workers: (0..workers).map(|_| Worker::default()).collect(),
            alarm: Notify::new(),
            is_late: AtomicBool::new(false),
            timers: Arc::default(),
            ends: Notify::new(),
            draining: AtomicBool::new(false),
            erasures: Erasures::default(),
            traces,
        }
    }

    /// The traces of what happens to events.
    pub fn traces(&self) -> &Traces {
        &self.traces
    }

    /// Who waits for the answers to events.
    pub(crate) fn asks(&self) -> &Arc<Asks> {
        &self.asks
    }

    /// The bots, by name.
    pub fn bots(&self) -> Vec<Arc<Bot>> {
        let mut bots: Vec<_> = self.bots.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        bots.sort_by(|a, b| a.name().cmp(b.name()));
        bots
    }

    /// Writes the ends of turns and lets their lanes go on, until [`drain`](Self::drain) and all is
    /// written. One task runs this.
    pub async fn commit(&self) {
        self.ledger.run(|batch| self.committed(batch)).await;
    }

    /// Takes no more events. [`work`](Self::work) returns when what was begun has ended. Nobody waits for the answer to
    /// what is not begun any more.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        // What comes into a lane after this look, or goes back, is seen by whoever puts it there.
        let waiting: Vec<_> = self.lanes().waiting_there().map(|item| item.seq).collect();
        waiting.into_iter().for_each(|seq| self.end_ask(seq));
        self.wake();
    }

    /// Lets nobody wait for an answer of this row's bot.
    fn end_ask(&self, seq: InboxSeq) {
        self.asks.end(&[seq]);
    }

    /// To be called when an event has come into its lane, or gone back into it.
    fn waits(&self, seq: InboxSeq) {
        if self.draining.load(Ordering::Acquire) {
            self.end_ask(seq);
        }
    }

    /// Lets [`commit`](Self::commit) end when all is written. To be called when no worker runs.
    pub fn close(&self) {
        self.asks.close();
        self.ledger.close();
    }

    /// Told when a turn has changed a timer.
    pub fn timers_changed(&self) -> Arc<Notify> {
        self.timers.clone()
    }

    /// Turns under way.
    pub fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Turns that wait to be committed, and values held for others, for status.
    pub fn held(&self) -> (usize, usize) {
        self.ledger.held()
    }

    /// Events of a bot that wait, and chats that they wait in.
    pub fn waiting(&self, bot: &BotName) -> (usize, usize) {
        let lanes = self.lanes();
        (lanes.waiting_in(bot), lanes.lanes_in(bot))
    }

    /// Turns of a bot that run.
    pub fn running(&self, bot: &BotName) -> usize {
        self.lanes().running_in(bot)
    }

    async fn turn(&self, taken: Taken) {
        let Taken { out: Out { group, lane: chat, item }, phase } = taken;
        let Waiting { seq, attempts, conflicts, since, stay, event } = item;
        let Some(bot) = self.bot(&group) else {
            // Removed since it was taken. It waits, in case the bot comes back.
            let item = Waiting { seq, attempts, conflicts, since, stay, event };
            return self.finish(&group, &chat, Next::At(Millis(0), item));
        };
        let asked = self.asks.of(seq);
        let event = match self.body(seq, event).await {
            Ok(Some(event)) => event,
            Ok(None) => {
                self.asks.end(&[seq]);
                if self.is_anybody_erased() {
                    return self.finish(&group, &chat, Next::Done);
                }
                tracing::error!(bot = %group, %seq, trace_id = %self.traces.of(seq), "the inbox row of a waiting event is gone");
                return self.finish(&group, &chat, Next::Done);
            }
            Err(StoreError::Unreadable(why)) => {
                let mark = Mark::Dead { attempts, reason: why };
                let commit = TurnCommit::without_effects(seq, mark, self.clock.now());
                let began = self.ledger.begin(&group);
                let again = |stay| Next::At(Millis(0), Waiting { seq, attempts, conflicts, since, stay, event: None });
                let ticket = Ticket { bot, chat, stay, answer: None, ended: self.traces.now() };
                self.submit(began, &Reads::default(), commit, ticket, again, |_| ());
                return;
            }
            Err(error) => {
                tracing::error!(bot = %group, %seq, trace_id = %self.traces.of(seq), %error,
                    "the body of an event cannot be read; its chat waits");
                let item = Waiting { seq, attempts, conflicts, since, stay, event: None };
                return self.finish(&group, &chat, Next::At(self.clock.now() + UNREADABLE_WAIT, item));
            }
        };

        let item = Waiting { seq, attempts, conflicts, since, stay, event: None };
        let stay = match self.instead_of_handling(&chat, &event, item) {
            Ok(item) => item.stay,
            Err(next) => return self.finish(&group, &chat, next),
        };

        let began = self.ledger.begin(&group);
        let now = self.clock.now();
        let generation = bot.generation();
        let actor = generation.actor.clone();
        let turn = Turn::new(seq, event.clone(), chat.clone(), now, actor.clone(), self.ledger.clone());
        let turn = turn.traced(self.traces.key()).asked(asked.clone());
        // After the turn has noted the kills before it: one that comes now ends it.
        if bot.lock_health().phase() != phase {
            drop(began);
            self.bodies.fetch_add(event.weight(), Ordering::Relaxed);
            let item = Waiting { seq, attempts, conflicts, since, stay, event: Some(event) };
            let next = if conflicts <= CONFLICTS { Next::At(Millis(0), item) } else { Next::Alone(item) };
            return self.finish(&group, &chat, next);
        }
        let run_began = self.traces.now();
        self.traces.tell(seq, since, run_began, || What::Wait);
        let ended = generation.plugin.run(turn).await;
        let run_ended = self.traces.now();
        bot.stats.used(ended.time, ended.cpu, ended.memory);
        if let TurnResult::Failed(failure) = &ended.result
            && actor.may_be_logged(failure.detail.len() + chat.id.as_str().len(), now)
        {
            tracing::warn!(bot = %group, %chat, %seq, trace_id = %self.traces.of(seq), attempt = attempts + 1, reason = %failure.reason,
                "turn failed: {}", failure.detail);
        }

        let (mut turn, mut answer) = (ended.turn, None);
        let at = self.clock.now();
        let mark = verdict::of(&ended.result, attempts, at, &actor.limits);
        if mark == Mark::Done {
            answer = turn.settle();
        }
        let (reads, effects) = turn.into_effects();
        let commit = match mark {
            Mark::Done => {
                let Effects { values, sends, timers } = effects;
                TurnCommit { seq, mark, at, values, sends, timers }
            }
            mark => TurnCommit::without_effects(seq, mark, at),
        };
        let again = |stay| {
            self.bodies.fetch_add(event.weight(), Ordering::Relaxed);
            let since = run_ended;
            let again = Waiting { seq, attempts, conflicts: conflicts + 1, since, stay, event: Some(event) };
            if conflicts < CONFLICTS { Next::At(Millis(0), again) } else { Next::Alone(again) }
        };
        let mut saving = None;
        let ticket = Ticket { bot: bot.clone(), chat, stay, answer, ended: run_ended };
        let passed = self.submit(began, &reads, commit, ticket, again, |lanes| {
            saving = self.judge(lanes, &bot, &ended.result, phase, at);
            bot.stats.ended(&ended.result, now);
        });
        self.traces.tell(seq, run_began, run_ended, || What::Turn {
            bot: bot.name().clone(),
            generation: generation.number,
            attempt: attempts + 1,
            cpu: u64::try_from(ended.cpu.as_nanos()).unwrap_or(u64::MAX),
            memory: ended.memory,
            end: if passed { ended.result.as_str() } else { "conflict" },
            reason: match &ended.result {
                TurnResult::Failed(failure) => Some(failure.reason.as_str()),
                TurnResult::Done | TurnResult::Retry(_) | TurnResult::Reject(_) => None,
            },
        });
        if !passed {
            bot.stats.conflict();
        }
        if passed && let Some(reason) = bot.generations.judge(&generation, &ended.result, at) {
            tracing::error!(bot = %bot.name(), generation = generation.number, "the generation before serves again: {reason}");
            if let Err(error) = self.renew(&bot).await {
                tracing::error!(bot = %bot.name(), %error, "the state of the bot is not recorded");
            }
            if let Err(error) = self.record_build(&bot).await {
                tracing::error!(bot = %bot.name(), %error, "it is not recorded which build of the bot serves");
            }
        }
        if let Some(Err(error)) = OptionFuture::from(saving).await {
            tracing::error!(bot = %bot.name(), %error, "the state of the bot is not recorded; after a restart it runs");
        }
    }

    async fn body(&self, seq: InboxSeq, kept: Option<Arc<Event>>) -> Result<Option<Arc<Event>>, StoreError> {
        match kept {
            Some(event) => {
                self.bodies.fetch_sub(event.weight(), Ordering::Relaxed);
                Ok(Some(event))
            }
            None => self.store.event(seq).await,
        }
    }

    fn finish(&self, bot: &BotName, chat: &Chat, next: Next<Waiting>) {
        let again = match &next {
            Next::Done => None,
            Next::At(_, item) | Next::Alone(item) => Some(item.seq),
        };
        self.lanes().finish(bot, chat, next);
        again.inspect(|seq| self.waits(*seq));
        self.ends.notify_waiters();
        self.wake();
    }

    /// A bot by its name.
    pub fn bot(&self, name: &BotName) -> Option<Arc<Bot>> {
        self.bots.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn lanes(&self) -> MutexGuard<'_, Queue> {
        // Lanes change by whole calls, so a panic elsewhere leaves them sound.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
