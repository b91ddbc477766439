//! A bot that asks Divar, and a platform that answers as a test wants.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use hodhod_core::ids::ChatId;
use hodhod_core::outgoing::{Body, Outgoing};
use hodhod_core::platform::{Call, CallError, Health, Intake, Platform, SendError, Sent, Unsendable};
use hodhod_core::runtime::{BotConfig, Ended, Grants, Limits, Plugin, Setup, TurnResult};
use hodhod_core::time::Millis;
use hodhod_core::turn::{Actor, Turn};
use hodhod_engine::{Component, Engine, PoolSize};
use serde_json::Value;
use tokio::sync::{Barrier, Notify};

use crate::shared::{built, turn};

/// What the platform answers.
type Answer = Result<Value, CallError>;

/// Divar, as the engine sees it.
#[derive(Default)]
pub(crate) struct Divar {
    pub(crate) answers: Mutex<VecDeque<Answer>>,
    pub(crate) calls: Mutex<Vec<Call>>,
    /// Calls under way, and the most that there were.
    pub(crate) under_way: Arc<AtomicUsize>,
    pub(crate) most: AtomicUsize,
    /// A call waits until so many are there.
    pub(crate) meet: Option<Barrier>,
    /// Every call hangs.
    pub(crate) hangs: bool,
    /// Told whenever a call begins.
    pub(crate) begun: Notify,
}

/// Counts down when a call ends, in whatever way.
struct Leaving(Arc<AtomicUsize>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Platform for Divar {
    fn receive<'a>(&'a self, _intake: &'a dyn Intake) -> BoxFuture<'a, ()> {
        Box::pin(std::future::pending())
    }

    fn send<'a>(&'a self, _chat: &'a ChatId, _message: &'a Outgoing) -> BoxFuture<'a, Result<Sent, SendError>> {
        Box::pin(std::future::pending())
    }

    fn accepts(&self, _chat: &ChatId, _message: &Outgoing) -> Result<(), Unsendable> {
        Ok(())
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            self.calls.lock().unwrap().push(call);
            self.most.fetch_max(self.under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let _leaving = Leaving(self.under_way.clone());
            self.begun.notify_one();
            if let Some(meet) = &self.meet {
                meet.wait().await;
            }
            if self.hangs {
                std::future::pending::<()>().await;
            }
            let answer = self.answers.lock().unwrap().pop_front();
            answer.unwrap_or_else(|| Err(CallError::Unsupported("the test has no answer".to_owned())))
        })
    }

    fn health(&self) -> Health {
        Health::default()
    }
}

/// A bot that asks it.
pub(crate) struct Asker {
    component: Component,
    pub(crate) actor: Arc<Actor>,
    pub(crate) divar: Arc<Divar>,
}

impl Asker {
    pub(crate) fn new(divar: Divar, limits: Limits) -> Self {
        Self::configured(divar, limits, "")
    }

    /// That asks so much when it migrates.
    pub(crate) fn configured(divar: Divar, limits: Limits, migrate: &str) -> Self {
        let engine = Engine::new(PoolSize { turns: 8, memory: 64 << 20 }).unwrap();
        let grants = Grants { messenger: true, divar: true, ..Grants::default() };
        let config: BotConfig = [("migrate".to_owned(), migrate.to_owned())].into();
        let setup = Setup { grants, limits: limits.clone(), config, ..Setup::default() };
        let component = Component::load(&engine, &built("guests_divar"), setup).unwrap();
        let divar = Arc::new(divar);
        let platform: Arc<dyn Platform> = divar.clone();
        let actor = Actor::new("bot".into(), [("shop".into(), platform)].into(), limits, Arc::default());
        Self { component, actor: Arc::new(actor), divar }
    }

    pub(crate) async fn turn(&self, text: &str) -> Ended {
        self.component.run(turn(&self.actor, 1, "a", text, Millis(0))).await
    }

    pub(crate) async fn migrate(&self, turn: Turn) -> TurnResult {
        self.component.migrate(turn, String::new()).await.result
    }

    /// What came back, in the words of the bot.
    pub(crate) async fn ask(&self, text: &str) -> String {
        let ended = self.turn(text).await;
        assert_eq!(ended.result, TurnResult::Done, "{text}");
        let (_, effects) = ended.turn.into_effects();
        match &effects.sends[0].message.body {
            Body::Text(text) => text.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// The same, where Divar answers this first.
    pub(crate) async fn told(&self, text: &str, answer: Answer) -> String {
        self.divar.answers.lock().unwrap().push_back(answer);
        self.ask(text).await
    }

    pub(crate) fn asked(&self) -> usize {
        self.divar.calls.lock().unwrap().len()
    }
}

/// A Divar that gives this again and again.
pub(crate) fn always(answer: &Value, times: usize) -> Divar {
    Divar { answers: Mutex::new(vec![Ok(answer.clone()); times].into()), ..Divar::default() }
}
