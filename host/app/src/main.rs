//! hodhod: a host for chat bots that runs each as a sandboxed component.

mod accounts;
mod admin;
mod cli;
mod clock;
mod config;
mod log;
mod plugin;
mod privacy;
mod reload;
mod reread;
mod secret;
mod serve;
mod socket;
mod state_key;
mod traces;
mod wiring;

use std::process::ExitCode;

/// Events, rows and answers are made on one thread and dropped on another all the time, which the
/// system's allocator pays for with locks: this one handles a sixth more messages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
