//! Histograms: how often something measured came to lie below each of some bounds.
//!
//! Turns are measured one by one, so a record costs a search among some twenty numbers and two
//! atomic additions, and locks nothing. Numbers are whole: nanoseconds, bytes, pieces.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what is recorded, by size.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// How many lie at or below each bound and above the one before it; the last one counts the rest.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// What a histogram has counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// The bounds, growing.
    pub bounds: &'static [u64],
    /// How many lie at or below each bound and above the one before it; the last one counts the rest.
    pub counts: Vec<u64>,
    /// All that was recorded, added up.
    pub sum: u64,
}

impl Histogram {
    /// An empty one. `bounds` grow.
    pub fn new(bounds: &'static [u64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::default()).collect();
        Self { bounds, counts, sum: AtomicU64::default() }
    }

    /// Counts one.
    pub fn record(&self, value: u64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// What was counted so far. What is recorded meanwhile may be in the counts and not yet in the sum.
    pub fn distribution(&self) -> Distribution {
        Distribution {
            bounds: self.bounds,
            sum: self.sum.load(Ordering::Relaxed),
            counts: self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect(),
        }
    }
}

impl Distribution {
    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_lies_at_a_bound_counts_below_it() {
        let histogram = Histogram::new(&[10, 20]);
        for value in [0, 10, 11, 20, 21, 1000] {
            histogram.record(value);
        }
        let seen = histogram.distribution();
        assert_eq!((seen.counts.as_slice(), seen.sum, seen.count()), (&[2, 2, 2][..], 1062, 6));
    }

    proptest! {
        #[test]
        fn every_value_is_counted_once_and_below_its_bound(values in prop::collection::vec(0_u64..5000, 0..100)) {
            let histogram = Histogram::new(&[1, 5, 100, 1000, 4000]);
            values.iter().for_each(|value| histogram.record(*value));
            let seen = histogram.distribution();
            prop_assert_eq!(seen.count(), values.len() as u64);
            prop_assert_eq!(seen.sum, values.iter().sum::<u64>());
            for (place, bound) in seen.bounds.iter().enumerate() {
                let below: u64 = seen.counts.iter().take(place + 1).sum();
                prop_assert_eq!(below, values.iter().filter(|value| *value <= bound).count() as u64);
            }
        }
    }
}
