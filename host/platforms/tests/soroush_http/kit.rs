//! A server with a script, and an intake that remembers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use hodhod_core::event::{Content, Event};
use hodhod_core::platform::{Health, Incoming, Intake, Platform};
use hodhod_core::store::StoreError;
use hodhod_platforms::soroush::{Options, Soroush, SoroushConfig, Timing};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Long, and of the alphabet of real ones, so that a leak is found by searching for it.
pub(crate) const TOKEN: &str = "Tq7-vX2_kLm9ZrB4wNc8YhJ3pFd6sGa1eUoI5tKx0";

/// What the server does with one connection.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Say(String),
    Pause(Duration),
    /// Says one byte more each second, without an end.
    Drip,
    /// Keeps the connection open and says nothing more.
    Hold,
    /// Ends the connection as if the network broke.
    Break,
}

pub(crate) fn say(text: impl Into<String>) -> Step {
    Step::Say(text.into())
}

/// The head of an answer that streams until the connection ends.
pub(crate) fn stream_head() -> Step {
    say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
}

/// A whole answer.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Step {
    say(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len()))
}

pub(crate) fn text(body: &str, time: u64) -> String {
    format!("data:{{\"from\":\"zahra\",\"type\":\"TEXT\",\"time\":\"{time}\",\"body\":\"{body}\"}}\n\n")
}

/// A server that follows a script: one list of steps for each connection, the last one again for
/// all that follow.
pub(crate) struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn new<const N: usize>(script: [Vec<Step>; N]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let serving = tokio::spawn(async move {
            let mut script = script.into_iter();
            let mut steps = Vec::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                steps = script.next().unwrap_or(steps);
                tokio::spawn(serve(stream, steps.clone(), Arc::clone(&seen)));
            }
        });
        Self { address, requests, serving }
    }

    /// The requests so far: head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn options(&self) -> Options {
        Options { base_url: self.base(), timing: quick(), ..Options::default() }
    }

    pub(crate) fn soroush(&self) -> Soroush {
        soroush(self.options())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(mut stream: TcpStream, steps: Vec<Step>, seen: Arc<Mutex<Vec<String>>>) {
    let request = read_request(&mut stream).await;
    seen.lock().unwrap().push(request);
    for step in steps {
        match step {
            Step::Say(text) => drop(stream.write_all(text.as_bytes()).await),
            Step::Drip => {
                while stream.write_all(b"x").await.is_ok() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
            Step::Pause(pause) => tokio::time::sleep(pause).await,
            Step::Hold => std::future::pending().await,
            Step::Break => return stream.set_zero_linger().unwrap(),
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return text;
        }
    }
}

/// Short waits, so that nothing here takes seconds; long ones where a test must not meet them.
pub(crate) fn quick() -> Timing {
    Timing {
        connect: Duration::from_secs(5),
        send: Duration::from_secs(5),
        file: Duration::from_secs(5),
        idle: Some(Duration::from_secs(30)),
        first_delay: Duration::from_millis(2),
        max_delay: Duration::from_millis(20),
        healthy: Duration::from_secs(60),
        quick: Duration::from_secs(10),
        suspect_delay: Duration::from_millis(30),
        store_delay: Duration::from_millis(2),
    }
}

pub(crate) fn soroush(options: Options) -> Soroush {
    Soroush::new(SoroushConfig { name: "shop".into(), token: TOKEN.into(), options }).unwrap()
}

/// Remembers what it took, and refuses as often as it is told to.
#[derive(Default)]
pub(crate) struct Kept {
    batches: Mutex<Vec<Vec<Incoming>>>,
    refusals: AtomicUsize,
    asked: AtomicUsize,
    closed: Notify,
}

impl Kept {
    pub(crate) fn refusing(times: usize) -> Self {
        Self { refusals: AtomicUsize::new(times), ..Self::default() }
    }

    pub(crate) fn close(&self) {
        self.closed.notify_one();
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// The texts of each hand-over.
    pub(crate) fn batches(&self) -> Vec<Vec<String>> {
        let batches = self.batches.lock().unwrap();
        batches.iter().map(|batch| batch.iter().map(words).collect()).collect()
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.batches().concat()
    }
}

impl Intake for Kept {
    fn take(&self, events: Vec<Incoming>) -> BoxFuture<'_, Result<usize, StoreError>> {
        async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            if self.refusals.load(Ordering::SeqCst) > 0 {
                self.refusals.fetch_sub(1, Ordering::SeqCst);
                return Err(StoreError::Failed("disk full".to_owned()));
            }
            let count = events.len();
            self.batches.lock().unwrap().push(events);
            Ok(count)
        }
        .boxed()
    }

    fn closed(&self) -> BoxFuture<'_, ()> {
        self.closed.notified().boxed()
    }
}

fn words(incoming: &Incoming) -> String {
    match &*incoming.event {
        Event::Message(message) => match &message.content {
            Content::Text(text) => text.clone(),
            other => format!("{other:?}"),
        },
        other => format!("{other:?}"),
    }
}

/// Receives until the condition holds.
pub(crate) async fn receive_until(soroush: &Soroush, kept: &Kept, mut done: impl FnMut(&Health) -> bool) -> Health {
    let until = async {
        while !done(&soroush.health()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        soroush.health()
    };
    tokio::select! {
        () = soroush.receive(kept) => panic!("receiving ended"),
        health = until => health,
        () = tokio::time::sleep(Duration::from_secs(20)) => panic!("never: {:?} {:?}", soroush.health(), kept.texts()),
    }
}
