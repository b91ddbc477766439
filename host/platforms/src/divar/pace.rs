//! The app's own limits: so many calls in a minute and in a day.
//!
//! Divar tells the numbers in its panel only, and neither where its minutes nor where its days begin
//! (Divar's developer pages, `scopes/README.md`). So no minute and no day, wherever it begins, gets
//! more than its number: calls are counted in short steps, and each counts until it is older than the
//! whole. At a limit sends wait. A day that fills up is told at 60, 80 and 95 %, once each.
//!
//! The steps of the day are one record in the connection's vault, read before the first call and
//! written before the first call of each second. So whatever ends the host, the calls of one second at
//! most are forgotten. Those of the minute are not kept: the platform then says itself that it is too
//! much.

mod window;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hodhod_core::store::StoreError;
use hodhod_core::time::Millis;
use hodhod_core::vault::{Change, Record, Vault};
use secrecy::ExposeSecret;
use thiserror::Error;
use tokio::sync::OnceCell;

use self::window::Window;
use super::config::AppPace;

/// Steps of a minute and of a day. So few of a day that all of them are a record of 4 KiB at most.
const STEPS: [(Duration, u64); 2] = [(Duration::from_secs(60), 60), (Duration::from_secs(24 * 60 * 60), 24 * 6)];

/// Shares of a day, in percent, at which it is told how full it is.
const MARKS: [u64; 3] = [60, 80, 95];

/// Below this share, in percent, a day counts as a new one, and is told again when it fills up.
const ANEW: u64 = 30;

/// The record of the day: its kind, and its name.
const KIND: &str = "pace";
const NAME: &str = "day";

/// The shortest time between two writes of it. A crash forgets the calls of as long, and nobody notices a write of
/// the store in a second.
const KEEP_EVERY: Duration = Duration::from_secs(1);

/// The limits of one app.
pub(super) struct Pace {
    inner: Mutex<Inner>,
    vault: Arc<dyn Vault>,
    /// Full once it is known what was called before the start.
    recalled: OnceCell<()>,
}

#[derive(Debug)]
struct Inner {
    minute: Option<Window>,
    day: Option<Window>,
    /// The marks that were told of this day.
    told: usize,
    /// When the day was written last.
    kept: Option<Millis>,
}

/// Why a call cannot be made now.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum Held {
    /// There is no room for it before so long.
    #[error("the app's own limit of calls is reached")]
    Wait(Duration),
    /// Nobody can say how many there were.
    #[error("the calls of this day cannot be read: {0}")]
    Unknown(String),
}

impl Pace {
    pub(super) fn new(limits: AppPace, vault: Arc<dyn Vault>) -> Self {
        let [minute, day] = STEPS;
        let window = |limit: Option<std::num::NonZeroU32>, (span, steps)| {
            limit.map(|limit| Window::new(limit.get().into(), span, steps))
        };
        let (minute, day) = (window(limits.minute, minute), window(limits.day, day));
        Self { inner: Mutex::new(Inner { minute, day, told: 0, kept: None }), vault, recalled: OnceCell::new() }
    }

    /// Counts so many calls, where there is room for them. Dropping it may leave them counted, and not kept before
    /// the next.
    ///
    /// # Errors
    /// How long to wait until there is.
    pub(super) async fn take(&self, calls: u64, now: Millis) -> Result<(), Held> {
        self.recall(now).await.map_err(|error| Held::Unknown(error.to_string()))?;
        self.count(calls, now).map_err(Held::Wait)?;
        if let Some(change) = self.due(now)
            && let Err(error) = self.vault.change(vec![change]).await
        {
            // Where this lasts nothing is sent, as no try can be recorded.
            tracing::warn!(%error, "the calls of this day are not kept");
        }
        Ok(())
    }

    /// Looks up what was called before the start, once.
    ///
    /// # Errors
    /// When the store cannot say. What it has and nobody can read counts as nothing.
    pub(super) async fn recall(&self, now: Millis) -> Result<(), StoreError> {
        let recall = || async {
            if self.lock().day.is_none() {
                return Ok(());
            }
            let steps = match self.vault.get(KIND, NAME).await {
                Ok(record) => record.and_then(|record| serde_json::from_str(record.value.expose_secret()).ok()),
                Err(StoreError::Unreadable(why)) => {
                    tracing::warn!("the calls of this day are counted from the beginning: {why}");
                    None
                }
                Err(error) => return Err(error),
            };
            if let (Some(steps), Some(day)) = (steps, &mut self.lock().day) {
                day.recall(steps, now);
            }
            Ok(())
        };
        self.recalled.get_or_try_init(recall).await.copied()
    }

    fn count(&self, calls: u64, now: Millis) -> Result<(), Duration> {
        let inner = &mut *self.lock();
        let wait = inner.windows().filter_map(|window| window.wait(calls, now)).max();
        if let Some(wait) = wait {
            return Err(wait);
        }
        inner.windows().for_each(|window| window.count(calls, now));
        inner.tell();
        Ok(())
    }

    /// The day as it is to be written, where that is due.
    fn due(&self, now: Millis) -> Option<Change> {
        let inner = &mut *self.lock();
        let day = inner.day.as_ref()?;
        if inner.kept.is_some_and(|kept| now.since(kept) < KEEP_EVERY) {
            return None;
        }
        let (newest, _) = day.steps.back()?;
        let value = serde_json::to_string(&day.told()).ok()?;
        let record = Record { person: None, expires: Some(day.over(*newest)), value: value.into() };
        inner.kept = Some(now);
        Some(Change { kind: KIND, name: NAME.to_owned(), record: Some(record) })
    }

    /// What the operator should know of the day.
    pub(super) fn trouble(&self, now: Millis) -> Option<String> {
        let inner = &mut *self.lock();
        let day = inner.day.as_mut()?;
        day.forget(now);
        let (used, limit, share) = (day.used, day.limit, day.share());
        if used >= limit {
            return Some(format!("the day's {limit} calls are used up: sends wait"));
        }
        (MARKS.first().is_some_and(|first| share >= *first))
            .then(|| format!("{share} % of the day's calls are used: {used} of {limit}"))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn windows(&mut self) -> impl Iterator<Item = &mut Window> {
        self.minute.iter_mut().chain(&mut self.day)
    }

    fn tell(&mut self) {
        let Some(day) = &self.day else { return };
        let share = day.share();
        if share < ANEW {
            self.told = 0;
        }
        let reached = MARKS.iter().filter(|mark| share >= **mark).count();
        if reached > self.told {
            self.told = reached;
            tracing::warn!(share, used = day.used, limit = day.limit, "the day's calls are running out");
        }
    }
}

#[cfg(test)]
mod tests;
