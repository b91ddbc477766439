//! How many calls there were in a stretch of time that ends now, counted in steps.

use std::collections::VecDeque;
use std::time::Duration;

use hodhod_core::time::{Millis, whole_millis};

/// What was called in a stretch of time that ends now.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) limit: u64,
    span: Duration,
    /// Milliseconds of a step.
    step: u64,
    /// The steps with calls, by their number, the oldest first; no more than there are in the span.
    pub(super) steps: VecDeque<(u64, u64)>,
    pub(super) used: u64,
}

impl Window {
    pub(super) fn new(limit: u64, span: Duration, steps: u64) -> Self {
        let step = (whole_millis(span) / steps).max(1);
        Self { limit, span, step, steps: VecDeque::new(), used: 0 }
    }

    /// When the oldest step is as old as the whole.
    pub(super) fn over(&self, step: u64) -> Millis {
        Millis((step + 1).saturating_mul(self.step)) + self.span
    }

    pub(super) fn forget(&mut self, now: Millis) {
        while let Some((step, count)) = self.steps.front().copied()
            && self.over(step) <= now
        {
            self.used = self.used.saturating_sub(count);
            self.steps.pop_front();
        }
    }

    pub(super) fn wait(&mut self, calls: u64, now: Millis) -> Option<Duration> {
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

    pub(super) fn count(&mut self, calls: u64, now: Millis) {
        // A clock that steps back counts into the newest step.
        let step = self.steps.back().map_or(0, |(newest, _)| *newest).max(now.0 / self.step);
        match self.steps.back_mut() {
            Some((newest, count)) if *newest == step => *count = count.saturating_add(calls),
            _ => self.steps.push_back((step, calls)),
        }
        self.used = self.used.saturating_add(calls);
    }

    /// The steps, each with when it began: what is written is read by a program with other steps too.
    pub(super) fn told(&self) -> Vec<(u64, u64)> {
        self.steps.iter().map(|(step, count)| (step.saturating_mul(self.step), *count)).collect()
    }

    /// Counts what another one told. What was called later than now was called by a clock that was set back since,
    /// so nobody knows when: it counts as called now.
    pub(super) fn recall(&mut self, mut steps: Vec<(u64, u64)>, now: Millis) {
        steps.sort_unstable();
        for (began, calls) in steps {
            self.count(calls, Millis(began).min(now));
        }
        self.forget(now);
    }

    pub(super) fn share(&self) -> u64 {
        self.used.saturating_mul(100) / self.limit.max(1)
    }
}
