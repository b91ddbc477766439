//! `cargo xtask chat`: from a fresh checkout to a conversation.

use std::path::PathBuf;
use std::process::Command;

use crate::steps::{Failed, bots, cargo, step};
use crate::tools;

/// Builds the host and the example bots, and starts the terminal chat.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failed> {
    tools::c_compiler()?;
    bots()?;
    step("build the host (the first time takes some minutes)", &mut cargo(["build", "--locked", "-p", "hodhod"]))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let bot = |name: &str| target.join("wasm32-wasip2/plugin").join(name).with_extension("wasm");
    let mut chat = Command::new(target.join("debug/hodhod"));
    chat.arg("chat").args(arguments).args([bot("echo"), bot("counter")]);
    step("chat", &mut chat)
}
