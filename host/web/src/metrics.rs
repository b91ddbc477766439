//! The snapshot in Prometheus' text format. Labels are names from the configuration and fixed
//! words, so that no stranger can make a new series.

use std::fmt::{Display, Write as _};

use hodhod_core::health::State;
use hodhod_core::status::Status;

/// Renders the numbers of a snapshot.
pub(crate) fn render(status: &Status) -> String {
    let mut page = Page(String::new());
    let totals = &status.totals;
    page.family("hodhod_arrivals_total", "counter", "Events that arrived and were new.");
    page.line("hodhod_arrivals_total", &[], totals.arrivals);
    page.family("hodhod_duplicates_total", "counter", "Events that had been seen before.");
    page.line("hodhod_duplicates_total", &[], totals.duplicates);
    page.family("hodhod_handled_total", "counter", "Events that were handled.");
    page.line("hodhod_handled_total", &[], totals.handled);
    page.family("hodhod_dead_total", "counter", "Events that became dead letters.");
    page.line("hodhod_dead_total", &[], totals.dead);
    page.family("hodhod_sends_total", "counter", "Messages to platforms, by what became of them.");
    for (outcome, count) in [
        ("delivered", totals.delivered),
        ("failed", totals.failed),
        ("in-doubt-resent", totals.in_doubt_resent),
        ("in-doubt-dropped", totals.in_doubt_dropped),
    ] {
        page.line("hodhod_sends_total", &[("outcome", outcome)], count);
    }
    page.family("hodhod_waiting_events", "gauge", "Events in the inbox.");
    page.line("hodhod_waiting_events", &[], totals.waiting_events);
    page.family("hodhod_waiting_sends", "gauge", "Messages in the outbox.");
    page.line("hodhod_waiting_sends", &[], totals.waiting_sends);
    page.family("hodhod_dead_letters", "gauge", "Dead letters.");
    page.line("hodhod_dead_letters", &[], totals.dead_letters);
    page.family("hodhod_turns_under_way", "gauge", "Turns under way.");
    page.line("hodhod_turns_under_way", &[], status.turns_under_way);

    page.family("hodhod_turns_total", "counter", "Turns of a bot since the host started, by how they ended.");
    for bot in &status.bots {
        let name = ("bot", bot.name.as_str());
        for (end, count) in [("done", bot.handled), ("retry", bot.retried), ("reject", bot.rejected)] {
            page.line("hodhod_turns_total", &[name, ("end", end)], count);
        }
        for (reason, count) in &bot.failures {
            page.line("hodhod_turns_total", &[name, ("end", reason)], count);
        }
    }
    page.family("hodhod_turn_conflicts_total", "counter", "Turns that ran again because of another's writes.");
    for bot in &status.bots {
        page.line("hodhod_turn_conflicts_total", &[("bot", bot.name.as_str())], bot.conflicts);
    }
    page.family("hodhod_turn_cpu_milliseconds_total", "counter", "Processor time of turns.");
    for bot in &status.bots {
        page.line("hodhod_turn_cpu_milliseconds_total", &[("bot", bot.name.as_str())], bot.cpu_ms);
    }
    page.family("hodhod_bot_state", "gauge", "1 for the state that a bot is in.");
    for bot in &status.bots {
        for state in State::ALL {
            let labels = [("bot", bot.name.as_str()), ("state", state.as_str())];
            page.line("hodhod_bot_state", &labels, u8::from(bot.health.state == state));
        }
    }
    page.family("hodhod_connected", "gauge", "1 while a connection is up.");
    for connection in &status.connections {
        page.line("hodhod_connected", &[("connection", connection.name.as_str())], u8::from(connection.connected));
    }
    page.family("hodhod_reconnects_total", "counter", "How often a connection had to connect anew.");
    for connection in &status.connections {
        page.line("hodhod_reconnects_total", &[("connection", connection.name.as_str())], connection.reconnects);
    }
    page.family("hodhod_skipped_total", "counter", "Input of a connection that was skipped, by reason.");
    for connection in &status.connections {
        for (reason, count) in &connection.skipped {
            let labels = [("connection", connection.name.as_str()), ("reason", *reason)];
            page.line("hodhod_skipped_total", &labels, count);
        }
    }
    page.0
}

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<_> = labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escape(value))).collect();
        if labels.is_empty() {
            self.write(format_args!("{name} {value}\n"));
        } else {
            self.write(format_args!("{name}{{{}}} {value}\n", labels.join(",")));
        }
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _infallible = self.0.write_fmt(text);
    }
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
