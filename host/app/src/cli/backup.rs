//! `hodhod backup` and `hodhod restore`: the database of a state folder that no host uses.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use hodhod_store::{Backup, BackupError, OpenError, RestoreError, Restored};

use super::{ConfigFile, output};
use crate::config;

/// Copies the database.
#[derive(Debug, clap::Args)]
pub(super) struct MakeBackup {
    /// Where the copy goes. It has what bots keep and what waits, so it is for its owner only.
    file: PathBuf,
    /// Replaces a file that is there.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    config: ConfigFile,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Puts a copy in the place of the database.
#[derive(Debug, clap::Args)]
pub(super) struct Restore {
    /// What `hodhod backup` wrote.
    file: PathBuf,
    /// Goes on where there is a database; it is moved aside.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    config: ConfigFile,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// The state folder that a configuration names, or what is wrong with the configuration.
fn state(file: &ConfigFile) -> Result<PathBuf, ExitCode> {
    match config::load(&file.config) {
        Ok(config) => Ok(config.host.state),
        Err(problems) => {
            output::problems(&problems);
            Err(ExitCode::FAILURE)
        }
    }
}

impl MakeBackup {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let state = match state(&self.config) {
            Ok(state) => state,
            Err(code) => return Ok(code),
        };
        let Backup { file, bytes } = match hodhod_store::backup_folder(&state, &self.file, self.force) {
            Err(BackupError::Open(OpenError::InUse { .. })) => {
                anyhow::bail!("a host runs with the state folder {}: stop it first", state.display())
            }
            made => made?,
        };
        output::say(&if self.json {
            serde_json::json!({ "file": file, "bytes": bytes }).to_string()
        } else {
            format!("{} has {bytes} bytes; the key of the host is not in it", file.display())
        });
        Ok(ExitCode::SUCCESS)
    }
}

impl Restore {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let state = match state(&self.config) {
            Ok(state) => state,
            Err(code) => return Ok(code),
        };
        let Restored { bytes, version, in_doubt, aside } = match hodhod_store::restore(&state, &self.file, self.force) {
            Err(RestoreError::Open(OpenError::InUse { .. })) => {
                anyhow::bail!("a host runs with the state folder {}: stop it first", state.display())
            }
            restored => restored.context("nothing was restored")?,
        };
        output::say(&if self.json {
            serde_json::json!({ "bytes": bytes, "version": version, "in_doubt": in_doubt, "aside": aside }).to_string()
        } else {
            let mut text = format!("the database of {} is the backup, of {bytes} bytes", state.display());
            if let Some(aside) = aside {
                text.push_str(&format!("; the one before it is kept as {}", aside.display()));
            }
            if in_doubt > 0 {
                text.push_str(&format!(
                    "; {in_doubt} messages wait in it that may have gone out since: they are in doubt, \
                     and `on_doubt` of their connection says what happens to them"
                ));
            }
            text
        });
        Ok(ExitCode::SUCCESS)
    }
}
