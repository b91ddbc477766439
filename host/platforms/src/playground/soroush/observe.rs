//! The onlooker's side: what bots sent, and what went over the line to them.

use std::time::Duration;

use super::error::Error;
use super::incoming::{Incoming, WireLog};
use super::keyboard::Keyboard;
use super::sent::{Sent, SentFeed};
use super::server::SoroushServer;

impl SoroushServer {
    // What bots sent.

    /// Everything that was sent and not taken yet, in order.
    pub fn sent(&self, token: &str) -> Result<Vec<Sent>, Error> {
        Ok(self.shared().known_bot(token)?.outgoing().sent.all())
    }

    /// The same, and makes room: whoever lets a bot send for long must take from time to time.
    pub fn take_sent(&self, token: &str) -> Result<Vec<Sent>, Error> {
        Ok(self.shared().known_bot(token)?.outgoing().sent.take())
    }

    /// Waits until at least `count` messages were sent and not taken yet, and returns all of them.
    pub async fn wait_for_sent(&self, token: &str, count: usize, timeout: Duration) -> Result<Vec<Sent>, Error> {
        let bot = self.shared().known_bot(token)?;
        bot.wait_for_sent(timeout, |outgoing| (outgoing.sent.len() >= count).then(|| outgoing.sent.all())).await
    }

    /// Waits for a message that `wanted` says yes to, among those kept and those to come.
    pub async fn wait_for_sent_where(
        &self,
        token: &str,
        timeout: Duration,
        mut wanted: impl FnMut(&Sent) -> bool,
    ) -> Result<Sent, Error> {
        let bot = self.shared().known_bot(token)?;
        let mut next = 0;
        bot.wait_for_sent(timeout, |outgoing| {
            while let Some(sent) = outgoing.sent.at_or_after(next) {
                next = sent.index + 1;
                if wanted(&sent) {
                    return Some(sent);
                }
            }
            None
        })
        .await
    }

    /// Follows what a bot sends from now on.
    pub fn subscribe_sent(&self, token: &str) -> Result<SentFeed, Error> {
        Ok(SentFeed::new(self.shared().known_bot(token)?))
    }

    /// The keys that a person sees now; none for somebody unknown.
    pub fn keyboard(&self, token: &str, user: &str) -> Result<Keyboard, Error> {
        Ok(self.shared().known_bot(token)?.outgoing().people.keyboard(user))
    }

    // The line to the bot.

    /// Which messages were handed to which connection.
    pub fn wire(&self, token: &str) -> Result<WireLog, Error> {
        Ok(self.shared().known_bot(token)?.incoming().log())
    }

    /// How many messages were handed to connections: message `n` was if `n` is below it.
    pub fn written(&self, token: &str) -> Result<u64, Error> {
        Ok(self.shared().known_bot(token)?.incoming().written())
    }

    /// Waits until that many messages were handed to connections.
    pub async fn wait_for_written(&self, token: &str, count: u64, timeout: Duration) -> Result<u64, Error> {
        let bot = self.shared().known_bot(token)?;
        let look = |incoming: &mut Incoming| Some(incoming.written()).filter(|written| *written >= count);
        bot.wait_for_wire(timeout, Incoming::written, look).await
    }

    /// Waits until a connection with a number above `after` stands, and returns its number. The first is 1.
    pub async fn wait_for_connection(&self, token: &str, after: u64, timeout: Duration) -> Result<u64, Error> {
        let bot = self.shared().known_bot(token)?;
        let look = |incoming: &mut Incoming| incoming.connected().filter(|id| *id > after);
        bot.wait_for_wire(timeout, Incoming::connections, look).await
    }

    /// Waits until no connection stands.
    pub async fn wait_for_disconnect(&self, token: &str, timeout: Duration) -> Result<(), Error> {
        let bot = self.shared().known_bot(token)?;
        let look = |incoming: &mut Incoming| incoming.connected().is_none().then_some(());
        bot.wait_for_wire(timeout, Incoming::connections, look).await
    }
}
