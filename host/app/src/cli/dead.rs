//! `hodhod dead`: events that bots could not handle.

use std::collections::HashSet;
use std::process::ExitCode;
use std::time::Duration;

use clap::value_parser;
use hodhod_core::dead::DeadLetter;
use hodhod_core::host::OpenedLetter;
use hodhod_core::ids::InboxSeq;
use hodhod_web::admin::{Dropped, LONGEST_PAGE, Letters, Retried};
use reqwest::StatusCode;
use serde::Serialize;

use super::asked::Asking;
use super::client::{Client, Refused};
use super::output::{Answer, lines, table, time};

/// Most of an event that is shown to a person, in bytes; `--json` has all of it.
const LONGEST_EVENT: usize = 16 << 10;

/// How long the answer may take when all letters of a bot are dropped.
const DROP_PATIENCE: Duration = Duration::from_secs(300);

/// What is to be done with dead letters.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Dead {
    /// Lists them, the newest first.
    List(List),
    /// Shows one with its event.
    Show(One),
    /// Has them handled again, as new events at the end of their chats.
    Retry(Retry),
    /// Drops them for good.
    Drop(Discard),
}

/// Lists dead letters.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// The bot; without it, all of them.
    bot: Option<String>,
    /// Those that died before this place only.
    #[arg(long, value_name = "PLACE")]
    before: Option<u64>,
    /// At most so many.
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u64).range(1..=LONGEST_PAGE as u64))]
    limit: u64,
    #[command(flatten)]
    asking: Asking,
}

/// One dead letter.
#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// The number of the letter.
    seq: u64,
    #[command(flatten)]
    asking: Asking,
}

/// Dead letters that are to be tried again.
#[derive(Debug, clap::Args)]
#[group(id = "which", args = ["seq", "bot", "all"], required = true, multiple = false)]
pub(super) struct Retry {
    /// The number of the letter.
    seq: Option<u64>,
    /// All of this bot, the oldest first.
    #[arg(long)]
    bot: Option<String>,
    /// All there are, the oldest first.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    asking: Asking,
}

/// Dead letters that are to be dropped.
#[derive(Debug, clap::Args)]
#[group(id = "which", args = ["seq", "bot"], required = true, multiple = false)]
pub(super) struct Discard {
    /// The number of the letter.
    seq: Option<u64>,
    /// All of this bot.
    #[arg(long)]
    bot: Option<String>,
    #[command(flatten)]
    asking: Asking,
}

impl Dead {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::List(list) => list.run(),
            Self::Show(one) => one.show(),
            Self::Retry(retry) => retry.run(),
            Self::Drop(discard) => discard.run(),
        }
    }
}

impl List {
    fn run(self) -> anyhow::Result<ExitCode> {
        let letters =
            self.asking.client().and_then(|client| page(&client, self.bot.as_deref(), self.before, Some(self.limit)));
        Answer::from(letters).print(self.asking.json, |found| {
            if found.letters.is_empty() {
                return "no dead letters".to_owned();
            }
            let mut text = table(["SEQ", "DIED", "BOT", "CHAT", "TRIES", "REASON"], found.letters.iter().map(row));
            if let Some(next) = found.next {
                text.push_str(&format!("there are more: --before {next} goes on with older ones\n"));
            }
            text
        })
    }
}

fn page(client: &Client, bot: Option<&str>, before: Option<u64>, limit: Option<u64>) -> anyhow::Result<Letters> {
    client.get(&["api", "dead"]).with("bot", bot).with("before", before).with("limit", limit).answer()
}

fn row(letter: &DeadLetter) -> [String; 6] {
    let DeadLetter { seq, bot, chat, attempts, died, reason, place: _ } = letter;
    [seq.to_string(), time(*died), bot.to_string(), chat.to_string(), attempts.to_string(), reason.clone()]
}

impl One {
    fn show(self) -> anyhow::Result<ExitCode> {
        let opened: anyhow::Result<OpenedLetter> =
            self.asking.client().and_then(|client| client.get(&["api", "dead", &self.seq.to_string()]).answer());
        Answer::from(opened).print(self.asking.json, |opened| {
            let heads = ["SEQ", "DIED", "BOT", "CHAT", "TRIES", "REASON"];
            let mut text = table(heads, [row(&opened.letter)]);
            match (&opened.event, &opened.unreadable) {
                (Some(event), _) => text.push_str(&match serde_json::to_string_pretty(event) {
                    Ok(json) => lines(&json, LONGEST_EVENT),
                    Err(error) => format!("its event cannot be shown: {error}"),
                }),
                (None, Some(why)) => {
                    text.push_str(&format!("its event cannot be shown: {}", lines(why, LONGEST_EVENT)))
                }
                (None, None) => text.push_str("its event is not there"),
            }
            text
        })
    }
}

