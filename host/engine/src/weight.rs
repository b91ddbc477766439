//! What the turns of one bot take of the time of others, and where its next ones begin.
//!
//! What a turn has taken of others' time until it ended or left is counted against its bot, if it is more than a few
//! turns take together and others are there. A bot that has taken [`FORGIVEN`] so is away: its next turns begin
//! elsewhere for [`SHARE`] times as long as the last one held the thread, and for twice as long as the last time if that
//! was lately. What it took is forgotten at the same rate. So a bot takes at most one part in [`SHARE`] of the time of
//! a thread that belongs to all, whatever it does, and mostly much less. A bot whose first turn finds its code not in
//! memory stays where it is. Where hardly any turn is long, one that is was
//! more likely held up by the machine below than by its bot, and more is forgiven.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The longest that a turn holds a thread of all and nobody minds.
pub(crate) const LIGHT: Duration = Duration::from_micros(250);

/// How long a bot's turns begin elsewhere, for each moment in which one of them held a thread of all.
const SHARE: u32 = 500;

/// What a bot may take of the threads of all before it is away.
const FORGIVEN: Duration = Duration::from_micros(2500);

/// As what its first turn counts at most. That was seen to take 7 ms, and says nothing of others.
const FIRST: Duration = Duration::from_millis(1);

/// The same for a bot that had [`RARE`] turns since the last one that was long.
const FORGIVEN_RARELY: Duration = Duration::from_millis(50);

/// Where fewer than one turn in so many is long, that says nothing of 99 in 100 turns of others.
const RARE: u32 = 1000;

/// The longest that one turn can bring about.
const LONGEST: Duration = Duration::from_secs(300);

/// What the turns of one bot have lately taken of the time of others.
#[derive(Debug, Default)]
pub(crate) struct Weight {
    /// Whether there is anything to look at: of most bots there never is.
    is_known: AtomicBool,
    /// Turns that held a thread of all no longer than they may, since the last one that did.
    light: AtomicU32,
    stay: Mutex<Stay>,
}

/// How long a bot's turns begin on threads of their own.
#[derive(Clone, Copy, Debug, Default)]
struct Stay {
    /// What its turns have taken of the threads of all and is not forgotten yet, as of a moment.
    taken: Option<(Duration, Instant)>,
    until: Option<Instant>,
    /// How long it was. As soon as it is over one turn tries what the others are kept from.
    lasted: Duration,
    tried: bool,
}

/// Where a turn begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    Here,
    Away,
}

impl Weight {
    pub(crate) fn begin(&self, now: Instant) -> Begin {
        if !self.is_known.load(Ordering::Relaxed) {
            return Begin::Here;
        }
        let mut stay = self.stay();
        match stay.until {
            Some(until) if now < until || stay.tried => Begin::Away,
            Some(_) => {
                stay.tried = true;
                Begin::Here
            }
            None => Begin::Here,
        }
    }

    /// A turn that began beside others has held their thread for so long, and has ended or left.
    pub(crate) fn end(&self, held: Duration, now: Instant) {
        if held > LIGHT {
            let mut stay = self.stay();
            let light = self.light.swap(0, Ordering::Relaxed);
            let is_first = light == 0 && !self.is_known.load(Ordering::Relaxed);
            let taken = stay.taken(now) + if is_first { held.min(FIRST) } else { held };
            let is_rare = light >= RARE;
            if taken > if is_rare { FORGIVEN_RARELY } else { FORGIVEN } {
                let lasting = held.saturating_mul(SHARE);
                // Again, and soon: it is away for twice as long.
                let soon = stay.until.is_some_and(|until| now < until + stay.lasted);
                stay.lasted = if soon { lasting.max(stay.lasted * 2) } else { lasting }.min(LONGEST);
                let until = now + stay.lasted;
                (stay.until, stay.tried) = (Some(until), false);
                // Only when it is back does it begin to be forgotten.
                stay.taken = Some((FORGIVEN_RARELY, until));
            } else {
                stay.taken = Some((taken, now));
            }
            self.is_known.store(true, Ordering::Relaxed);
            return;
        }
        // Where it wraps round, the next thousand begin anew.
        self.light.fetch_add(1, Ordering::Relaxed);
        if self.is_known.load(Ordering::Relaxed) {
            let mut stay = self.stay();
            let is_over = stay.until.is_none_or(|until| now >= until + stay.lasted);
            if is_over && stay.taken(now).is_zero() {
                *stay = Stay::default();
                self.is_known.store(false, Ordering::Relaxed);
            }
        }
    }

