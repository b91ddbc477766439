//! The two commands of the README: `cargo xtask chat` tries hodhod, `cargo xtask test` tests it.
//!
//! Both install what they need where they can (the `wasm32-wasip2` target), and say in one line what
//! is missing where they cannot. Nothing here depends on anything, so it is built in a second.

mod chat;
mod other;
mod steps;
mod test;
mod tools;

use std::process::ExitCode;

use steps::Failed;

const HELP: &str = "\
cargo xtask chat [ARGUMENTS]   builds everything and talks to the example bots in this terminal
cargo xtask test               runs every check and every test
cargo xtask bots               builds the bots only, into target/wasm32-wasip2/plugin";

/// Builds every bot that can be built here.
fn bots() -> Result<(), Failed> {
    steps::bots()?;
    for reason in other::bots()? {
        steps::say(&format!("skipped: {reason}"));
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.split_first() {
        Some((verb, rest)) if verb == "chat" => chat::run(rest),
        Some((verb, [])) if verb == "test" => test::run(),
        Some((verb, [])) if verb == "bots" => bots(),
        _ => Err(Failed(HELP.to_owned())),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed(why)) => {
            steps::complain(&why);
            ExitCode::FAILURE
        }
    }
}
