//! A loaded component, and the running of a turn in it.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, Either, select};
use hodhod_core::kill;
use hodhod_core::limits::{COMPONENT, HANDLES, HOST_CALL};
use hodhod_core::runtime::{BotConfig, Ended, Failure, Grants, Limits, Plugin, Reason, Setup, TurnResult};
use hodhod_core::text::clean;
use hodhod_core::turn::Turn;
use sha2::{Digest, Sha256};
use thiserror::Error;
use wasmtime::component::ResourceTable;
use wasmtime::{CallHook, Store, StoreContextMut, Trap, UpdateDeadline};

use crate::bindings::hodhod::bot::types;
use crate::bindings::{Bot, BotPre};
use crate::compile::{self, CompileError, hex, one_line};
use crate::contract;
use crate::convert;
use crate::egress::{Egress, Network};
use crate::engine::Engine;
use crate::failure::classify;
use crate::grants::{self, Need};
use crate::imports::files::Place;
use crate::meter::{Meter, Metered};
use crate::state::State;
use crate::ticker::{Pulse, TICK};

/// Longest reason of a `reject`, in bytes.
const REASON: usize = 1024;

/// Bytes of a page of WebAssembly's memory.
const PAGE: u64 = 64 << 10;

/// Why a plugin cannot be loaded. The text says what to do about it.
#[derive(Debug, Error)]
pub enum LoadError {
    /// It is not a component.
    #[error("not a WebAssembly component: {0}")]
    NotAComponent(String),
    /// It is compiled code, which the host only takes from itself.
    #[error("already compiled: give the component itself, not a .cwasm file")]
    Compiled,
    /// Its file is too large.
    #[error("it has {bytes} bytes, and a component may have {COMPONENT}: make it smaller")]
    TooLarge {
        /// Bytes of the file.
        bytes: usize,
    },
    /// It cannot be compiled.
    #[error(transparent)]
    Compile(CompileError),
    /// It imports what was not granted.
    #[error("it imports {}, which is not granted: add `{}` to grants", .imports.join(", "), lines(.missing))]
    NotGranted {
        /// The imports.
        imports: Vec<String>,
        /// The missing grants.
        missing: Vec<&'static str>,
    },
    /// It imports what this host has not.
    #[error("it imports {0}, which this host does not serve")]
    Unknown(String),
    /// It may ask other servers, and there is nobody whose certificates could be trusted.
    #[error(
        "it may use HTTP, and the certificates that this machine trusts cannot be read: {0}; install ca-certificates"
    )]
    Network(String),
    /// It does not fit the contract.
    #[error("it does not fit hodhod:bot@0.1.0: {0}")]
    Contract(String),
    /// It needs more than its limits allow before it has done anything.
    #[error("it needs {needed} bytes of memory to begin with, and its limit is {limit}: raise `memory` in limits")]
    Memory {
        /// Bytes of its initial memories.
        needed: u64,
        /// The limit.
        limit: u64,
    },
    /// Its limit is above what the host's pool holds.
    #[error("its memory limit is {limit} bytes, and this host allows at most {most}")]
    LimitTooHigh {
        /// The limit.
        limit: u64,
        /// What the pool holds.
        most: u64,
    },
}

/// A component, loaded for one bot.
pub struct Component {
    engine: wasmtime::Engine,
    pulse: Arc<Pulse>,
    place: Arc<Place>,
    pre: BotPre<State>,
    config: Arc<BotConfig>,
    limits: Limits,
    /// The way out, where it is granted.
    egress: Option<Arc<Egress>>,
    digest: String,
}

