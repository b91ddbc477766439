//! Puts each line of the log into the ring, as the object that the log writes as JSON.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::Context;

use super::ring::{Line, Ring};

/// The field that names the bot.
const BOT: &str = "bot";

/// Keeps lines.
pub(super) struct Keep(pub(super) Arc<Ring>);

impl<S: Subscriber> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut at = String::new();
        // A time that cannot be written leaves the field empty.
        let _unwritten = SystemTime.format_time(&mut Writer::new(&mut at));
        let mut fields = Fields(Map::new());
        fields.put("timestamp", at.into());
        fields.put("level", event.metadata().level().as_str().into());
        event.record(&mut fields);
        let bot = fields.0.get(BOT).and_then(Value::as_str).map(Arc::from);
        self.0.push(Line { bot, json: Value::Object(fields.0).to_string().into() });
    }
}

struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use tracing_subscriber::layer::SubscriberExt;

    use super::super::ring::Read;
    use super::*;

    #[test]
    fn a_line_is_kept_as_an_object_that_names_its_bot() {
        let ring = Arc::new(Ring::default());
        let subscriber = tracing_subscriber::registry().with(Keep(ring.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let bot = "echo";
            tracing::warn!(%bot, turns = 3_u64, trace_id = None::<&str>, "می‌روم \u{1b}[31m\n");
            tracing::info!("of the host");
        });
        let mut reader = ring.read(Some("echo"), false);
        let Some(Some(Read::Line(line))) = reader.next().now_or_never() else { panic!("a line") };
        assert!(!line.contains(['\u{1b}', '\n']), "{line:?}");
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["level"], &line["bot"], &line["turns"]), (&"WARN".into(), &"echo".into(), &3.into()));
        assert_eq!(line["message"], "می‌روم \u{1b}[31m\n");
        assert_eq!(line.get("trace_id"), None);
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
        assert_eq!(reader.next().now_or_never(), Some(None));
    }
}
