//! `hodhod backup` and `hodhod restore`: the database of a state folder. A host that uses the folder makes the
//! backup itself; a restore is for a folder that no host uses.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use hodhod_store::{BackupError, OpenError, RestoreError, Restored};
use hodhod_web::admin::{BackUp, BackedUp};

use super::asked::Asking;
use super::client::Refused;
use super::output::Answer;
use super::{ConfigFile, output};
use crate::{config, log};

/// How long a host may take for a backup: it writes all that the database has.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Copies the database.
#[derive(Debug, clap::Args)]
pub(super) struct MakeBackup {
    /// Where the copy goes. It has what bots keep and what waits, so it is for its owner only.
    file: PathBuf,
    /// Replaces a file that is there.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    asking: Asking,
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
        log::start_quiet("warn");
        Answer::from(self.made()).print(self.asking.json, |BackedUp { file, bytes }| {
            format!("{} has {bytes} bytes; the key of the host is not in it", file.display())
        })
    }

    /// Has it made by whoever can: a host that holds the folder, or else this process.
    fn made(&self) -> anyhow::Result<BackedUp> {
        let Some(state) = self.asking.state()? else { return self.asked() };
        match hodhod_store::backup_folder(&state, &self.file, self.force) {
            Ok(backup) => Ok(BackedUp { file: backup.file, bytes: backup.bytes }),
            Err(BackupError::Open(OpenError::InUse { .. })) => self.asked().map_err(|error| {
                let refused = error.is::<Refused>();
                let in_use = || format!("the state folder {} is in use, and no host makes the backup", state.display());
                if refused { error } else { error.context(in_use()) }
            }),
            Err(error) => Err(error.into()),
        }
    }

    fn asked(&self) -> anyhow::Result<BackedUp> {
        // The host was started elsewhere.
        let file = std::path::absolute(&self.file).context("the file cannot be named")?;
        let to = BackUp { file, force: self.force };
        self.asking.client()?.post(&["api", "backup"]).body(&to).patience(PATIENCE).answer()
    }
}

impl Restore {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        log::start_quiet("warn");
        let state = match state(&self.config) {
            Ok(state) => state,
            Err(code) => return Ok(code),
        };
        let Restored { bytes, version, in_doubt, aside } = match hodhod_store::restore(&state, &self.file, self.force) {
            Err(RestoreError::Open(OpenError::InUse { .. })) => {
                anyhow::bail!("a host runs with the state folder {}: stop it first", state.display())
            }
            Err(error @ RestoreError::Decided { .. }) => return Err(error.into()),
            restored => restored.context("nothing was restored")?,
        };
        if self.json {
            let restored =
                serde_json::json!({ "bytes": bytes, "version": version, "in_doubt": in_doubt, "aside": aside });
            output::say_json(&restored.to_string());
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
            output::say(&text);
        }
        Ok(ExitCode::SUCCESS)
    }
}
