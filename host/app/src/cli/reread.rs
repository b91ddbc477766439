//! `hodhod reread`: the configuration of a running host, read again.

use std::process::ExitCode;
use std::time::Duration;

use hodhod_core::limits::COMPILE_TIME;
use hodhod_core::text::clean;
use hodhod_web::admin;

use super::asked::Asking;
use super::client::PATIENCE;
use super::output::Answer;

/// Longest line about one thing that differs, in bytes.
const LONGEST_LINE: usize = 1 << 10;

/// Has the configuration read again.
#[derive(Debug, clap::Args)]
pub(super) struct Reread {
    #[command(flatten)]
    asking: Asking,
}

impl Reread {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        // Plugins that are new or changed are compiled before the answer comes.
        let patience = PATIENCE + Duration::from_millis(COMPILE_TIME);
        let ask = |client: super::client::Client| {
            client.post(&["api", "configuration", "reread"]).patience(patience).answer::<admin::Reread>()
        };
        Answer::from(self.asking.client().and_then(ask)).print(self.asking.json, words)
    }
}

fn words(reread: &admin::Reread) -> String {
    let mut lines: Vec<String> = reread.done.iter().map(|what| clean(what, LONGEST_LINE)).collect();
    if lines.is_empty() {
        lines.push("nothing to apply: the host runs with what the configuration says".to_owned());
    }
    lines.extend(reread.pending.iter().map(|what| clean(what, LONGEST_LINE)));
    lines.join("\n")
}
