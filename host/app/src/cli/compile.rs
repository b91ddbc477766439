//! `hodhod compile-component`: what the host starts to compile. Nobody types it.

use std::process::ExitCode;

/// Compiles the component on standard input to standard output, within limits.
#[derive(Debug, clap::Args)]
pub(super) struct Compile {
    /// Bytes of address space that it may use.
    #[arg(long, value_name = "BYTES")]
    memory: u64,
    /// Processor time that it may use.
    #[arg(long, value_name = "SECONDS")]
    cpu: u64,
}

impl Compile {
    pub(super) fn run(&self) -> ExitCode {
        hodhod_engine::compile_child(self.memory, self.cpu)
    }
}
