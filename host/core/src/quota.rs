//! What a bot has used of its quotas over more than one turn.
//!
//! A quota that is reached is an answer to the bot, never the end of it, and the operator is warned
//! before. Memory for counting is bounded by the quotas themselves.
//!
//! Turns run beside one another, so what is counted may come with a time a little before that of
//! what was counted last. It belongs to the minute under way; a clock of the host never goes back.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::ids::{BotName, Chat};
use crate::limits::Limits;
use crate::time::Millis;

/// The window of quotas that count things in a minute.
const MINUTE: Duration = Duration::from_secs(60);

/// How often the operator is told that one quota of one bot is nearly used up.
const QUIET: Duration = Duration::from_secs(3600);

/// The share of a quota from which on the operator is warned, in percent.
const NEAR: u64 = 80;

/// The quotas of one bot.
#[derive(Debug, Default)]
pub struct Quotas {
    sends: Mutex<Sends>,
    requests: Mutex<Window>,
    /// Requests to platforms themselves.
    calls: Mutex<Window>,
    lines: Mutex<Lines>,
    /// What the host itself writes about the bot, apart: or a bot would say so much that nobody is told
    /// how it fails.
    notices: Mutex<Lines>,
    /// Never less than what is stored, so that most writes need no look into the store.
    stored: Mutex<Stored>,
    warned: Mutex<HashMap<&'static str, Millis>>,
}

#[derive(Debug, Default)]
struct Sends {
    minute: Window,
    /// As many entries as messages were sent in the minute, at most.
    chats: HashMap<Chat, u64>,
}

#[derive(Debug, Default)]
struct Lines {
    lines: Window,
    bytes: Window,
    /// Lines that were dropped and not told of.
    dropped: u64,
    told: Option<Millis>,
}

/// An upper bound of what a bot has stored.
#[derive(Clone, Copy, Debug)]
struct Stored {
    keys: u64,
    bytes: u64,
    timers: u64,
}

impl Default for Stored {
    /// Nothing is known yet, so the first write looks.
    fn default() -> Self {
        Self { keys: u64::MAX, bytes: u64::MAX, timers: u64::MAX }
    }
}

/// What a bot has stored, as it is on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Keys in the bucket that was asked for.
    pub bucket_keys: u64,
    /// Bytes of keys and values in it.
    pub bucket_bytes: u64,
    /// Keys in all buckets of the bot.
    pub bot_keys: u64,
    /// Bytes of keys and values in them.
    pub bot_bytes: u64,
    /// Timers that stand.
    pub timers: u64,
}

/// What room there is for one thing more, as far as that is known without asking the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Room {
    /// Enough.
    Enough,
    /// Enough, but the operator may have to be told that it comes to its end.
    Little,
    /// Perhaps none.
    Perhaps,
}

impl Room {
    fn of(used: u64, limit: u64) -> Self {
        match () {
            () if used > limit => Self::Perhaps,
            () if is_near(used, limit) => Self::Little,
            () => Self::Enough,
        }
    }

    /// True if the store has to be asked. While there is room that is so once in a turn, for the operator's sake,
    /// as each look goes over all that the turn has changed.
    pub(crate) fn has_to_be_looked_at(self, looked: &mut bool) -> bool {
        match self {
            Self::Enough => false,
            Self::Little => !std::mem::replace(looked, true),
            Self::Perhaps => true,
        }
    }
}

/// So much in a minute, counted from the first.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    began: Option<Millis>,
    used: u64,
}

impl Window {
    /// True if a new minute begins.
    fn turn(&mut self, now: Millis) -> bool {
        let over = self.began.is_none_or(|began| now.since(began) >= MINUTE);
        if over {
            *self = Self { began: Some(now), used: 0 };
        }
        over
    }

    /// How long it is until the next minute.
    fn rest(&self, now: Millis) -> Duration {
        MINUTE.saturating_sub(self.began.map_or(Duration::ZERO, |began| now.since(began))).max(Duration::from_millis(1))
    }
}

impl Lines {
    /// Lines and bytes of the minute with this line, or `None` if it is one too many.
    fn count(&mut self, bytes: usize, limits: &Limits, now: Millis) -> Option<(u64, u64)> {
        self.lines.turn(now);
        self.bytes.turn(now);
        let bytes = self.bytes.used.saturating_add(bytes as u64);
        if self.lines.used >= limits.log_lines_minute || bytes > limits.log_bytes_minute {
            return None;
        }
        self.lines.used += 1;
        self.bytes.used = bytes;
        Some((self.lines.used, bytes))
    }
}

impl Quotas {
    /// Counts a message to a chat.
    ///
    /// # Errors
    /// The time until the bot may send again.
    pub fn send(&self, bot: &BotName, chat: &Chat, limits: &Limits, now: Millis) -> Result<(), Duration> {
        let mut sends = lock(&self.sends);
        if sends.minute.turn(now) {
            // Not only emptied: a busy minute must not be paid for ever after.
            sends.chats = HashMap::new();
        }
        let rest = sends.minute.rest(now);
        if sends.minute.used >= limits.sends_minute {
            return Err(rest);
        }
        let to_chat = match sends.chats.get_mut(chat) {
            Some(count) => count,
            None => sends.chats.entry(chat.clone()).or_default(),
        };
        if *to_chat >= limits.sends_chat_minute {
            return Err(rest);
        }
        *to_chat += 1;
        let to_chat = *to_chat;
        sends.minute.used += 1;
        let used = sends.minute.used;
        drop(sends);
        self.near(bot, "sends_minute", used, limits.sends_minute, now);
        self.near(bot, "sends_chat_minute", to_chat, limits.sends_chat_minute, now);
        Ok(())
    }

