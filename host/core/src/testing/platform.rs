//! A platform that keeps what it is told to send and answers as a test wants.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::future::{BoxFuture, Either, select};
use tokio::sync::Notify;

use crate::ids::{ChatId, SenderId};
use crate::outgoing::Outgoing;
use crate::platform::{Health, Incoming, Intake, Platform, SendError, Sent, Unsendable};

/// What the platform answers to the next send.
pub type Script = Result<Sent, SendError>;

/// A platform without a network.
#[derive(Default)]
pub struct TestPlatform {
    state: Mutex<State>,
    rung: Notify,
}

#[derive(Default)]
struct State {
    answers: VecDeque<Script>,
    incoming: Vec<Incoming>,
    receiving: bool,
    keeps_trying: bool,
    tried: Vec<(ChatId, Outgoing)>,
    under_way: usize,
    most_under_way: usize,
    hanging: bool,
    has_private_chats: bool,
    forgotten: Vec<SenderId>,
    forgets: Option<Forget>,
}

/// What a test does when a person is to be forgotten.
type Forget = Box<dyn FnMut(&SenderId) + Send>;

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

    /// Lets events come in; whoever receives gets them.
    pub fn ring(&self, events: impl IntoIterator<Item = Incoming>) {
        self.lock().incoming.extend(events);
        self.rung.notify_one();
    }

    /// Hands over again what the intake refuses, as platforms do.
    pub fn keep_trying(&self) {
        self.lock().keeps_trying = true;
    }

    /// True while somebody receives.
    pub fn is_received(&self) -> bool {
        self.lock().receiving
    }

    /// Lets the chat with a person have the id of the person.
    pub fn set_private_chats(&self) {
        self.lock().has_private_chats = true;
    }

    /// Does this where it is to forget a person.
    pub fn when_forgetting(&self, forgets: impl FnMut(&SenderId) + Send + 'static) {
        self.lock().forgets = Some(Box::new(forgets));
    }

    /// The persons that it was to forget, in order.
    pub fn forgotten(&self) -> Vec<SenderId> {
        self.lock().forgotten.clone()
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
    fn receive<'a>(&'a self, intake: &'a dyn Intake) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.lock().receiving = true;
            let mut closed = intake.closed();
            loop {
                let events = std::mem::take(&mut self.lock().incoming);
                while !events.is_empty() && intake.take(events.clone()).await.is_err() {
                    if !self.lock().keeps_trying {
                        self.lock().receiving = false;
                        return;
                    }
                    tokio::task::yield_now().await;
                }
                let rung = std::pin::pin!(self.rung.notified());
                if let Either::Left(_) = select(&mut closed, rung).await {
                    break;
                }
            }
            self.lock().receiving = false;
        })
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

    fn private_chat(&self, user: &SenderId) -> Option<ChatId> {
        self.lock().has_private_chats.then(|| user.as_str().into())
    }

    fn forget(&self, user: &SenderId) {
        let mut state = self.lock();
        state.forgotten.push(user.clone());
        if let Some(forgets) = &mut state.forgets {
            forgets(user);
        }
    }

    fn health(&self) -> Health {
        Health { connected: true, ..Health::default() }
    }
}
