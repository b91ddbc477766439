//! Why a component cannot be compiled, for the operator.

use std::io;
use std::time::Duration;

use hodhod_core::limits::{Amount, Unit};
use thiserror::Error;

/// Why a component cannot be compiled. The text says what to do about it.
#[derive(Debug, Error)]
pub enum CompileError {
    /// It is not a component, or not one that is valid.
    #[error("not a WebAssembly component: {0}")]
    NotAComponent(String),
    /// It takes too long.
    #[error("compiling it takes longer than {}: make it smaller, or the machine less busy", time(.0))]
    Time(Duration),
    /// It takes too much of a processor.
    #[error("compiling it takes more than {} of processor time: make it smaller, above all its largest functions", time(.0))]
    Cpu(Duration),
    /// It wants too much memory.
    #[error("compiling it takes more than {} of memory: make it smaller, above all its largest functions", bytes(*.0))]
    Memory(u64),
    /// What comes out is too large.
    #[error("compiled, it has more than {}: make it smaller", bytes(*.0))]
    Code(u64),
    /// It needs memories, tables or instances that the host's pool has no room for.
    #[error("it needs more than this host gives any component: {0}")]
    Room(String),
    /// The compiler did not come to an end in order.
    #[error("the compiler failed, which is a fault in it or in this machine: {0}")]
    Crashed(String),
    /// The compiler's process cannot be used.
    #[error("the process that compiles cannot be used: {0}")]
    Process(#[from] io::Error),
}

fn time(limit: &Duration) -> Amount {
    Amount { number: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX), unit: Unit::Time }
}

fn bytes(number: u64) -> Amount {
    Amount { number, unit: Unit::Bytes }
}
