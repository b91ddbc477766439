//! What happens to a host that nobody looks after, and when: drawn from a seed, so that it can happen again.

use std::time::Duration;

use hodhod_platforms::playground::soroush::{SendFault, StreamEnd};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::builds::Kind;

/// Something that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The messenger ends the connection that brings messages.
    Cut(StreamEnd),
    /// So many sends go wrong.
    FailSends(usize, SendFault),
    /// The file of the bot is replaced.
    Build(Kind),
    /// The process is killed, and once more for each of these times after it was started again.
    Kill(Vec<Duration>),
}

/// What happens in so much time.
pub fn schedule(seed: u64, length: Duration) -> Vec<(Duration, Action)> {
    let mut chance = StdRng::seed_from_u64(seed);
    let mut actions = Vec::new();
    let mut at = Duration::ZERO;
    loop {
        at += millis(&mut chance, 200, 2500);
        if at >= length {
            break;
        }
        let action = match chance.random_range(0..100) {
            0..30 => Action::Cut(one_of(&mut chance, [StreamEnd::Clean, StreamEnd::Reset, StreamEnd::Torn])),
            30..50 => failing_sends(&mut chance),
            50..70 => Action::Build(Kind::Good),
            _ => Action::Build(one_of(&mut chance, Kind::BAD)),
        };
        actions.push((at, action));
    }
    // Kills have a time of their own, from a few seconds to a minute apart.
    let mut at = Duration::ZERO;
    loop {
        // Mostly soon: the square of what is even.
        let luck: f64 = chance.random();
        at += Duration::from_secs(2) + Duration::from_secs_f64(luck * luck * 58.0).min(length / 4);
        if at >= length {
            break;
        }
        let more = if chance.random_bool(0.2) { chance.random_range(1..=3) } else { 0 };
        actions.push((at, Action::Kill((0..more).map(|_| millis(&mut chance, 0, 400)).collect())));
    }
    actions.sort_by_key(|(at, _)| *at);
    actions
}

fn failing_sends(chance: &mut StdRng) -> Action {
    let fault = match chance.random_range(0..4) {
        0 => SendFault::Close { accepted: true },
        1 => SendFault::Close { accepted: false },
        2 => SendFault::Status { code: 503, retry_after: None },
        _ => SendFault::Body("not JSON".to_owned()),
    };
    Action::FailSends(chance.random_range(1..=5), fault)
}

fn millis(chance: &mut StdRng, least: u64, most: u64) -> Duration {
    Duration::from_millis(chance.random_range(least..=most))
}

fn one_of<T: Copy, const N: usize>(chance: &mut StdRng, all: [T; N]) -> T {
    all[chance.random_range(0..N)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_follows_from_the_seed_and_everything_happens() {
        let ten_minutes = Duration::from_mins(10);
        let actions = schedule(7, ten_minutes);
        assert_eq!(actions, schedule(7, ten_minutes));
        assert_ne!(actions, schedule(8, ten_minutes));
        for kind in Kind::BAD.into_iter().chain([Kind::Good]) {
            assert!(actions.iter().any(|(_, action)| *action == Action::Build(kind)), "{kind}");
        }
        let kills = actions.iter().filter(|(_, action)| matches!(action, Action::Kill(_))).count();
        assert!((15..60).contains(&kills), "{kills} kills");
    }
}
