//! Bots that fail rest and come back, the operator's orders hold, and nothing is lost by either.

mod orders;
mod rests;

use std::sync::atomic::AtomicBool;

use super::*;
use crate::health::{Order, State};
use crate::testing::Native;
use crate::testing::rig::BOT;
use crate::turn::Actor;

/// A bot that fails while it is broken, and what is seen of it from outside.
#[derive(Clone)]
struct Patient {
    broken: Arc<AtomicBool>,
    runs: Arc<AtomicUsize>,
}

impl Patient {
    fn broken() -> Self {
        Self { broken: Arc::new(AtomicBool::new(true)), runs: Arc::default() }
    }

    fn bot(&self) -> impl Fn(&mut Turn) -> BoxFuture<'_, TurnResult> + Send + Sync + 'static {
        let Self { broken, runs } = self.clone();
        move |turn: &mut Turn| {
            runs.fetch_add(1, Ordering::Relaxed);
            let text = said(turn);
            answer(turn, &text);
            let result = if broken.load(Ordering::Relaxed) { failing() } else { TurnResult::Done };
            async { result }.boxed()
        }
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::Relaxed)
    }

    fn heal(&self) {
        self.broken.store(false, Ordering::Relaxed);
    }
}

fn state(rig: &Rig) -> State {
    rig.bot.health().state
}

async fn order(rig: &Rig, order: Order) {
    rig.host.turns().order(&BOT.into(), order).await.expect("the order is followed");
}

fn add_neighbour(rig: &Rig) {
    let connections = [(CONNECTION.into(), rig.platform.clone() as Arc<_>)].into();
    let actor = Actor::new("neighbour".into(), connections, Limits::default(), rig.host.outboxes().clone());
    rig.host.turns().add_bot(Arc::new(Bot::new(actor, Arc::new(Native(neighbourly)))));
}

fn neighbourly(turn: &mut Turn) -> BoxFuture<'_, TurnResult> {
    let text = format!("neighbour: {}", said(turn));
    answer(turn, &text);
    async { TurnResult::Done }.boxed()
}
