//! Whether a bot has others beside it: what nobody is there to mind does no harm.
//!
//! A host often has one bot that does most of the work, and the longer of its turns, as the first ones on a cold pool
//! are, hold up nothing but itself.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A bot that had no turn for so long is not there.
const GONE: Duration = Duration::from_secs(1);

/// The two bots that had a turn last.
#[derive(Debug, Default)]
pub(crate) struct Company {
    last: Mutex<[Option<Seen>; 2]>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    bot: usize,
    at: Instant,
}

impl Company {
    /// A bot has a turn; `bot` tells it from others, and its builds from one another. True if others had one lately.
    pub(crate) fn meets(&self, bot: usize, now: Instant) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let [first, second] = *last;
        // The other one of the two, whoever it is.
        let other = if first.is_some_and(|seen| seen.bot == bot) { second } else { first };
        *last = [Some(Seen { bot, at: now }), other];
        other.is_some_and(|other| now.saturating_duration_since(other.at) < GONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bot_has_company_while_another_one_had_a_turn_lately() {
        let (company, began) = (Company::default(), Instant::now());
        let after = |ms| began + Duration::from_millis(ms);
        assert!(!company.meets(1, after(0)));
        assert!(!company.meets(1, after(1)), "it is no company to itself");
        assert!(company.meets(2, after(2)));
        assert!(company.meets(1, after(3)));
        assert!((4..1000).all(|ms| company.meets(1, after(ms))));
        assert!(!company.meets(1, after(1002)), "the other one is gone");
        assert!(company.meets(3, after(1003)));
        assert!(company.meets(1, after(2002)));
        assert!(company.meets(2, after(2003)));
        assert!(company.meets(3, after(2004)), "and of several any will do");
    }
}
