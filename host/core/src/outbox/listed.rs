//! What an operator sees of the sends that wait: whose they are, where they go and what holds them up,
//! and not what they say.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::ids::{BotName, Chat, ChatId, ConnectionName, OutboxSeq};
use crate::time::Millis;

/// An undelivered send as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedSend {
    /// The row. A page goes on after that of the last send of the page before.
    pub seq: OutboxSeq,
    /// Who sent it.
    pub bot: BotName,
    /// Where it goes.
    pub chat: Chat,
    /// When it was queued.
    pub queued: Millis,
    /// Tries so far.
    pub attempts: u32,
    /// Not before this; zero for at once.
    pub not_before: Millis,
    /// True where a try has begun whose end is not recorded: it is under way, or in doubt.
    pub attempted: bool,
    /// `text`, `media`, `location` or `keyboard`; `unreadable` where nobody can read it any more.
    pub kind: Cow<'static, str>,
}

/// Which sends are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendsOf {
    /// Those of this connection only.
    pub connection: Option<ConnectionName>,
    /// Those to chats with this id only.
    pub chat: Option<ChatId>,
}
