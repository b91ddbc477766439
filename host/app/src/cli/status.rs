//! `hodhod status`.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

use super::asked::Asked;
use super::output;

/// Asks a running host how it is doing.
#[derive(Debug, clap::Args)]
pub(super) struct Status {
    #[command(flatten)]
    asked: Asked,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let status: Value = self.asked.client()?.get(&["status"]).answer()?;
        if self.json {
            output::say_json(&status.to_string());
        } else {
            output::say(table(&status).trim_end());
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A line about a bot that is not simply running.
fn held(bot: &Value, now: u64) -> Option<String> {
    let health = &bot["health"];
    let state = health["state"].as_str().filter(|state| *state != "active")?;
    let seconds = now.saturating_sub(health["since"].as_u64()?) / 1000;
    let next = match health["next_probe"].as_u64() {
        Some(at) => format!("; next try in {} s", at.saturating_sub(now).div_ceil(1000)),
        None if state == "degraded" => "; the next turn is a try".to_owned(),
        None => String::new(),
    };
    Some(format!("{state} for {seconds} s: {}{next}", health["reason"].as_str().unwrap_or("?")))
}

/// A line about a disk that takes nothing.
fn trouble(trouble: &Value, now: u64) -> Option<String> {
    let (what, then) = (trouble["text"].as_str()?, trouble["then"].as_str()?);
    let since = trouble["since"].as_u64()?;
    let at = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(since));
    let seconds = now.saturating_sub(since) / 1000;
    Some(format!("{what}; it has stopped since {at} ({seconds} s); {then}"))
}

/// The snapshot for a person.
fn table(status: &Value) -> String {
    let mut text = String::new();
    let number = |value: &Value, key: &str| value[key].as_u64().unwrap_or_default();
    let word = |value: &Value, key: &str| value[key].as_str().unwrap_or("?").to_owned();
    let up = number(status, "now").saturating_sub(number(status, "started")) / 1000;
    let totals = &status["totals"];
    // Writing to a string cannot fail.
    let _infallible = (|| {
        writeln!(text, "hodhod {}, up {up} s", word(status, "version"))?;
        writeln!(
            text,
            "events: {} waiting, {} handled, {} dead letters; messages: {} waiting, {} delivered, {} in doubt",
            number(totals, "waiting_events"),
            number(totals, "handled"),
            number(totals, "dead_letters"),
            number(totals, "waiting_sends"),
            number(totals, "delivered"),
            number(totals, "in_doubt_resent") + number(totals, "in_doubt_dropped"),
        )?;
        let lines = |what: &Value| {
            what.as_array().cloned().into_iter().flatten().filter_map(|line| line.as_str().map(str::to_owned))
        };
        for line in lines(&status["configuration"]["refused"]) {
            writeln!(text, "the configuration is not taken: {line}")?;
        }
        for line in lines(&status["configuration"]["pending"]) {
            writeln!(text, "the configuration: {line}")?;
        }
        let mib = |key: &str| number(&status["disk"], key).div_ceil(1 << 20);
        writeln!(
            text,
            "disk: {} MiB of database, {} MiB of it free, {} MiB of log",
            mib("database"),
            mib("free"),
            mib("log")
        )?;
        if let Some(line) = trouble(&status["intake"]["trouble"], number(status, "now")) {
            writeln!(text, "intake: {line}")?;
        }
        for connection in status["connections"].as_array().into_iter().flatten() {
            let state = if connection["connected"].as_bool() == Some(true) { "connected" } else { "not connected" };
            let name = word(connection, "name");
            let (waiting, reconnects) = (number(connection, "waiting"), number(connection, "reconnects"));
            let asked = number(&connection["sends"], "asked_to_wait");
            let asked = if asked > 0 { format!(", was asked to wait {asked} times") } else { String::new() };
            writeln!(text, "connection {name}: {state}, {reconnects} reconnects, {waiting} messages waiting{asked}")?;
            if let Some(since) = connection["paused"].as_u64() {
                let seconds = number(status, "now").saturating_sub(since) / 1000;
                writeln!(text, "  its messages wait because the operator paused them {seconds} s ago")?;
            }
            if let Some(trouble) = connection["trouble"].as_str() {
                writeln!(text, "  trouble: {trouble}")?;
            }
        }
        for bot in status["bots"].as_array().into_iter().flatten() {
            let failures: u64 = bot["failures"].as_object().into_iter().flatten().filter_map(|(_, n)| n.as_u64()).sum();
            let (name, generation) = (word(bot, "name"), number(bot, "generation"));
            let (handled, waiting) = (number(bot, "handled"), number(bot, "waiting"));
            let oldest = number(bot, "oldest_ms") / 1000;
            let oldest = if waiting > 0 && oldest > 0 { format!(", the oldest for {oldest} s") } else { String::new() };
            writeln!(
                text,
                "bot {name}: generation {generation}, {handled} handled, {failures} failed, {waiting} waiting{oldest}"
            )?;
            if let Some(line) = held(bot, number(status, "now")) {
                writeln!(text, "  {line}")?;
            }
            if let Some(reason) = bot["trouble"]["reason"].as_str() {
                writeln!(text, "  its new build does not serve: {reason}")?;
            }
            if let Some(reason) = bot["last_failure"]["reason"].as_str() {
                writeln!(text, "  last failure: {reason}: {}", word(&bot["last_failure"], "detail"))?;
            }
        }
        std::fmt::Result::Ok(())
    })();
    text
}
