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

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hodhod_core::store::StoreError;
use hodhod_core::time::{Millis, whole_millis};
use hodhod_core::vault::{Change, Record, Vault};
use secrecy::ExposeSecret;
use thiserror::Error;
use tokio::sync::OnceCell;

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

/// What was called in a stretch of time that ends now.
#[derive(Debug)]
struct Window {
    limit: u64,
    span: Duration,
    /// Milliseconds of a step.
    step: u64,
    /// The steps with calls, by their number, the oldest first; no more than there are in the span.
    steps: VecDeque<(u64, u64)>,
    used: u64,
}

impl Window {
    fn new(limit: u64, span: Duration, steps: u64) -> Self {
        let step = (whole_millis(span) / steps).max(1);
        Self { limit, span, step, steps: VecDeque::new(), used: 0 }
    }

    /// When the oldest step is as old as the whole.
    fn over(&self, step: u64) -> Millis {
        Millis((step + 1).saturating_mul(self.step)) + self.span
    }

    fn forget(&mut self, now: Millis) {
        while let Some((step, count)) = self.steps.front().copied()
            && self.over(step) <= now
        {
            self.used = self.used.saturating_sub(count);
            self.steps.pop_front();
        }
    }

    fn wait(&mut self, calls: u64, now: Millis) -> Option<Duration> {
        self.forget(now);
        // What is more than the whole gets the whole.
        let used = self.used.saturating_add(calls.min(self.limit));
        let mut missing = used.checked_sub(self.limit).filter(|missing| *missing > 0)?;
        let (step, _) = self.steps.iter().find(|(_, count)| {
            missing = missing.saturating_sub(*count);
            missing == 0
        })?;
        Some(self.over(*step).since(now).max(Duration::from_millis(1)))
    }

    fn count(&mut self, calls: u64, now: Millis) {
        // A clock that steps back counts into the newest step.
        let step = self.steps.back().map_or(0, |(newest, _)| *newest).max(now.0 / self.step);
        match self.steps.back_mut() {
            Some((newest, count)) if *newest == step => *count = count.saturating_add(calls),
            _ => self.steps.push_back((step, calls)),
        }
        self.used = self.used.saturating_add(calls);
    }

    /// The steps, each with when it began: what is written is read by a program with other steps too.
    fn told(&self) -> Vec<(u64, u64)> {
        self.steps.iter().map(|(step, count)| (step.saturating_mul(self.step), *count)).collect()
    }

    /// Counts what another one told. What was called later than now was called by a clock that was set back since,
    /// so nobody knows when: it counts as called now.
    fn recall(&mut self, mut steps: Vec<(u64, u64)>, now: Millis) {
        steps.sort_unstable();
        for (began, calls) in steps {
            self.count(calls, Millis(began).min(now));
        }
        self.forget(now);
    }

