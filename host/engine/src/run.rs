//! The running of a turn in a component.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::future::{Either, select};
use hodhod_core::kill;
use hodhod_core::limits::{HANDLES, HOST_CALL};
use hodhod_core::runtime::{BotConfig, Ended, Failure, Limits, Reason, TurnResult};
use hodhod_core::text::clean;
use hodhod_core::turn::Turn;
use tokio::sync::Semaphore;
use tokio::time::sleep_until;
use wasmtime::component::{ComponentExportIndex, ResourceTable};
use wasmtime::{CallHook, Store, StoreContextMut, Trap, UpdateDeadline};

use crate::bindings::hodhod::bot::types;
use crate::bindings::{Bot, BotPre};
use crate::convert;
use crate::egress::Egress;
use crate::engine::Engine;
use crate::failure::classify;
use crate::heavy;
use crate::imports::kenar::Asking;
use crate::kept::{Kept, Used};
use crate::meter::{Meter, Metered};
use crate::state::State;
use crate::ticker::TICK;
use crate::weight::Weight;

/// Longest reason of a `reject` or a migration, in bytes.
const REASON: usize = 1024;

/// A component with all that its turns share.
pub(crate) struct Loaded {
    pub(crate) engine: Engine,
    pub(crate) pre: BotPre<State>,
    pub(crate) config: Arc<BotConfig>,
    pub(crate) limits: Limits,
    /// The way out, where it is granted.
    pub(crate) egress: Option<Arc<Egress>>,
    /// For its requests to platforms themselves.
    pub(crate) asking: Asking,
    pub(crate) digest: String,
    pub(crate) version: String,
    /// Its export that migrates values, where it has one.
    pub(crate) migrate: Option<ComponentExportIndex>,
    pub(crate) weight: Weight,
    /// Through which its heavy turns go, and those of all bots.
    pub(crate) slices: [Arc<Semaphore>; 2],
    /// Instances between two turns.
    pub(crate) kept: Kept,
}

impl Loaded {
    pub(crate) async fn run(this: &Arc<Self>, turn: Turn) -> Ended {
        let event = convert::event(&turn.told());
        Self::begin(this, turn, Call::Handle(event), &this.weight).await
    }

    /// Begins the component as for a turn, and tells it nothing. What it begins serves no turn, and how long it takes
    /// says nothing of turns.
    pub(crate) async fn probe(this: &Arc<Self>, turn: Turn) -> Ended {
        Self::begin(this, turn, Call::Nothing, &Weight::default()).await
    }

    /// Lets it migrate values. The instance serves no turn, and how long it takes says nothing of turns.
    pub(crate) async fn migrate(this: &Arc<Self>, turn: Turn, from: String) -> Ended {
        Self::begin(this, turn, Call::Migrate(from), &Weight::default()).await
    }

    async fn begin(this: &Arc<Self>, turn: Turn, call: Call, weight: &Weight) -> Ended {
        let meter = Meter::new(this.engine.pulse.clone(), this.slices.clone());
        let running = Box::pin(this.clone().turn(turn, call, Instant::now(), meter.clone()));
        this.engine.heavy.carry(running, meter, weight).await
    }

    async fn turn(self: Arc<Self>, turn: Turn, what: Call, at: Instant, meter: Arc<Meter>) -> Ended {
        let killed = std::pin::pin!(turn.killed());
        let is_turn = matches!(what, Call::Handle(_));
        let mut used = match if is_turn { self.kept.take() } else { None } {
            Some(mut used) => {
                used.store.data_mut().begin(turn, at, meter.clone());
                used
            }
            None => Used::new(self.store(turn, at, meter.clone())),
        };
        if let Some(egress) = self.egress.as_ref().filter(|_| is_turn) {
            let state = used.store.data_mut();
            let (actor, trace, clock) = (state.turn.actor().clone(), state.turn.trace(), state.clock.clone());
            state.http.allow(egress.clone(), actor, trace, clock);
        }
        if is_turn {
            used.store.data_mut().asking = self.asking.clone();
        }
        bound_time(&mut used.store, self.limits.cpu);

        let called = {
            let call = Box::pin(self.call(&mut used, &what));
            let call = unless_killed(Metered { meter: meter.clone(), inner: call }, killed);
            within(self.limits.wall, call).await
        };
        let went_well = matches!(called, Some(Some(Ok(_))));
        if !(went_well && is_turn && self.kept.wants(&mut used)) {
            // A guest that trapped is never entered again. Its streams are closed, so that what it said
            // last is known before the reason is looked for.
            used.store.data_mut().table = ResourceTable::new();
            used.instance = None;
        }
        used.store.data().lines.flush();
        let result = match called {
            Some(Some(Ok(Ok(())))) => TurnResult::Done,
            Some(Some(Ok(Err(types::Failure::Retry(ms))))) => TurnResult::Retry(Duration::from_millis(ms)),
            Some(Some(Ok(Err(types::Failure::Reject(reason))))) => TurnResult::Reject(clean(&reason, REASON)),
            Some(Some(Err(error))) => TurnResult::Failed(classify(&error, used.store.data())),
            Some(None) => TurnResult::Failed(kill::failure()),
            None => TurnResult::Failed(Failure {
                reason: Reason::Wall,
                detail: format!("limit {} ms reached", self.limits.wall.as_millis()),
            }),
        };
        let state = used.store.data();
        state.lines.end();
        let (cpu, memory) = (meter.used(), state.limiter.used() as u64);
        let turn = self.kept.give_back(used);
        Ended { turn, result, time: at.elapsed(), cpu, memory }
    }