    /// A turn that tried has done no harm; the others need not wait for it.
    pub(crate) fn passed(&self) {
        if self.is_known.load(Ordering::Relaxed) {
            self.stay().tried = false;
        }
    }

    fn stay(&self) -> MutexGuard<'_, Stay> {
        // It changes by whole assignments, so a panic elsewhere leaves it sound.
        self.stay.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stay {
    /// What is not forgotten yet.
    fn taken(&self, now: Instant) -> Duration {
        self.taken.map_or(Duration::ZERO, |(taken, at)| taken.saturating_sub(now.duration_since(at) / SHARE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a bot that had its first turn.
    fn of_a_bot_that_serves() -> Weight {
        let weight = Weight::default();
        weight.end(LIGHT, Instant::now());
        weight
    }

    #[test]
    fn a_bot_takes_at_most_one_part_in_five_hundred_of_the_time_of_others() {
        let (weight, now) = (of_a_bot_that_serves(), Instant::now());
        assert_eq!(weight.begin(now), Begin::Here, "so much is everybody's");
        weight.end(Duration::from_millis(20), now);
        assert_eq!(weight.begin(now), Begin::Away);
        assert_eq!(weight.begin(now + Duration::from_millis(9999)), Begin::Away);
        assert_eq!(weight.begin(now + Duration::from_secs(10)), Begin::Here);
    }

    #[test]
    fn a_first_turn_that_takes_long_is_forgiven_and_one_after_another_is_not() {
        let (weight, now) = (Weight::default(), Instant::now());
        weight.end(Duration::from_millis(7), now);
        assert_eq!(weight.begin(now), Begin::Here);
        weight.end(Duration::from_millis(7), now + Duration::from_millis(1));
        assert_eq!(weight.begin(now + Duration::from_millis(1)), Begin::Away);
    }

    #[test]
    fn what_was_forgotten_may_be_taken_again() {
        let (weight, now) = (of_a_bot_that_serves(), Instant::now());
        weight.end(FORGIVEN, now);
        assert_eq!(weight.begin(now), Begin::Here);
        let later = now + FORGIVEN * SHARE;
        weight.end(FORGIVEN, later);
        assert_eq!(weight.begin(later), Begin::Here);
        weight.end(LIGHT * 2, later);
        assert_eq!(weight.begin(later), Begin::Away);
    }

    #[test]
    fn more_is_forgiven_where_hardly_any_turn_is_long_and_no_more_than_that() {
        let (weight, now) = (Weight::default(), Instant::now());
        let begin_after = |light: u32| {
            (0..light).for_each(|_| weight.end(Duration::from_micros(16), now));
            weight.end(Duration::from_millis(8), now);
            weight.begin(now)
        };
        assert_eq!([(); 6].map(|()| begin_after(RARE)), [Begin::Here; 6]);
        assert_eq!(begin_after(RARE), Begin::Away, "56 ms at once are not an accident");
        let weight = Weight::default();
        weight.end(Duration::from_millis(8), now);
        (1..RARE).for_each(|_| weight.end(Duration::from_micros(16), now));
        weight.end(Duration::from_millis(8), now);
        assert_eq!(weight.begin(now), Begin::Away, "one in a thousand is not rare");
    }

    #[test]
    fn one_turn_tries_before_the_others_follow() {
        let (weight, now) = (of_a_bot_that_serves(), Instant::now());
        weight.end(Duration::from_millis(20), now);
        let over = now + Duration::from_secs(10);
        assert_eq!(
            [weight.begin(over), weight.begin(over), weight.begin(over)],
            [Begin::Here, Begin::Away, Begin::Away]
        );
        weight.end(Duration::from_micros(10), over);
        weight.passed();
        assert_eq!(weight.begin(over), Begin::Here);
    }

    #[test]
    fn a_bot_that_is_heavy_again_and_again_stays_away_for_longer_and_longer() {
        let (weight, mut now) = (of_a_bot_that_serves(), Instant::now());
        weight.end(FORGIVEN, now);
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            assert_eq!(weight.begin(now), Begin::Here);
            weight.end(Duration::from_millis(2), now);
            let stay = weight.stay().lasted;
            assert!(stay.abs_diff(Duration::from_secs(seconds)) < Duration::from_millis(1), "{stay:?}");
            now += stay;
        }
        // After as long without another it is a bot like any other.
        now += LONGEST;
        weight.end(Duration::ZERO, now);
        weight.end(Duration::from_millis(12), now);
        assert!(weight.stay().lasted < Duration::from_secs(7));
    }
}
