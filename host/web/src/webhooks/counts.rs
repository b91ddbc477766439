//! What has become of requests, for the metrics.
//!
//! Labels are names of connections that there are and fixed words, so no stranger adds to them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hodhod_core::histogram::{Distribution, Histogram};
use hodhod_core::ids::ConnectionName;
use hodhod_core::time::whole_nanos;
use http::StatusCode;

/// Bounds for the times of requests, in nanoseconds: what platforms wait for lies between 1 and 3 seconds.
const TIMES: &[u64] = &[
    10_000_000,
    30_000_000,
    100_000_000,
    300_000_000,
    1_000_000_000,
    2_000_000_000,
    3_000_000_000,
    10_000_000_000,
    30_000_000_000,
];

/// Classes of statuses.
pub(crate) const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// Why a request, or a connection, is refused or cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// There is no such connection.
    Unknown,
    /// Its platform does not admit it, as where the key is wrong.
    Denied,
    /// It is asked for in a way that nothing here is.
    Method,
    /// Its body is too large.
    TooLarge,
    /// It did not come in time.
    TooSlow,
    /// Its address has too many connections.
    Crowded,
    /// It is no request, or ends in the middle.
    Broken,
    /// The host is ending.
    Ending,
    /// The platform's side of the host failed at it, or takes too long.
    Failed,
}

/// The words for why.
const REASONS: [&str; 9] =
    ["unknown", "denied", "method", "too-large", "too-slow", "crowded", "broken", "ending", "failed"];

/// Numbers of requests of platforms, shared by who serves them and who shows them.
#[derive(Clone, Default)]
pub struct Calls(Arc<Numbers>);

#[derive(Default)]
struct Numbers {
    open: AtomicU64,
    refused: [AtomicU64; REASONS.len()],
    /// Of no connection.
    of_none: Requests,
    /// As many as were ever configured, at most.
    of: Mutex<BTreeMap<ConnectionName, Arc<Requests>>>,
}

struct Requests {
    classes: [AtomicU64; CLASSES.len()],
    seconds: Histogram,
}

impl Default for Requests {
    fn default() -> Self {
        Self { classes: Default::default(), seconds: Histogram::new(TIMES) }
    }
}

/// What is shown of the requests to one connection.
pub(crate) struct Seen {
    /// Its name; empty for those that reached none.
    pub(crate) connection: String,
    /// By the class of their status.
    pub(crate) classes: [u64; CLASSES.len()],
    /// How long they took, in nanoseconds.
    pub(crate) times: Distribution,
}

/// An open connection, until it is dropped.
pub(super) struct Opened(Arc<Numbers>);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Calls {
    pub(super) fn opened(&self) -> Opened {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        Opened(self.0.clone())
    }

    pub(super) fn refused(&self, why: Refused) {
        if let Some(count) = self.0.refused.get(why as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts an answer to a request, to a connection that there is.
    pub(super) fn answered(&self, connection: Option<&ConnectionName>, status: StatusCode, took: Duration) {
        let of_one = connection.map(|name| {
            let mut of = self.0.of.lock().unwrap_or_else(PoisonError::into_inner);
            of.entry(name.clone()).or_default().clone()
        });
        let requests = of_one.as_deref().unwrap_or(&self.0.of_none);
        let class = usize::from(status.as_u16() / 100).checked_sub(2);
        if let Some(count) = class.and_then(|class| requests.classes.get(class)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        requests.seconds.record(whole_nanos(took));
    }

    /// Connections that are open.
    pub fn open(&self) -> u64 {
        self.0.open.load(Ordering::Relaxed)
    }

    /// How many were refused, and why.
    pub fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        REASONS.into_iter().zip(self.0.refused.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    /// What became of requests, by connection; those of none first.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let seen = |connection: &str, requests: &Requests| Seen {
            connection: connection.to_owned(),
            classes: requests.classes.each_ref().map(|count| count.load(Ordering::Relaxed)),
            times: requests.seconds.distribution(),
        };
        let of = self.0.of.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = vec![seen("", &self.0.of_none)];
        all.extend(of.iter().map(|(name, requests)| seen(name.as_str(), requests)));
        all
    }
}
