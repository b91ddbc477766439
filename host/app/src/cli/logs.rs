//! `hodhod logs`: the newest lines of a running host's log, and those to come.

use std::process::ExitCode;
use std::time::Duration;

use serde::de::IgnoredAny;

use super::asked::Asked;
use super::client::PATIENCE;
use super::output;
use crate::log;

/// Longest line that is held back until its end comes, in bytes.
const LONGEST: usize = 1 << 20;

/// How long whoever follows waits for the next line: as long as it takes.
const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);

/// Prints the newest lines of the log.
#[derive(Debug, clap::Args)]
pub(super) struct Logs {
    /// Only lines about this bot, by its name in the configuration.
    bot: Option<String>,
    /// Goes on with the lines to come.
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    asked: Asked,
    /// Prints each line as the object of JSON that it is.
    #[arg(long)]
    json: bool,
}

impl Logs {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let client = self.asked.client()?;
        let follow = self.follow.then_some(true);
        let mut body = client.get(&["api", "logs"]).with("bot", self.bot.as_deref()).with("follow", follow).stream()?;
        let patience = if self.follow { FOR_EVER } else { PATIENCE };
        let mut begun: Vec<u8> = Vec::new();
        while let Some(part) = body.next(patience)? {
            begun.extend_from_slice(&part);
            while let Some(end) = begun.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = begun.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                // An empty one only shows that the host is there.
                if !line.trim_end().is_empty() {
                    self.print(line.trim_end())?;
                }
            }
            anyhow::ensure!(begun.len() <= LONGEST, "the host writes a line without end");
        }
        Ok(ExitCode::SUCCESS)
    }

    /// A reader that has gone away ends it.
    fn print(&self, line: &str) -> anyhow::Result<()> {
        if self.json && serde_json::from_str::<IgnoredAny>(line).is_ok() {
            output::try_say_json(line)?;
        } else if self.json {
            output::try_say(line)?;
        } else {
            output::try_say(&log::in_words(line))?;
        }
        Ok(())
    }
}
