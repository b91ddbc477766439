//! The two ends of a connection: bytes that come, as Soroush would send them, and replies that go.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;
use hodhod_bench::bots::TEXT;
use hodhod_core::ids::{ChatId, ConnectionName};
use hodhod_core::outgoing::Outgoing;
use hodhod_core::platform::{Health, Intake, Platform, SendError, Sent, Unsendable};
use hodhod_core::time::{Millis, whole_millis};
use hodhod_platforms::soroush::{Decoder, Options, Soroush};
use tokio::sync::Mutex;
use tokio::sync::mpsc::UnboundedReceiver;

use super::board::{Letter, What};

/// Most events in one hand-over, as the connection has it.
const MOST: usize = 256;

/// Bytes that a read from the network brings at most.
const READ: usize = 16 << 10;

/// When the first message was written, in the platform's time; each is a millisecond later.
const FIRST: u64 = 1_763_690_000_000;

/// What becomes of replies.
#[derive(Clone)]
pub(crate) enum Delivery {
    /// They stay in the outbox: the first is never answered.
    Never,
    /// The platform has them at once.
    AtOnce,
    /// Over HTTP, by the client of Soroush.
    Http(Arc<Soroush>),
}

/// A connection to a messenger that is a channel.
pub(crate) struct Feed {
    name: ConnectionName,
    mailbox: Mutex<UnboundedReceiver<Letter>>,
    delivery: Delivery,
}

impl Feed {
    /// A connection on which `mailbox` arrives. Of the mailbox the board says how full it gets.
    pub(crate) fn new(name: ConnectionName, mailbox: UnboundedReceiver<Letter>, delivery: Delivery) -> Self {
        Self { name, mailbox: Mutex::new(mailbox), delivery }
    }
}

impl Platform for Feed {
    fn receive<'a>(&'a self, intake: &'a dyn Intake) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let mut mailbox = self.mailbox.lock().await;
            let mut decoder = Decoder::new(self.name.clone(), &Options::default());
            let (mut letters, mut bytes) = (Vec::with_capacity(MOST), Vec::new());
            while mailbox.recv_many(&mut letters, MOST).await > 0 {
                bytes.clear();
                letters.drain(..).for_each(|letter| write(&mut bytes, letter));
                let mut arrived = Vec::new();
                for read in bytes.chunks(READ) {
                    arrived.append(&mut decoder.push(read, now()));
                }
                // As the connection does, which keeps what the store may refuse.
                while intake.take(arrived.clone()).await.is_err() {
                    tokio::task::yield_now().await;
                }
                tokio::task::yield_now().await;
            }
        })
    }

    fn send<'a>(&'a self, chat: &'a ChatId, message: &'a Outgoing) -> BoxFuture<'a, Result<Sent, SendError>> {
        match &self.delivery {
            Delivery::Never => Box::pin(std::future::pending()),
            Delivery::AtOnce => Box::pin(std::future::ready(Ok(Sent::default()))),
            Delivery::Http(soroush) => soroush.send(chat, message),
        }
    }

    fn accepts(&self, chat: &ChatId, message: &Outgoing) -> Result<(), Unsendable> {
        match &self.delivery {
            Delivery::Http(soroush) => soroush.accepts(chat, message),
            Delivery::Never | Delivery::AtOnce => Ok(()),
        }
    }

    fn health(&self) -> Health {
        Health::default()
    }
}

/// The id of a chat: 59 characters, as on the platform.
pub(crate) fn chat(number: u32) -> String {
    format!("{number:07}{:k<52}", "")
}

/// A message as the platform sends it; a numbered one has 428 bytes.
fn write(bytes: &mut Vec<u8>, Letter { number, chat, what }: Letter) {
    let time = FIRST + u64::from(number);
    // Writing to memory cannot fail.
    let _infallible = write!(
        bytes,
        "data:{{\"type\":\"TEXT\",\"from\":\"{chat:07}{:k<52}\",\"to\":\"shop\",\"time\":\"{time}\",\"body\":\"",
        ""
    );
    let _infallible = match what {
        What::Numbered(word) => write!(bytes, "{word}{number:08} {TEXT}"),
        What::Command(command) => bytes.write_all(command.as_bytes()),
    };
    bytes.extend_from_slice(b"\"}\n\n");
}

fn now() -> Millis {
    Millis(SystemTime::now().duration_since(UNIX_EPOCH).map(whole_millis).unwrap_or_default())
}
