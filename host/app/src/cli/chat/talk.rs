//! The person in the terminal: what is typed goes to the bots, what they answer is shown.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::Duration;

use anyhow::bail;
use futures::FutureExt;
use hodhod_core::host::Host;
use hodhod_core::text::clean;
use hodhod_platforms::playground::soroush::{Sent, SentFeed, SoroushServer};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::messenger::token;
use crate::cli::output;

/// How long answers may take that are waited for.
const ANSWERS: Duration = Duration::from_secs(10);

const HELP: &str = "\
Type a message and press Enter. Beside that:
  :1 :2 …          press the button with this number
  :bot NAME        talk to another bot
  :start :leave    open the conversation again, or leave it
  :here LAT LON    share a place
  :quit            end";

/// How bots know the person.
const ME: &str = "you";

/// The person in the terminal.
pub(super) struct Talk {
    server: SoroushServer,
    bots: Vec<String>,
    current: usize,
    greeted: Vec<bool>,
    posted: u64,
    feeds: Vec<SentFeed>,
    keyboards: HashMap<usize, Vec<(String, String)>>,
}

impl Talk {
    pub(super) fn new(server: SoroushServer, bots: &[String]) -> anyhow::Result<Self> {
        let feeds = bots.iter().map(|bot| Ok(server.subscribe_sent(&token(bot))?)).collect::<anyhow::Result<_>>()?;
        Ok(Self {
            server,
            bots: bots.to_vec(),
            current: 0,
            greeted: vec![false; bots.len()],
            posted: 0,
            feeds,
            keyboards: HashMap::new(),
        })
    }

    pub(super) async fn run(mut self, host: &Host) -> anyhow::Result<()> {
        output::say(&format!("bots: {}   (:help shows what else can be typed)", self.bots.join(", ")));
        self.greet()?;
        let person = std::io::stdin().is_terminal();
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        loop {
            if !person {
                // A script cannot see an answer before it goes on, so it waits for each.
                self.answers(host).await?;
            }
            tokio::select! {
                line = lines.next_line() => match line? {
                    Some(line) if line.trim() == ":quit" => break,
                    Some(line) => self.typed(&line)?,
                    None => break,
                },
                (bot, sent) = next_of(&mut self.feeds) => self.show(bot, &sent),
            }
        }
        self.answers(host).await
    }

    fn typed(&mut self, line: &str) -> anyhow::Result<()> {
        let Some(command) = line.strip_prefix(':') else {
            if !line.trim().is_empty() {
                self.server.say(&self.token(), ME, line)?;
                self.posted += 1;
            }
            return Ok(());
        };
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["bot", name] => match self.bots.iter().position(|bot| bot == name) {
                Some(bot) => {
                    self.current = bot;
                    self.greet()?;
                }
                None => output::say(&format!("no such bot; there are: {}", self.bots.join(", "))),
            },
            ["start"] => {
                self.greeted[self.current] = false;
                self.greet()?;
            }
            ["leave"] => {
                self.server.leave(&self.token(), ME)?;
                self.posted += 1;
            }
            ["here", latitude, longitude] => match (latitude.parse(), longitude.parse()) {
                (Ok(latitude), Ok(longitude)) => {
                    self.server.share_location(&self.token(), ME, latitude, longitude)?;
                    self.posted += 1;
                }
                _ => output::say("a place is two numbers, as in :here 35.7 51.4"),
            },
            [number] if number.parse::<usize>().is_ok() => self.press(number.parse()?)?,
            _ => output::say(HELP),
        }
        Ok(())
    }

    fn press(&mut self, number: usize) -> anyhow::Result<()> {
        let keys = self.keyboards.get(&self.current);
        match keys.and_then(|keys| keys.get(number.checked_sub(1)?)) {
            Some((_, command)) => {
                let command = command.clone();
                self.server.press(&self.token(), ME, &command)?;
                self.posted += 1;
            }
            None => output::say("there is no such button"),
        }
        Ok(())
    }

    fn greet(&mut self) -> anyhow::Result<()> {
        if !std::mem::replace(&mut self.greeted[self.current], true) {
            self.server.start_bot(&self.token(), ME)?;
            self.posted += 1;
        }
        Ok(())
    }

    fn show(&mut self, bot: usize, sent: &Sent) {
        let name = &self.bots[bot];
        match sent.kind() {
            "LOCATION" => output::say(&format!("{name}> place {}, {}", sent.json["latitude"], sent.json["longitude"])),
            "CHANGE" => {}
            "FILE" => output::say(&format!("{name}> file {}", shown(sent.json["fileName"].as_str().unwrap_or("?")))),
            _ => output::say(&format!("{name}> {}", shown(sent.body()))),
        }
        if let Some(rows) = sent.json.get("keyboard").and_then(Value::as_array) {
            let keys: Vec<(String, String)> = rows
                .iter()
                .flat_map(|row| row.as_array().into_iter().flatten())
                .filter_map(|key| Some((key["text"].as_str()?.to_owned(), key["command"].as_str()?.to_owned())))
                .collect();
            if !keys.is_empty() {
                let labels: Vec<_> = keys
                    .iter()
                    .enumerate()
                    .map(|(place, (label, _))| format!(":{} {}", place + 1, shown(label)))
                    .collect();
                output::say(&format!("      [{}]", labels.join("]  [")));
            }
            self.keyboards.insert(bot, keys);
        }
    }

    /// Shows what comes until everything that was typed is answered.
    async fn answers(&mut self, host: &Host) -> anyhow::Result<()> {
        let posted = self.posted;
        let quiet = async {
            loop {
                let totals = host.store().totals().await?;
                if totals.arrivals >= posted && totals.waiting_events == 0 && totals.waiting_sends == 0 {
                    return anyhow::Ok(());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::pin!(quiet);
        let deadline = tokio::time::sleep(ANSWERS);
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                biased;
                (bot, sent) = next_of(&mut self.feeds) => self.show(bot, &sent),
                done = &mut quiet => {
                    // What is delivered is in the feeds, though perhaps not looked at yet.
                    while let Some((bot, sent)) = next_of(&mut self.feeds).now_or_never() {
                        self.show(bot, &sent);
                    }
                    return done;
                }
                () = &mut deadline => bail!("not everything was answered within {} s", ANSWERS.as_secs()),
            }
        }
    }

    fn token(&self) -> String {
        token(&self.bots[self.current])
    }
}

/// The next message of any bot.
async fn next_of(feeds: &mut [SentFeed]) -> (usize, Sent) {
    let next = feeds.iter_mut().enumerate().map(|(bot, feed)| {
        Box::pin(async move {
            match feed.next().await {
                Some(sent) => (bot, sent),
                None => std::future::pending().await,
            }
        })
    });
    futures::future::select_all(next).await.0
}

/// A bot's text with its lines, and without what would command the terminal.
fn shown(text: &str) -> String {
    text.split('\n').map(|line| clean(line, usize::MAX)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_bot_writes_keeps_its_lines_and_cannot_command_the_terminal() {
        assert_eq!(shown("یک\nمی‌روم\u{1b}]52;c;eA==\u{7}"), "یک\nمی‌روم\u{fffd}]52;c;eA==\u{fffd}");
    }
}