    /// Counts a request to another server. False if it is one too many.
    pub fn request(&self, bot: &BotName, limits: &Limits, now: Millis) -> bool {
        let mut requests = lock(&self.requests);
        requests.turn(now);
        if requests.used >= limits.http_minute {
            return false;
        }
        requests.used += 1;
        let used = requests.used;
        drop(requests);
        self.near(bot, "http_minute", used, limits.http_minute, now);
        true
    }

    /// Counts a request to a platform itself.
    ///
    /// # Errors
    /// The time until the bot may ask again.
    pub fn call(&self, bot: &BotName, limits: &Limits, now: Millis) -> Result<(), Duration> {
        let mut calls = lock(&self.calls);
        calls.turn(now);
        if calls.used >= limits.platform_minute {
            return Err(calls.rest(now));
        }
        calls.used += 1;
        let used = calls.used;
        drop(calls);
        self.near(bot, "platform_minute", used, limits.platform_minute, now);
        Ok(())
    }

    /// Counts a log line of so many bytes. False if it is one too many.
    pub fn line(&self, bot: &BotName, bytes: usize, limits: &Limits, now: Millis) -> bool {
        let Some((lines, bytes)) = lock(&self.lines).count(bytes, limits, now) else { return false };
        self.near(bot, "log_lines_minute", lines, limits.log_lines_minute, now);
        self.near(bot, "log_bytes_minute", bytes, limits.log_bytes_minute, now);
        true
    }

    /// Counts a line of so many bytes that the host writes about the bot. False if it is one too many.
    pub fn notice(&self, bytes: usize, limits: &Limits, now: Millis) -> bool {
        lock(&self.notices).count(bytes, limits, now).is_some()
    }

    /// Counts lines that were dropped. Gives the number to tell the operator of, at most once a minute,
    /// or the telling would be the flood that it stops.
    pub fn dropped(&self, lines: u64, now: Millis) -> Option<u64> {
        let mut held = lock(&self.lines);
        held.dropped = held.dropped.saturating_add(lines);
        if held.told.is_some_and(|told| now.since(told) < MINUTE) {
            return None;
        }
        held.told = Some(now);
        Some(std::mem::take(&mut held.dropped))
    }

    /// Counts a write of so many bytes of key and value, and says what room there is for it.
    pub(crate) fn room(&self, bytes: u64, limits: &Limits) -> Room {
        let mut stored = lock(&self.stored);
        stored.keys = stored.keys.saturating_add(1);
        stored.bytes = stored.bytes.saturating_add(bytes);
        // The quota of a bucket is mostly the smaller one, and no bucket has more than the bot.
        let keys = Room::of(stored.keys, limits.bucket_keys.min(limits.bot_keys));
        keys.max(Room::of(stored.bytes, limits.bucket_bytes.min(limits.bot_bytes)))
    }

    /// Counts a timer, like [`room`](Self::room).
    pub(crate) fn room_for_timer(&self, limits: &Limits) -> Room {
        let mut stored = lock(&self.stored);
        stored.timers = stored.timers.saturating_add(1);
        Room::of(stored.timers, limits.timers)
    }

    /// Takes over what the store says of values, with what the turn that asks adds to them, and warns the
    /// operator of what is nearly used up.
    pub(crate) fn learn_values(&self, bot: &BotName, usage: Usage, limits: &Limits, now: Millis) {
        let mut stored = lock(&self.stored);
        (stored.keys, stored.bytes) = (usage.bot_keys, usage.bot_bytes);
        drop(stored);
        for (name, used, limit) in [
            ("bucket_keys", usage.bucket_keys, limits.bucket_keys),
            ("bucket_bytes", usage.bucket_bytes, limits.bucket_bytes),
            ("bot_keys", usage.bot_keys, limits.bot_keys),
            ("bot_bytes", usage.bot_bytes, limits.bot_bytes),
        ] {
            self.near(bot, name, used, limit, now);
        }
    }

    /// Like [`learn_values`](Self::learn_values), of timers.
    pub(crate) fn learn_timers(&self, bot: &BotName, timers: u64, limits: &Limits, now: Millis) {
        lock(&self.stored).timers = timers;
        self.near(bot, "timers", timers, limits.timers, now);
    }

    /// Warns the operator, now and then, where a quota is nearly used up.
    pub fn near(&self, bot: &BotName, name: &'static str, used: u64, limit: u64, now: Millis) {
        if self.is_news(name, used, limit, now) {
            tracing::warn!(%bot, limit = name, used, of = limit, "a bot has used most of a quota");
        }
    }

    /// True if a quota is nearly used up and the operator was not told so lately.
    fn is_news(&self, name: &'static str, used: u64, limit: u64, now: Millis) -> bool {
        if !is_near(used, limit) {
            return false;
        }
        let mut warned = lock(&self.warned);
        if warned.get(name).is_some_and(|at| now.since(*at) < QUIET) {
            return false;
        }
        // One entry a limit, of which there are a few.
        warned.insert(name, now);
        true
    }

    /// Of what the operator was warned, in alphabetical order.
    #[cfg(test)]
    pub(crate) fn warned(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = lock(&self.warned).keys().copied().collect();
        names.sort_unstable();
        names
    }
}

fn is_near(used: u64, limit: u64) -> bool {
    used.saturating_mul(100) >= limit.saturating_mul(NEAR)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Counters stay sound whatever panicked beside them.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
