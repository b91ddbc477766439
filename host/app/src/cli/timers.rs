//! `hodhod timers`: what bots have set to happen later, without what it carries.

use std::process::ExitCode;

use clap::value_parser;
use hodhod_core::timers::{ListedTimer, Missed};
use hodhod_web::admin::{self, LONGEST_PAGE};

use super::asked::Asking;
use super::output::{Answer, table, time};

/// Most timers that are held at once.
const MOST: u64 = 100_000;

/// What is to be done with timers.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Timers {
    /// Lists the timers that stand, the next to fire first.
    List(List),
}

/// Lists timers.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// The bot; without it, all of them.
    bot: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u64).range(1..=MOST))]
    limit: u64,
    #[command(flatten)]
    asking: Asking,
}

impl Timers {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Self::List(list) = self;
        list.run()
    }
}

impl List {
    fn run(self) -> anyhow::Result<ExitCode> {
        let limit = usize::try_from(self.limit)?;
        Answer::from(self.ask(limit)).print(self.asking.json, |found| {
            if found.timers.is_empty() {
                return "no timer stands".to_owned();
            }
            let mut text = table(["DUE", "BOT", "CHAT", "IF MISSED", "TIMER"], found.timers.iter().map(row));
            if found.next.is_some() {
                text.push_str("there are more: --limit N lists more of them\n");
            }
            text
        })
    }

    /// Asks for pages until there are enough.
    fn ask(&self, limit: usize) -> anyhow::Result<admin::Timers> {
        let client = self.asking.client()?;
        let mut all = admin::Timers { timers: Vec::new(), next: None };
        loop {
            let ask = client.get(&["api", "timers"]).with("bot", self.bot.as_ref()).with("after", all.next.take());
            let page: admin::Timers = ask.with("limit", Some((limit - all.timers.len()).min(LONGEST_PAGE))).answer()?;
            let is_empty = page.timers.is_empty();
            all.timers.extend(page.timers);
            all.next = page.next;
            if all.next.is_none() || is_empty || all.timers.len() >= limit {
                return Ok(all);
            }
        }
    }
}

fn row(timer: &ListedTimer) -> [String; 5] {
    let missed = match timer.missed {
        Missed::Fire => "fires",
        Missed::Skip => "dropped",
    };
    let key = &timer.key;
    let chat = key.chat.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    [time(timer.due), key.bot.to_string(), chat, missed.to_owned(), key.id.clone()]
}
