//! What the API of `hodhod-web` asks of this program: its token, new builds of plugins, and its log.

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use hodhod_core::ids::BotName;
use hodhod_web::admin::Serving;
use hodhod_web::{AdminToken, Logs, Plugins, Refusal};

use crate::config::{HostConfig, Problem};
use crate::log::Ring;
use crate::reload::{ReloadError, Reloaded, Reloader};
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
