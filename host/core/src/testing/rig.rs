//! A whole host over the doubles, polled by hand on one thread.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::task::{JoinHandle, LocalSet, spawn_local, yield_now};

use super::{MemoryStore, Native, TestClock, TestPlatform};
use crate::bot::Bot;
use crate::event::{Content, Event, Message, Sender};
use crate::host::{Host, Restored};
use crate::ids::Chat;
use crate::outbox::{OnDoubt, Policy};
use crate::pace::Rate;
use crate::platform::{Incoming, Intake};
use crate::runtime::{Limits, TurnResult};
use crate::time::Clock;
use crate::turn::{Actor, Turn};

/// The one connection and the one bot of a rig.
pub(crate) const CONNECTION: &str = "shop";
/// See [`CONNECTION`].
pub(crate) const BOT: &str = "bot";

/// A host with one connection and one bot, running on the test's own thread.
pub(crate) struct Rig {
    /// What is durable; survives [`crash`](Self::crash).
    pub(crate) store: MemoryStore,
    /// The time.
    pub(crate) clock: TestClock,
    /// Where sends go.
    pub(crate) platform: Arc<TestPlatform>,
    /// The host.
    pub(crate) host: Arc<Host>,
    /// The bot.
    pub(crate) bot: Arc<Bot>,
    /// What the host found when it started.
    pub(crate) restored: Restored,
    /// The worker and the server.
    pub(crate) tasks: Vec<JoinHandle<()>>,
}

/// A fast policy, so that pace is out of the way where it is not what is tested.
pub(crate) fn fast() -> Policy {
    let rate = Rate::per_second(NonZeroU32::MAX);
    Policy {
        connection: rate,
        chat: rate,
        at_once: 8,
        on_doubt: OnDoubt::Resend,
        backoff: Duration::from_secs(1),
        longest_backoff: Duration::from_secs(60),
        give_up: Duration::from_secs(3600),
        waiting_chat: 100,
        waiting: 100_000,
    }
}

/// A text message in a chat, with an id.
pub(crate) fn text(chat: &str, id: &str, text: &str) -> Incoming {
    let message = Message {
        id: id.to_owned(),
        platform: "test".to_owned(),
        chat: Chat::new(CONNECTION, chat),
        private: true,
        sender: Sender { id: Some(chat.into()), name: None, automated: false },
        sent_at: crate::time::Millis(0),
        edited: false,
        content: Content::Text(text.to_owned()),
        reply_to: None,
        annotations: Vec::new(),
    };
    Incoming::new(id, Event::Message(message))
}

/// The text of the message that a turn handles; empty for anything else.
pub(crate) fn said(turn: &Turn) -> String {
    match &**turn.event() {
        Event::Message(Message { content: Content::Text(text), .. }) => text.clone(),
        _ => String::new(),
    }
}

/// Runs a test that uses rigs.
pub(crate) fn run<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without I/O");
    runtime.block_on(LocalSet::new().run_until(test))
}

impl Rig {
    /// Starts a host over a store.
    pub(crate) async fn start<F>(store: &MemoryStore, clock: &TestClock, policy: Policy, limits: Limits, bot: F) -> Self
    where
        F: for<'a> Fn(&'a mut Turn) -> BoxFuture<'a, TurnResult> + Send + Sync + 'static,
    {
        let platform = Arc::new(TestPlatform::default());
        Self::start_on(store, clock, platform, policy, limits, bot).await
    }

    /// Like [`start`](Self::start), with a platform that was there before.
    pub(crate) async fn start_on<F>(
        store: &MemoryStore,
        clock: &TestClock,
        platform: Arc<TestPlatform>,
        policy: Policy,
        limits: Limits,
        bot: F,
    ) -> Self
    where
        F: for<'a> Fn(&'a mut Turn) -> BoxFuture<'a, TurnResult> + Send + Sync + 'static,
    {
        let host = Host::new(Arc::new(store.clone()), Arc::new(clock.clone()), 1, 100);
        Self::start_host(host, store, clock, platform, policy, limits, bot).await
    }

    /// Like [`start_on`](Self::start_on), with a host that has nothing to serve yet.
    pub(crate) async fn start_host<F>(
        host: Host,
        store: &MemoryStore,
        clock: &TestClock,
        platform: Arc<TestPlatform>,
        policy: Policy,
        limits: Limits,
        bot: F,
    ) -> Self
    where
        F: for<'a> Fn(&'a mut Turn) -> BoxFuture<'a, TurnResult> + Send + Sync + 'static,
    {
        host.add_connection(CONNECTION.into(), platform.clone(), policy);
        let connections = [(CONNECTION.into(), platform.clone() as Arc<_>)].into();
        let actor = Actor::new(BOT.into(), connections, limits, host.outboxes().clone());
        let bot = host.add_bot(Bot::new(actor, Arc::new(Native(bot))));
        let host = Arc::new(host);
        let restored = host.restore().await.expect("the memory store can be read");
        let (worker, server) = (host.clone(), host.clone());
        let tasks =
            vec![spawn_local(async move { worker.work(0).await }), spawn_local(async move { server.serve().await })];
        Self { store: store.clone(), clock: clock.clone(), platform, host, bot, restored, tasks }
    }

    /// Delivers events as the connection would; gives the number that was new.
    pub(crate) async fn arrive(&self, events: Vec<Incoming>) -> usize {
        let intake = self.host.inbox().of(CONNECTION.into());
        intake.take(events).await.expect("the memory store takes it")
    }

    /// Lets everything run that can without time passing.
    pub(crate) async fn settle(&self) {
        for _ in 0..200 {
            yield_now().await;
        }
    }

    /// Lets everything run, moving the clock from sleeper to sleeper, until `done` or an hour has passed.
    pub(crate) async fn until(&self, mut done: impl FnMut() -> bool) {
        let began = self.clock.now();
        loop {
            for _ in 0..50 {
                self.settle().await;
                if done() {
                    return;
                }
            }
            let Some(next) = self.clock.next_sleeper() else { break };
            assert!(next.since(began) < Duration::from_secs(3600), "an hour has passed and it is not done");
            self.clock.advance(next.since(self.clock.now()));
        }
        assert!(done(), "nothing is left to happen and it is not done");
    }

    /// The texts that were sent to a chat, each try of them.
    pub(crate) fn sent_to(&self, chat: &str) -> Vec<String> {
        let sent = self.platform.tried().into_iter().filter(|(to, _)| to.as_str() == chat);
        sent.map(|(_, message)| match message.body {
            crate::outgoing::Body::Text(text) => text,
            other => format!("{other:?}"),
        })
        .collect()
    }

    /// The host is gone in the middle of whatever it was doing.
    pub(crate) fn crash(self) {
        for task in &self.tasks {
            task.abort();
        }
    }

    /// Lets the host end by itself.
    pub(crate) async fn stop(self) {
        self.host.drain();
        let mut tasks = self.tasks.into_iter();
        let (worker, server) = (tasks.next(), tasks.next());
        worker.expect("a worker").await.expect("the worker ends by itself");
        self.host.close();
        server.expect("a server").await.expect("the server ends by itself");
    }
}
