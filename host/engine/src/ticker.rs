//! The tick by which running guests notice that time passes.
//!
//! One thread per engine raises the epoch every [`TICK`]; compiled code compares it at loop heads
//! and calls. While no guest runs the thread sleeps, so a host with nothing to do costs nothing. It
//! holds the engine weakly, so it ends when the last engine is gone.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

/// The longest that a guest runs before it lets others go on. Others wait for as long, so it is
/// short; handing over takes some microseconds.
pub(crate) const TICK: Duration = Duration::from_millis(2);

/// Ticks without a sign of a guest before the thread sleeps. A guest whose first sign crossed the
/// clearing of the one before meets its deadline within two, and gives the next.
const QUIET: u32 = 3;

/// How often the sleeping thread looks whether the engine is still there.
const NAP: Duration = Duration::from_secs(1);

/// Where guests tell the thread that they run.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    felt: AtomicBool,
    asleep: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Pulse {
    /// To be called whenever a guest begins or goes on to run, and at each of its ticks.
    pub(crate) fn beat(&self) {
        // Usually it was felt since the last tick, and all threads only read.
        if self.felt.load(Ordering::Relaxed) {
            return;
        }
        // Before the look at `asleep`; the thread does both the other way round, so one sees the other.
        self.felt.store(true, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }
}

/// Starts ticking.
pub(crate) fn start(engine: &Engine) -> io::Result<Arc<Pulse>> {
    let pulse = Arc::new(Pulse::default());
    let (engine, felt) = (engine.weak(), pulse.clone());
    thread::Builder::new().name("hodhod-tick".to_owned()).spawn(move || tick(&engine, &felt))?;
    Ok(pulse)
}

fn tick(engine: &EngineWeak, pulse: &Pulse) {
    pulse.thread.get_or_init(thread::current);
    let mut quiet = 0;
    while let Some(engine) = engine.upgrade() {
        engine.increment_epoch();
        drop(engine);
        if quiet < QUIET {
            thread::sleep(TICK);
        } else {
            pulse.asleep.store(true, Ordering::SeqCst);
            if !pulse.felt.load(Ordering::SeqCst) {
                thread::park_timeout(NAP);
            }
            pulse.asleep.store(false, Ordering::SeqCst);
        }
        quiet = if pulse.felt.swap(false, Ordering::SeqCst) { 0 } else { quiet + 1 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_without_guests_lets_its_thread_sleep_and_a_guest_wakes_it() {
        let engine = Engine::default();
        let pulse = start(&engine).unwrap();
        let began = std::time::Instant::now();
        for _ in 0..20 {
            while !pulse.asleep.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            while pulse.asleep.load(Ordering::SeqCst) {
                pulse.beat();
                thread::yield_now();
            }
        }
        assert!(began.elapsed() < 10 * NAP, "it was woken, and did not end its naps by itself");
    }
}
