//! The process that compiles: a component comes in on standard input, its code goes out on standard
//! output, and what is wrong is one line on standard error and an exit code.
//!
//! It limits itself before it reads anything. It opens no file, and can write none.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use hodhod_core::limits::COMPONENT;
use hodhod_core::text::clean;
use rustix::process::{Resource, Rlimit, setrlimit};

use super::CompileError;
use super::one_line;
use crate::engine::settings;
use crate::priority;

/// Exit codes. Others are of a compiler that did not come to an end in order.
pub(super) const NOT_A_COMPONENT: u8 = 3;
pub(super) const OUT_OF_MEMORY: u8 = 4;
const FAILED: u8 = 5;

/// Longest line on standard error, in bytes.
const LINE: usize = 600;

/// Descriptors that the process may have: its three, and some for what a library looks up.
const FILES: u64 = 16;

/// Limits this process for good, and then compiles the component on standard input: what the child of
/// [`ChildProcess`](super::ChildProcess) does, and all that it does.
///
/// `memory` is in bytes of address space, `cpu` in seconds of processor time.
pub fn compile_child(memory: u64, cpu: u64) -> ExitCode {
    match confine(memory, cpu).map_err(CompileError::from).and_then(|()| pass_through()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let (code, line) = match error {
                CompileError::NotAComponent(what) => (NOT_A_COMPONENT, what),
                CompileError::Memory(_) => (OUT_OF_MEMORY, String::new()),
                other => (FAILED, other.to_string()),
            };
            // Nobody is left to tell if the host is gone.
            let _closed = writeln!(io::stderr(), "{}", clean(&line, LINE));
            ExitCode::from(code)
        }
    }
}

fn confine(memory: u64, cpu: u64) -> io::Result<()> {
    // The host is gone: nobody waits for the code.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let limit =
        |resource, most: u64, at_last: u64| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(at_last) });
    limit(Resource::Core, 0, 0)?;
    limit(Resource::Fsize, 0, 0)?;
    limit(Resource::Nofile, FILES, FILES)?;
    // The first ends it with a signal that says why, the second in any case.
    limit(Resource::Cpu, cpu, cpu.saturating_add(1))?;
    limit(Resource::As, memory, memory)?;
    priority::try_lower()
}

fn pass_through() -> Result<(), CompileError> {
    let mut component = Vec::new();
    io::stdin().lock().take(COMPONENT.saturating_add(1)).read_to_end(&mut component)?;
    if component.len() as u64 > COMPONENT {
        return Err(CompileError::NotAComponent("it is too large".to_owned()));
    }
    // The same code comes out as for the host's engine, without the address space of its pool.
    let engine = wasmtime::Engine::new(&settings()).map_err(|error| CompileError::Crashed(one_line(&error)))?;
    let code = compile(&engine, &component)?;
    let mut out = io::stdout().lock();
    out.write_all(&code)?;
    out.flush()?;
    Ok(())
}

/// Compiles, in this process.
pub(super) fn compile(engine: &wasmtime::Engine, component: &[u8]) -> Result<Vec<u8>, CompileError> {
    engine.precompile_component(component).map_err(|error| {
        if error.is::<wasmtime::OutOfMemory>() {
            return CompileError::Memory(rustix::process::getrlimit(Resource::As).current.unwrap_or(u64::MAX));
        }
        CompileError::NotAComponent(one_line(&error))
    })
}
