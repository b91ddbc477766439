//! One try of a send, and the record of its end.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Link, OnDoubt, Outbox, Policy, Queued, STORE_WAIT, weight};
use crate::backoff;
use crate::event::{Delivery, Outcome};
use crate::ids::{BotName, ChatId, InboxSeq, OutboxSeq};
use crate::lanes::{Next, Out};
use crate::platform::{SendError, Sent};
use crate::store::{QueuedSend, SendOutcome, Settled, Settlement, StoreError};
use crate::time::{Millis, whole_millis};
use crate::trace::{SendStep, What};

impl Outbox {
    /// Tries one send and tells its lane the end.
    pub(super) async fn deliver(&self, out: Out<BotName, ChatId, Queued>) {
        let Out { group: bot, lane, item } = out;
        let Queued { seq, turn, attempts, since, .. } = item;
        let next = match self.try_send(item).await {
            Ok(None) => Next::Done,
            // Whatever waits for its next try is read back, so that an outage does not fill the memory.
            Ok(Some((attempts, not_before))) => {
                let since = self.traces.now();
                Next::At(not_before, Queued { seq, turn, attempts, since, body: None })
            }
            Err(error) => {
                // What the store did not take is as it was before; the row decides after a restart.
                if self.refusals.refused(self.clock.now()) {
                    tracing::error!(%bot, connection = %self.connection, %seq, trace_id = %self.traces.of(turn), %error,
                        "sends cannot be recorded; their chats wait");
                }
                Next::At(self.clock.now() + STORE_WAIT, Queued { seq, turn, attempts, since, body: None })
            }
        };
        self.lanes().finish(&bot, &lane, next);
    }

    async fn try_send(&self, queued: Queued) -> Result<Option<(u32, Millis)>, StoreError> {
        let Queued { seq, turn, attempts, since, body } = queued;
        let send = match body {
            Some(send) => {
                self.bodies.fetch_sub(weight(&send), Ordering::Relaxed);
                send
            }
            None => match self.store.send(seq).await {
                Ok(Some(send)) => send,
                // A try to record its end went through although it looked as if it had not.
                Ok(None) => return Ok(None),
                Err(StoreError::Unreadable(why)) => return self.fail_unread(seq, turn, &why).await.map(|()| None),
                Err(error) => return Err(error),
            },
        };
        let link = self.link.load_full();
        let Link { platform, policy } = &*link;
        let (began, tries) = (self.traces.now(), attempts + 1);
        let step = || SendStep { connection: self.connection.clone(), index: send.id.index, attempt: tries };
        self.traces.tell(turn, since.max(send.queued.into()), began, || What::OutboxWait(step()));
        // One that was never tried gets its try, however long the host was away.
        if attempts > 0 && self.clock.now().since(send.queued) > policy.give_up {
            let why = format!("given up after {} tries in {} s", attempts, policy.give_up.as_secs());
            self.traces.tell(turn, began, began, || What::Send { send: step(), outcome: "given-up" });
            self.settle(seq, &send, SendOutcome::Failed, Some(Outcome::Failed(why))).await?;
            return Ok(None);
        }
        let stands = self.store.attempt(vec![seq]).await?;
        self.recorded();
        if stands != [true] {
            // It was erased before it was put here, or while it was taken.
            tracing::debug!(bot = %send.bot, connection = %self.connection, %seq, trace_id = %self.traces.of(turn),
                "a send whose row is gone is not tried");
            return Ok(None);
        }
        let result = platform.send(&send.chat.id, &send.message).await;
        let outcome = result.as_ref().map_or_else(SendError::as_str, |_| "delivered");
        self.traces.tell(turn, began, self.traces.now(), || What::Send { send: step(), outcome });
        let trace = || self.traces.of(turn);
        let (wait, in_doubt) = match result {
            Ok(Sent { id }) => {
                let told = send.message.report.then_some(Outcome::Delivered(id));
                self.settle(seq, &send, SendOutcome::Delivered, told).await?;
                return Ok(None);
            }
            Err(SendError::Refused(why)) => {
                tracing::info!(bot = %send.bot, connection = %self.connection, chat = %send.chat.id, %seq, trace_id = %trace(),
                    "the platform refused a message: {why}");
                self.settle(seq, &send, SendOutcome::Failed, Some(Outcome::Failed(why))).await?;
                return Ok(None);
            }
            Err(SendError::InDoubt(why)) if policy.on_doubt == OnDoubt::Drop => {
                tracing::warn!(bot = %send.bot, connection = %self.connection, chat = %send.chat.id, %seq, trace_id = %trace(),
                    "a send is in doubt and dropped: {why}");
                self.settle(seq, &send, SendOutcome::DroppedInDoubt, Some(Outcome::InDoubt(why))).await?;
                return Ok(None);
            }
            Err(SendError::InDoubt(why)) => {
                tracing::warn!(bot = %send.bot, connection = %self.connection, chat = %send.chat.id, %seq, trace_id = %trace(),
                    "a send is in doubt and goes again: {why}");
                (backoff(policy, attempts), true)
            }
            Err(SendError::NotSent(why)) => {
                tracing::info!(bot = %send.bot, connection = %self.connection, chat = %send.chat.id, %seq, trace_id = %trace(), tries,
                    "not sent: {why}");
                (backoff(policy, attempts), false)
            }
            Err(SendError::Wait(wait)) => {
                self.stats.asked_to_wait();
                let wait = wait.min(policy.longest_backoff);
                self.pace.lock().unwrap_or_else(PoisonError::into_inner).hold(wait);
                (wait, false)
            }
        };
        let not_before = self.clock.now() + wait;
        let again = SendOutcome::Again { attempts: tries, not_before, in_doubt };
        self.settle(seq, &send, again, None).await?;
        Ok(Some((tries, not_before)))
    }

