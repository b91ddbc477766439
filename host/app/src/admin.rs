//! What the API of `hodhod-web` asks of this program: its token, new builds of plugins, the configuration,
//! copies of the database, and its log.

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use hodhod_core::ids::BotName;
use hodhod_store::{BackupError, SqliteStore};
use hodhod_web::admin::{BackUp, BackedUp, Reread, Serving};
use hodhod_web::{AdminToken, Backups, Logs, Plugins, Refusal, Settings};

use crate::config::{HostConfig, Problem};
use crate::log::Ring;
use crate::reload::{ReloadError, Reloaded, Reloader};
use crate::reread::Rereader;
use crate::secret;

/// Reads the token of the API, where the configuration names one.
pub(crate) fn token(config: &HostConfig) -> Result<Option<AdminToken>, Problem> {
    let Some(source) = &config.admin_token else { return Ok(None) };
    let problem = |what| Problem::new("host.admin_token", what);
    let token = secret::read(source).map_err(problem)?;
    AdminToken::new(&token).map(Some).map_err(|error| problem(error.to_string()))
}

impl Plugins for Reloader {
    fn reload(self: Arc<Self>, bot: BotName) -> BoxFuture<'static, Result<Serving, Refusal>> {
        async move {
            match Self::reload(&self, &bot).await {
                Ok(Reloaded::Unchanged(generation)) => Ok(Serving { changed: false, generation }),
                Ok(Reloaded::Applied(generation)) => Ok(Serving { changed: true, generation }),
                Err(error) => Err(refusal(&bot, error)),
            }
        }
        .boxed()
    }

    fn roll_back(self: Arc<Self>, bot: BotName) -> BoxFuture<'static, Result<Serving, Refusal>> {
        async move {
            let generation = Self::roll_back(&self, &bot).await.map_err(|error| refusal(&bot, error))?;
            Ok(Serving { changed: true, generation })
        }
        .boxed()
    }
}

/// The newest lines of the log, for the API.
pub(crate) struct Newest(pub(crate) Arc<Ring>);

impl Logs for Newest {
    fn read(&self, bot: Option<&str>, follow: bool) -> BoxStream<'static, String> {
        self.0.read(bot, follow).lines().boxed()
    }
}

fn refusal(bot: &BotName, error: ReloadError) -> Refusal {
    let text = format!("{bot}: {error}");
    match error {
        ReloadError::Unknown(_) => Refusal::unknown(text),
        ReloadError::Rejected(..) => Refusal::not_taken(text),
        ReloadError::NoneBefore => Refusal::conflict(text),
    }
}

impl Settings for Rereader {
    fn reread(self: Arc<Self>) -> BoxFuture<'static, Result<Reread, Refusal>> {
        async move {
            tracing::info!("the operator has the configuration read again");
            let problems = match Self::reread(&self).await {
                Ok(reread) => return Ok(Reread { done: reread.done, pending: reread.pending }),
                Err(problems) => problems,
            };
            let problems = problems.iter().map(ToString::to_string).collect();
            Err(Refusal::not_taken("the configuration is not taken; the host goes on as before").because(problems))
        }
        .boxed()
    }
}

/// A host that was put together without a configuration file.
pub(crate) struct NoFile;

impl Settings for NoFile {
    fn reread(self: Arc<Self>) -> BoxFuture<'static, Result<Reread, Refusal>> {
        async { Err(Refusal::conflict("this host has no configuration file that could be read again")) }.boxed()
    }
}

/// Copies the database of a running host.
pub(crate) struct Copies(pub(crate) Arc<SqliteStore>);

impl Backups for Copies {
    fn back_up(self: Arc<Self>, BackUp { file, force }: BackUp) -> BoxFuture<'static, Result<BackedUp, Refusal>> {
        // Begun now; whoever asked may go.
        let made = self.0.backup(&file, force);
        async move {
            match made.await {
                Ok(backup) => {
                    tracing::info!(file = %backup.file.display(), bytes = backup.bytes, "a backup is made");
                    Ok(BackedUp { file: backup.file, bytes: backup.bytes })
                }
                Err(error) => {
                    let text = error.to_string();
                    Err(match error {
                        BackupError::Exists { .. } | BackupError::Inside { .. } | BackupError::Name { .. } => {
                            Refusal::conflict(text)
                        }
                        BackupError::UnderWay => Refusal::too_many(text),
                        BackupError::Closed | BackupError::Anew => Refusal::unavailable(text),
                        BackupError::NoDatabase { .. }
                        | BackupError::Write { .. }
                        | BackupError::Copy { .. }
                        | BackupError::Open(_) => Refusal::failed(text),
                    })
                }
            }
        }
        .boxed()
    }
}
