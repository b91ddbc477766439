//! What is refused again and again is told when it begins and when it is over, not each time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::time::Millis;

/// What begins anew so soon after it was told is not told again: a disk at the edge of being full
/// takes one write and refuses the next.
const QUIET: Duration = Duration::from_secs(10);

/// Remembers since when something is refused.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    since: Option<Millis>,
    /// The last time that a beginning was told, and whether its end was not yet.
    told: Option<Millis>,
    is_open: bool,
}

impl Refusals {
    /// Notes a refusal; true if it is to be told.
    pub fn refused(&self, now: Millis) -> bool {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.since.get_or_insert(now);
        // One that lasts is told once it is clear that it does.
        if inner.is_open {
            return false;
        }
        if inner.told.is_some_and(|told| now.since(told) < QUIET) {
            return false;
        }
        inner.told = Some(now);
        inner.is_open = true;
        true
    }

    /// Notes that it is not refused any more; gives for how long it was, if that is to be told.
    pub fn over(&self, now: Millis) -> Option<Duration> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = inner.since.take()?;
        std::mem::take(&mut inner.is_open).then(|| now.since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_refusal_is_told_twice_and_one_that_flickers_is_not_told_each_time() {
        let refusals = Refusals::default();
        assert_eq!(refusals.over(Millis(1)), None);
        let told: usize = (0..5000).map(|n| usize::from(refusals.refused(Millis(1000 + n)))).sum();
        assert_eq!(told, 1);
        assert_eq!(refusals.over(Millis(9000)), Some(Duration::from_secs(8)));
        assert!(!refusals.refused(Millis(9001)), "so soon");
        assert_eq!(refusals.over(Millis(9002)), None);
        assert!(!refusals.refused(Millis(9500)), "so soon again");
        assert!(refusals.refused(Millis(11_001)), "but it lasts");
        assert!(!refusals.refused(Millis(60_000)));
        assert_eq!(refusals.over(Millis(61_500)), Some(Duration::from_secs(52)));
    }
}
