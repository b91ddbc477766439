//! Dead letters: events that a bot could not handle, parked with their reason so that their chat
//! goes on and a person can look at them.

use serde::{Deserialize, Serialize};

use crate::ids::{BotName, Chat, InboxSeq};
use crate::time::Millis;

/// An event that a bot could not handle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The row that it had in the inbox; a new one where it never got into it.
    pub seq: InboxSeq,
    /// Who could not handle it.
    pub bot: BotName,
    /// Where it was waiting.
    pub chat: Chat,
    /// How often it was tried.
    pub attempts: u32,
    /// When it died.
    pub died: Millis,
    /// Why, for a person.
    pub reason: String,
    /// Its place in the order in which letters died. A page goes on before the last one of the page before.
    pub place: u64,
}

/// Dead letters to drop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doomed {
    /// The one that had this row.
    One(InboxSeq),
    /// All that this bot has now.
    Of(BotName),
    /// All that died before this.
    Before(Millis),
}
