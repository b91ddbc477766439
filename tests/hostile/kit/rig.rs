//! A host as the program runs it: turns on threads of their own, the rest on a runtime, and two bots on
//! two connections.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::FutureExt;
use futures::future::BoxFuture;
use hodhod_core::bot::Bot;
use hodhod_core::event::{Content, Event, Message, Sender};
use hodhod_core::host::Host;
use hodhod_core::ids::Chat;
use hodhod_core::outbox::{OnDoubt, Policy};
use hodhod_core::pace::Rate;
use hodhod_core::platform::{Incoming, Intake as _, Platform};
use hodhod_core::runtime::{Ended, Grants, Limits, Plugin, Setup, TurnResult};
use hodhod_core::testing::MemoryStore;
use hodhod_core::time::{Clock, Millis, whole_millis};
use hodhod_core::turn::{Actor, Turn};
use hodhod_engine::{ChildProcess, Compiler, Component, Engine, PoolSize};
use hodhod_tests::eventually;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use super::log;
use super::neighbour::{Neighbour, Round, messages, rounds};
use super::platform::Recording;

/// The connections, which are also the names of the bots: the attacker's and the neighbour's.
pub(crate) const LOUD: &str = "loud";
const QUIET: &str = "quiet";

/// How far apart the neighbour's messages are, and the chats that they come from.
const APART: Duration = Duration::from_millis(3);
const CHATS: usize = 10;

/// Events of the attacker under way at once, how far apart they come at least, and the chats that they come from.
///
/// How far matters where the neighbour is measured: a thousand a second are more than a messenger brings to one account,
/// and without a bound there would be nothing left to measure, as this process brings events faster than any host
/// handles them. Otherwise the next one comes as soon as there is room.
const FLOOD: usize = 8;
const FLOOD_APART: Duration = Duration::from_millis(1);
const FLOODED: usize = 4;

/// How many times as long as it took to look at a plugin's file the host waits until it looks again. Where the neighbour
/// is measured that is kept, though the host does not even look again at what it has refused; otherwise the next look
/// comes at once.
const LOOKS_APART: u32 = 10;

/// An engine with the pool that all of this runs in.
pub(crate) fn engine() -> Engine {
    // As the program begins, and the allocator is its own too.
    hodhod_engine::priority::prompt();
    let engine = Engine::new(PoolSize { turns: 24, memory: 64 << 20 }).unwrap();
    if rounds() == 1 {
        return engine;
    }
    // The compiler shares no memory with turns, nor the locks that the system has for it.
    engine.with_compiler(Compiler::Child(ChildProcess::new(hodhod_tests::program(), ["compile-component"])))
}

/// A plugin, and how its turns ended.
pub(crate) struct Watched {
    inner: Component,
    first: Mutex<Option<TurnResult>>,
    begun: AtomicUsize,
    ended: AtomicUsize,
    news: Notify,
}

impl Watched {
    pub(crate) fn new(inner: Component) -> Self {
        Self {
            inner,
            first: Mutex::default(),
            begun: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            news: Notify::new(),
        }
    }

    fn first(&self) -> Option<TurnResult> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Plugin for Watched {
    fn run(&self, turn: Turn) -> BoxFuture<'_, Ended> {
        Box::pin(async move {
            self.begun.fetch_add(1, Ordering::SeqCst);
            let ended = self.inner.run(turn).await;
            self.first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| ended.result.clone());
            self.ended.fetch_add(1, Ordering::SeqCst);
            self.news.notify_one();
            ended
        })
    }

    fn digest(&self) -> &str {
        self.inner.digest()
    }
}

/// The host.
pub(crate) struct Rig {
    runtime: Runtime,
    host: Arc<Host>,
    pub(crate) store: MemoryStore,
    pub(crate) loud: Arc<Recording>,
    quiet: Arc<Recording>,
    bots: Vec<Arc<Bot>>,
    workers: Vec<JoinHandle<()>>,
    /// Rounds that the neighbour was measured in.
    rounds: AtomicUsize,
    /// Events that the attacker was flooded with.
    floods: AtomicUsize,
}

