//! Rounds: every case of a table in turn, several times over.

use std::fmt;
use std::time::{Duration, Instant};

/// How often and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Rounds; each runs every case once.
    pub rounds: usize,
    /// How long one case runs in one round, about.
    pub length: Duration,
}

/// Something to be measured: does itself so many times.
pub struct Case<'a> {
    name: String,
    run: Box<dyn FnMut(u64) -> anyhow::Result<()> + 'a>,
}

impl<'a> Case<'a> {
    /// A case that `run` does so many times.
    pub fn new(name: impl Into<String>, run: impl FnMut(u64) -> anyhow::Result<()> + 'a) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn time(&mut self, times: u64) -> anyhow::Result<Duration> {
        let began = Instant::now();
        (self.run)(times)?;
        Ok(began.elapsed())
    }

    /// How often it fits into `length`. Warms it up by the way.
    fn fits(&mut self, length: Duration) -> anyhow::Result<u64> {
        let mut times = 1_u64;
        loop {
            let taken = self.time(times)?;
            if taken * 4 >= length {
                let ratio = length.as_secs_f64() / taken.as_secs_f64();
                #[expect(clippy::cast_possible_truncation, reason = "at most four times what has just been counted")]
                #[expect(clippy::cast_sign_loss, reason = "a ratio of times is not negative")]
                return Ok(((times as f64 * ratio) as u64).max(1));
            }
            times *= 2;
        }
    }
}

impl Plan {
    /// Runs the cases in turn, and gives for each the microseconds of doing it once.
    ///
    /// # Errors
    /// When a case fails.
    pub fn microseconds(&self, cases: &mut [Case<'_>]) -> anyhow::Result<Vec<Spread>> {
        let times: Vec<u64> = cases.iter_mut().map(|case| case.fits(self.length)).collect::<Result<_, _>>()?;
        let mut figures = vec![Vec::new(); cases.len()];
        for _ in 0..self.rounds {
            for ((case, times), figures) in cases.iter_mut().zip(&times).zip(&mut figures) {
                figures.push(case.time(*times)?.as_secs_f64() * 1e6 / *times as f64);
            }
        }
        Ok(figures.into_iter().map(Spread::of).collect())
    }
}

/// A figure from several rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The median, or the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl Spread {
    /// The figures of the rounds; not a number if there were none.
    pub fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let at = |place: usize| figures.get(place).copied().unwrap_or(f64::NAN);
        let middle = figures.len() / 2;
        let median = if figures.len().is_multiple_of(2) {
            f64::midpoint(at(middle.wrapping_sub(1)), at(middle))
        } else {
            at(middle)
        };
        Self { median, least: at(0), most: at(figures.len().wrapping_sub(1)) }
    }
}

impl fmt::Display for Spread {
    /// As many digits after the point as the precision says, by default as many as mean something.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = if self.median < 10.0 {
            2
        } else if self.median < 100.0 {
            1
        } else {
            0
        };
        let digits = f.precision().unwrap_or(usual);
        write!(f, "{:.digits$} [{:.digits$}–{:.digits$}]", self.median, self.least, self.most)
    }
}

/// The value below which so many of a hundred are; `sorted` is in order.
pub fn percentile(sorted: &[u64], percent: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "a place among fewer than 2^52")]
    #[expect(clippy::cast_sign_loss, reason = "the percentage is not negative")]
    let place = (sorted.len() as f64 * percent / 100.0) as usize;
    sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_the_median_with_the_least_and_the_most() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Spread { median: 2.0, least: 1.0, most: 3.0 });
        assert_eq!(Spread::of(vec![4.0, 1.0]), Spread { median: 2.5, least: 1.0, most: 4.0 });
        assert_eq!(Spread::of(vec![0.5, 2.0, 1.0]).to_string(), "1.00 [0.50–2.00]");
    }

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!((percentile(&hundred, 50.0), percentile(&hundred, 99.0)), (51, 100));
        assert_eq!(percentile(&[7], 99.0), 7);
    }
}
