//! A platform that keeps what it is told to send and answers as a test wants.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;

use crate::ids::ChatId;
use crate::outgoing::Outgoing;
use crate::platform::{Health, Intake, Platform, SendError, Sent, Unsendable};

/// What the platform answers to the next send.
pub type Script = Result<Sent, SendError>;

/// A platform without a network.
#[derive(Debug, Default)]
pub struct TestPlatform {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    answers: VecDeque<Script>,
    tried: Vec<(ChatId, Outgoing)>,
    under_way: usize,
    most_under_way: usize,
    hanging: bool,
}

impl TestPlatform {
    /// Answers the coming sends so, one each; after them every send succeeds.
    pub fn answer(&self, answers: impl IntoIterator<Item = Script>) {
        self.lock().answers.extend(answers);
    }

    /// Lets every send hang, as a platform does that never answers.
    pub fn hang(&self) {
        self.lock().hanging = true;
    }

    /// Lets sends be answered again.
    pub fn answer_again(&self) {
        self.lock().hanging = false;
    }

    /// Every send that was tried, in order.
    pub fn tried(&self) -> Vec<(ChatId, Outgoing)> {
        self.lock().tried.clone()
    }

    /// The most sends that were under way at once.
    pub fn most_under_way(&self) -> usize {
        self.lock().most_under_way
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Platform for TestPlatform {
    fn receive<'a>(&'a self, _intake: &'a dyn Intake) -> BoxFuture<'a, ()> {
        Box::pin(std::future::pending())
    }

    fn send<'a>(&'a self, chat: &'a ChatId, message: &'a Outgoing) -> BoxFuture<'a, Result<Sent, SendError>> {
        let (answer, hanging) = {
            let mut state = self.lock();
            state.tried.push((chat.clone(), message.clone()));
            state.under_way += 1;
            state.most_under_way = state.most_under_way.max(state.under_way);
            (state.answers.pop_front().unwrap_or_else(|| Ok(Sent::default())), state.hanging)
        };
        Box::pin(async move {
            if hanging {
                std::future::pending::<()>().await;
            }
            self.lock().under_way -= 1;
            answer
        })
    }

    fn accepts(&self, _chat: &ChatId, _message: &Outgoing) -> Result<(), Unsendable> {
        Ok(())
    }

    fn health(&self) -> Health {
        Health { connected: true, ..Health::default() }
    }
}
