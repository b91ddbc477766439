//! One account on Soroush, as the host knows it.

use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use hodhod_core::ids::{ChatId, SenderId};
use hodhod_core::outgoing::Outgoing;
use hodhod_core::platform::{Download, FileError, Health, Intake, Platform, SendError, Sent, Unsendable, Upload};
use tokio::sync::Mutex;

use super::api::Api;
use super::config::{ConfigError, SoroushConfig};
use super::outgoing;
use super::receive::Receiver;
use super::status::Status;

/// Sends a second through one connection. No limit was ever published and no SDK paces its sends:
/// a guess on the careful side.
pub const PACE_PER_CONNECTION: u32 = 5;

/// Sends a second to one chat, for the same reason; a person reads no faster.
pub const PACE_PER_CHAT: u32 = 1;

/// One account on Soroush.
pub struct Soroush {
    config: SoroushConfig,
    api: Api,
    status: Arc<Status>,
    /// Held by the one who receives: what two connections with one token get, nobody knows.
    receiving: Mutex<()>,
}

impl fmt::Debug for Soroush {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Soroush").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Soroush {
    /// Checks the configuration; connects to nothing.
    ///
    /// # Errors
    /// When no call could be made with it, in words for the operator.
    pub fn new(config: SoroushConfig) -> Result<Self, ConfigError> {
        let api = Api::new(&config)?;
        let status = Arc::new(Status::of(api.token().clone()));
        Ok(Self { config, api, status, receiving: Mutex::new(()) })
    }
}

impl Platform for Soroush {
    fn receive<'a>(&'a self, intake: &'a dyn Intake) -> BoxFuture<'a, ()> {
        async move {
            let _alone = self.receiving.lock().await;
            let receiver = Receiver {
                name: &self.config.name,
                api: &self.api,
                options: &self.config.options,
                status: &self.status,
                intake,
            };
            receiver.run().await;
        }
        .boxed()
    }

    fn send<'a>(&'a self, chat: &'a ChatId, message: &'a Outgoing) -> BoxFuture<'a, Result<Sent, SendError>> {
        async move {
            let json = outgoing::encode(chat, message, &self.config.options)
                .map_err(|error| SendError::Refused(error.to_string()))?;
            self.api.send_message(json).await
        }
        .boxed()
    }

    fn accepts(&self, chat: &ChatId, message: &Outgoing) -> Result<(), Unsendable> {
        outgoing::check(chat, message, &self.config.options)
    }

    fn download<'a>(&'a self, file: &'a str) -> BoxFuture<'a, Result<Download, FileError>> {
        self.api.download_file(file).boxed()
    }

    fn upload(&self, upload: Upload) -> BoxFuture<'_, Result<String, FileError>> {
        self.api.upload_file(upload).boxed()
    }

    fn private_chat(&self, user: &SenderId) -> Option<ChatId> {
        Some(private_chat(user))
    }

    fn health(&self) -> Health {
        self.status.health()
    }
}

/// The chat with a person, whose id is that of the person: a message names who it is from, and nothing else.
pub fn private_chat(user: &SenderId) -> ChatId {
    user.as_str().into()
}
