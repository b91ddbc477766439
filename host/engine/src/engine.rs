//! The engine: how wasmtime is set up, and why so.
//!
//! The pool decides the speed of a turn. An instance is put back by scanning which pages were
//! touched and clearing those in place (`pagemap_scan`, Linux 6.7 and later), instead of giving
//! them back to the kernel and faulting them in again; measured, that is 8 µs a turn instead of 27.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hodhod_core::limits::{INSTANCES, MEMORIES, STACK, TABLES};
use hodhod_core::runtime::{Grants, PoolUse};
use hodhod_core::text::hex;
use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use wasmtime::component::Linker;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::compile::{Cache, Compiler};
use crate::egress::Network;
use crate::heavy::Heavy;
use crate::imports::files::Place;
use crate::state::State;
use crate::ticker::Pulse;
use crate::{grants, ticker};

/// Memory that is kept and cleared in place when an instance is put back: above what a guest
/// touches in a turn, or the rest is given back to the kernel and faulted in again.
const MEMORY_KEPT: usize = 16 << 20;
const TABLE_KEPT: usize = 64 << 10;
const STACK_KEPT: usize = 32 << 10;

/// For so many turns that may be under way one instance may wait for another turn of its bot.
const KEPT: u32 = 4;

/// Places for looking whether a new build begins.
const PROBES: u32 = 2;

/// Stack of the guest with the host calls it makes.
const CALL_STACK: usize = 2 << 20;

/// How much the pool holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSize {
    /// Turns under way at once.
    pub turns: u32,
    /// The most bytes that one memory of any bot may have.
    pub memory: usize,
}

impl Default for PoolSize {
    fn default() -> Self {
        Self { turns: 512, memory: 128 << 20 }
    }
}

/// Why an engine cannot be made.
#[derive(Debug, Error)]
pub enum EngineError {
    /// wasmtime cannot run here as it is set up.
    #[error("the WebAssembly engine cannot be set up: {0}")]
    Setup(String),
    /// The threads that end runaway turns, and that heavy turns run on, cannot be started.
    #[error("the threads of the WebAssembly engine cannot be started: {0}")]
    Threads(#[from] std::io::Error),
}

/// Loads plugins. Clones share everything.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: wasmtime::Engine,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) heavy: Arc<Heavy>,
    /// Places for instances that wait for another turn of their bot.
    pub(crate) kept: Arc<Semaphore>,
    pub(crate) compiler: Compiler,
    pub(crate) cache: Option<Arc<Cache>>,
    /// What compiled code has to agree with to run here, as a name.
    pub(crate) hash: Arc<str>,
    pub(crate) compiled: Arc<AtomicU64>,
    pub(crate) place: Arc<Place>,
    pool: PoolSize,
    linkers: Arc<Mutex<HashMap<Grants, Arc<Linker<State>>>>>,
    /// Made when the first bot needs it: reading the certificates takes a while.
    network: Arc<Mutex<Option<Network>>>,
}

impl Engine {
    /// An engine with a pool of the given size, which compiles in this process and keeps nothing.
    ///
    /// # Errors
    /// When the machine cannot provide the pool, or the threads.
    pub fn new(pool: PoolSize) -> Result<Self, EngineError> {
        let inner = wasmtime::Engine::new(&config(pool)).map_err(|error| EngineError::Setup(format!("{error:#}")))?;
        let pulse = ticker::start(&inner)?;
        let heavy = Heavy::start()?;
        tracing::debug!(turns = pool.turns, clears_in_place = pagemap_scan(), "the WebAssembly engine is set up");
        Ok(Self {
            hash: compatibility(&inner).into(),
            inner,
            pulse,
            heavy: Arc::new(heavy),
            kept: Arc::new(Semaphore::new(kept_of(pool.turns) as usize)),
            place: Arc::default(),
            compiler: Compiler::InProcess,
            cache: None,
            compiled: Arc::default(),
            pool,
            linkers: Arc::default(),
            network: Arc::default(),
        })
    }

    /// Another one that compiles.
    #[must_use]
    pub fn with_compiler(self, compiler: Compiler) -> Self {
        Self { compiler, ..self }
    }

    /// Keeps what is compiled.
    #[must_use]
    pub fn with_cache(self, cache: Cache) -> Self {
        Self { cache: Some(Arc::new(cache)), ..self }
    }

    /// How many components were compiled so far. Others came out of the cache.
    pub fn compiled(&self) -> u64 {
        self.compiled.load(Ordering::Relaxed)
    }

    /// Keeps the bytes of files that turns read and upload in this folder, which must exist, instead
    /// of the system's temporary one. They have no names there, and are gone with their turn.
    #[must_use]
    pub fn with_spool(self, folder: PathBuf) -> Self {
        let place = Place { spool: folder, ..(*self.place).clone() };
        Self { place: Arc::new(place), ..self }
    }

