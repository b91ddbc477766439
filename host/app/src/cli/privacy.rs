//! `hodhod privacy`: what is stored of people, as `docs/privacy.md` has it, with the numbers of a configuration.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::output;
use crate::config;
use crate::privacy::{Facts, Language};

/// Prints what is stored of people, where and for how long, to be given to them.
#[derive(Debug, clap::Args)]
pub(super) struct Privacy {
    /// The configuration file. Without it hodhod.toml, if there is one, and else what holds without any.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The language of the text.
    #[arg(long, value_enum, default_value_t = Language::En)]
    language: Language,
}

impl Privacy {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let usual = Path::new("hodhod.toml");
        let file = self.config.as_deref().or_else(|| usual.exists().then_some(usual));
        let facts = match file {
            None => Facts::default(),
            Some(file) => match config::load(file) {
                Ok(config) => Facts::of(&config, &file.file_name().unwrap_or_default().to_string_lossy()),
                Err(problems) => {
                    output::problems(&problems);
                    return Ok(ExitCode::FAILURE);
                }
            },
        };
        output::say(facts.page(self.language).trim_end());
        Ok(ExitCode::SUCCESS)
    }
}
