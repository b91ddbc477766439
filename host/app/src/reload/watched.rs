//! A bot and the file of its plugin, as long as the configuration says the same of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hodhod_core::bot::Bot;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::stamp::Stamp;
use crate::config::BotEntry;

/// One bot and its file.
pub(crate) struct Watched {
    pub(super) entry: BotEntry,
    pub(super) bot: Arc<Bot>,
    /// How the file was when it was last looked at to the end.
    seen: Arc<Mutex<Option<Stamp>>>,
    is_followed: AtomicBool,
    is_retired: AtomicBool,
}

/// While there is this, no build of the bot is looked at, and so none that was loaded for what the bot may not
/// use any more takes over.
pub(crate) struct Held(OwnedMutexGuard<Option<Stamp>>);

impl Held {
    /// How the file was when it was last looked at to the end.
    pub(super) fn seen(&mut self) -> &mut Option<Stamp> {
        &mut self.0
    }
}

impl Watched {
    /// A file that nobody has looked at.
    pub(crate) fn new(entry: BotEntry, bot: Arc<Bot>) -> Self {
        Self {
            entry,
            bot,
            seen: Arc::default(),
            is_followed: AtomicBool::new(false),
            is_retired: AtomicBool::new(false),
        }
    }

    /// The bot.
    pub(crate) fn bot(&self) -> &Arc<Bot> {
        &self.bot
    }

    /// Waits until nobody looks at the file.
    pub(crate) async fn hold(&self) -> Held {
        Held(self.seen.clone().lock_owned().await)
    }

    /// True for the first who asks.
    pub(super) fn is_to_be_followed(&self) -> bool {
        !self.is_followed.swap(true, Ordering::AcqRel)
    }

    /// Lets the file be looked at no more.
    pub(super) fn retire(&self) {
        self.is_retired.store(true, Ordering::Release);
    }

    pub(super) fn is_retired(&self) -> bool {
        self.is_retired.load(Ordering::Acquire)
    }
}
