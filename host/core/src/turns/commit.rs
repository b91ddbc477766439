//! The end of a turn: handed in, written, and its lane let go on.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::ages::Stay;
use crate::asks::Claim;
use crate::bot::Bot;
use crate::ids::Chat;
use crate::lanes::Next;
use crate::ledger::{Began, Committed};
use crate::store::{Mark, TurnCommit};
use crate::trace::{Moment, What};
use crate::values::Reads;

use super::{Queue, Turns, Waiting};

/// What is kept of a turn while its commit is written.
pub(super) struct Ticket {
    pub(super) bot: Arc<Bot>,
    pub(super) chat: Chat,
    pub(super) stay: Option<Stay>,
    /// What whoever waits is to be told when this is on disk.
    pub(super) answer: Option<Claim>,
    /// When the turn was over, for its trace.
    pub(super) ended: Moment,
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
        again: impl FnOnce(Option<Stay>) -> Next<Waiting>,
        stands: impl FnOnce(&mut Queue),
    ) -> bool {
        // One step, or the commit could be over before the lane knows that the turn is.
        let mut lanes = self.lanes();
        let freed = lanes.over(ticket.bot.name(), &ticket.chat);
        let seq = commit.seq;
        let passed = match self.ledger.submit(began, reads, commit, ticket) {
            Ok(()) => {
                stands(&mut lanes);
                true
            }
            Err(Ticket { bot, chat, stay, .. }) => {
                lanes.finish(bot.name(), &chat, again(stay));
                false
            }
        };
        drop(lanes);
        if !passed {
            self.waits(seq);
            self.ends.notify_waiters();
        }
        if freed || !passed {
            self.wake();
        }
        passed
    }

    pub(super) fn committed(&self, mut batch: Vec<Committed<Ticket>>) {
        let mut queued = Vec::new();
        let now = self.traces.now();
        for Committed { ticket, commit, sends } in &mut batch {
            self.traces.tell(commit.seq, ticket.ended, now, || What::Commit {
                mark: commit.mark.as_str(),
                sends: commit.sends.len(),
                values: commit.values.len(),
                timers: commit.timers.len(),
            });
            queued.extend(std::mem::take(sends).into_iter().zip(std::mem::take(&mut commit.sends)));
        }
        // Before their lanes go on: who has waited for the end of a turn finds all that it left.
        self.outboxes.push_all(queued);
        let (mut again, mut over) = (Vec::new(), Vec::new());
        let mut lanes = self.lanes();
        for Committed { ticket, commit, sends: _ } in batch {
            let Ticket { bot, chat, stay, answer, ended: _ } = ticket;
            bot.stats.marked(&commit.mark);
            if !commit.timers.is_empty() {
                self.timers.notify_one();
            }
            let is_told = answer.map(Claim::tell);
            if is_told == Some(false) && bot.actor().may_be_logged(chat.id.as_str().len(), commit.at) {
                tracing::warn!(bot = %bot.name(), %chat, seq = %commit.seq, trace_id = %self.traces.of(commit.seq),
                    "who waited for the answer went away while it was stored");
            }
            let next = match commit.mark {
                Mark::Done => {
                    over.push(commit.seq);
                    Next::Done
                }
                Mark::Dead { attempts, reason } => {
                    let words = reason.len() + chat.id.as_str().len();
                    if bot.actor().may_be_logged(words, commit.at) {
                        tracing::warn!(bot = %bot.name(), %chat, seq = %commit.seq, trace_id = %self.traces.of(commit.seq),
                            attempts, "dead letter: {reason}");
                    }
                    over.push(commit.seq);
                    Next::Done
                }
                Mark::Retry { attempts, not_before } => {
                    let seq = commit.seq;
                    again.push(seq);
                    Next::At(not_before, Waiting { seq, attempts, conflicts: 0, since: now, stay, event: None })
                }
            };
            lanes.finish(bot.name(), &chat, next);
        }
        let has_more = lanes.has_ready();
        drop(lanes);
        // Whoever waits now, who may have asked again while it ran and found who asked first gone.
        self.asks.end(&over);
        let is_changed = has_more || !again.is_empty();
        again.into_iter().for_each(|seq| self.waits(seq));
        self.ends.notify_waiters();
        if self.is_late.swap(false, Ordering::SeqCst) || is_changed {
            self.wake();
        }
    }
}
