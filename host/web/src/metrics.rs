//! The snapshot in Prometheus' text format; `docs/metrics.md` tells what each number means.
//!
//! Labels are names from the configuration and fixed words, so that no stranger can make a new series.

use hodhod_core::health::State;
use hodhod_core::outbox::SendCounts;
use hodhod_core::runtime::PoolUse;
use hodhod_core::status::{BotStatus, ConnectionStatus, Status};

use crate::page::Page;
use crate::process::Process;
use crate::webhooks::{CLASSES, Calls};

/// Nanoseconds in a second.
const NANOS: f64 = 1e9;

/// Milliseconds in a second.
const MILLIS: f64 = 1e3;

/// Renders the numbers of a snapshot, of the sandbox's pool, of requests of platforms and of the process.
///
/// # Errors
/// When a family is not one of Prometheus, which no snapshot can bring about.
pub(crate) fn render(status: &Status, pool: PoolUse, calls: &Calls) -> Result<String, prometheus::Error> {
    let mut page = Page::default();
    host(&mut page, status, pool);
    store(&mut page, status);
    for_each_connection(&mut page, &status.connections);
    requests(&mut page, calls);
    for_each_bot(&mut page, &status.bots);
    process(&mut page, status, Process::of_self());
    page.write()
}

fn host(page: &mut Page, status: &Status, pool: PoolUse) {
    page.gauges("hodhod_build_info", "1, with the version of the program.").add(&[("version", status.version)], 1);
    page.gauges("hodhod_turns_under_way", "Turns under way.").add(&[], status.turns_under_way as u64);
    if let Some(free) = status.intake.free {
        page.gauges("hodhod_free_bytes", "Bytes that are free on the file system of the state folder.").add(&[], free);
    }
    page.gauges("hodhod_intake_stopped", "1 while the disk keeps the host from taking events.")
        .add(&[], status.intake.trouble.is_some().into());
    page.gauges("hodhod_pool_instances", "Instances of components that there are.").add(&[], pool.instances);
    page.gauges("hodhod_pool_places", "Instances of components that there may be.").add(&[], pool.places);
    let spans = status.traces.unwrap_or_default();
    let mut outcomes = page.counters("hodhod_spans_total", "Spans of traces, by what became of them.");
    outcomes.add(&[("outcome", "exported")], spans.exported);
    outcomes.add(&[("outcome", "dropped")], spans.dropped);
}

fn store(page: &mut Page, status: &Status) {
    let (totals, work) = (&status.totals, &status.store);
    page.gauges("hodhod_inbox_events", "Events in the inbox.").add(&[], totals.waiting_events);
    page.gauges("hodhod_outbox_sends", "Messages in the outbox.").add(&[], totals.waiting_sends);
    page.gauges("hodhod_dead_letters", "Dead letters.").add(&[], totals.dead_letters);
    page.counters("hodhod_dead_letters_dropped_total", "Dead letters that went: too many, too old, or by order.")
        .add(&[], totals.dead_dropped);
    page.histograms("hodhod_store_commit_duration_seconds", "Time until a group of calls was on disk.").add_histogram(
        &[],
        &work.commits,
        NANOS,
    );
    page.histograms("hodhod_store_group_calls", "Calls of the store that went to the disk together.").add_histogram(
        &[],
        &work.groups,
        1.0,
    );
    page.counters("hodhod_store_failures_total", "Groups of calls of which nothing got to the disk.")
        .add(&[], work.failed);
}

fn of_connection(connection: &ConnectionStatus) -> (&'static str, &str) {
    ("connection", connection.name.as_str())
}

fn for_each_connection(page: &mut Page, connections: &[ConnectionStatus]) {
    type Number = fn(&ConnectionStatus) -> u64;
    let gauges: [(&str, &str, Number); 3] = [
        ("hodhod_connected", "1 while a connection is up.", |connection| connection.connected.into()),
        ("hodhod_waiting_sends", "Messages that wait to be sent.", |connection| connection.waiting as u64),
        ("hodhod_sends_under_way", "Messages that are being sent.", |connection| connection.sending as u64),
    ];
    let counters: [(&str, &str, Number); 5] = [
        ("hodhod_reconnects_total", "How often a connection had to connect anew.", |connection| connection.reconnects),
        ("hodhod_arrivals_total", "Events that arrived and were new.", |connection| connection.arrivals),
        ("hodhod_duplicates_total", "Events that had been seen before.", |connection| connection.duplicates),
        ("hodhod_sends_in_doubt_total", "How often nobody knew whether a message had arrived.", |connection| {
            connection.sends.in_doubt
        }),
        ("hodhod_asked_to_wait_total", "How often the platform took no message and asked to wait.", |connection| {
            connection.sends.asked_to_wait
        }),
    ];
    for (name, help, number) in gauges {
        page.gauges(name, help).each(connections, |family, connection| {
            family.add(&[of_connection(connection)], number(connection));
        });
    }
    for (name, help, number) in counters {
        page.counters(name, help).each(connections, |family, connection| {
            family.add(&[of_connection(connection)], number(connection));
        });
    }
    page.counters("hodhod_sends_total", "Messages that left the outbox, by what became of them.").each(
        connections,
        |family, connection| {
            let SendCounts { delivered, failed, dropped, .. } = connection.sends;
            for (outcome, count) in [("delivered", delivered), ("failed", failed), ("dropped", dropped)] {
                family.add(&[of_connection(connection), ("outcome", outcome)], count);
            }
        },
    );
    page.counters("hodhod_asks_total", "Times that a platform waited for an answer, by what it was given.").each(
        connections,
        |family, connection| {
            for (outcome, count) in [("answered", connection.answered), ("unanswered", connection.unanswered)] {
                family.add(&[of_connection(connection), ("outcome", outcome)], count);
            }
        },
    );
    page.counters("hodhod_skipped_total", "Input that was skipped or mended, by reason.").each(
        connections,
        |family, connection| {
            for (reason, count) in &connection.skipped {
                family.add(&[of_connection(connection), ("reason", reason)], *count);
            }
        },
    );
}

