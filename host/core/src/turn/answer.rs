//! The answer to the event of a turn: told to whoever waits for it, or a message where nobody does.
//!
//! While somebody waits it is held back, with its place among the messages kept. Only when the turn has ended well
//! is it decided which of the two it is, so it is never both and, as long as a message can carry it, never neither.

use super::{Refusal, Turn, check_chat};
use crate::asks::{Asked, Claim};
use crate::outgoing::{Answer, Outgoing};
use crate::store::QueuedSend;

/// An answer that somebody waits for.
pub(super) struct Held {
    answer: Answer,
    /// Its place among the messages.
    place: usize,
    /// What it becomes if nobody waits any more; absent where no message can carry it.
    message: Option<QueuedSend>,
}

impl Turn {
    /// Of an event for whose answer somebody may wait.
    #[must_use]
    pub(crate) fn asked(self, asked: Option<Asked>) -> Self {
        Self { asked, ..self }
    }

    /// Answers the press or the opening that this turn handles; where the platform waits for no
    /// answer, as a message.
    ///
    /// # Errors
    /// Like [`send`](Self::send). Where somebody waits only what one turn may hold is counted, since it need not
    /// become a message.
    pub fn respond(&mut self, answer: Answer) -> Result<(), Refusal> {
        if self.answered {
            return Err(Refusal::Invalid("this event has been answered".to_owned()));
        }
        let (Answer::Notice(text) | Answer::Url(text)) = &answer;
        let message = Outgoing::text(text.clone());
        if self.asked.as_ref().is_some_and(Asked::is_waited_for) {
            self.hold(answer, message)?;
        } else {
            self.send(self.chat.clone(), message)?;
        }
        self.answered = true;
        Ok(())
    }

    fn hold(&mut self, answer: Answer, message: Outgoing) -> Result<(), Refusal> {
        self.check_count()?;
        let chat = self.chat.clone();
        let platform = self.served(&chat.connection)?;
        self.reserve(message.weight() + chat.id.as_str().len())?;
        let can_be_sent = check_chat(&chat).is_ok() && platform.accepts(&chat.id, &message).is_ok();
        let message = can_be_sent.then(|| self.queued(chat, message));
        self.held = Some(Held { answer, place: self.sends.len(), message });
        Ok(())
    }

    /// Decides what the answer is, when the turn has ended well: what is claimed is to be told once the rest is on
    /// disk; otherwise it is among the messages.
    pub(crate) fn settle(&mut self) -> Option<Claim> {
        let Held { answer, place, message } = self.held.take()?;
        let claim = self.asked.as_ref().and_then(|asked| asked.claim(answer));
        if claim.is_some() {
            return claim;
        }
        let actor = &self.actor;
        if let Some(message) = message {
            // It is counted, and goes in any case: the bot was told that it is heard.
            let _counted = actor.quotas.send(&actor.bot, &message.chat, &actor.limits, self.now);
            self.sends.insert(place, message);
        } else if actor.may_be_logged(self.chat.id.as_str().len(), self.now) {
            tracing::warn!(bot = %actor.bot, chat = %self.chat, seq = %self.seq,
                "the answer came too late, and no message can carry it");
        }
        None
    }
}
