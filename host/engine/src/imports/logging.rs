//! `wasi:logging`: bounded, cleaned lines in the host's log.

use wasmtime::Result;

use crate::bindings::wasi::logging::logging::{Host, Level as WitLevel};
use crate::lines::Level;
use crate::state::State;

impl Host for State {
    fn log(&mut self, level: WitLevel, context: String, message: String) -> Result<()> {
        let level = match level {
            WitLevel::Trace => Level::Trace,
            WitLevel::Debug => Level::Debug,
            WitLevel::Info => Level::Info,
            WitLevel::Warn => Level::Warn,
            WitLevel::Error | WitLevel::Critical => Level::Error,
        };
        self.lines.write(level, &context, &message);
        Ok(())
    }
}