impl Component {
    /// Compiles a component, or takes its code out of the cache, and links it with what was granted. Waits
    /// for it: not to be called where other tasks wait for the thread.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn load(engine: &Engine, bytes: &[u8], setup: Setup) -> Result<Self, LoadError> {
        let network = if setup.grants.http { Some(engine.network().map_err(LoadError::Network)?) } else { None };
        Self::link(engine, bytes, setup, network)
    }

    /// The same, for a bot that reaches the world through `network`.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn load_with(engine: &Engine, bytes: &[u8], setup: Setup, network: Network) -> Result<Self, LoadError> {
        Self::link(engine, bytes, setup, Some(network))
    }

    fn link(engine: &Engine, bytes: &[u8], setup: Setup, network: Option<Network>) -> Result<Self, LoadError> {
        let Setup { grants, limits, config, http } = setup;
        let most = engine.largest_memory() as u64;
        if limits.memory > most {
            return Err(LoadError::LimitTooHigh { limit: limits.memory, most });
        }
        if wasmtime::Engine::detect_precompiled(bytes).is_some() {
            return Err(LoadError::Compiled);
        }
        if bytes.len() as u64 > COMPONENT {
            return Err(LoadError::TooLarge { bytes: bytes.len() });
        }
        let digest = Sha256::digest(bytes).into();
        let component = compile::obtain(engine, bytes, &digest).map_err(|error| match error {
            CompileError::NotAComponent(what) => LoadError::NotAComponent(what),
            error => LoadError::Compile(error),
        })?;
        check_imports(&component, grants)?;
        // Told in pages of WebAssembly; a component whose parts are only known when it runs tells nothing.
        let pages = component.resources_required().and_then(|needed| needed.max_initial_memory_size);
        let needed = pages.unwrap_or(0).saturating_mul(PAGE);
        if needed > limits.memory {
            return Err(LoadError::Memory { needed, limit: limits.memory });
        }
        let linker = engine.linker(grants).map_err(|error| LoadError::Contract(one_line(&error)))?;
        let pre = linker.instantiate_pre(&component).map_err(|error| LoadError::Contract(one_line(&error)))?;
        let pre = BotPre::new(pre).map_err(|error| LoadError::Contract(one_line(&error)))?;
        if let Some(misfit) = contract::misfit(&component) {
            return Err(LoadError::Contract(misfit.to_owned()));
        }
        let network = network.filter(|_| grants.http);
        let egress = network.map(|network| Arc::new(Egress::new(http, limits.clone(), network)));
        Ok(Self {
            engine: engine.inner.clone(),
            pulse: engine.pulse.clone(),
            place: engine.place.clone(),
            pre,
            config: Arc::new(config),
            limits,
            egress,
            digest: hex(&digest),
        })
    }

    async fn turn(&self, turn: Turn) -> Ended {
        let event = convert::event(&turn.told());
        let killed = std::pin::pin!(turn.killed());
        let meter = Meter::new(turn.actor().bot.clone(), self.pulse.clone());
        let mut state = State::new(turn, self.config.clone(), &self.limits, meter.clone(), self.place.clone());
        if let Some(egress) = &self.egress {
            let (actor, clock) = (state.turn.actor().clone(), state.clock);
            state.http.allow(egress.clone(), actor, clock);
        }
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(HOST_CALL);
        store.set_max_component_handles(HANDLES);
        bound_time(&mut store, self.limits.cpu);

        let called = {
            let call = Box::pin(self.call(&mut store, &event));
            let call = unless_killed(Metered { meter: meter.clone(), inner: call }, killed);
            tokio::time::timeout(self.limits.wall, call).await
        };
        // A guest that trapped is never entered again. Its streams are closed, so that what it said last
        // is known before the reason is looked for.
        store.data_mut().table = ResourceTable::new();
        let result = match called {
            Ok(Some(Ok(Ok(())))) => TurnResult::Done,
            Ok(Some(Ok(Err(types::Failure::Retry(ms))))) => TurnResult::Retry(Duration::from_millis(ms)),
            Ok(Some(Ok(Err(types::Failure::Reject(reason))))) => TurnResult::Reject(clean(&reason, REASON)),
            Ok(Some(Err(error))) => TurnResult::Failed(classify(&error, store.data())),
            Ok(None) => TurnResult::Failed(kill::failure()),
            Err(_elapsed) => TurnResult::Failed(Failure {
                reason: Reason::Wall,
                detail: format!("limit {} ms reached", self.limits.wall.as_millis()),
            }),
        };
        let state = store.into_data();
        state.lines.end();
        let (cpu, memory) = (meter.used(), state.limiter.used() as u64);
        Ended { turn: state.turn, result, cpu, memory }
    }

    async fn call(
        &self,
        store: &mut Store<State>,
        event: &types::Event,
    ) -> wasmtime::Result<Result<(), types::Failure>> {
        let bot: Bot = self.pre.instantiate_async(&mut *store).await?;
        bot.hodhod_bot_handler().call_handle(store, event).await
    }
}

impl Plugin for Component {
    fn run(&self, turn: Turn) -> BoxFuture<'_, Ended> {
        Box::pin(self.turn(turn))
    }

    fn digest(&self) -> &str {
        &self.digest
    }
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
    if state.turn.is_killed() {
        state.ended = Some(kill::failure());
        return Ok(UpdateDeadline::Interrupt);
    }
    let used = state.meter.now();
    // The tick is one for all; a turn that began just before it has not used one up.
    if used < TICK && used < limit {
        return Ok(UpdateDeadline::Continue(1));
    }
    if used >= limit {
        state.ended = Some(out_of_time(limit));
        return Ok(UpdateDeadline::Interrupt);
    }
    Ok(UpdateDeadline::YieldCustom(1, Box::pin(state.meter.next_slice())))
}

/// The host has done what the guest asked it.
fn after_call(mut store: StoreContextMut<'_, State>, limit: Duration) -> wasmtime::Result<()> {
    let state = store.data_mut();
    state.ended = if state.turn.is_killed() {
        Some(kill::failure())
    } else if state.meter.now() >= limit {
        Some(out_of_time(limit))
    } else {
        return Ok(());
    };
    Err(wasmtime::Error::from(Trap::Interrupt))
}

fn out_of_time(limit: Duration) -> Failure {
    Failure { reason: Reason::Cpu, detail: format!("limit {} ms reached", limit.as_millis()) }
}

fn check_imports(component: &wasmtime::component::Component, grants: Grants) -> Result<(), LoadError> {
    let ty = component.component_type();
    let mut imports = Vec::new();
    let mut missing = Vec::new();
    for (name, _) in ty.imports(component.engine()) {
        match grants::need(name) {
            Need::Nothing => {}
            Need::Grant(grant) if grants.has(grant) => {}
            Need::Grant(grant) => {
                imports.push(clean(name, 100));
                if !missing.contains(&grant) {
                    missing.push(grant);
                }
            }
            Need::Unknown => return Err(LoadError::Unknown(clean(name, 100))),
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(LoadError::NotGranted { imports, missing }) }
}

/// What to write to grant these.
fn lines(missing: &[&str]) -> String {
    let line = |grant: &&str| match *grant {
        "http" => "http = { hosts = [\"https://…\"] }".to_owned(),
        grant => format!("{grant} = true"),
    };
    missing.iter().map(line).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
