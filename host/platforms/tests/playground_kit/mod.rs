//! What the tests of the local Soroush share: a server with one bot, and a plain HTTP client for that bot.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, and so do its helpers")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use hodhod_platforms::playground::soroush::{Settings, SoroushServer};
use reqwest::StatusCode;
use serde_json::Value;

pub(crate) const TOKEN: &str = "a-token_of-the-tests";
/// Long enough for a busy machine: nothing waits this long unless it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// A server that knows the token.
pub(crate) async fn server(settings: Settings) -> (SoroushServer, Client) {
    let server = SoroushServer::start_with(loopback(), settings).await.unwrap();
    server.add_bot(TOKEN);
    let client = Client::new(&server, TOKEN);
    (server, client)
}

/// The bot's side.
pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    base: String,
    token: String,
}

impl Client {
    pub(crate) fn new(server: &SoroushServer, token: &str) -> Self {
        Self { http: reqwest::Client::new(), base: server.base_url(), token: token.to_owned() }
    }

    pub(crate) fn url(&self, call: &str) -> String {
        format!("{}/{}/{call}", self.base, self.token)
    }

    pub(crate) async fn listen(&self) -> Stream {
        self.open(self.url("getMessage")).await
    }

    pub(crate) async fn listen_v2(&self) -> Stream {
        self.open(format!("{}/v2/{}/getMessage", self.base, self.token)).await
    }

    async fn open(&self, url: String) -> Stream {
        let response = self.http.get(url).header("Accept", "text/event-stream").send().await.unwrap();
        Stream { response, bytes: Vec::new() }
    }

    /// Sends one message: the HTTP status, and the result if the answer is JSON.
    pub(crate) async fn send(&self, message: Value) -> (StatusCode, Value) {
        let response = self.http.post(self.url("sendMessage")).json(&message).send().await.unwrap();
        let status = response.status();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
    }

    /// Sends one message and returns its result code.
    pub(crate) async fn code(&self, message: Value) -> i64 {
        self.send(message).await.1["resultCode"].as_i64().unwrap()
    }
}

/// One getMessage connection, read as bytes.
pub(crate) struct Stream {
    pub(crate) response: reqwest::Response,
    bytes: Vec<u8>,
}

impl Stream {
    /// Reads until this many bytes have come since the last call; returns all that came.
    pub(crate) async fn text(&mut self, at_least: usize) -> String {
        let read = async {
            while self.bytes.len() < at_least {
                let chunk = self.response.chunk().await.unwrap().expect("the stream ended");
                self.bytes.extend_from_slice(&chunk);
            }
        };
        tokio::time::timeout(PATIENCE, read).await.expect("too few bytes came");
        String::from_utf8(std::mem::take(&mut self.bytes)).unwrap()
    }

    /// The next events of a stream in the plain form.
    pub(crate) async fn events(&mut self, count: usize) -> Vec<Value> {
        let mut events = Vec::new();
        let read = async {
            while events.len() < count {
                if let Some(end) = self.bytes.windows(2).position(|pair| pair == b"\n\n") {
                    let event: Vec<u8> = self.bytes.drain(..end + 2).collect();
                    let data = event.strip_prefix(b"data:").expect("an event of one data line");
                    events.push(serde_json::from_slice(data).unwrap());
                } else {
                    let chunk = self.response.chunk().await.unwrap().expect("the stream ended");
                    self.bytes.extend_from_slice(&chunk);
                }
            }
        };
        tokio::time::timeout(PATIENCE, read).await.expect("too few events came");
        events
    }

    /// The bodies of the next events.
    pub(crate) async fn bodies(&mut self, count: usize) -> Vec<String> {
        let events = self.events(count).await;
        events.iter().map(|event| event["body"].as_str().unwrap().to_owned()).collect()
    }

    /// Reads to the end: what came, and whether the end was a proper one.
    pub(crate) async fn end(mut self) -> (String, bool) {
        let read = async {
            loop {
                match self.response.chunk().await {
                    Ok(Some(chunk)) => self.bytes.extend_from_slice(&chunk),
                    Ok(None) => break true,
                    Err(_) => break false,
                }
            }
        };
        let clean = tokio::time::timeout(PATIENCE, read).await.expect("the stream goes on");
        (String::from_utf8_lossy(&self.bytes).into_owned(), clean)
    }
}
