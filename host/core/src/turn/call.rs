//! What only one platform can do, asked for by a turn.

use std::sync::Arc;

use serde_json::Value;

use super::{Refusal, Turn};
use crate::ids::ConnectionName;
use crate::platform::{Call, Platform};
use crate::time::Millis;

impl Turn {
    /// Whom to ask, and what: `name` of `connection`. It counts against the bot's quota, as of `now`.
    ///
    /// # Errors
    /// Where the bot does not serve the connection, or has asked enough in this minute.
    pub fn call(
        &self,
        connection: &ConnectionName,
        name: &'static str,
        arguments: Value,
        now: Millis,
    ) -> Result<(Arc<dyn Platform>, Call), Refusal> {
        let platform = self.served(connection)?;
        let actor = &self.actor;
        actor.quotas.call(&actor.bot, &actor.limits, now).map_err(Refusal::Wait)?;
        let (bot, chat, sender) = (actor.bot.clone(), self.chat.clone(), self.event.sender().cloned());
        Ok((platform, Call { bot, chat, sender, name, arguments }))
    }

    /// Refuses a connection that the bot does not serve.
    ///
    /// # Errors
    /// That it does not.
    pub fn serves(&self, connection: &ConnectionName) -> Result<(), Refusal> {
        self.served(connection).map(drop)
    }
}
