//! A server with a script.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hodhod_platforms::divar::{Options, Timing};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the server does with one connection.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Say(Vec<u8>),
    /// Says one byte more each second, without an end.
    Drip,
    /// Reads no more than so many bytes each second, from here on; only where it is the first step.
    Sip(usize),
    /// Keeps the connection open and says nothing more.
    Hold,
    /// Ends the connection as if the network broke.
    Break,
}

/// A whole answer.
pub(crate) fn answer(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<Step> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    vec![Step::Say([head.as_bytes(), body].concat())]
}

pub(crate) fn ok(body: &str) -> Vec<Step> {
    answer("200 OK", "Content-Type: application/json\r\n", body)
}

/// An answer whose length its end tells.
pub(crate) fn endless(body: &[u8]) -> Vec<Step> {
    vec![Step::Say([b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".as_slice(), body].concat())]
}

/// One request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Method and path.
    pub(crate) line: String,
    pub(crate) head: String,
    pub(crate) body: Bytes,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A server that follows a script: one list of steps for each connection, the last one again for all
/// that follow.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    serving: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn new<const N: usize>(script: [Vec<Step>; N]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let serving = tokio::spawn(async move {
            let mut script = script.into_iter();
            let mut steps = Vec::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                steps = script.next().unwrap_or(steps);
                tokio::spawn(serve(stream, steps.clone(), Arc::clone(&seen)));
            }
        });
        Self { address, asked, serving }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All of Divar's servers are this one, and files lie here too.
    pub(crate) fn options(&self) -> Options {
        Options {
            base_url: self.url("/"),
            upload_url: self.url(""),
            allow_private: vec![self.address],
            timing: Timing {
                connect: Duration::from_secs(5),
                call: Duration::from_secs(20),
                file: Duration::from_secs(20),
            },
            ..Options::default()
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(mut stream: TcpStream, steps: Vec<Step>, seen: Arc<Mutex<Vec<Asked>>>) {
    if let Some(Step::Sip(most)) = steps.first() {
        return sip(stream, *most).await;
    }
    if let Some(asked) = read(&mut stream).await {
        seen.lock().unwrap().push(asked);
    }
    for step in steps {
        match step {
            Step::Say(bytes) => drop(stream.write_all(&bytes).await),
            Step::Drip => {
                while stream.write_all(b"x").await.is_ok() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
            Step::Sip(_) => unreachable!("it is the first step"),
            Step::Hold => std::future::pending().await,
            Step::Break => return stream.set_zero_linger().unwrap(),
        }
    }
}

/// Takes what comes, little by little.
async fn sip(mut stream: TcpStream, most: usize) {
    let mut bytes = vec![0; most];
    while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes: Vec<u8> = Vec::new();
    loop {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        if let Some(end) = end {
            let (head, body) = bytes.split_at(end);
            let head = String::from_utf8(head.to_vec()).unwrap();
            let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
            let asked = Asked { line, head, body: Bytes::copy_from_slice(body) };
            if asked.header("transfer-encoding") == Some("chunked") {
                if body.ends_with(b"0\r\n\r\n") {
                    return Some(Asked { body: unchunked(body), ..asked });
                }
            } else if body.len() >= asked.header("content-length").map_or(0, |length| length.parse().unwrap()) {
                return Some(asked);
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return None;
        }
    }
}

fn unchunked(mut body: &[u8]) -> Bytes {
    let mut whole = Vec::new();
    while let Some(at) = body.windows(2).position(|two| two == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&body[..at]).unwrap(), 16).unwrap();
        whole.extend_from_slice(&body[at + 2..at + 2 + length]);
        body = &body[at + 2 + length + 2..];
        if length == 0 {
            break;
        }
    }
    whole.into()
}
