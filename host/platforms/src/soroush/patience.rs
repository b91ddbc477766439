//! How long to wait before the next connection.

use std::time::Duration;

use super::config::Timing;

/// Streams that end at once before the token is suspected.
const SUSPICIOUS: u32 = 3;

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// There was none, or it broke before the answer.
    NotConnected(String),
    /// The server answered with an error.
    Status {
        /// The status code.
        code: u16,
        /// The wait it asks for.
        wait: Option<Duration>,
        /// The host that it points to instead.
        elsewhere: Option<String>,
    },
    /// A stream, which the server ended or the network broke.
    Ended {
        /// True where the answer named a content type.
        typed: bool,
    },
    /// Nothing came for too long.
    Idle,
}

/// What a connection was like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    /// How long it lasted.
    pub(super) lasted: Duration,
    /// Well-formed objects that came.
    pub(super) objects: u64,
    /// The delay that the server asked for by `retry:`.
    pub(super) retry: Option<Duration>,
}

/// What earlier connections were like, as far as it matters for the next wait.
#[derive(Debug, Default)]
pub(super) struct Patience {
    failures: u32,
    suspicions: u32,
    retry: Duration,
}

impl Patience {
    /// True while the platform behaves as it does to a bad token.
    pub(super) fn suspects_token(&self) -> bool {
        self.suspicions >= SUSPICIOUS
    }

    /// The wait after a connection. `luck` in 0..1 spreads the attempts of many hosts.
    pub(super) fn after(&mut self, ending: &Ending, course: Course, timing: &Timing, luck: f64) -> Duration {
        let good = course.objects > 0 || course.lasted >= timing.healthy;
        if good {
            self.failures = 0;
        }
        match ending {
            Ending::Ended { typed: false } if !good && course.lasted < timing.quick => {
                self.suspicions = self.suspicions.saturating_add(1);
            }
            Ending::Ended { .. } | Ending::Idle => self.suspicions = 0,
            // Says nothing about the token.
            Ending::NotConnected(_) | Ending::Status { .. } => {}
        }
        if let Some(retry) = course.retry {
            self.retry = retry.min(timing.max_delay);
        }
        let doubled = timing.first_delay.saturating_mul(1 << self.failures.min(20)).min(timing.max_delay);
        self.failures = self.failures.saturating_add(1);
        if self.suspects_token() {
            return timing.suspect_delay;
        }
        let asked = match ending {
            Ending::Status { wait: Some(wait), .. } => *wait,
            _ => self.retry,
        };
        jittered(doubled, luck).max(asked)
    }
}

/// Between half of a delay and all of it.
pub(super) fn jittered(delay: Duration, luck: f64) -> Duration {
    delay.mul_f64(0.5 + luck.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(seconds: u64, objects: u64) -> Course {
        Course { lasted: Duration::from_secs(seconds), objects, retry: None }
    }

    fn waits(patience: &mut Patience, ending: &Ending, course: Course, times: usize) -> Vec<u64> {
        (0..times).map(|_| patience.after(ending, course, &Timing::default(), 1.0).as_secs()).collect()
    }

    fn lost() -> Ending {
        Ending::NotConnected("refused".to_owned())
    }

    #[test]
    fn waits_double_up_to_a_minute() {
        let mut patience = Patience::default();
        assert_eq!(waits(&mut patience, &lost(), course(0, 0), 9), [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(patience.after(&lost(), course(0, 0), &Timing::default(), 0.0).as_secs(), 30);
    }

    #[test]
    fn an_event_or_a_minute_of_health_begins_anew() {
        for good in [course(1, 1), course(60, 0)] {
            let mut patience = Patience::default();
            waits(&mut patience, &lost(), course(0, 0), 5);
            assert_eq!(waits(&mut patience, &Ending::Ended { typed: true }, good, 2), [1, 1], "{good:?}");
            assert_eq!(waits(&mut patience, &lost(), course(0, 0), 2), [2, 4]);
        }
    }

    #[test]
    fn three_streams_that_end_at_once_without_a_type_make_the_token_suspect() {
        let mut patience = Patience::default();
        let empty = Ending::Ended { typed: false };
        assert_eq!(waits(&mut patience, &empty, course(0, 0), 2), [1, 2]);
        waits(&mut patience, &lost(), course(0, 0), 1);
        assert!(!patience.suspects_token());
        assert_eq!(waits(&mut patience, &empty, course(0, 0), 2), [300, 300]);
        assert!(patience.suspects_token());
        assert_eq!(waits(&mut patience, &empty, course(1, 1), 1), [1], "an event clears it");
        assert!(!patience.suspects_token());
    }

    #[test]
    fn a_stream_with_a_type_or_a_long_one_is_not_suspect() {
        let mut patience = Patience::default();
        waits(&mut patience, &Ending::Ended { typed: true }, course(0, 0), 5);
        waits(&mut patience, &Ending::Ended { typed: false }, course(11, 0), 5);
        assert!(!patience.suspects_token());
    }

    #[test]
    fn the_server_can_ask_for_longer_waits_but_not_for_endless_ones() {
        let mut patience = Patience::default();
        let ended = Ending::Ended { typed: true };
        let asking = |millis| Course { retry: Some(Duration::from_millis(millis)), ..course(1, 1) };
        assert_eq!(waits(&mut patience, &ended, asking(3_000), 1), [3]);
        assert_eq!(waits(&mut patience, &ended, course(1, 1), 1), [3], "it stays adopted");
        assert_eq!(waits(&mut patience, &ended, asking(u64::MAX), 1), [60]);
        assert_eq!(waits(&mut patience, &ended, asking(0), 1), [1], "never shorter than ours");
        let busy = Ending::Status { code: 503, wait: Some(Duration::from_secs(90)), elsewhere: None };
        assert_eq!(waits(&mut patience, &busy, course(0, 0), 1), [90]);
    }
}
