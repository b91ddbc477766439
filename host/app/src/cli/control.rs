//! `hodhod pause`, `resume`, `kill`, `quarantine` and `release`: an order to a running host.

use std::process::ExitCode;

use hodhod_core::health::Order;
use hodhod_web::admin::Ordered;

use super::asked::Asked;
use super::output::Answer;

/// An order to a running host.
#[derive(Debug, clap::Args)]
pub(super) struct Control {
    /// The bot, by its name in the configuration.
    bot: String,
    #[command(flatten)]
    asked: Asked,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Control {
    pub(super) fn run(self, order: Order) -> anyhow::Result<ExitCode> {
        let path = ["api", "bots", &self.bot, order.as_str()];
        // A host that cannot be reached is an answer too, so that a script reads one kind of line.
        let ordered: anyhow::Result<Ordered> = self.asked.client().and_then(|client| client.post(&path).answer());
        let still_running = |ordered: &Ordered| ordered.still_running.filter(|turns| *turns > 0);
        let unended = |ordered: &Ordered| Some(format!("{} turns have not ended yet", still_running(ordered)?));
        Answer::from(ordered).but(unended).print(self.json, |ordered| sentence(&self.bot, order, ordered))
    }
}

/// The answer for a person.
fn sentence(bot: &str, order: Order, answer: &Ordered) -> String {
    let state = answer.state.as_str();
    let mut text = format!("{bot} is {state}");
    if !answer.changed {
        text.push_str(", as before");
    }
    let running = answer.running;
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
        let answer =
            |state: &str, changed, running| Ordered { state: state.to_owned(), changed, running, ..Ordered::default() };
        let said = |order, answer: Ordered| sentence("echo", order, &answer);
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
}