impl Rig {
    /// A host with a neighbour, and an attacker if there is one.
    pub(crate) fn start(engine: &Engine, attacker: Option<(Arc<Watched>, Limits)>) -> Self {
        log::keep();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let store = MemoryStore::default();
        let host = Host::new(Arc::new(store.clone()), Arc::new(SystemClock), 2, 24);
        let (loud, quiet) = (Arc::new(Recording::default()), Arc::new(Recording::default()));
        host.add_connection(LOUD.into(), loud.clone(), policy());
        host.add_connection(QUIET.into(), quiet.clone(), policy());
        let grants = Grants { messenger: true, keyvalue: true, timers: true, files: true, ..Grants::default() };
        let setup = Setup { grants, ..Setup::default() };
        let load = || Component::load(engine, &super::built("echo"), setup);
        let echo: Arc<dyn Plugin> = Arc::new(std::thread::scope(|scope| lowered(scope, load).join().unwrap()).unwrap());
        let mut bots = Vec::new();
        let neighbour = (QUIET, echo, Limits::default(), quiet.clone());
        let attacker = attacker.map(|(plugin, limits)| (LOUD, plugin as Arc<dyn Plugin>, limits, loud.clone()));
        for (name, plugin, limits, platform) in [Some(neighbour), attacker].into_iter().flatten() {
            let connections = [(name.into(), platform as Arc<dyn Platform>)].into();
            let actor = Actor::new(name.into(), connections, limits, host.outboxes().clone());
            bots.push(host.add_bot(Bot::new(actor, plugin)));
        }
        let host = Arc::new(host);
        let workers = (0..2).map(|worker| start_worker(host.clone(), worker)).collect();
        let serving = host.clone();
        // Ends with the runtime.
        drop(runtime.spawn(async move { serving.serve().await }));
        Self {
            runtime,
            host,
            store,
            loud,
            quiet,
            bots,
            workers,
            rounds: AtomicUsize::new(0),
            floods: AtomicUsize::new(0),
        }
    }

    /// Tells the attacker one thing, and gives how its turn ended once all that came of it has happened.
    pub(crate) fn probe(&self, attacker: &Watched, says: &str) -> TurnResult {
        self.runtime.block_on(async {
            self.tell(LOUD, "a", "probe", says).await;
            let result = eventually("the attacker's turn ends", async || attacker.first().ok_or("it goes on")).await;
            eventually("what it did is committed", async || {
                // In this order: what is no longer under way is held until it is stored.
                let under_way = self.host.turns().under_way();
                let (held, _) = self.host.turns().held();
                let totals = self.host.store().totals().await.unwrap();
                if held == 0 && under_way == 0 && totals.waiting_sends == 0 {
                    return Ok(());
                }
                Err(totals)
            })
            .await;
            result
        })
    }

    /// How long the neighbour takes while nothing else happens.
    pub(crate) fn quiet(&self) -> Round {
        self.runtime.block_on(async {
            eventually("the attacker has ended", async || {
                let under_way = self.host.turns().under_way();
                if under_way == 0 { Ok(()) } else { Err(under_way) }
            })
            .await;
            self.measure().await
        })
    }

