//! From the bytes of a component to code that can run: out of the cache, or compiled anew.
//!
//! Compiling is the one thing that a hostile component gets the host to do at length before it has
//! a turn with limits, and wasmtime does not promise to withstand input that is made for that. So the
//! host compiles in a process of its own, which may use so much memory and time and no more
//! ([`child`], [`process`]). That bounds what compiling costs; it is no wall against a component that
//! takes over the compiler itself, since what the child says is run. The code is then loaded
//! ([`trusted`]) and kept, sealed, for the next start ([`cache`]).

mod cache;
mod child;
mod error;
mod process;
mod trusted;

use std::sync::atomic::Ordering;
use std::time::Instant;

use hodhod_core::text::{clean, hex};
use wasmparser::Parser;
use wasmtime::component::Component;

pub use cache::Cache;
pub use child::compile_child;
pub use error::CompileError;
pub use process::{ChildProcess, CompileLimits};
use trusted::Trusted;

use crate::engine::Engine;

/// Who compiles.
#[derive(Clone, Debug, Default)]
pub enum Compiler {
    /// This process, without limits: for components that are one's own.
    #[default]
    InProcess,
    /// A process for each component.
    Child(ChildProcess),
}

impl Compiler {
    fn compile(&self, engine: &wasmtime::Engine, component: &[u8]) -> Result<Trusted, CompileError> {
        match self {
            Self::InProcess => child::compile(engine, component),
            Self::Child(child) => child.compile(component),
        }
        .map(Trusted::compiled)
    }
}

/// The code of a component, whose SHA-256 is `digest`.
pub(crate) fn obtain(engine: &Engine, bytes: &[u8], digest: &Digest) -> Result<Component, CompileError> {
    let began = Instant::now();
    let plugin = hex(digest);
    if let Some(component) = cached(engine, digest) {
        tracing::info!(plugin, cached = true, ms = millis(began), "compiled code was kept");
        return Ok(component);
    }
    if !Parser::is_component(bytes) {
        // No process need begin for it.
        return Err(CompileError::NotAComponent(otherwise(bytes).to_owned()));
    }
    let code = engine.compiler.compile(&engine.inner, bytes)?;
    let component = code.load(&engine.inner).map_err(|error| unloadable(&error))?;
    engine.compiled.fetch_add(1, Ordering::Relaxed);
    tracing::info!(plugin, cached = false, ms = millis(began), bytes = code.len(), "compiled");
    if let Some(cache) = &engine.cache {
        cache.keep(&engine.hash, digest, &code);
    }
    Ok(component)
}

/// What bytes are that begin unlike a component.
fn otherwise(bytes: &[u8]) -> &'static str {
    if Parser::is_core_wasm(bytes) {
        "it is a module, of which a component has to be made first, as by `wasm-tools component new`"
    } else {
        "it begins with other bytes than one"
    }
}

/// Why code that was just made does not load: mostly because the pool has no room for such a component, which
/// is no fault of the compiler.
fn unloadable(error: &wasmtime::Error) -> CompileError {
    let why = one_line(error);
    // It has no type of its own.
    if why.contains("exceeds the ") { CompileError::Room(why) } else { CompileError::Crashed(why) }
}

fn cached(engine: &Engine, digest: &Digest) -> Option<Component> {
    let code = engine.cache.as_ref()?.take(&engine.hash, digest)?;
    code.load(&engine.inner)
        .inspect_err(|error| tracing::warn!(error = one_line(error), "kept code does not load; it is compiled anew"))
        .ok()
}

/// A SHA-256.
pub(crate) type Digest = [u8; 32];

fn millis(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// An error with its causes, on one bounded line: parts of it may come from the component.
pub(crate) fn one_line(error: &wasmtime::Error) -> String {
    clean(&format!("{error:#}"), 600)
}
