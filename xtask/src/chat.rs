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
    // Each on the messenger that it was written for.
    let names =
        if arguments.iter().any(|word| word.ends_with("divar")) { ["xo", "courier"] } else { ["echo", "counter"] };
    chat.arg("chat").args(arguments).args(names.map(bot));
    step("chat", &mut chat)
}
