//! Requests of a bot in a minute.

use std::time::Duration;

use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// What one more request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Within the limit.
    Fine,
    /// Within the limit, and the first at four fifths of it.
    Near,
    /// Beyond it.
    Over,
}

/// The minute that began with the first request after the last one.
#[derive(Debug, Default)]
pub(crate) struct Minute {
    began: Option<Instant>,
    count: u64,
    told: bool,
}

impl Minute {
    pub(crate) fn count(&mut self, now: Instant, most: u64) -> Counted {
        if self.began.is_none_or(|began| now.duration_since(began) >= MINUTE) {
            *self = Self { began: Some(now), ..Self::default() };
        }
        if self.count >= most {
            return Counted::Over;
        }
        self.count += 1;
        if !self.told && self.count.saturating_mul(5) >= most.saturating_mul(4) {
            self.told = true;
            return Counted::Near;
        }
        Counted::Fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_http_minute_is_told_once_and_starts_afresh_a_minute_later() {
        let (mut minute, now) = (Minute::default(), Instant::now());
        let counted: Vec<_> = (0..12).map(|_| minute.count(now, 10)).collect();
        assert_eq!(counted[..7], [Counted::Fine; 7]);
        assert_eq!(counted[7..], [Counted::Near, Counted::Fine, Counted::Fine, Counted::Over, Counted::Over]);
        assert_eq!(minute.count(now + MINUTE - Duration::from_millis(1), 10), Counted::Over);
        assert_eq!(minute.count(now + MINUTE, 10), Counted::Fine);
    }
}
