//! A host with one connection whose platform calls, served at a listener, and clients that say what they like.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use hodhod_core::bot::Bot;
use hodhod_core::host::Host;
use hodhod_core::ids::ConnectionName;
use hodhod_core::limits::Limits;
use hodhod_core::outbox::{OnDoubt, Policy};
use hodhod_core::outgoing::Answer;
use hodhod_core::pace::Rate;
use hodhod_core::runtime::TurnResult;
use hodhod_core::testing::{CallingPlatform, MemoryStore, Native, TestClock};
use hodhod_core::turn::{Actor, Turn};
use hodhod_web::webhooks::{Bounds, Calls, Webhooks};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;

/// How long anything may take that is to happen; only a failure takes it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The key that the platform brings.
pub(crate) const KEY: &str = CallingPlatform::KEY;

/// Runs a test beside a host.
pub(crate) fn run<F: Future<Output = ()>>(test: F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let test = async { timeout(PATIENCE * 2, test).await.expect("it ends") };
    runtime.block_on(LocalSet::new().run_until(test));
}

/// What is served.
pub(crate) struct Served {
    pub(crate) host: Arc<Host>,
    pub(crate) platform: Arc<CallingPlatform>,
    pub(crate) webhooks: Webhooks,
    pub(crate) calls: Calls,
    pub(crate) address: SocketAddr,
}

/// Answers what was said.
fn answering(turn: &mut Turn) -> BoxFuture<'_, TurnResult> {
    let text = format!("{:?}", turn.event().chat());
    turn.respond(Answer::Notice(format!("heard in {text}"))).expect("it is taken");
    async { TurnResult::Done }.boxed()
}

fn policy() -> Policy {
    let rate = Rate::per_second(std::num::NonZeroU32::MAX);
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

/// Serves the connection `desk` within these bounds.
pub(crate) async fn serve(bounds: Bounds) -> Served {
    serve_behind(bounds, &[]).await
}

/// The same, behind proxies.
pub(crate) async fn serve_behind(bounds: Bounds, proxies: &[&str]) -> Served {
    serve_as("desk".into(), bounds, proxies).await
}

/// The same, where the connection has another name.
pub(crate) async fn serve_as(name: ConnectionName, bounds: Bounds, proxies: &[&str]) -> Served {
    let host = Host::new(Arc::new(MemoryStore::default()), Arc::new(TestClock::default()), 1, 100);
    let platform = Arc::new(CallingPlatform::new(name.clone()));
    host.add_connection(name.clone(), platform.clone(), policy());
    let connections = [(name, platform.clone() as Arc<_>)].into();
    let actor = Actor::new("clerk".into(), connections, Limits::default(), host.outboxes().clone());
    host.add_bot(Bot::new(actor, Arc::new(Native(answering))));
    let host = Arc::new(host);
    host.restore().await.unwrap();
    let (worker, server) = (host.clone(), host.clone());
    drop(spawn_local(async move { worker.work(0).await }));
    drop(spawn_local(async move { server.serve().await }));
    let calls = Calls::default();
    let proxies = proxies.iter().map(|proxy| proxy.parse().unwrap()).collect();
    let webhooks = Webhooks::new(host.clone(), proxies, bounds, calls.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(tokio::spawn(webhooks.clone().serve(listener)));
    Served { host, platform, webhooks, calls, address }
}

impl Served {
    /// A client of this machine.
    pub(crate) async fn client(&self) -> Client {
        self.client_at(Ipv4Addr::LOCALHOST.into()).await
    }

    /// A client at another address of it.
    pub(crate) async fn client_at(&self, from: IpAddr) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(from, 0)).unwrap();
        Client { stream: socket.connect(self.address).await.unwrap(), read: Vec::new() }
    }

    /// What a request of its own connection is answered.
    pub(crate) async fn reply(&self, request: impl AsRef<[u8]>) -> Reply {
        let mut client = self.client().await;
        client.say(request).await;
        client.reply().await
    }

    /// How often this was the reason to refuse.
    pub(crate) fn refused(&self, reason: &str) -> u64 {
        self.calls.refusals().find(|(of, _)| *of == reason).expect("it is one of the reasons").1
    }
}

/// A request with the key.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: {KEY}\r\n\r\n")
}

/// The same, with a body.
pub(crate) fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: {KEY}\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// A connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Without the date.
    pub(crate) fields: Vec<String>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn closes(&self) -> bool {
        self.fields.iter().any(|field| field == "connection: close")
    }
}

impl Client {
    /// Sends bytes. The other side may have gone.
    pub(crate) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let _gone = self.stream.write_all(bytes.as_ref()).await;
    }

    /// The next answer.
    pub(crate) async fn reply(&mut self) -> Reply {
        self.try_reply().await.expect("an answer")
    }

    /// The next answer; `None` where the connection ends without one.
    pub(crate) async fn try_reply(&mut self) -> Option<Reply> {
        let end = |read: &[u8]| read.windows(4).position(|four| four == b"\r\n\r\n");
        let head = loop {
            match end(&self.read) {
                Some(at) => break self.read.drain(..at + 4).collect::<Vec<_>>(),
                None => self.more().await?,
            }
        };
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let fields: Vec<_> = lines.filter(|line| !line.starts_with("date: ")).map(str::to_owned).collect();
        let length = fields.iter().find_map(|field| field.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        while self.read.len() < length {
            self.more().await?;
        }
        let body = String::from_utf8(self.read.drain(..length).collect()).unwrap();
        Some(Reply { status, fields, body })
    }

    async fn more(&mut self) -> Option<()> {
        let mut bytes = [0; 4096];
        let read = timeout(PATIENCE, self.stream.read(&mut bytes)).await.expect("something comes");
        let read = read.ok().filter(|read| *read > 0)?;
        self.read.extend_from_slice(&bytes[..read]);
        Some(())
    }

    /// Waits for the other side to end the connection.
    pub(crate) async fn ended(mut self) {
        while self.more().await.is_some() {}
    }

    /// Asks, and reads the answer.
    pub(crate) async fn ask(&mut self, request: impl AsRef<[u8]>) -> Reply {
        self.say(request).await;
        self.reply().await
    }
}

/// Waits until it is so.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let all = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, all).await.unwrap_or_else(|_| panic!("it never comes true: {what}"));
}
