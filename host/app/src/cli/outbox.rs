//! `hodhod outbox`: the messages that wait to be sent, and those of a connection held back.

use std::process::ExitCode;

use clap::value_parser;
use hodhod_core::outbox::ListedSend;
use hodhod_core::time::Millis;
use hodhod_web::admin::{LONGEST_PAGE, Paused, Sends};

use super::asked::Asking;
use super::output::{Answer, table, time};

/// What is to be done with messages that wait.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Outbox {
    /// Lists the messages that wait, without what they say.
    List(List),
    /// Lets the messages of a connection wait, also over a restart. What is under way ends.
    Pause(Connection),
    /// Ends a pause.
    Resume(Connection),
}

/// Lists messages that wait.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// The connection; without it, all of them.
    connection: Option<String>,
    /// Those to this chat only, by the id that the platform gives it.
    #[arg(long)]
    chat: Option<String>,
    /// Those behind this one only.
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    /// At most so many.
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u64).range(1..=LONGEST_PAGE as u64))]
    limit: u64,
    #[command(flatten)]
    asking: Asking,
}

/// One connection.
#[derive(Debug, clap::Args)]
pub(super) struct Connection {
    /// The connection, by its name in the configuration.
    connection: String,
    #[command(flatten)]
    asking: Asking,
}

impl Outbox {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::List(list) => list.run(),
            Self::Pause(connection) => connection.order("pause"),
            Self::Resume(connection) => connection.order("resume"),
        }
    }
}

impl List {
    fn run(self) -> anyhow::Result<ExitCode> {
        let sends: anyhow::Result<Sends> = self.asking.client().and_then(|client| {
            let ask = client.get(&["api", "outbox"]).with("connection", self.connection.as_ref());
            ask.with("chat", self.chat.as_ref()).with("after", self.after).with("limit", Some(self.limit)).answer()
        });
        Answer::from(sends).print(self.asking.json, |found| {
            if found.sends.is_empty() {
                return "no message waits".to_owned();
            }
            let heads = ["SEQ", "QUEUED", "BOT", "CHAT", "KIND", "TRIES", "NEXT TRY"];
            let mut text = table(heads, found.sends.iter().map(row));
            if let Some(next) = found.next {
                text.push_str(&format!("there are more: --after {next} goes on behind these\n"));
            }
            text
        })
    }
}

fn row(send: &ListedSend) -> [String; 7] {
    let next = match send.not_before {
        _ if send.attempted => "under way, or in doubt".to_owned(),
        Millis(0) => "at once".to_owned(),
        at => time(at),
    };
    let (seq, queued, attempts) = (send.seq.to_string(), time(send.queued), send.attempts.to_string());
    [seq, queued, send.bot.to_string(), send.chat.to_string(), send.kind.to_string(), attempts, next]
}

impl Connection {
    fn order(self, order: &str) -> anyhow::Result<ExitCode> {
        let name = &self.connection;
        let path = ["api", "outbox", name, order];
        let paused: anyhow::Result<Paused> = self.asking.client().and_then(|client| client.post(&path).answer());
        Answer::from(paused).print(self.asking.json, |Paused { changed, paused }| {
            let before = if *changed { "" } else { ", as before" };
            match paused {
                Some(since) => format!(
                    "the messages of {name} wait since {}{before}, until `hodhod outbox resume {name}`",
                    time(*since)
                ),
                None => format!("the messages of {name} go out{before}"),
            }
        })
    }
}
