//! What becomes of something that lasts when whoever asked for it hangs up.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use hodhod_core::bot::Bot;
use hodhod_core::host::Host;
use hodhod_core::ids::BotName;
use hodhod_core::limits::Limits;
use hodhod_core::runtime::{PoolUse, TurnResult};
use hodhod_core::testing::{MemoryStore, Native, TestClock};
use hodhod_core::time::Clock;
use hodhod_core::turn::{Actor, Turn};
use hodhod_web::admin::{BackUp, BackedUp, Reread, Serving};
use hodhod_web::webhooks::Calls;
use hodhod_web::{Backups, Door, Joints, Logs, Plugins, Refusal, Settings, Web};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Reloads that end when the test says so.
struct Slow {
    begun: Semaphore,
    may_end: Semaphore,
    ended: Semaphore,
}

impl Plugins for Slow {
    fn reload(self: Arc<Self>, _bot: BotName) -> BoxFuture<'static, Result<Serving, Refusal>> {
        async move {
            self.begun.add_permits(1);
            self.may_end.acquire().await.unwrap().forget();
            self.ended.add_permits(1);
            Ok(Serving { changed: true, generation: 2 })
        }
        .boxed()
    }

    fn roll_back(self: Arc<Self>, bot: BotName) -> BoxFuture<'static, Result<Serving, Refusal>> {
        async move { Err(Refusal::conflict(bot.as_str())) }.boxed()
    }
}

/// Nothing of it is asked for here.
struct Nothing;

impl Settings for Nothing {
    fn reread(self: Arc<Self>) -> BoxFuture<'static, Result<Reread, Refusal>> {
        async { Err(Refusal::conflict("no configuration")) }.boxed()
    }
}

impl Backups for Nothing {
    fn back_up(self: Arc<Self>, _to: BackUp) -> BoxFuture<'static, Result<BackedUp, Refusal>> {
        async { Err(Refusal::conflict("no backup")) }.boxed()
    }
}

fn idle(_turn: &mut Turn) -> BoxFuture<'_, TurnResult> {
    async { TurnResult::Done }.boxed()
}

async fn serving(plugins: Arc<Slow>) -> SocketAddr {
    let clock = TestClock::default();
    let host = Host::new(Arc::new(MemoryStore::default()), Arc::new(clock.clone()), 1, 1);
    let actor = Actor::new("bot".into(), HashMap::new(), Limits::default(), host.outboxes().clone());
    host.add_bot(Bot::new(actor, Arc::new(Native(idle))));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (settings, backups) = (Arc::new(Nothing), Arc::new(Nothing));
    let joints = Joints { plugins, settings, backups, logs: Arc::new(NoLog) };
    tokio::spawn(
        Web::new(Arc::new(host), joints, Box::new(PoolUse::default), Calls::default(), clock.now())
            .serve(listener, Door::Owner),
    );
    address
}

/// Asks for a reload and does not wait for the answer.
async fn asked(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"POST /api/bots/bot/reload HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    stream
}

/// A log without a line.
struct NoLog;

impl Logs for NoLog {
    fn read(&self, _bot: Option<&str>, _follow: bool) -> BoxStream<'static, String> {
        futures::stream::empty().boxed()
    }
}

#[tokio::test]
async fn a_reload_goes_on_and_keeps_its_place_when_who_asked_for_it_hangs_up() {
    let plugins = Arc::new(Slow { begun: Semaphore::new(0), may_end: Semaphore::new(0), ended: Semaphore::new(0) });
    let address = serving(plugins.clone()).await;
    for _ in 0..8 {
        let stream = asked(address).await;
        plugins.begun.acquire().await.unwrap().forget();
        drop(stream);
    }
    let mut answer = String::new();
    asked(address).await.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 429 ") && answer.contains("too much that lasts"), "{answer}");
    plugins.may_end.add_permits(8);
    plugins.ended.acquire_many(8).await.unwrap().forget();
    plugins.may_end.add_permits(1);
    // A place is free again a moment after its reload has ended.
    loop {
        let mut answer = String::new();
        asked(address).await.read_to_string(&mut answer).await.unwrap();
        if answer.starts_with("HTTP/1.1 200 ") {
            break assert!(answer.ends_with("{\"changed\":true,\"generation\":2}"), "{answer}");
        }
        assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    }
}