    /// A store for an instance that begins with this turn.
    fn store(&self, turn: Turn, at: Instant, meter: Arc<Meter>) -> Store<State> {
        let state = State::new(turn, at, self.config.clone(), &self.limits, meter, self.engine.place.clone());
        let mut store = Store::new(&self.engine.inner, state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(HOST_CALL);
        store.set_max_component_handles(HANDLES);
        store
    }

    async fn call(&self, used: &mut Used, what: &Call) -> wasmtime::Result<Result<(), types::Failure>> {
        let event = match what {
            Call::Handle(event) => Some(event),
            Call::Migrate(from) => return self.call_migrate(&mut used.store, from).await,
            Call::Nothing => None,
        };
        let bot: &Bot = match &mut used.instance {
            Some(bot) => bot,
            none => none.insert(self.pre.instantiate_async(&mut used.store).await?),
        };
        match event {
            Some(event) => bot.hodhod_bot_handler().call_handle(&mut used.store, event).await,
            None => Ok(Ok(())),
        }
    }

    async fn call_migrate(&self, store: &mut Store<State>, from: &str) -> wasmtime::Result<Result<(), types::Failure>> {
        let Some(export) = self.migrate else { return Ok(Ok(())) };
        let instance = self.pre.instance_pre().instantiate_async(&mut *store).await?;
        let migrate = instance.get_typed_func::<(&str,), (Result<(), String>,)>(&mut *store, export)?;
        let (migrated,) = migrate.call_async(&mut *store, (from,)).await?;
        Ok(migrated.map_err(types::Failure::Reject))
    }
}

/// What an instance is begun for.
#[expect(clippy::large_enum_variant, reason = "one for each turn, which need not allocate for it")]
enum Call {
    /// A turn.
    Handle(types::Event),
    /// Migrating the values that a build of this version left.
    Migrate(String),
    /// Whether it begins.
    Nothing,
}

/// What a call gives, or `None` if it takes longer. The timer belongs to the runtime that polls it: the one
/// where the turn began may be gone before the turn is.
async fn within<T>(limit: Duration, call: impl Future<Output = T>) -> Option<T> {
    let until = tokio::time::Instant::now() + limit;
    let mut call = std::pin::pin!(call);
    let mut over = std::pin::pin!(sleep_until(until));
    let mut is_away = heavy::is_here();
    poll_fn(|cx| {
        if !is_away && heavy::is_here() {
            is_away = true;
            over.set(sleep_until(until));
        }
        if let Poll::Ready(given) = call.as_mut().poll(cx) {
            return Poll::Ready(Some(given));
        }
        over.as_mut().poll(cx).map(|()| None)
    })
    .await
}

/// What a call gives, or `None` if the turn is killed while it waits. Dropping the call ends it.
async fn unless_killed<T>(
    call: impl Future<Output = T> + Unpin,
    killed: impl Future<Output = ()> + Unpin,
) -> Option<T> {
    // The guest first: one that never waits never asks here, but at its ticks.
    match select(call, killed).await {
        Either::Left((called, _)) => Some(called),
        Either::Right(((), _)) => None,
    }
}

/// Ends the guest once it has used `limit` of a processor.
fn bound_time(store: &mut Store<State>, limit: Duration) {
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |state| on_tick(state, limit));
    // Ticks are noticed in the guest's code only, and code without loops may call the host for hours.
    store.call_hook(move |state, transition| match transition {
        CallHook::ReturningFromHost => after_call(state, limit),
        CallHook::CallingWasm | CallHook::ReturningFromWasm | CallHook::CallingHost => Ok(()),
    });
}

/// A tick has passed while the guest was running.
fn on_tick(mut store: StoreContextMut<'_, State>, limit: Duration) -> wasmtime::Result<UpdateDeadline> {
    let state = store.data_mut();
    state.meter.beat();
    state.meter.give_way();
    if state.turn.is_killed() {
        state.ended = Some(kill::failure());
        return Ok(UpdateDeadline::Interrupt);
    }
    if state.meter.has_used(limit) {
        state.ended = Some(out_of_time(limit));
        return Ok(UpdateDeadline::Interrupt);
    }
    // The tick is one for all; a turn that began just before it has not used one up.
    if !state.meter.has_used(TICK) {
        return Ok(UpdateDeadline::Continue(1));
    }
    Ok(UpdateDeadline::YieldCustom(1, Box::pin(state.meter.next_slice())))
}

/// The host has done what the guest asked it.
fn after_call(mut store: StoreContextMut<'_, State>, limit: Duration) -> wasmtime::Result<()> {
    let state = store.data_mut();
    state.meter.give_way();
    state.ended = if state.turn.is_killed() {
        Some(kill::failure())
    } else if state.meter.has_used(limit) {
        Some(out_of_time(limit))
    } else {
        return Ok(());
    };
    Err(wasmtime::Error::from(Trap::Interrupt))
}

fn out_of_time(limit: Duration) -> Failure {
    Failure { reason: Reason::Cpu, detail: format!("limit {} ms reached", limit.as_millis()) }
}

#[cfg(test)]
mod tests;
