//! A request of a platform to one of its connections, and what it may hand over.
//!
//! A connection may go while it is asked, and bots with it. So what a request brings is stored while the connection
//! is there, or not at all, and a connection that is closed waits for what is being stored. Who waits for an answer
//! is not waited for: their event is stored, and has its bots.
//!
//! Whoever serves the request must let it come to its end also where the platform hangs up: an event that is on
//! disk and in no lane would be handled after the next start only. A [`HangUp`] ends the waiting, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, Either, select};
use tokio::sync::watch;

use super::Host;
use super::members::Member;
use crate::ids::{ConnectionName, InboxSeq, SenderId};
use crate::inbox::Inbox;
use crate::outgoing::Answer;
use crate::people::{Moment, Person};
use crate::platform::{Incoming, Intake, Platform};
use crate::store::StoreError;
use crate::time::Clock;
use crate::webhook::Webhook;

/// A connection whose platform makes a request.
pub struct Caller {
    member: Arc<Member>,
    /// The account as of when the request came.
    platform: Arc<dyn Platform>,
    inbox: Arc<Inbox>,
    clock: Arc<dyn Clock>,
    hung_up: watch::Receiver<()>,
    hang_up: Option<HangUp>,
}

/// While there is this, somebody is at the other end of the line.
pub struct HangUp(#[expect(dead_code, reason = "its end is what is noticed")] watch::Sender<()>);

/// What is being stored, until it is dropped.
pub(super) struct Storing<'a>(&'a Member);

impl Drop for Storing<'_> {
    fn drop(&mut self) {
        self.0.storing.send_modify(|storing| *storing -= 1);
    }
}

impl Host {
    /// The connection of this name, if it is there and its platform makes requests to the host. Asked for each
    /// request anew, it follows what comes, changes and goes.
    pub fn caller(&self, name: &ConnectionName) -> Option<Caller> {
        let member = self.member(name)?;
        let platform = member.platform.borrow().clone()?;
        platform.webhook()?;
        let (line, hung_up) = watch::channel(());
        let (inbox, clock, hang_up) = (self.inbox.clone(), self.clock.clone(), Some(HangUp(line)));
        Some(Caller { member, platform, inbox, clock, hung_up, hang_up })
    }
}

impl Caller {
    /// The connection.
    pub fn name(&self) -> &ConnectionName {
        &self.member.name
    }

    /// Who answers.
    pub fn webhook(&self) -> Option<&dyn Webhook> {
        self.platform.webhook()
    }

    /// What whoever serves the request drops when nobody is there any more to be answered. Without it that
    /// never comes. Given once.
    pub fn hang_up(&mut self) -> Option<HangUp> {
        self.hang_up.take()
    }

    pub(super) fn begin(&self) -> Result<Storing<'_>, StoreError> {
        // In this order: who closes the connection looks at the second first.
        self.member.storing.send_modify(|storing| *storing += 1);
        let storing = Storing(&self.member);
        if self.member.platform.borrow().is_some() {
            return Ok(storing);
        }
        Err(StoreError::Failed("the connection is closed".to_owned()))
    }

    async fn ask(&self, event: Incoming, patience: Duration) -> Result<Option<Answer>, StoreError> {
        let (name, until) = (self.name(), self.clock.now() + patience);
        let storing = self.begin()?;
        let asker = self.inbox.take_asked(name, event).await?;
        drop(storing);
        let answer = std::pin::pin!(self.inbox.wait(name, asker, until));
        let mut line = self.hung_up.clone();
        // The line is never written to: only its end is noticed.
        let hung_up = std::pin::pin!(line.changed());
        match select(answer, hung_up).await {
            Either::Left((answer, _)) => Ok(answer),
            Either::Right(_) => {
                self.inbox.count(name, |seen| seen.unanswered += 1);
                Ok(None)
            }
        }
    }
}

impl Intake for Caller {
    fn take(&self, events: Vec<Incoming>) -> BoxFuture<'_, Result<usize, StoreError>> {
        Box::pin(async {
            let _storing = self.begin()?;
            self.inbox.take(self.name(), events).await
        })
    }

    fn ask(&self, event: Incoming, patience: Duration) -> BoxFuture<'_, Result<Option<Answer>, StoreError>> {
        Box::pin(self.ask(event, patience))
    }

    fn reserve(&self) -> BoxFuture<'_, Result<InboxSeq, StoreError>> {
        self.inbox.reserve()
    }

    fn forget(&self, person: &SenderId, until: Moment) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inbox.forget(Person::known_as(self.name().clone(), person.clone()), until)
    }

    fn closed(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.inbox.closed())
    }
}
