//! A bot that does what it is told, and its turns one by one.

use std::sync::Arc;

use hodhod_core::outgoing::Body;
use hodhod_core::runtime::{Ended, Grants, Limits, Plugin, Setup, TurnResult};
use hodhod_core::time::Millis;
use hodhod_core::turn::{Actor, Turn};
use hodhod_engine::{Component, Engine, PoolSize};

use crate::shared::{actor, built, turn};

pub(crate) struct Told {
    component: Component,
    actor: Arc<Actor>,
    told: u64,
}

impl Told {
    pub(crate) fn new(limits: Limits) -> Self {
        Self::within(&Engine::new(PoolSize { turns: 8, memory: 64 << 20 }).unwrap(), limits)
    }

    pub(crate) fn within(engine: &Engine, limits: Limits) -> Self {
        let grants = Grants { messenger: true, keyvalue: true, timers: true, files: true, ..Grants::default() };
        let setup = Setup { grants, limits: limits.clone(), ..Setup::default() };
        let component = Component::load(engine, &built("guests"), setup).unwrap();
        Self { component, actor: actor(limits), told: 0 }
    }

    /// The next turn, in this chat, which begins at this time.
    pub(crate) fn turn(&mut self, chat: &str, text: &str, began: Millis) -> Turn {
        self.told += 1;
        turn(&self.actor, self.told, chat, text, began)
    }

    pub(crate) fn plugin(&self) -> &dyn Plugin {
        &self.component
    }

    /// Looks whether it begins.
    pub(crate) async fn probe(&self) {
        self.component.probe(Turn::rehearsal(&self.actor, Millis(0))).await.unwrap();
    }

    /// How a turn ends in which it is told this.
    pub(crate) async fn end(&mut self, chat: &str, text: &str) -> Ended {
        let turn = self.turn(chat, text, Millis(0));
        self.component.run(turn).await
    }

    /// What it answers, in the chat and at the time of this turn.
    pub(crate) async fn answer(&mut self, chat: &str, text: &str, began: Millis) -> String {
        let turn = self.turn(chat, text, began);
        let ended = self.component.run(turn).await;
        assert_eq!(ended.result, TurnResult::Done, "{text}");
        let (_, effects) = ended.turn.into_effects();
        match &effects.sends[..] {
            [send] if send.chat.id.as_str() == chat => match &send.message.body {
                Body::Text(text) => text.clone(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn says(&mut self, text: &str) -> String {
        self.answer("a", text, Millis(0)).await
    }
}
