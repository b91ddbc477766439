//! The keeping of grants while nobody asks for them: renew them in time, subscribe anew, tell what was not told.
//!
//! It looks at all of them again and again instead of holding a timetable: what the vault says is true, also
//! after a crash and after a person was erased, and there is nothing in memory that grows with people.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, join, select};
use futures::stream;
use futures::{FutureExt, StreamExt};
use hodhod_core::platform::Intake;
use hodhod_core::store::StoreError;
use hodhod_core::time::Millis;

use super::grant::Grant;
use super::parts::Parts;
use super::refresh::Renewed;

/// The longest time without a look. Pairs are renewed a minute before they die, at least.
const LONGEST: Duration = Duration::from_secs(30);

/// Before a look that could not do what was due.
const SHORTEST: Duration = Duration::from_secs(1);

/// The rest that follows a look, for each person who was looked at: at most a thousand a second are read.
const REST: Duration = Duration::from_millis(1);

/// People who are worked for at once.
const AT_ONCE: usize = 8;

/// What a look has seen.
struct Seen {
    people: u32,
    /// When something is to be done.
    next: Option<Millis>,
}

impl Parts {
    /// Keeps grants and tells what was not told, until the intake closes. Dropping it leaves what is under way to end
    /// by itself.
    pub(super) async fn run(self: &Arc<Self>, intake: &dyn Intake) {
        if let Err(words) = self.setup.app() {
            tracing::debug!(connection = %self.setup.name, words, "there are no tokens to keep");
        }
        let closed = intake.closed().shared();
        // Side by side: what is told may have to wait for turns, and a token does not.
        join(self.keep_on(closed.clone()), self.tell_on(closed, intake)).await;
    }

    async fn keep_on(self: &Arc<Self>, mut closed: impl Future<Output = ()> + Unpin) {
        loop {
            let seen = match select(&mut closed, pin!(self.look())).await {
                Either::Left(_) => return,
                Either::Right((seen, _)) => seen,
            };
            let now = self.now();
            let rested = self.clock.sleep_until(now + REST.saturating_mul(seen.people).min(LONGEST));
            let earliest = now + SHORTEST;
            let next = seen.next.unwrap_or(earliest + LONGEST).clamp(earliest, now + LONGEST);
            let due = self.clock.sleep_until(next);
            let pause = async {
                rested.await;
                select(due, pin!(self.wake.notified())).await;
            };
            if let Either::Left(_) = select(&mut closed, pin!(pause)).await {
                return;
            }
        }
    }

    async fn tell_on(&self, closed: impl Future<Output = ()> + Clone + Unpin, intake: &dyn Intake) {
        loop {
            let told = self.tell_all(closed.clone(), intake).await;
            let pause = if told.is_ok() { LONGEST } else { SHORTEST };
            if let Err(error) = told {
                tracing::debug!(connection = %self.setup.name, %error, "what was not told is looked at again");
            }
            let pause = self.clock.sleep_until(self.now() + pause);
            let pause = async { drop(select(pause, pin!(self.news.notified())).await) };
            if let Either::Left(_) = select(closed.clone(), pin!(pause)).await {
                return;
            }
        }
    }

    async fn look(self: &Arc<Self>) -> Seen {
        self.keep_all().await.unwrap_or_else(|error: StoreError| {
            tracing::debug!(connection = %self.setup.name, %error, "grants are looked at again");
            Seen { people: 0, next: Some(self.now()) }
        })
    }

    async fn keep_all(self: &Arc<Self>) -> Result<Seen, StoreError> {
        let mut seen = Seen { people: 0, next: None };
        if self.setup.app().is_err() {
            return Ok(seen);
        }
        let mut after = None;
        loop {
            let (people, next) = self.grants_after(after.as_deref()).await?;
            seen.people = seen.people.saturating_add(u32::try_from(people.len()).unwrap_or(u32::MAX));
            let mut kept = stream::iter(people).map(|grants| self.keep_some(grants)).buffer_unordered(AT_ONCE);
            while let Some(due) = kept.next().await {
                seen.next = seen.next.into_iter().chain(due).min();
            }
            if next.is_none() {
                return Ok(seen);
            }
            after = next;
        }
    }

    /// Does what is due for a person; when the next is.
    async fn keep_some(self: &Arc<Self>, grants: Vec<Grant>) -> Option<Millis> {
        let mut next = None;
        for grant in grants {
            let due = self.keep_one(grant).await;
            next = next.into_iter().chain(due).min();
        }
        next
    }

    /// Does what is due for one grant; when the next is.
    async fn keep_one(self: &Arc<Self>, mut grant: Grant) -> Option<Millis> {
        if grant.is_due(self.now()) {
            grant = match self.renew(&grant).await {
                Ok(Renewed::Fresh(grant) | Renewed::Old(grant, _)) => grant,
                Ok(Renewed::Gone) => return None,
                Err(error) => {
                    tracing::debug!(connection = %self.setup.name, %error, "tokens are not renewed");
                    return Some(self.now());
                }
            };
        }
        let now = self.now();
        if grant.subscribing.is_some_and(|tries| tries.not_before <= now) && grant.is_usable(now) {
            grant = self.subscribe(&grant).await?;
        }
        grant.next()
    }
}