    /// Gives a send up that nobody can read any more, and so nobody can be told of.
    pub(super) async fn fail_unread(&self, seq: OutboxSeq, turn: InboxSeq, why: &str) -> Result<(), StoreError> {
        tracing::error!(connection = %self.connection, %seq, trace_id = %self.traces.of(turn), "a message is given up: {why}");
        let end = Settlement { seq, outcome: SendOutcome::Failed, report: None };
        self.record(&end).await.map(drop)
    }

    /// Records the end of a try, and tells the bot in the same transaction if there is something to tell.
    pub(super) async fn settle(
        &self,
        seq: OutboxSeq,
        send: &QueuedSend,
        outcome: SendOutcome,
        told: Option<Outcome>,
    ) -> Result<(), StoreError> {
        let reports = self.reports.read().unwrap_or_else(PoisonError::into_inner).clone();
        let report = told.and_then(|outcome| {
            let delivery = Delivery { message: send.id.to_string(), chat: send.chat.clone(), outcome };
            reports.as_ref()?.report(send, delivery)
        });
        let event = report.as_ref().map(|arrival| arrival.event.clone());
        let settlement = Settlement { seq, outcome, report };
        let settled = self.record(&settlement).await?;
        // Of one that was erased meanwhile nobody is told.
        if let (Settled::Stood(row), Some(reports), Some(event)) = (settled, reports, event) {
            reports.reported(send, row, event);
        }
        Ok(())
    }

    /// Records the end of a try. The platform may have answered: going back to sending because the store
    /// is unwell would double the message, so nothing else happens to it until its end is recorded.
    pub(super) async fn record(&self, settlement: &Settlement) -> Result<Settled, StoreError> {
        loop {
            match self.store.settle(vec![settlement.clone()]).await {
                Ok(rows) => {
                    self.recorded();
                    self.stats.settled(&settlement.outcome);
                    return Ok(rows.into_iter().next().unwrap_or(Settled::Gone));
                }
                Err(StoreError::Closed) => return Err(StoreError::Closed),
                Err(error) => {
                    if self.refusals.refused(self.clock.now()) {
                        tracing::error!(connection = %self.connection, seq = %settlement.seq, %error, "ends of sends cannot be recorded; their chats wait");
                    }
                    self.clock.sleep_until(self.clock.now() + STORE_WAIT).await;
                }
            }
        }
    }

    fn recorded(&self) {
        if let Some(lasted) = self.refusals.over(self.clock.now()) {
            tracing::info!(connection = %self.connection, lasted_ms = whole_millis(lasted), "sends are recorded again");
        }
    }
}

fn backoff(policy: &Policy, attempts: u32) -> Duration {
    backoff::after(attempts, policy.backoff, policy.longest_backoff)
}