    /// Reads and writes files of platforms in this runtime, which connections to them belong to, and not in
    /// the one that a turn happens to run in.
    #[must_use]
    pub fn with_io(self, runtime: Handle) -> Self {
        let place = Place { io: Some(runtime), ..(*self.place).clone() };
        Self { place: Arc::new(place), ..self }
    }

    /// How much of the pool is in use.
    pub fn pool_use(&self) -> PoolUse {
        PoolUse {
            instances: self.inner.pooling_allocator_metrics().map_or(0, |pool| pool.component_instances()),
            places: places_of(self.pool.turns).into(),
        }
    }

    /// The most bytes that one memory of a bot may have.
    pub fn largest_memory(&self) -> usize {
        self.pool.memory
    }

    pub(crate) fn network(&self) -> Result<Network, String> {
        let mut network = self.network.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(network) = &*network {
            return Ok(network.clone());
        }
        let made = Network::system().map_err(|error| error.to_string())?;
        Ok(network.insert(made).clone())
    }

    pub(crate) fn linker(&self, grants: Grants) -> wasmtime::Result<Arc<Linker<State>>> {
        let mut linkers = self.linkers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(linker) = linkers.get(&grants) {
            return Ok(linker.clone());
        }
        let linker = Arc::new(grants::linker(&self.inner, grants)?);
        linkers.insert(grants, linker.clone());
        Ok(linker)
    }
}

/// Places for instances that wait for another turn, beside those for turns under way.
fn kept_of(turns: u32) -> u32 {
    turns.div_ceil(KEPT)
}

/// Places for all instances: of turns, between turns and of new builds.
fn places_of(turns: u32) -> u32 {
    turns.saturating_add(kept_of(turns)).saturating_add(PROBES)
}

/// True if the kernel can tell which pages were touched.
fn pagemap_scan() -> bool {
    PoolingAllocationConfig::is_pagemap_scan_available()
}

/// What compiled code has to agree with to run on an engine: another version, processor or setting has
/// another name.
fn compatibility(engine: &wasmtime::Engine) -> String {
    /// Names what is hashed in the same way in every process.
    struct Named(Sha256);

    impl Hasher for Named {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        fn finish(&self) -> u64 {
            0
        }
    }

    let mut named = Named(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut named);
    hex(&named.0.finalize())
}

fn config(size: PoolSize) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    let places = places_of(size.turns);
    // As many for each turn as one component may have, so that no bot can take another's; what is not
    // used is address space only.
    pool.total_component_instances(places)
        .total_core_instances(places.saturating_mul(INSTANCES))
        .total_memories(places.saturating_mul(MEMORIES))
        .total_tables(places.saturating_mul(TABLES))
        .total_stacks(places)
        .max_core_instances_per_component(INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_memories_per_module(MEMORIES)
        .max_tables_per_module(TABLES)
        .max_memory_size(size.memory)
        .max_unused_warm_slots(size.turns)
        .linear_memory_keep_resident(MEMORY_KEPT)
        .table_keep_resident(TABLE_KEPT)
        .async_stack_keep_resident(STACK_KEPT)
        // Each turn gives back its own pages at once: of several at a time, the last would give back those of all,
        // and take milliseconds for what another bot touched.
        .decommit_batch_size(1)
        .pagemap_scan(Enabled::Auto);

    let mut config = settings();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// All settings but the pool. The code that comes out depends on these only, so that a process without
/// the pool's address space compiles for an engine with one.
pub(crate) fn settings() -> Config {
    let mut config = Config::new();
    config
        .memory_init_cow(true)
        // No toolchain of a bot needs 64-bit memories and tables, and they are one more thing to attack.
        .wasm_memory64(false)
        .epoch_interruption(true)
        // Defence in depth: a stack is cleared before another turn gets it.
        .async_stack_zeroing(true)
        .max_wasm_stack(STACK)
        .async_stack_size(CALL_STACK)
        // Only components with asynchronous exports need it, and it doubles the price of a turn.
        .concurrency_support(false)
        // Text that a stranger's component chose; the reason of a failure does not need it.
        .wasm_backtrace_max_frames(None);
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_compiled_without_the_pool_is_code_for_every_pool() {
        let without = compatibility(&wasmtime::Engine::new(&settings()).unwrap());
        assert_eq!(without.len(), 64);
        for (turns, memory) in [(1, 64 << 10), (8, 64 << 20), (16, 4 << 30)] {
            let pooled = wasmtime::Engine::new(&config(PoolSize { turns, memory })).unwrap();
            assert_eq!(compatibility(&pooled), without, "a pool of {turns} turns and {memory} bytes");
        }
        let other = wasmtime::Engine::new(settings().epoch_interruption(false)).unwrap();
        assert_ne!(compatibility(&other), without, "what changes the code changes the name");
    }
}
