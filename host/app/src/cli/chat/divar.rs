//! The person in the terminal, on a local Divar: what is typed goes to the bots, what they answer is shown.

use std::io::IsTerminal;
use std::time::Duration;

use futures::FutureExt;
use hodhod_core::host::Host;
use hodhod_platforms::playground::divar::{DivarServer, Terminal};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::cli::output;

/// How long answers may take that are waited for.
const ANSWERS: Duration = Duration::from_secs(10);

/// The person in the terminal: one local Divar for each bot, because each bot is an app of its own.
pub(super) struct DivarTalk {
    names: Vec<String>,
    terminals: Vec<Terminal>,
    greeted: Vec<bool>,
    current: usize,
}

impl DivarTalk {
    /// The servers were started with [`Terminal::people`].
    pub(super) fn new(bots: Vec<(String, DivarServer)>) -> anyhow::Result<Self> {
        let (mut names, mut terminals) = (Vec::new(), Vec::new());
        for (name, server) in bots {
            terminals.push(Terminal::new(server, &name)?);
            names.push(name);
        }
        let greeted = vec![false; names.len()];
        Ok(Self { names, terminals, greeted, current: 0 })
    }

    pub(super) async fn run(mut self, host: &Host) -> anyhow::Result<()> {
        output::say(&format!("bots: {}   (:help shows what else can be typed)", self.names.join(", ")));
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
                    Some(line) => self.typed(&line).await?,
                    None => break,
                },
                shown = next_of(&mut self.terminals) => output::say(&shown),
            }
        }
        self.answers(host).await
    }

    async fn typed(&mut self, line: &str) -> anyhow::Result<()> {
        if let Some(name) = line.strip_prefix(":bot ") {
            match self.names.iter().position(|bot| bot == name.trim()) {
                Some(bot) => {
                    self.current = bot;
                    self.greet()?;
                }
                None => output::say(&format!("no such bot; there are: {}", self.names.join(", "))),
            }
            return Ok(());
        }
        let shown = self.terminals[self.current].line(line).await;
        if !shown.is_empty() {
            output::say(&shown);
        }
        if shown == Terminal::help() {
            output::say("  :bot NAME            talk to another bot\n  :quit                end");
        }
        Ok(())
    }

    fn greet(&mut self) -> anyhow::Result<()> {
        if !std::mem::replace(&mut self.greeted[self.current], true) {
            self.terminals[self.current].greet()?;
        }
        Ok(())
    }

    /// Shows what comes until everything that was typed is answered.
    async fn answers(&mut self, host: &Host) -> anyhow::Result<()> {
        for terminal in &self.terminals {
            terminal.settled(ANSWERS).await?;
        }
        // What was answered with 200 is in the store.
        let quiet = async {
            loop {
                let totals = host.store().totals().await?;
                if totals.waiting_events == 0 && totals.waiting_sends == 0 {
                    return anyhow::Ok(());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let quiet = tokio::time::timeout(ANSWERS, quiet);
        tokio::pin!(quiet);
        loop {
            tokio::select! {
                biased;
                shown = next_of(&mut self.terminals) => output::say(&shown),
                done = &mut quiet => {
                    // What is delivered is in the feeds, though perhaps not looked at yet.
                    while let Some(shown) = next_of(&mut self.terminals).now_or_never() {
                        output::say(&shown);
                    }
                    return done.map_err(|_| anyhow::anyhow!("not everything was answered within {} s", ANSWERS.as_secs()))?;
                }
            }
        }
    }
}

/// The next message of any bot.
async fn next_of(terminals: &mut [Terminal]) -> String {
    let next = terminals.iter_mut().map(|terminal| {
        Box::pin(async move {
            match terminal.next().await {
                Some(shown) => shown,
                None => std::future::pending().await,
            }
        })
    });
    futures::future::select_all(next).await.0
}
