//! `hodhod pause`, `resume`, `kill`, `quarantine` and `release`: an order to a running host.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use hodhod_core::health::Order;

use super::{ConfigFile, output};
use crate::config;
use crate::control::{self, Answer, LONGEST_ANSWER, Request};

/// How long the host may take: the state is on its disk before it answers.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// An order to a running host.
#[derive(Debug, clap::Args)]
pub(super) struct Control {
    /// The bot, by its name in the configuration.
    bot: String,
    #[command(flatten)]
    file: ConfigFile,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Control {
    pub(super) fn run(self, order: Order) -> anyhow::Result<ExitCode> {
        let config = match config::load(&self.file.config) {
            Ok(config) => config,
            Err(problems) => {
                output::problems(&problems);
                return Ok(ExitCode::FAILURE);
            }
        };
        let request = Request { order: order.as_str().to_owned(), bot: self.bot.clone() };
        // A host that cannot be reached is an answer too, so that a script reads one kind of line.
        let answer =
            ask(&config.host.state, &request, PATIENCE).unwrap_or_else(|error| Answer::refusal(format!("{error:#}")));
        if self.json {
            output::say(&serde_json::to_string(&answer)?);
        } else if answer.ok {
            output::say(&sentence(&self.bot, order, &answer));
        } else {
            output::complain(&format!("error: {}", answer.error.as_deref().unwrap_or("the host refused")));
        }
        Ok(if answer.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Asks the host of a state folder, which may take so long.
pub(super) fn ask(state: &Path, request: &Request, patience: Duration) -> anyhow::Result<Answer> {
    let socket = control::path(state).context("no host can be asked")?;
    let mut stream = UnixStream::connect(&socket).map_err(|error| unreachable(state, &error))?;
    let mut exchange = || {
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        stream.write_all(&line)?;
        let mut line = String::new();
        BufReader::new((&stream).take(LONGEST_ANSWER)).read_line(&mut line)?;
        Ok::<_, io::Error>(line)
    };
    let line = exchange().with_context(|| format!("the host at {} does not answer", socket.display()))?;
    serde_json::from_str(&line).with_context(|| format!("the host at {} broke off", socket.display()))
}

/// Why nobody listens, and what to do.
fn unreachable(state: &Path, error: &io::Error) -> anyhow::Error {
    let state = state.display();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => anyhow::anyhow!(
            "no host runs with the state folder {state}: start one with `hodhod run`, or give its configuration by --config"
        ),
        io::ErrorKind::PermissionDenied => {
            anyhow::anyhow!("the host of {state} belongs to another user: give the order as that user")
        }
        _ => anyhow::anyhow!("the host of {state} cannot be reached: {error}"),
    }
}

/// The answer for a person.
fn sentence(bot: &str, order: Order, answer: &Answer) -> String {
    let state = answer.state.as_deref().unwrap_or("?");
    let mut text = format!("{bot} is {state}");
    if answer.changed == Some(false) {
        text.push_str(", as before");
    }
    let running = answer.running.unwrap_or(0);
    match order {
        Order::Kill => text.push_str(&format!("; {} ended", turns(running))),
        Order::Pause | Order::Quarantine if running > 0 => {
            text.push_str(&format!("; {} under way may end", turns(running)));
        }
        Order::Pause | Order::Quarantine | Order::Resume | Order::Release => {}
    }
    let next = match state {
        "paused" => "resume",
        "quarantined" => "release",
        _ => return text,
    };
    text.push_str(&format!("; its events wait until `hodhod {next} {bot}`"));
    text
}

fn turns(number: usize) -> String {
    if number == 1 { "1 turn".to_owned() } else { format!("{number} turns") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_says_what_the_bot_does_now_and_what_ends_it() {
        let answer = |state: &str, changed, running| Answer {
            ok: true,
            state: Some(state.to_owned()),
            changed: Some(changed),
            running: Some(running),
            ..Answer::default()
        };
        let said = |order, answer: Answer| sentence("echo", order, &answer);
        assert_eq!(said(Order::Resume, answer("active", true, 0)), "echo is active");
        assert_eq!(
            said(Order::Kill, answer("paused", true, 1)),
            "echo is paused; 1 turn ended; its events wait until `hodhod resume echo`"
        );
        assert_eq!(
            said(Order::Pause, answer("paused", false, 2)),
            "echo is paused, as before; 2 turns under way may end; its events wait until `hodhod resume echo`"
        );
        assert_eq!(
            said(Order::Quarantine, answer("quarantined", true, 0)),
            "echo is quarantined; its events wait until `hodhod release echo`"
        );
    }

    #[test]
    fn without_a_host_it_is_told_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let request = Request { order: "pause".into(), bot: "echo".into() };
        let error = ask(folder.path(), &request, PATIENCE).unwrap_err().to_string();
        assert!(error.starts_with("no host runs with the state folder"), "{error}");
        assert!(error.contains("hodhod run"), "{error}");
        let error = format!("{:#}", ask(&folder.path().join("x".repeat(200)), &request, PATIENCE).unwrap_err());
        assert!(error.contains("choose a shorter `state`"), "{error}");
    }
}
