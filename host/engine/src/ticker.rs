//! The tick by which running guests notice that time passes.
//!
//! One thread per engine raises the epoch every [`TICK`]; compiled code compares it at loop heads
//! and calls. The thread holds the engine weakly, so it ends when the last engine is gone.

use std::io;
use std::thread;
use std::time::Duration;

use wasmtime::Engine;

/// The longest that a guest runs before it lets others go on.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Starts ticking.
pub(crate) fn start(engine: &Engine) -> io::Result<()> {
    let engine = engine.weak();
    thread::Builder::new().name("hodhod-tick".to_owned()).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    })?;
    Ok(())
}