    fn share(&self) -> u64 {
        self.used.saturating_mul(100) / self.limit.max(1)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use futures::FutureExt;
    use hodhod_core::testing::{MemoryVault, TestClock};
    use proptest::prelude::*;

    use super::*;

    const DAY: u64 = 24 * 60 * 60 * 1000;

    fn vault() -> MemoryVault {
        MemoryVault::new(Arc::new(TestClock::default()))
    }

    /// Over what an earlier one kept.
    fn over(vault: &MemoryVault, minute: u32, day: u32) -> Pace {
        let limits = AppPace { minute: NonZeroU32::new(minute), day: NonZeroU32::new(day) };
        Pace::new(limits, Arc::new(vault.clone()))
    }

    fn pace(minute: u32, day: u32) -> Pace {
        over(&vault(), minute, day)
    }

    fn take(pace: &Pace, calls: u64, now: u64) -> Result<(), Held> {
        pace.take(calls, Millis(now)).now_or_never().unwrap()
    }

    fn used(pace: &Pace, now: u64) -> u64 {
        pace.recall(Millis(now)).now_or_never().unwrap().unwrap();
        pace.lock().day.as_ref().unwrap().used
    }

    #[test]
    fn a_day_goes_on_after_a_restart() {
        let vault = vault();
        let first = over(&vault, 0, 3);
        // The vault has the clock of the host, and this test its own: records of it do not end.
        let began = 10 * DAY;
        assert_eq!([0, 1000].map(|later| take(&first, 1, began + later)), [Ok(()), Ok(())]);
        let second = over(&vault, 0, 3);
        assert_eq!(take(&second, 1, began + 2000), Ok(()));
        let third = over(&vault, 0, 3);
        let Err(Held::Wait(wait)) = take(&third, 1, began + 3000) else { panic!() };
        assert!(wait > Duration::from_secs(23 * 60 * 60) && wait <= Duration::from_secs(25 * 60 * 60), "{wait:?}");
        assert_eq!(used(&over(&vault, 0, 9), began + 4000), 3, "the limit is the operator's, and may be another");
        assert_eq!(used(&over(&vault, 0, 3), began + DAY + DAY / 24), 0, "it is another day");
    }

    #[test]
    fn what_is_kept_is_known_before_anything_is_sent() {
        let vault = vault();
        take(&over(&vault, 0, 10), 6, 10 * DAY).unwrap();
        let pace = over(&vault, 0, 10);
        assert_eq!(used(&pace, 10 * DAY), 6);
        assert_eq!(pace.trouble(Millis(10 * DAY)).unwrap(), "60 % of the day's calls are used: 6 of 10");
    }

    #[test]
    fn a_crash_forgets_the_calls_of_one_second_at_most_and_a_second_takes_one_write() {
        let (vault, now) = (vault(), 10 * DAY);
        let pace = over(&vault, 0, 1000);
        let kept = |at| used(&over(&vault, 0, 1000), at);
        for n in 0..10 {
            take(&pace, 1, now + n * 99).unwrap();
            assert_eq!(kept(now + n * 99), 1, "one write");
        }
        take(&pace, 1, now + 1000).unwrap();
        assert_eq!(kept(now + 1000), 11, "and with the next all of them");
    }

    #[test]
    fn a_store_that_cannot_say_what_was_called_lets_nothing_go_out_and_is_asked_again() {
        let vault = vault();
        take(&over(&vault, 0, 1), 1, 10 * DAY).unwrap();
        let pace = over(&vault, 0, 1);
        vault.fail(true);
        assert!(matches!(take(&pace, 1, 10 * DAY), Err(Held::Unknown(_))));
        assert_eq!(take(&over(&vault, 5, 0), 1, 10 * DAY), Ok(()), "where no day is counted nobody asks");
        vault.fail(false);
        assert!(matches!(take(&pace, 1, 10 * DAY), Err(Held::Wait(_))));
    }

    #[test]
    fn a_record_that_says_nonsense_holds_nothing_up_and_one_from_the_future_not_for_longer_than_a_day() {
        let keep = |value: &str| {
            let vault = vault();
            let record = Record { person: None, expires: None, value: value.to_owned().into() };
            let change = Change { kind: KIND, name: NAME.to_owned(), record: Some(record) };
            vault.change(vec![change]).now_or_never().unwrap().unwrap();
            vault
        };
        for nonsense in ["", "[", "{}", "[[1]]", "[[-1, 5]]", "[[\"a\", 5]]", "[]", "[[0, 0]]"] {
            assert_eq!(take(&over(&keep(nonsense), 0, 1), 1, 10 * DAY), Ok(()), "{nonsense}");
        }
        let most = u64::MAX;
        for future in [format!("[[{}, 1]]", 11 * DAY), format!("[[{most}, {most}], [{most}, {most}]]")] {
            let Err(Held::Wait(wait)) = take(&over(&keep(&future), 0, 1), 1, 10 * DAY) else { panic!("{future}") };
            assert!(wait <= Duration::from_secs(25 * 60 * 60), "{wait:?}");
            assert_eq!(
                used(&over(&keep(&future), 0, 1), 10 * DAY),
                if future.contains(&most.to_string()) { most } else { 1 }
            );
        }
    }

    #[test]
    fn the_record_of_a_full_day_is_small() {
        let (vault, began) = (vault(), 10 * DAY);
        let pace = over(&vault, 0, 1_000_000_000);
        for minute in 0..24 * 60 {
            take(&pace, 100_000, began + minute * 60_000).unwrap();
        }
        let record = vault.get(KIND, NAME).now_or_never().unwrap().unwrap().unwrap();
        assert!(record.value.expose_secret().len() <= 4096, "{}", record.value.expose_secret().len());
        assert_eq!(used(&over(&vault, 0, 1), began + DAY), 144_000_000);
    }

    #[test]
    fn without_a_number_nothing_is_limited() {
        let pace = pace(0, 0);
        assert!((0..10_000).all(|_| pace.count(1, Millis(1)).is_ok()));
        assert_eq!(pace.trouble(Millis(1)), None);
    }

    #[test]
    fn at_the_limit_of_a_minute_the_wait_is_until_there_is_room_and_no_longer() {
        let pace = pace(3, 0);
        for second in [0, 10, 20] {
            assert_eq!(pace.count(1, Millis(second * 1000)), Ok(()));
        }
        let wait = pace.count(1, Millis(30_000)).unwrap_err();
        assert_eq!(wait, Duration::from_secs(31));
        assert_eq!(pace.count(1, Millis(60_999)), Err(Duration::from_millis(1)));
        assert_eq!(pace.count(1, Millis(61_000)), Ok(()));
        assert_eq!(pace.count(1, Millis(61_000)), Err(Duration::from_secs(10)));
    }

    #[test]
    fn a_day_that_fills_up_is_told_at_each_mark_once_and_stops_sends_when_it_is_full() {
        let pace = pace(0, 100);
        let mut told = Vec::new();
        for n in 1..=100_u64 {
            let before = pace.lock().told;
            assert_eq!(pace.count(1, Millis(n * 1000)), Ok(()));
            if pace.lock().told > before {
                told.push(n);
            }
        }
        assert_eq!(told, [60, 80, 95]);
        assert_eq!(pace.trouble(Millis(100_000)).unwrap(), "the day's 100 calls are used up: sends wait");
        assert!(pace.count(1, Millis(101_000)).unwrap_err() > Duration::from_secs(23 * 60 * 60));
        let next = Millis(25 * 60 * 60 * 1000);
        assert_eq!(pace.trouble(next), None);
        assert_eq!(pace.count(1, next), Ok(()));
        assert_eq!(pace.lock().told, 0, "a new day is told again");
    }

    #[test]
    fn the_share_of_a_day_is_shown() {
        let pace = pace(0, 10);
        for n in 0..7 {
            pace.count(1, Millis(n)).unwrap();
        }
        assert_eq!(pace.trouble(Millis(9)).unwrap(), "70 % of the day's calls are used: 7 of 10");
    }

    #[test]
    fn what_takes_several_calls_waits_for_room_for_all_of_them() {
        let pace = pace(3, 0);
        assert_eq!(pace.count(2, Millis(0)), Ok(()));
        assert_eq!(pace.count(2, Millis(10_000)), Err(Duration::from_secs(51)));
        assert_eq!(pace.count(1, Millis(10_000)), Ok(()));
        assert_eq!(pace.count(3, Millis(20_000)), Err(Duration::from_secs(51)));
        assert_eq!(pace.count(9, Millis(71_000)), Ok(()), "more than the whole gets the whole");
        assert!(pace.count(1, Millis(71_000)).is_err());
    }

    proptest! {
        #[test]
        fn no_stretch_of_a_minute_gets_more_than_its_number(limit in 1_u32..20, gaps in prop::collection::vec(0_u64..9000, 1..200)) {
            let pace = pace(limit, 0);
            let mut now = 0;
            let mut sent: Vec<u64> = Vec::new();
            for gap in gaps {
                now += gap;
                if pace.count(1, Millis(now)).is_ok() {
                    sent.push(now);
                }
                prop_assert!(pace.lock().minute.as_ref().unwrap().steps.len() <= 62);
            }
            for (place, first) in sent.iter().enumerate() {
                let within = sent[place..].iter().take_while(|at| **at < first + 60_000).count();
                prop_assert!(within <= usize::try_from(limit).unwrap());
            }
        }
    }
}
