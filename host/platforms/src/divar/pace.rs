//! The app's own limits: so many calls in a minute and in a day.
//!
//! Divar tells the numbers in its panel only, and neither where its minutes nor where its days begin
//! (Divar's developer pages, `scopes/README.md`). So no minute and no day, wherever it begins, gets
//! more than its number: calls are counted in short steps, and each counts until it is older than the
//! whole. At a limit sends wait. A day that fills up is told at 60, 80 and 95 %, once each. What was
//! called before the host was started is not known; the platform then says itself that it is too much.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hodhod_core::time::{Millis, whole_millis};

use super::config::AppPace;

/// Steps of a minute and of a day.
const STEPS: [(Duration, u64); 2] = [(Duration::from_secs(60), 60), (Duration::from_secs(24 * 60 * 60), 24 * 60)];

/// Shares of a day, in percent, at which it is told how full it is.
const MARKS: [u64; 3] = [60, 80, 95];

/// Below this share, in percent, a day counts as a new one, and is told again when it fills up.
const ANEW: u64 = 30;

/// The limits of one app.
#[derive(Debug)]
pub(super) struct Pace(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    minute: Option<Window>,
    day: Option<Window>,
    /// The marks that were told of this day.
    told: usize,
}

impl Pace {
    pub(super) fn new(limits: AppPace) -> Self {
        let [minute, day] = STEPS;
        let window = |limit: Option<std::num::NonZeroU32>, (span, steps)| {
            limit.map(|limit| Window::new(limit.get().into(), span, steps))
        };
        Self(Mutex::new(Inner { minute: window(limits.minute, minute), day: window(limits.day, day), told: 0 }))
    }

    /// Counts so many calls, where there is room for them.
    ///
    /// # Errors
    /// How long to wait until there is.
    pub(super) fn take(&self, calls: u64, now: Millis) -> Result<(), Duration> {
        let inner = &mut *self.lock();
        let wait = inner.windows().filter_map(|window| window.wait(calls, now)).max();
        if let Some(wait) = wait {
            return Err(wait);
        }
        inner.windows().for_each(|window| window.count(calls, now));
        inner.tell();
        Ok(())
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut missing = (self.used + calls.min(self.limit)).checked_sub(self.limit).filter(|missing| *missing > 0)?;
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
            Some((newest, count)) if *newest == step => *count += calls,
            _ => self.steps.push_back((step, calls)),
        }
        self.used += calls;
    }

    fn share(&self) -> u64 {
        self.used.saturating_mul(100) / self.limit.max(1)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;

    fn pace(minute: u32, day: u32) -> Pace {
        Pace::new(AppPace { minute: NonZeroU32::new(minute), day: NonZeroU32::new(day) })
    }

    #[test]
    fn without_a_number_nothing_is_limited() {
        let pace = pace(0, 0);
        assert!((0..10_000).all(|_| pace.take(1, Millis(1)).is_ok()));
        assert_eq!(pace.trouble(Millis(1)), None);
    }

    #[test]
    fn at_the_limit_of_a_minute_the_wait_is_until_there_is_room_and_no_longer() {
        let pace = pace(3, 0);
        for second in [0, 10, 20] {
            assert_eq!(pace.take(1, Millis(second * 1000)), Ok(()));
        }
        let wait = pace.take(1, Millis(30_000)).unwrap_err();
        assert_eq!(wait, Duration::from_secs(31));
        assert_eq!(pace.take(1, Millis(60_999)), Err(Duration::from_millis(1)));
        assert_eq!(pace.take(1, Millis(61_000)), Ok(()));
        assert_eq!(pace.take(1, Millis(61_000)), Err(Duration::from_secs(10)));
    }

    #[test]
    fn a_day_that_fills_up_is_told_at_each_mark_once_and_stops_sends_when_it_is_full() {
        let pace = pace(0, 100);
        let mut told = Vec::new();
        for n in 1..=100_u64 {
            let before = pace.lock().told;
            assert_eq!(pace.take(1, Millis(n * 1000)), Ok(()));
            if pace.lock().told > before {
                told.push(n);
            }
        }
        assert_eq!(told, [60, 80, 95]);
        assert_eq!(pace.trouble(Millis(100_000)).unwrap(), "the day's 100 calls are used up: sends wait");
        assert!(pace.take(1, Millis(101_000)).unwrap_err() > Duration::from_secs(23 * 60 * 60));
        let next = Millis(25 * 60 * 60 * 1000);
        assert_eq!(pace.trouble(next), None);
        assert_eq!(pace.take(1, next), Ok(()));
        assert_eq!(pace.lock().told, 0, "a new day is told again");
    }

    #[test]
    fn the_share_of_a_day_is_shown() {
        let pace = pace(0, 10);
        for n in 0..7 {
            pace.take(1, Millis(n)).unwrap();
        }
        assert_eq!(pace.trouble(Millis(9)).unwrap(), "70 % of the day's calls are used: 7 of 10");
    }

    #[test]
    fn what_takes_several_calls_waits_for_room_for_all_of_them() {
        let pace = pace(3, 0);
        assert_eq!(pace.take(2, Millis(0)), Ok(()));
        assert_eq!(pace.take(2, Millis(10_000)), Err(Duration::from_secs(51)));
        assert_eq!(pace.take(1, Millis(10_000)), Ok(()));
        assert_eq!(pace.take(3, Millis(20_000)), Err(Duration::from_secs(51)));
        assert_eq!(pace.take(9, Millis(71_000)), Ok(()), "more than the whole gets the whole");
        assert!(pace.take(1, Millis(71_000)).is_err());
    }

    proptest! {
        #[test]
        fn no_stretch_of_a_minute_gets_more_than_its_number(limit in 1_u32..20, gaps in prop::collection::vec(0_u64..9000, 1..200)) {
            let pace = pace(limit, 0);
            let mut now = 0;
            let mut sent: Vec<u64> = Vec::new();
            for gap in gaps {
                now += gap;
                if pace.take(1, Millis(now)).is_ok() {
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