fn requests(page: &mut Page, calls: &Calls) {
    let seen = calls.seen();
    page.counters("hodhod_webhook_requests_total", "Requests of platforms, by the class of their status.").each(
        &seen,
        |family, seen| {
            for (class, count) in CLASSES.into_iter().zip(seen.classes) {
                family.add(&[("connection", &seen.connection), ("status", class)], count);
            }
        },
    );
    page.histograms("hodhod_webhook_request_duration_seconds", "Time from the head of a request to its answer.")
        .each(&seen, |family, seen| family.add_histogram(&[("connection", &seen.connection)], &seen.times, NANOS));
    page.gauges("hodhod_webhook_connections", "Connections of those who call.").add(&[], calls.open());
    let mut refused = page.counters("hodhod_webhook_refused_total", "Requests that were refused or cut off.");
    for (reason, count) in calls.refusals() {
        refused.add(&[("reason", reason)], count);
    }
}

fn of_bot(bot: &BotStatus) -> (&'static str, &str) {
    ("bot", bot.name.as_str())
}

fn for_each_bot(page: &mut Page, bots: &[BotStatus]) {
    type Number = fn(&BotStatus) -> u64;
    let gauges: [(&str, &str, Number); 4] = [
        ("hodhod_waiting_events", "Events in the lanes of a bot.", |bot| bot.waiting as u64),
        ("hodhod_lanes", "Chats with something waiting or under way.", |bot| bot.lanes as u64),
        ("hodhod_turns_running", "Turns that run.", |bot| bot.running as u64),
        ("hodhod_generation", "The generation of the plugin that serves.", |bot| bot.generation),
    ];
    let counters: [(&str, &str, Number); 5] = [
        ("hodhod_events_total", "Events that arrived for a bot.", |bot| bot.arrivals),
        ("hodhod_events_handled_total", "Events that were handled.", |bot| bot.done),
        ("hodhod_events_retried_total", "How often an event was put back to be tried again.", |bot| bot.again),
        ("hodhod_events_dead_total", "Events that became dead letters.", |bot| bot.dead),
        ("hodhod_turn_conflicts_total", "Turns that ran again because of another's writes.", |bot| bot.conflicts),
    ];
    for (name, help, number) in gauges {
        page.gauges(name, help).each(bots, |family, bot| family.add(&[of_bot(bot)], number(bot)));
    }
    for (name, help, number) in counters {
        page.counters(name, help).each(bots, |family, bot| family.add(&[of_bot(bot)], number(bot)));
    }
    page.gauges("hodhod_oldest_event_age_seconds", "Age of the oldest event that is not done, or 0.")
        .each(bots, |family, bot| family.add_float(&[of_bot(bot)], seconds(bot.oldest_ms.unwrap_or(0))));
    page.histograms("hodhod_turn_duration_seconds", "Time of a turn, waiting included.")
        .each(bots, |family, bot| family.add_histogram(&[of_bot(bot)], &bot.time, NANOS));
    page.histograms("hodhod_turn_memory_bytes", "Memory that a turn had at its end.")
        .each(bots, |family, bot| family.add_histogram(&[of_bot(bot)], &bot.memory, 1.0));
    page.counters("hodhod_turn_cpu_seconds_total", "Processor time of turns.")
        .each(bots, |family, bot| family.add_float(&[of_bot(bot)], seconds(bot.cpu_ms)));

    page.counters("hodhod_turns_total", "Turns, by how they ended.").each(bots, |family, bot| {
        let ends = [("done", bot.handled), ("retry", bot.retried), ("reject", bot.rejected)];
        for (end, count) in ends.into_iter().chain(bot.failures.iter().map(|(reason, count)| (*reason, *count))) {
            family.add(&[of_bot(bot), ("end", end)], count);
        }
    });
    page.gauges("hodhod_bot_state", "1 for the state that a bot is in.").each(bots, |family, bot| {
        for state in State::ALL {
            family.add(&[of_bot(bot), ("state", state.as_str())], (bot.health.state == state).into());
        }
    });
    page.counters("hodhod_reloads_total", "Files that were to be a generation, by what became of them.").each(
        bots,
        |family, bot| {
            for (result, count) in &bot.reloads {
                family.add(&[of_bot(bot), ("result", result)], *count);
            }
        },
    );
}

fn process(page: &mut Page, status: &Status, process: Process) {
    page.counters("process_cpu_seconds_total", "Processor time of the process.").add_float(&[], process.cpu);
    page.gauges("process_start_time_seconds", "When the host started, since 1970.")
        .add_float(&[], seconds(status.started.0));
    let told = [
        ("process_resident_memory_bytes", "Memory of the process.", process.resident),
        ("process_virtual_memory_bytes", "Address space, most of it reserved for the pool.", process.virtual_),
        ("process_open_fds", "Open files, connections among them.", process.open_files),
        ("process_max_fds", "Open files that there may be.", process.most_files),
        ("process_threads", "Threads.", process.threads),
    ];
    for (name, help, number) in told {
        if let Some(number) = number {
            page.gauges(name, help).add(&[], number);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
fn seconds(millis: u64) -> f64 {
    millis as f64 / MILLIS
}