impl Discard {
    fn run(self) -> anyhow::Result<ExitCode> {
        let dropped: anyhow::Result<Dropped> = self.asking.client().and_then(|client| match self.seq {
            Some(seq) => client.post(&["api", "dead", &seq.to_string(), "drop"]).answer(),
            None => {
                client.post(&["api", "dead", "drop"]).with("bot", self.bot.as_ref()).patience(DROP_PATIENCE).answer()
            }
        });
        Answer::from(dropped).print(self.asking.json, |Dropped { dropped }| match self.seq {
            Some(seq) => format!("dead letter {seq} is dropped"),
            None => format!("{} dropped", letters(*dropped)),
        })
    }
}

fn letters(number: u64) -> String {
    if number == 1 { "1 dead letter is".to_owned() } else { format!("{number} dead letters are") }
}

/// What became of many letters.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Again {
    /// Tried again.
    retried: u64,
    /// Gone before their turn came.
    gone: u64,
    /// Still dead.
    left: u64,
    /// The first thing that kept some of them so.
    #[serde(skip)]
    why: Option<String>,
}

impl Retry {
    fn run(self) -> anyhow::Result<ExitCode> {
        if let Some(seq) = self.seq {
            let retried: anyhow::Result<Retried> =
                self.asking.client().and_then(|client| retry(&client, InboxSeq(seq)));
            return Answer::from(retried).print(self.asking.json, |Retried { seq: again }| {
                format!("dead letter {seq} is tried again, as event {again}")
            });
        }
        Answer::from(self.many())
            .but(Again::unfinished)
            .print(self.asking.json, |again| format!("{} tried again", letters(again.retried)))
    }

    /// Those that are there now, so that one that dies again is not tried without end.
    fn many(&self) -> anyhow::Result<Again> {
        let client = self.asking.client()?;
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let page = page(&client, self.bot.as_deref(), before, Some(LONGEST_PAGE as u64))?;
            found.extend(page.letters.into_iter().map(|letter| (letter.bot, letter.seq)));
            // Each page has to lead further down.
            match page.next {
                Some(next) if before.is_none_or(|before| next < before) => before = Some(next),
                _ => break,
            }
        }
        // The oldest first, so that the order in a chat is as it was.
        found.reverse();
        Ok(each(found, |seq| retry(&client, seq)))
    }
}

fn retry(client: &Client, seq: InboxSeq) -> anyhow::Result<Retried> {
    client.post(&["api", "dead", &seq.to_string(), "retry"]).answer()
}

/// Has each tried again. Where one of a bot cannot be, the others of that bot stay too, or its order would
/// be lost; where the host cannot be asked, all do.
fn each<B: Clone + Eq + std::hash::Hash>(
    letters: Vec<(B, InboxSeq)>,
    retry: impl Fn(InboxSeq) -> anyhow::Result<Retried>,
) -> Again {
    let mut again = Again::default();
    let (mut refusing, mut over) = (HashSet::new(), false);
    for (bot, seq) in letters {
        if over || refusing.contains(&bot) {
            again.left += 1;
            continue;
        }
        let Err(error) = retry(seq) else {
            again.retried += 1;
            continue;
        };
        match error.downcast_ref().map(|refused: &Refused| refused.status) {
            Some(StatusCode::NOT_FOUND) => {
                again.gone += 1;
                continue;
            }
            Some(StatusCode::CONFLICT) => drop(refusing.insert(bot)),
            _ => over = true,
        }
        again.left += 1;
        again.why.get_or_insert_with(|| format!("{error:#}"));
    }
    again
}

impl Again {
    fn unfinished(&self) -> Option<String> {
        let why = self.why.as_ref()?;
        Some(format!("{} tried again, {} stay dead: {why}", letters(self.retried), self.left))
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    fn refused(status: u16) -> anyhow::Result<Retried> {
        Err(Refused::new(StatusCode::from_u16(status)?, "not so").into())
    }

    #[test]
    fn a_bot_that_has_no_room_keeps_the_rest_of_its_letters_and_others_get_theirs() {
        let letters =
            || [("a", 1), ("b", 2), ("a", 3), ("b", 4), ("b", 5)].map(|(bot, seq)| (bot, InboxSeq(seq))).into();
        let again = each(letters(), |seq| if seq == InboxSeq(1) { refused(409) } else { Ok(Retried { seq }) });
        assert_eq!((again.retried, again.gone, again.left), (3, 0, 2));
        assert_eq!(again.unfinished().unwrap(), "3 dead letters are tried again, 2 stay dead: not so");
        let again = each(letters(), |seq| if seq == InboxSeq(2) { refused(404) } else { Ok(Retried { seq }) });
        assert_eq!((again.retried, again.gone, again.left, again.unfinished()), (4, 1, 0, None));
        let again = each(letters(), |seq| if seq == InboxSeq(2) { bail!("gone away") } else { Ok(Retried { seq }) });
        assert_eq!((again.retried, again.gone, again.left), (1, 0, 4));
    }
}
