//! What a bot has used of its quotas over more than one turn.
//!
//! A quota that is reached is an answer to the bot, never the end of it, and the operator is warned
//! before. Memory for counting is bounded by the quotas themselves.

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
    lines: Mutex<Lines>,
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

/// So much in a minute, counted from the first.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    began: Option<Millis>,
    used: u64,
}

impl Window {
    /// True if a new minute begins.
    fn turn(&mut self, now: Millis) -> bool {
        let over = self.began.is_none_or(|began| now < began || now.since(began) >= MINUTE);
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

    /// Counts a log line of so many bytes. False if it is one too many.
    pub fn line(&self, bot: &BotName, bytes: usize, limits: &Limits, now: Millis) -> bool {
        let mut held = lock(&self.lines);
        held.lines.turn(now);
        held.bytes.turn(now);
        let bytes = held.bytes.used.saturating_add(bytes as u64);
        if held.lines.used >= limits.log_lines_minute || bytes > limits.log_bytes_minute {
            return false;
        }
        held.lines.used += 1;
        held.bytes.used = bytes;
        let lines = held.lines.used;
        drop(held);
        self.near(bot, "log_lines_minute", lines, limits.log_lines_minute, now);
        self.near(bot, "log_bytes_minute", bytes, limits.log_bytes_minute, now);
        true
    }

    /// Counts lines that were dropped. Gives the number to tell the operator of, at most once a minute,
    /// or the telling would be the flood that it stops.
    pub fn dropped(&self, lines: u64, now: Millis) -> Option<u64> {
        let mut held = lock(&self.lines);
        held.dropped = held.dropped.saturating_add(lines);
        if held.told.is_some_and(|told| now >= told && now.since(told) < MINUTE) {
            return None;
        }
        held.told = Some(now);
        Some(std::mem::take(&mut held.dropped))
    }

    /// Counts a write of so many bytes of key and value. True if no quota can have been reached by
    /// it, false if the store has to be asked.
    pub(crate) fn surely_fits(&self, bytes: u64, limits: &Limits) -> bool {
        let mut stored = lock(&self.stored);
        stored.keys = stored.keys.saturating_add(1);
        stored.bytes = stored.bytes.saturating_add(bytes);
        // The quota of a bucket is mostly the smaller one, and no bucket has more than the bot.
        stored.keys <= limits.bucket_keys.min(limits.bot_keys)
            && stored.bytes <= limits.bucket_bytes.min(limits.bot_bytes)
    }

    /// Counts a timer, like [`surely_fits`](Self::surely_fits).
    pub(crate) fn timer_surely_fits(&self, limits: &Limits) -> bool {
        let mut stored = lock(&self.stored);
        stored.timers = stored.timers.saturating_add(1);
        stored.timers <= limits.timers
    }

    /// Takes over what the store says, and warns the operator of what is nearly used up. `pending` is
    /// what the turn that asks has written and the store does not know.
    pub(crate) fn learn(&self, bot: &BotName, usage: Usage, pending: (u64, u64, u64), limits: &Limits, now: Millis) {
        let (keys, bytes, timers) = pending;
        *lock(&self.stored) = Stored {
            keys: usage.bot_keys.saturating_add(keys),
            bytes: usage.bot_bytes.saturating_add(bytes),
            timers: usage.timers.saturating_add(timers),
        };
        for (name, used, limit) in [
            ("bucket_keys", usage.bucket_keys, limits.bucket_keys),
            ("bucket_bytes", usage.bucket_bytes, limits.bucket_bytes),
            ("bot_keys", usage.bot_keys, limits.bot_keys),
            ("bot_bytes", usage.bot_bytes, limits.bot_bytes),
            ("timers", usage.timers, limits.timers),
        ] {
            self.near(bot, name, used, limit, now);
        }
    }

    /// Warns the operator, now and then, where a quota is nearly used up.
    pub fn near(&self, bot: &BotName, name: &'static str, used: u64, limit: u64, now: Millis) {
        if used.saturating_mul(100) < limit.saturating_mul(NEAR) {
            return;
        }
        let mut warned = lock(&self.warned);
        if warned.get(name).is_some_and(|at| now.since(*at) < QUIET) {
            return;
        }
        // One entry a limit, of which there are a few.
        warned.insert(name, now);
        drop(warned);
        tracing::warn!(%bot, limit = name, used, of = limit, "a bot has used most of a quota");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Counters stay sound whatever panicked beside them.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_sends_minute_is_for_all_chats_and_free_again_after_a_minute() {
        let quotas = Quotas::default();
        let limits = Limits { sends_minute: 3, ..Limits::default() };
        let send = |chat: &str, at| quotas.send(&"b".into(), &Chat::new("shop", chat), &limits, Millis(at));
        assert_eq!([send("a", 1000), send("b", 2000), send("c", 3000)], [Ok(()), Ok(()), Ok(())]);
        assert_eq!(send("d", 60_999), Err(Duration::from_millis(1)));
        assert_eq!(send("a", 61_000), Ok(()));
    }

    #[test]
    fn limit_sends_chat_minute_is_for_each_chat_and_free_again_after_a_minute() {
        let quotas = Quotas::default();
        let limits = Limits { sends_chat_minute: 2, ..Limits::default() };
        let send = |chat: &str, at| quotas.send(&"b".into(), &Chat::new("shop", chat), &limits, Millis(at));
        assert_eq!([send("a", 1000), send("a", 2000)], [Ok(()), Ok(())]);
        assert_eq!(send("a", 3000), Err(Duration::from_secs(58)));
        assert_eq!(send("b", 3000), Ok(()));
        assert_eq!(send("a", 61_000), Ok(()));
    }

    #[test]
    fn limit_log_lines_minute_is_counted_over_turns() {
        let quotas = Quotas::default();
        let limits = Limits { log_lines_minute: 2, ..Limits::default() };
        let line = |at| quotas.line(&"b".into(), 1, &limits, Millis(at));
        assert!(line(0) && line(1) && !line(59_999));
        assert!(line(60_000));
    }

    #[test]
    fn limit_log_bytes_minute_is_counted_over_turns() {
        let quotas = Quotas::default();
        let limits = Limits { log_bytes_minute: 100, ..Limits::default() };
        let line = |bytes, at| quotas.line(&"b".into(), bytes, &limits, Millis(at));
        assert!(line(60, 0) && !line(41, 0) && line(40, 0));
        assert!(!line(1, 59_999) && line(100, 60_000));
    }

    #[test]
    fn dropped_lines_are_told_of_once_a_minute() {
        let quotas = Quotas::default();
        let dropped = |lines, at| quotas.dropped(lines, Millis(at));
        assert_eq!([dropped(3, 0), dropped(4, 100), dropped(5, 59_999)], [Some(3), None, None]);
        assert_eq!(dropped(1, 60_000), Some(10));
    }

    #[test]
    fn a_clock_that_went_back_does_not_close_a_quota() {
        let quotas = Quotas::default();
        let limits = Limits { sends_minute: 1, ..Limits::default() };
        let send = |at| quotas.send(&"b".into(), &Chat::new("shop", "a"), &limits, Millis(at));
        assert_eq!(send(1_000_000), Ok(()));
        assert_eq!(send(1000), Ok(()));
    }
}
