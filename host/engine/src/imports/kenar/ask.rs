//! Asking a platform: the one way from a turn to [`Platform::call`](hodhod_core::platform::Platform::call).
//!
//! The steps, each of which can end it: the turn may ask at all; the arguments are not too long; the bot serves the
//! connection; the quota of the minute; a permit, which is waited for; the platform, for as long as it may take; the
//! length of its answer. The platform works on the runtime of the host's input and output, as it does for everything
//! else, and is cut off with the turn.

use std::io;
use std::sync::Arc;

use hodhod_core::limits::PLATFORM_REQUEST;
use hodhod_core::platform::CallError;
use hodhod_core::text::clean;
use hodhod_core::turn::Refusal;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::bindings::hodhod::bot::types::Error;
use crate::convert;
use crate::imports::task::Task;
use crate::state::State;

/// Longest text about a request that failed, in bytes.
const DETAIL: usize = 300;

/// Whether a turn may ask platforms, and how many of its bot's do so at once.
#[derive(Clone, Default)]
pub(crate) struct Asking(Option<Arc<Semaphore>>);

impl Asking {
    /// For turns of a bot that may ask so often at once.
    pub(crate) fn allowed(at_once: usize) -> Self {
        Self(Some(Arc::new(Semaphore::new(at_once))))
    }

    /// The permits, if the turn may ask.
    pub(super) fn permits(&self) -> Result<Arc<Semaphore>, Error> {
        let denied = || Error::Denied("a bot that does not handle an event asks nothing of a platform".to_owned());
        self.0.clone().ok_or_else(denied)
    }
}

impl State {
    /// What the platform answers, also as text.
    pub(super) async fn ask(
        &mut self,
        connection: String,
        name: &'static str,
        arguments: Value,
    ) -> Result<(Value, String), Error> {
        let permits = self.asking.permits()?;
        within(&arguments, PLATFORM_REQUEST)?;
        let asked = self.turn.call(&connection.into(), name, arguments, self.clock.now());
        let (platform, call) = asked.map_err(convert::refusal)?;
        let (bot, trace_id) = (call.bot.clone(), self.turn.trace().map(tracing::field::display));
        let limits = &self.turn.actor().limits;
        let (time, most) = (limits.platform_time, limits.platform_answer);
        // It is never closed.
        let permit = permits.acquire_owned().await.map_err(|_| unavailable("the host is closing"))?;
        let work = Task::spawn(&self.files.io(), async move {
            let _permit = permit;
            timeout(time, platform.call(call)).await
        });
        let answer = match work.await {
            Ok(Ok(Ok(answer))) => answer,
            Ok(Ok(Err(error))) => {
                tracing::debug!(%bot, trace_id, name, %error, "a platform does not do what a bot asks");
                return Err(failed(error));
            }
            Ok(Err(_elapsed)) => return Err(Error::Timeout),
            Err(_panicked) => return Err(unavailable("the host gave the request up")),
        };
        let text = within(&answer, most)?;
        Ok((answer, text))
    }
}

/// JSON as text, if it has no more bytes than this.
fn within(json: &Value, most: usize) -> Result<String, Error> {
    let mut text = Capped { bytes: Vec::new(), most };
    serde_json::to_writer(&mut text, json).map_err(|_| Error::TooLarge(most as u64))?;
    // JSON is text.
    String::from_utf8(text.bytes).map_err(|_| Error::TooLarge(most as u64))
}

/// Takes so many bytes and no more.
struct Capped {
    bytes: Vec<u8>,
    most: usize,
}

impl io::Write for Capped {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.bytes.len().saturating_add(piece.len()) > self.most {
            return Err(io::Error::other("full"));
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A platform that answers nonsense, or nothing.
pub(super) fn unavailable(why: &str) -> Error {
    Error::Unavailable(why.to_owned())
}

fn failed(error: CallError) -> Error {
    // What it says may be a stranger's.
    let short = |text: String| clean(&text, DETAIL);
    match error {
        CallError::Denied(why) => Error::Denied(short(why)),
        CallError::Unsupported(what) => Error::Unsupported(short(what)),
        CallError::Invalid(why) => Error::Invalid(short(why)),
        CallError::Wait(wait) => convert::refusal(Refusal::Wait(wait)),
        CallError::Unavailable(why) => Error::Unavailable(short(why)),
        CallError::Refused(why) => Error::Other(short(format!("refused: {why}"))),
    }
}
