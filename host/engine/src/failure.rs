//! Why a call into a guest failed, in the words of [`Reason`].

use hodhod_core::runtime::{Failure, Reason};
use hodhod_core::text::clean;
use wasmtime::component::ResourceTableError;
use wasmtime::{Error, PoolConcurrencyLimitError, Trap};

use crate::state::State;

/// Longest detail, in bytes.
const DETAIL: usize = 300;

/// What is said of limits that have no type of their own: bytes of one call, handles, random bytes.
const QUOTAS: [&str; 3] = ["fuel allocated for hostcalls", "store handle limit exceeded", " exceeds limit "];

/// The failure behind an error of wasmtime.
pub(crate) fn classify(error: &Error, state: &State) -> Failure {
    if let Some(failure) = &state.ended {
        return failure.clone();
    }
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return failure(Reason::Host, "there is no room for one more instance".to_owned());
    }
    if let Some(Trap::StackOverflow) = error.downcast_ref::<Trap>() {
        return failure(Reason::Stack, "calls are nested too deeply".to_owned());
    }
    if state.limiter.refused() {
        let limit = state.turn.actor().limits.memory;
        return failure(Reason::Memory, format!("limit {} MiB reached", limit >> 20));
    }
    if error.downcast_ref::<ResourceTableError>().is_some() {
        return failure(Reason::Quota, "too many handles are open".to_owned());
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => failure(Reason::Cpu, "interrupted".to_owned()),
        Some(trap) => {
            let said = state.lines.last_error();
            failure(Reason::Panic, said.map_or_else(|| trap.to_string(), |said| format!("{said} ({trap})")))
        }
        None => {
            let text = error.root_cause().to_string();
            let quota = QUOTAS.iter().any(|said| text.contains(said));
            let reason = if quota { Reason::Quota } else { Reason::Panic };
            failure(reason, text)
        }
    }
}

fn failure(reason: Reason, detail: String) -> Failure {
    Failure { reason, detail: clean(&detail, DETAIL) }
}
