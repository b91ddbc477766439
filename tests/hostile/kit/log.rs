//! The log as it reaches whoever writes it: before any writer has cleaned it again.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

/// Lines that are kept: more than a bot may write in a minute.
const KEPT: usize = 20_000;

type Kept = Arc<Mutex<Vec<String>>>;

/// Keeps the lines of bots, and what the host warns of.
struct Keep(Kept);

impl<S: Subscriber> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let target = event.metadata().target();
        if target != "bot" && !target.starts_with("hodhod") {
            return;
        }
        let mut line = Line(String::new());
        event.record(&mut line);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(line.0);
        }
    }
}

struct Line(String);

impl Visit for Line {
    fn record_str(&mut self, _field: &Field, value: &str) {
        self.0.push_str(value);
        self.0.push(' ');
    }

    fn record_debug(&mut self, _field: &Field, value: &dyn Debug) {
        // Writing to a string cannot fail.
        let _infallible = write!(self.0, "{value:?} ");
    }
}

static LOG: OnceLock<Kept> = OnceLock::new();

/// Begins to keep, once in a process.
pub(crate) fn keep() {
    LOG.get_or_init(|| {
        let kept = Kept::default();
        // The only one who sets it.
        let _first = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Keep(kept.clone())));
        kept
    });
}

/// What was kept so far.
pub(crate) fn lines() -> Vec<String> {
    LOG.get().map(|kept| kept.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
}
