//! The end of a turn: handed in, written, and its lane let go on.

use crate::ids::{BotName, Chat};
use crate::lanes::Next;
use crate::ledger::{Began, Committed};
use crate::store::{Mark, TurnCommit};
use crate::values::Reads;

use super::{Queue, Turns, Waiting};

/// What is kept of a turn while its commit is written.
pub(super) struct Ticket {
    pub(super) bot: BotName,
    pub(super) chat: Chat,
}

impl Turns {
    /// Hands in the end of a turn. False if it has to run again, as `again` says; otherwise `stands` is
    /// called before another of its bot can be taken.
    pub(super) fn submit(
        &self,
        began: Began<Ticket>,
        reads: &Reads,
        commit: TurnCommit,
        ticket: Ticket,
        again: impl FnOnce() -> Next<Waiting>,
        stands: impl FnOnce(&mut Queue),
    ) -> bool {
        // One step, or the commit could be over before the lane knows that the turn is.
        let mut lanes = self.lanes();
        let freed = lanes.over(&ticket.bot, &ticket.chat);
        let conflict = self.ledger.submit(began, reads, commit, ticket).err();
        if let Some(ticket) = &conflict {
            lanes.finish(&ticket.bot, &ticket.chat, again());
        } else {
            stands(&mut lanes);
        }
        drop(lanes);
        if freed || conflict.is_some() {
            self.wake();
        }
        conflict.is_none()
    }

    pub(super) fn committed(&self, batch: Vec<Committed<Ticket>>) {
        let mut lanes = self.lanes();
        let mut queued = Vec::new();
        for Committed { ticket, commit, sends } in batch {
            if !commit.timers.is_empty() {
                self.timers.notify_one();
            }
            let next = match commit.mark {
                Mark::Done => Next::Done,
                Mark::Dead { attempts, reason } => {
                    let words = reason.len() + ticket.chat.id.as_str().len();
                    if self.bot(&ticket.bot).is_none_or(|bot| bot.actor().may_be_logged(words, commit.at)) {
                        tracing::warn!(bot = %ticket.bot, chat = %ticket.chat, seq = %commit.seq, attempts, "dead letter: {reason}");
                    }
                    Next::Done
                }
                Mark::Retry { attempts, not_before } => {
                    let seq = commit.seq;
                    Next::At(not_before, Waiting { seq, attempts, conflicts: 0, event: None })
                }
            };
            lanes.finish(&ticket.bot, &ticket.chat, next);
            queued.extend(sends.into_iter().zip(commit.sends));
        }
        drop(lanes);
        self.outboxes.push_all(queued);
        self.wake();
    }
}
