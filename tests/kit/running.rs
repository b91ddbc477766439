//! A host that runs, as a process of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Child;

use crate::{PATIENCE, eventually};

/// A running host.
pub struct Running {
    child: Child,
    listen: SocketAddr,
    client: reqwest::Client,
}

impl Running {
    pub(crate) fn new(child: Child, listen: SocketAddr) -> Self {
        Self { child, listen, client: reqwest::Client::builder().no_proxy().build().expect("a client") }
    }

    /// Waits until the host is connected.
    pub async fn ready(&mut self, folder: &Path) {
        let url = self.url("/readyz");
        eventually("the host is ready", async || {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
                panic!("the host has ended: {status}\n{log}");
            }
            let answer = self.client.get(&url).send().await.map_err(|error| error.to_string())?;
            if answer.status().is_success() { Ok(()) } else { Err(answer.text().await.unwrap_or_default()) }
        })
        .await;
    }

    /// What the host says of itself.
    pub async fn status(&self) -> Value {
        let answer = self.client.get(self.url("/status")).send().await.expect("the host answers");
        answer.json().await.expect("JSON")
    }

    /// Waits until the status satisfies a condition, and gives it.
    pub async fn status_when(&self, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        eventually(what, async || {
            let status = self.status().await;
            if condition(&status) { Ok(status) } else { Err(status.to_string()) }
        })
        .await
    }

    /// Waits until nothing waits and nothing is under way.
    pub async fn idle(&self) -> Value {
        self.status_when("the host is idle", |status| {
            let totals = &status["totals"];
            totals["waiting_events"] == 0 && totals["waiting_sends"] == 0 && status["turns_under_way"] == 0
        })
        .await
    }

    /// Ends the process at once, as a power cut would.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("a child can be killed");
    }

    /// True while the process runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked").is_none()
    }

    /// What a page of the host answers, with its status code; nothing where it does not answer.
    pub async fn answer(&self, path: &str) -> Option<(u16, String)> {
        let answer = self.client.get(self.url(path)).send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    /// A page of the host.
    pub async fn page(&self, path: &str) -> String {
        let answer = self.client.get(self.url(path)).send().await.expect("the host answers");
        answer.text().await.expect("text")
    }

    /// Where a page or a part of the API is, over TCP.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.listen)
    }

    /// Asks the process to end.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Asks the process to end as Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal("-INT");
    }

    /// Asks the process to read its configuration again.
    pub fn hang_up(&self) {
        self.signal("-HUP");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill").args([signal, &id]).status().expect("kill is there");
        assert!(sent.success());
    }

    /// Waits for the end.
    pub async fn ended(mut self) -> ExitStatus {
        tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends").expect("a child can be waited for")
    }

    /// Asks the process to end and waits until it has.
    pub async fn stop(self) {
        self.terminate();
        let status = self.ended().await;
        assert!(status.success(), "{status}");
    }

    /// Bytes of memory that the process has.
    pub fn memory(&self) -> u64 {
        let id = self.child.id().expect("it runs");
        let statm = std::fs::read_to_string(format!("/proc/{id}/statm")).expect("Linux");
        let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("resident pages");
        pages * 4096
    }

    /// A moment of this host's life.
    pub async fn live(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
