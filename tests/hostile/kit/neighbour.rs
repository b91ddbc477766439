//! How long a well-behaved bot takes to answer while nothing else happens, and beside an attack.
//!
//! A test asks only that the neighbour is answered at all. With `HODHOD_NEIGHBOUR_ROUNDS` set, quiet
//! rounds and rounds beside the attack alternate so many times, and what is asked is the promise: a
//! p99 within twice its quiet value. That is a measurement, and wants a release build and a machine
//! that does nothing else.

use std::time::Duration;

/// No timing is asserted in a test but this: nobody waits for a second.
const SANE: Duration = Duration::from_secs(1);

/// How much longer than usual the neighbour may take.
const TWICE: u32 = 2;

/// How long each of the neighbour's messages took.
#[derive(Debug, Default)]
pub(crate) struct Neighbour {
    pub(crate) quiet: Vec<Duration>,
    pub(crate) beside: Vec<Duration>,
}

impl Neighbour {
    /// Says what became of an attack and of the neighbour.
    #[expect(clippy::print_stdout, reason = "what a person reads of the attack")]
    pub(crate) fn report(self, outcome: &str) {
        let (quiet, beside) = (p99(self.quiet), p99(self.beside));
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

fn p99(mut took: Vec<Duration>) -> Duration {
    took.sort();
    took[(took.len() * 99).div_ceil(100) - 1]
}
