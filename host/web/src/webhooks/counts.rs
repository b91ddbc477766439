//! What has come to the public listener, for metrics. Labels are names of connections and fixed words.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use hodhod_core::histogram::{Distribution, Histogram};
use hodhod_core::ids::ConnectionName;

/// Bounds of times, in nanoseconds: 0.5 ms to 5 s.
const BOUNDS: &[u64] = &[
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_000_000_000,
    5_000_000_000,
];

/// Why a request came to no connection's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Its address has too many connections, or there are too many.
    Crowded,
    /// Too many requests are being answered, or the host drains.
    Busy,
    /// There is no such connection.
    Unknown,
    /// The platform does not want it, as it saw from the head: a wrong key, most often.
    Head,
    /// Its body is too long.
    TooLarge,
    /// Its body took too long.
    TooSlow,
    /// Its body broke off.
    Broken,
}

impl Refused {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Crowded, "crowded"),
        (Self::Busy, "busy"),
        (Self::Unknown, "unknown"),
        (Self::Head, "head"),
        (Self::TooLarge, "too-large"),
        (Self::TooSlow, "too-slow"),
        (Self::Broken, "broken"),
    ];
}

/// Classes of answers, by the first digit of their status.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// What is counted of one connection.
struct OfConnection {
    classes: [u64; 5],
    times: Histogram,
}

#[derive(Default)]
pub(super) struct Counts {
    refused: [AtomicU64; Refused::ALL.len()],
    /// Only connections of the configuration are ever here.
    answered: Mutex<BTreeMap<ConnectionName, OfConnection>>,
}

/// What has come so far.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Connections that are open.
    pub(crate) open: usize,
    /// Requests that came to no connection's answer, by reason.
    pub(crate) refused: Vec<(&'static str, u64)>,
    /// By connection: answers by class, and the times they took.
    pub(crate) answered: Vec<(ConnectionName, Vec<(&'static str, u64)>, Distribution)>,
}

impl Counts {
    pub(super) fn refuse(&self, why: Refused) {
        let place = Refused::ALL.iter().position(|(refused, _)| *refused == why);
        if let Some(count) = place.and_then(|place| self.refused.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn answered(&self, name: &ConnectionName, status: StatusCode, took: Duration) {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || OfConnection { classes: [0; 5], times: Histogram::new(BOUNDS) };
        let of = answered.entry(name.clone()).or_insert_with(new);
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(count) = of.classes.get_mut(class) {
            *count += 1;
        }
        of.times.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(super) fn seen(&self, open: usize) -> Seen {
        let words = Refused::ALL.iter().zip(&self.refused);
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        Seen {
            open,
            refused: words.map(|((_, word), count)| (*word, count.load(Ordering::Relaxed))).collect(),
            answered: answered
                .iter()
                .map(|(name, of)| {
                    (name.clone(), CLASSES.into_iter().zip(of.classes).collect(), of.times.distribution())
                })
                .collect(),
        }
    }
}
