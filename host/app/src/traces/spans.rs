//! A step as a span.
//!
//! The arrival is the root. The waits, the turns and the commits are below it, and below the commit
//! that ended the event is what became of its sends, as the commit is what made them real. Only
//! those two have ids that must be known in another run of the host; the others get one by chance.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hodhod_core::trace::{EventIds, Moment, SendStep, Step, TraceKey, What};
use opentelemetry::trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

/// Makes spans.
pub(super) struct Spans {
    key: TraceKey,
    scope: InstrumentationScope,
}

impl Spans {
    pub(super) fn new(key: TraceKey) -> Self {
        let scope = InstrumentationScope::builder("hodhod").with_version(env!("CARGO_PKG_VERSION")).build();
        Self { key, scope }
    }

    /// The span of a step.
    pub(super) fn of(&self, step: &Step) -> SpanData {
        let ids = self.key.ids(step.event);
        let (arrival, commit) = (SpanId::from_bytes(ids.arrival), SpanId::from_bytes(ids.commit));
        let (id, parent) = match &step.what {
            What::Arrival { .. } => (arrival, SpanId::INVALID),
            What::Commit { mark: "done" | "dead", .. } => (commit, arrival),
            What::Wait | What::Turn { .. } | What::Commit { .. } => (by_chance(), arrival),
            What::OutboxWait(_) | What::Send { .. } => (by_chance(), commit),
        };
        let Told { name, kind, attributes, cause, error } = told(&step.what);
        let mut links = SpanLinks::default();
        if let Some(cause) = cause {
            let cause = self.key.ids(cause);
            links.links.push(Link::with_context(context(&cause, SpanId::from_bytes(cause.commit))));
        }
        SpanData {
            span_context: context(&ids, id),
            parent_span_id: parent,
            parent_span_is_remote: false,
            span_kind: kind,
            name: name.into(),
            start_time: at(step.began),
            end_time: at(step.ended),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links,
            status: error.map_or(Status::Unset, Status::error),
            instrumentation_scope: self.scope.clone(),
        }
    }
}

/// What a span says.
struct Told {
    name: &'static str,
    kind: SpanKind,
    attributes: Vec<KeyValue>,
    cause: Option<hodhod_core::ids::InboxSeq>,
    /// What went wrong, as one word.
    error: Option<&'static str>,
}

fn told(what: &What) -> Told {
    let plain = |name, attributes| Told { name, kind: SpanKind::Internal, attributes, cause: None, error: None };
    match what {
        What::Arrival { bot, connection, kind, cause } => {
            let mut attributes = vec![text("hodhod.bot", bot.as_str()), word("hodhod.event", kind)];
            attributes.extend(connection.as_ref().map(|name| text("hodhod.connection", name.as_str())));
            Told { kind: SpanKind::Consumer, cause: *cause, ..plain("arrival", attributes) }
        }
        What::Wait => plain("wait", Vec::new()),
        What::Turn { bot, generation, attempt, cpu, memory, end, reason } => {
            let mut attributes = vec![
                text("hodhod.bot", bot.as_str()),
                number("hodhod.generation", *generation),
                number("hodhod.attempt", (*attempt).into()),
                number("hodhod.turn.cpu_ns", *cpu),
                number("hodhod.turn.memory_bytes", *memory),
                word("hodhod.turn.end", end),
            ];
            attributes.extend(reason.map(|reason| word("hodhod.turn.reason", reason)));
            let error = (*end == "failed").then_some(reason.unwrap_or("failed"));
            Told { error, ..plain("turn", attributes) }
        }
        What::Commit { mark, sends, values, timers } => {
            let attributes = vec![
                word("hodhod.commit.mark", mark),
                number("hodhod.commit.sends", *sends as u64),
                number("hodhod.commit.values", *values as u64),
                number("hodhod.commit.timers", *timers as u64),
            ];
            Told { error: (*mark == "dead").then_some("dead letter"), ..plain("commit", attributes) }
        }
        What::OutboxWait(send) => plain("outbox wait", about(send)),
        What::Send { send, outcome } => {
            let mut attributes = about(send);
            attributes.push(word("hodhod.send.outcome", outcome));
            let error = (*outcome != "delivered").then_some(*outcome);
            Told { kind: SpanKind::Producer, error, ..plain("send", attributes) }
        }
    }
}

fn about(send: &SendStep) -> Vec<KeyValue> {
    vec![
        text("hodhod.connection", send.connection.as_str()),
        number("hodhod.send.index", send.index.into()),
        number("hodhod.attempt", send.attempt.into()),
    ]
}

fn text(name: &'static str, value: &str) -> KeyValue {
    KeyValue::new(name, value.to_owned())
}

fn word(name: &'static str, value: &'static str) -> KeyValue {
    KeyValue::new(name, value)
}

/// A number; those of the field have a sign.
fn number(name: &'static str, value: u64) -> KeyValue {
    KeyValue::new(name, i64::try_from(value).unwrap_or(i64::MAX))
}

fn context(ids: &EventIds, span: SpanId) -> SpanContext {
    SpanContext::new(TraceId::from_bytes(ids.trace.0), span, TraceFlags::SAMPLED, false, TraceState::NONE)
}

fn by_chance() -> SpanId {
    SpanId::from_bytes(rand::random())
}

fn at(moment: Moment) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(moment.0)
}
