//! The program under test against a local Soroush server.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::path::Path;

use hodhod_platforms::playground::soroush::{Sent, SoroushServer};

use crate::files::{Files, free};
use crate::{BotSetup, PATIENCE, eventually};

/// The token of the one connection, `shop`.
pub const TOKEN: &str = "end-to-end-SECRET-token_0123456789";

/// A folder with a configuration, and the messenger that it points at.
pub struct Setup {
    /// The messenger.
    pub server: SoroushServer,
    files: Files,
}

impl Deref for Setup {
    type Target = Files;

    fn deref(&self) -> &Files {
        &self.files
    }
}

impl Setup {
    /// A server, and a configuration of these bots on one connection that may send fast.
    pub async fn new(bots: impl IntoIterator<Item = BotSetup>) -> Self {
        Self::within(&std::env::temp_dir(), bots).await
    }

    /// The same, with its folder in this one.
    pub async fn within(folder: &Path, bots: impl IntoIterator<Item = BotSetup>) -> Self {
        let server = SoroushServer::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.expect("a local server");
        server.add_bot(TOKEN);
        let account =
            format!("platform = \"soroush\"\nbase_url = {:?}\ntoken = {{ env = \"E2E_TOKEN\" }}", server.base_url());
        let [listen] = free();
        Self { files: Files::new(folder, listen, bots, account, [("E2E_TOKEN", TOKEN.to_owned())]), server }
    }

    /// Adds a bot.
    #[must_use]
    pub fn bot(mut self, bot: BotSetup) -> Self {
        self.files.bots.push(bot);
        self.files.write();
        self
    }

    /// Adds lines to `[host]`.
    #[must_use]
    pub fn host(mut self, lines: &str) -> Self {
        self.files.host = lines.to_owned();
        self.files.write();
        self
    }

    /// Adds lines to `[connections.shop]`.
    #[must_use]
    pub fn connection(mut self, lines: &str) -> Self {
        self.files.connection = lines.to_owned();
        self.files.write();
        self
    }

    /// Waits for so many messages of the bots and gives them: chat and text.
    pub async fn answers(&self, count: usize) -> Vec<(String, String)> {
        let sent = self.server.wait_for_sent(TOKEN, count, PATIENCE).await;
        let sent = sent.unwrap_or_else(|error| {
            panic!("{error}; sent: {:?}; log:\n{}", self.server.sent(TOKEN).map(|sent| sent.len()), self.log())
        });
        sent.iter().map(|sent| (sent.to().to_owned(), sent.body().to_owned())).collect()
    }

    /// Waits until what the bots sent satisfies a condition, and gives it.
    pub async fn sent_when(&self, what: &str, condition: impl Fn(&[Sent]) -> bool) -> Vec<Sent> {
        eventually(what, async || {
            let sent = self.server.sent(TOKEN).expect("the token is known");
            if condition(&sent) { Ok(sent) } else { Err(format!("{} sent; log:\n{}", sent.len(), self.log())) }
        })
        .await
    }

    /// The texts that were sent to one chat so far.
    pub fn sent_to(&self, chat: &str) -> Vec<String> {
        let sent = self.server.sent(TOKEN).expect("the token is known");
        sent.iter().filter(|sent| sent.to() == chat).map(|sent| sent.body().to_owned()).collect()
    }

    /// Somebody writes.
    pub fn say(&self, from: &str, text: &str) {
        self.server.say(TOKEN, from, text).expect("the server takes it");
    }
}