    /// How long the neighbour takes while the attacker is told this again and again in several chats.
    pub(crate) fn beside(&self, attacker: &Watched, says: &str) -> Round {
        let before = attacker.begun.load(Ordering::SeqCst);
        let flood = async {
            let (mut told, done) = (0_usize, attacker.ended.load(Ordering::SeqCst));
            let mut pace = tokio::time::interval(FLOOD_APART);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                if rounds() > 1 {
                    pace.tick().await;
                }
                if told.saturating_sub(attacker.ended.load(Ordering::SeqCst) - done) < FLOOD {
                    let id = self.floods.fetch_add(1, Ordering::SeqCst);
                    self.tell(LOUD, &format!("a{}", told % FLOODED), &format!("flood-{id}"), says).await;
                    told += 1;
                } else {
                    attacker.news.notified().await;
                }
            }
        };
        let took = self.runtime.block_on(async {
            tokio::select! {
                took = self.measure() => took,
                () = flood => unreachable!("it floods without end"),
            }
        });
        assert!(attacker.begun.load(Ordering::SeqCst) > before, "the attack was under way");
        took
    }

    /// How long the neighbour takes while another thread does this again and again, and without it.
    pub(crate) fn neighbour_of(&self, work: impl Fn() + Sync) -> Neighbour {
        let mut neighbour = Neighbour::default();
        while neighbour.wants_more() {
            neighbour.quiet.push(self.quiet());
            let (go_on, over) = mpsc::channel::<()>();
            std::thread::scope(|scope| {
                let work = &work;
                lowered(scope, move || {
                    let mut wait = Duration::ZERO;
                    while over.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                        let began = Instant::now();
                        work();
                        if rounds() > 1 {
                            wait = LOOKS_APART * began.elapsed();
                        }
                    }
                });
                neighbour.beside.push(self.runtime.block_on(self.measure()));
                drop(go_on);
            });
        }
        neighbour
    }

    /// Ends everything.
    pub(crate) fn stop(self) {
        self.host.drain();
        for bot in &self.bots {
            bot.actor().kill.kill();
        }
        for worker in self.workers {
            worker.join().unwrap();
        }
        self.host.close();
        self.runtime.shutdown_background();
    }

    /// One round: a message every few milliseconds, and how long the answers take.
    async fn measure(&self) -> Round {
        let round = self.rounds.fetch_add(1, Ordering::SeqCst);
        let mut began = Vec::new();
        let mut pace = tokio::time::interval(APART);
        for n in 0..messages() {
            pace.tick().await;
            let text = format!("{round}-{n}");
            began.push((text.clone(), Instant::now()));
            self.tell(QUIET, &format!("q{}", n % CHATS), &text, &text).await;
        }
        let times = eventually("the neighbour has answered everything", async || {
            let times = self.quiet.times();
            let missing: Vec<_> = began.iter().filter(|(text, _)| !times.contains_key(text)).collect();
            if missing.is_empty() { Ok(times) } else { Err(missing.len()) }
        })
        .await;
        began.iter().map(|(text, began)| times[text].duration_since(*began)).collect()
    }

    async fn tell(&self, connection: &str, chat: &str, id: &str, text: &str) {
        let message = Message {
            id: id.to_owned(),
            platform: "test".to_owned(),
            chat: Chat::new(connection, chat),
            private: true,
            sender: Sender { id: Some(chat.into()), name: None, automated: false },
            sent_at: Millis(0),
            edited: false,
            content: Content::Text(text.to_owned()),
            reply_to: None,
            annotations: Vec::new(),
        };
        let event = Incoming::new(id, Event::Message(message));
        let intake = self.host.inbox().of(connection.into());
        intake.take(vec![event]).await.unwrap();
    }
}

/// Does something as the host loads plugins while it serves. The compiler's threads begin with what is compiled first,
/// and have the priority of whoever does that.
fn lowered<'s, T: Send + 's>(
    scope: &'s Scope<'s, '_>,
    work: impl FnOnce() -> T + Send + 's,
) -> ScopedJoinHandle<'s, T> {
    scope.spawn(|| {
        hodhod_engine::priority::lower();
        work()
    })
}

/// One thread a worker, with timers and sockets of its own, as the program has them.
fn start_worker(host: Arc<Host>, worker: usize) -> JoinHandle<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().unwrap();
    std::thread::spawn(move || {
        runtime.block_on(host.work(worker).boxed_local());
        runtime.shutdown_background();
    })
}

/// A pace that holds nothing back.
fn policy() -> Policy {
    let rate = Rate::per_second(NonZeroU32::MAX);
    Policy {
        connection: rate,
        chat: rate,
        at_once: 64,
        on_doubt: OnDoubt::Resend,
        backoff: Duration::from_secs(1),
        longest_backoff: Duration::from_secs(60),
        give_up: Duration::from_secs(3600),
        waiting_chat: 1000,
        waiting: 100_000,
    }
}

/// The machine's clock, and tokio's timers.
#[derive(Clone, Copy, Debug)]
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        Millis(whole_millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()))
    }

    fn sleep_until(&self, when: Millis) -> BoxFuture<'static, ()> {
        tokio::time::sleep(when.since(self.now())).boxed()
    }
}
