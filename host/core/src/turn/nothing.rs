//! Turns of no event: to look whether a plugin begins, to migrate what is stored, and in the place of one
//! that is over.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Actor, Turn, ValueView};
use crate::event::{Event, Timer};
use crate::ids::{BotName, Chat, InboxSeq};
use crate::quota::Usage;
use crate::store::StoreError;
use crate::time::Millis;
use crate::timers::TimerKey;
use crate::values::{Bucket, Reads, ValueKey};

impl Turn {
    /// A turn of no event for a bot like this one, with nothing stored, no connection and quotas of its own:
    /// for looking whether a plugin begins.
    pub fn rehearsal(of: &Actor, now: Millis) -> Self {
        let actor = Actor::new(of.bot.clone(), HashMap::new(), of.limits.clone(), of.outboxes.clone());
        Self::nothing(Arc::new(actor), now)
    }

    /// What stands in the place of a turn that has ended.
    #[must_use]
    pub fn over(&self) -> Self {
        Self::nothing(self.actor.clone(), self.now)
    }

    /// A turn of no event, with what is stored: for bringing it into the shape of another build. `seq` is one
    /// that no event has.
    pub fn of_no_event(seq: InboxSeq, now: Millis, actor: Arc<Actor>, view: Arc<dyn ValueView>) -> Self {
        let chat = Chat::new("", "");
        let timer = Timer { id: String::new(), chat: None, due: now, payload: String::new() };
        Self::new(seq, Arc::new(Event::Timer(timer)), chat, now, actor, view)
    }

    fn nothing(actor: Arc<Actor>, now: Millis) -> Self {
        Self::of_no_event(InboxSeq(0), now, actor, Arc::new(NothingStored))
    }
}

/// Where a turn of nothing reads from: no value was ever stored.
#[derive(Clone, Copy, Debug, Default)]
pub struct NothingStored;

impl ValueView for NothingStored {
    fn get(&self, _key: &ValueKey, _reads: &mut Reads) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }

    fn keys(
        &self,
        _bot: &BotName,
        _bucket: &Bucket,
        _after: Option<&str>,
        _limit: usize,
        _reads: &mut Reads,
    ) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    fn usage(&self, _bot: &BotName, _bucket: &Bucket) -> Result<Usage, StoreError> {
        Ok(Usage::default())
    }

    fn has_timer(&self, _key: &TimerKey) -> Result<bool, StoreError> {
        Ok(false)
    }
}
