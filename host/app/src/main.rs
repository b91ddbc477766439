//! hodhod: a host for chat bots that runs each as a sandboxed component.

mod cli;
mod clock;
mod config;
mod log;
mod secret;
mod serve;
mod wiring;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
