//! Traces for an OpenTelemetry collector, where the configuration names one.
//!
//! A step is told in the middle of a turn: it is looked at whether its trace is wanted, put into a
//! bounded queue, and that is all. A task makes spans of steps and sends them in batches. Whatever
//! the receiver does, nobody waits for it: what has no room is counted and gone.

mod export;
mod spans;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use hodhod_core::trace::{Counts, Listener, Moment, Step, TraceId, TraceKey, Traces};
use tokio::sync::mpsc;

pub(crate) use self::export::Exporter;
use crate::config::{Problem, TracesConfig};
use crate::state_key::StateKey;

/// Steps that wait to be sent: some seconds of a busy host, about 1 MiB.
const QUEUE: usize = 8192;

/// What makes the ids of traces, also where none are exported: lines of the log carry them.
pub(crate) fn key(state: &StateKey) -> TraceKey {
    TraceKey::new(state.derive("traces"))
}

/// Starts the export; to be called in the runtime that is to carry it.
pub(crate) fn start(config: &TracesConfig, key: TraceKey) -> Result<(Traces, Exporter), Problem> {
    let (queue, steps) = mpsc::channel(QUEUE);
    let tally = Arc::new(Tally::default());
    let exporter = Exporter::start(config, key, steps, tally.clone())?;
    let listener = Queue { key, sample: config.sample, queue, tally, clock: WallClock::new() };
    Ok((Traces::heard_by(key, Arc::new(listener)), exporter))
}

/// What became of spans.
#[derive(Debug, Default)]
struct Tally {
    exported: AtomicU64,
    dropped: AtomicU64,
}

impl Tally {
    fn dropped(&self, spans: usize) {
        self.dropped.fetch_add(spans as u64, Ordering::Relaxed);
    }

    fn exported(&self, spans: usize) {
        self.exported.fetch_add(spans as u64, Ordering::Relaxed);
    }
}

/// Listens, and lets nobody wait.
struct Queue {
    key: TraceKey,
    sample: f64,
    queue: mpsc::Sender<Step>,
    tally: Arc<Tally>,
    clock: WallClock,
}

impl Listener for Queue {
    fn now(&self) -> Moment {
        self.clock.now()
    }

    fn tell(&self, step: Step) {
        if !is_sampled(self.key.ids(step.event).trace, self.sample) {
            return;
        }
        if self.queue.try_send(step).is_err() {
            self.tally.dropped(1);
        }
    }

    fn counts(&self) -> Counts {
        Counts {
            exported: self.tally.exported.load(Ordering::Relaxed),
            dropped: self.tally.dropped.load(Ordering::Relaxed),
        }
    }
}

/// True for this share of traces. By the id, so that a trace is whole or not there, also over a restart.
fn is_sampled(trace: TraceId, share: f64) -> bool {
    /// As many bits as a float tells apart.
    const BITS: u32 = 53;
    let mut last = [0; 8];
    last.copy_from_slice(&trace.0[8..]);
    let place = (u64::from_be_bytes(last) >> (u64::BITS - BITS)) as f64;
    place < share * (1_u64 << BITS) as f64
}

/// The machine's clock as it was when the host started, and since then the time that has passed: a span does
/// not end before it began because somebody set the clock.
#[derive(Clone, Copy)]
struct WallClock {
    started: Instant,
    at: u64,
}

impl WallClock {
    fn new() -> Self {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), at: u64::try_from(at.as_nanos()).unwrap_or(u64::MAX) }
    }

    fn now(self) -> Moment {
        let passed = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Moment(self.at.saturating_add(passed))
    }
}

#[cfg(test)]
mod tests {
    use hodhod_core::ids::InboxSeq;
    use hodhod_core::trace::What;

    use super::*;

    #[test]
    fn a_share_of_traces_is_that_share_and_each_is_whole() {
        let key = TraceKey::new([1; 32]);
        let wanted = |share| (0..10_000).filter(|&event| is_sampled(key.ids(InboxSeq(event)).trace, share)).count();
        assert_eq!((wanted(0.0), wanted(1.0)), (0, 10_000));
        assert!((2300..2700).contains(&wanted(0.25)), "{}", wanted(0.25));
        assert!(is_sampled(TraceId([0xff; 16]), 1.0) && !is_sampled(TraceId([0; 16]), 0.0));
        // One that is wanted of few is wanted of many: hosts with different shares agree.
        let few: Vec<_> = (0..1000).filter(|&event| is_sampled(key.ids(InboxSeq(event)).trace, 0.1)).collect();
        assert!(few.iter().all(|&event| is_sampled(key.ids(InboxSeq(event)).trace, 0.5)));
    }

    #[test]
    fn what_has_no_room_is_counted_and_nobody_waits() {
        let (queue, mut steps) = mpsc::channel(2);
        let (key, tally) = (TraceKey::default(), Arc::new(Tally::default()));
        let listener = Queue { key, sample: 1.0, queue, tally, clock: WallClock::new() };
        let traces = Traces::heard_by(key, Arc::new(listener));
        for event in 0..5 {
            traces.tell(InboxSeq(event), traces.now(), traces.now(), || What::Wait);
        }
        assert_eq!(traces.counts(), Some(Counts { exported: 0, dropped: 3 }));
        assert_eq!(steps.try_recv().unwrap().event, InboxSeq(0));
    }
}
