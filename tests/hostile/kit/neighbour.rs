//! How long a well-behaved bot takes to answer while nothing else happens, and beside an attack.
//!
//! A test asks only that the neighbour is answered at all. With `HODHOD_NEIGHBOUR_ROUNDS` set, quiet
//! rounds and rounds beside the attack alternate so many times, and what is asked is the promise: a
//! p99 within twice its quiet value. Each round has its p99, and the median of them counts, so that a stall of
//! the machine is one round's. That is a measurement, and wants a release build and a machine that does nothing
//! else.

use std::time::Duration;

/// No timing is asserted in a test but this: nobody waits for a second. Where one round is over it, the median of three
/// counts, as the machine may have stood still in one.
const SANE: Duration = Duration::from_secs(1);
const AGAIN: usize = 3;

/// How much longer than usual the neighbour may take.
const TWICE: u32 = 2;

/// How long each of the neighbour's messages took, round by round.
#[derive(Debug, Default)]
pub(crate) struct Neighbour {
    pub(crate) quiet: Vec<Round>,
    pub(crate) beside: Vec<Round>,
}

/// How long each message of a round took.
pub(crate) type Round = Vec<Duration>;

impl Neighbour {
    /// True if it is to be measured in one more round.
    pub(crate) fn wants_more(&self) -> bool {
        let done = self.beside.len();
        done < rounds() || (done < AGAIN && p99(&self.quiet).max(p99(&self.beside)) >= SANE)
    }

    /// Says what became of an attack and of the neighbour.
    #[expect(clippy::print_stdout, reason = "what a person reads of the attack")]
    pub(crate) fn report(self, outcome: &str) {
        let (quiet, beside) = (p99(&self.quiet), p99(&self.beside));
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("attack");
        println!("{name}: {outcome}; the neighbour's p99 is {quiet:.1?} quiet and {beside:.1?} beside it");
        assert!(quiet.max(beside) < SANE, "the neighbour waited");
        assert!(
            rounds() == 1 || beside <= quiet * TWICE,
            "the neighbour took {:.1} times as long",
            beside.div_duration_f64(quiet)
        );
    }
}

/// Quiet rounds, and as many beside the attack.
pub(crate) fn rounds() -> usize {
    std::env::var("HODHOD_NEIGHBOUR_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap())
}

/// Messages in a round: enough for a p99 where it counts.
pub(crate) fn messages() -> usize {
    if rounds() == 1 { 60 } else { 200 }
}

/// The median of the rounds' p99.
fn p99(rounds: &[Round]) -> Duration {
    let mut all: Vec<_> = rounds.iter().cloned().map(p99_of).collect();
    all.sort();
    all[all.len() / 2]
}

fn p99_of(mut took: Round) -> Duration {
    took.sort();
    took[(took.len() * 99).div_ceil(100) - 1]
}
