//! Everything that can be done with a new build before it serves: reading, compiling and linking it, and looking
//! whether it begins. What serves is not touched by any of it.

use std::sync::Arc;

use hodhod_core::bot::Bot;
use hodhod_core::runtime::Plugin as _;
use hodhod_core::turn::{Actor, Turn};
use hodhod_engine::{Component, Engine};
use tokio::sync::oneshot;

use super::Reloader;
use crate::config::BotEntry;
use crate::plugin;

/// What a bot's file is.
pub(super) enum Staged {
    /// What serves.
    Served,
    /// What was refused before, and nobody asks for.
    Refused,
    /// Something that can serve, and its file.
    New(Component, Vec<u8>),
}

impl Staged {
    pub(super) fn as_ref(&self) -> Option<&Component> {
        match self {
            Self::New(component, _) => Some(component),
            Self::Served | Self::Refused => None,
        }
    }
}

/// Why it cannot serve.
pub(super) struct Refusal {
    /// The SHA-256 of the file, or nothing where it cannot be read.
    pub(super) digest: String,
    pub(super) reason: String,
    pub(super) is_the_hosts: bool,
}

impl Refusal {
    pub(super) fn hosts(reason: String) -> Self {
        Self { digest: String::new(), reason, is_the_hosts: true }
    }
}

impl Reloader {
    /// True if the file still has the bytes that were staged, however often it was touched.
    pub(super) fn is_still(&self, entry: &BotEntry, staged: Option<&Component>) -> bool {
        let bytes = plugin::read(&entry.plugin).ok();
        staged.is_some_and(|staged| bytes.is_some_and(|bytes| hodhod_engine::digest(&bytes) == staged.digest()))
    }

    /// Everything that can be done before a swap.
    pub(super) async fn stage(&self, entry: &BotEntry, bot: &Arc<Bot>, asked: bool) -> Result<Staged, Refusal> {
        let (engine, entry, serving) = (self.engine.clone(), entry.clone(), bot.clone());
        let loaded = aside(move || load(&engine, &entry, &serving, asked)).await.map_err(Refusal::hosts)??;
        let Staged::New(component, bytes) = loaded else { return Ok(loaded) };
        match self.probe(&component, &bot.actor()).await {
            Ok(()) => Ok(Staged::New(component, bytes)),
            Err((reason, is_the_hosts)) => Err(Refusal { digest: component.digest().to_owned(), is_the_hosts, reason }),
        }
    }

    /// Begins a component as a turn would, without effects. Gives why it does not begin, and whether that is
    /// the host's fault.
    pub(crate) async fn probe(&self, component: &Component, actor: &Arc<Actor>) -> Result<(), (String, bool)> {
        let rehearsal = Turn::rehearsal(actor, self.host.clock().now());
        let probed = component.probe(rehearsal).await;
        probed.map_err(|failure| (format!("it does not begin: {failure}"), !failure.reason.is_the_bots()))
    }
}

/// Does something that may take a while on a thread of its own, of lower priority, which cannot be raised again.
pub(crate) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    let (told, done) = oneshot::channel();
    let started = std::thread::Builder::new().name("hodhod-load".to_owned()).spawn(move || {
        hodhod_engine::priority::lower();
        // Nobody listens where the host stops.
        let _gone = told.send(work());
    });
    started.map_err(|error| format!("no thread can be started to load it: {error}"))?;
    done.await.map_err(|_gone| "the loading of it panicked".to_owned())
}

/// Reads, compiles and links a bot's file.
fn load(engine: &Engine, entry: &BotEntry, bot: &Bot, asked: bool) -> Result<Staged, Refusal> {
    let path = entry.plugin.display();
    let refuse = |digest, reason| Refusal { digest, reason, is_the_hosts: false };
    let bytes = plugin::read(&entry.plugin).map_err(|what| refuse(String::new(), format!("{path}: {what}")))?;
    let digest = hodhod_engine::digest(&bytes);
    if digest == bot.generation().plugin.digest() {
        return Ok(Staged::Served);
    }
    if !asked && bot.generations.has_refused(&digest) {
        return Ok(Staged::Refused);
    }
    match plugin::load_bytes(engine, entry, &bytes) {
        Ok((component, warnings)) => {
            warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
            Ok(Staged::New(component, bytes))
        }
        Err(problems) => {
            let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
            Err(refuse(digest, problems.join("; ")))
        }
    }
}
