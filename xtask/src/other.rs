//! Bots in other languages than Rust, with the tools that make components of them.
//!
//! The tools are installed beside the build, in the versions that each bot names. Making a component of
//! Python takes some seconds, so it is made only if something that goes into it has changed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use crate::steps::{Failed, step};
use crate::tools;

/// Builds these bots. Gives the reasons why some could not be built, each naming the tests that need them.
pub(crate) fn bots() -> Result<Vec<String>, Failed> {
    let mut skipped = Vec::new();
    if tools::has_python() {
        python()?;
    } else {
        skipped.push(format!("{PYTHON_BOT}: python3 with venv is missing"));
    }
    if tools::has_node() {
        javascript()?;
    } else {
        skipped.push(format!("{JAVASCRIPT_BOT}: node with npm is missing"));
    }
    Ok(skipped)
}

/// Tests whose name has this in it need the bot in Python.
pub(crate) const PYTHON_BOT: &str = "python_bot";

/// Tests whose name has this in it need the bot in JavaScript.
pub(crate) const JAVASCRIPT_BOT: &str = "javascript_bot";

/// Bots in Python: where they are, and what their file and their world are called.
const IN_PYTHON: [(&str, &str); 2] = [("plugins/echo-python", "echo"), ("tests/guests-http-python", "ask")];

fn python() -> Result<(), Failed> {
    IN_PYTHON.into_iter().try_for_each(|(bot, name)| python_bot(Path::new(bot), name))
}

fn python_bot(bot: &Path, name: &str) -> Result<(), Failed> {
    let component = component(&bot.file_name().unwrap_or_default().to_string_lossy());
    if is_current(&component, bot) {
        return Ok(());
    }
    let tools = tools::folder().join("python");
    let wanted = Path::new("plugins/echo-python/requirements.txt");
    if !is_current(&tools.join("installed"), wanted) {
        step("install what builds bots in Python", Command::new("python3").args(["-m", "venv"]).arg(&tools))?;
        let mut install = Command::new(tools.join("bin/pip"));
        step("install componentize-py", install.args(["install", "--quiet", "-r"]).arg(wanted))?;
        write(&tools.join("installed"))?;
    }
    let mut build = Command::new(absolute(&tools.join("bin/componentize-py"))?);
    build.args(["--quiet", "-d", "wit", "-w", name, "componentize", name, "-o"]).arg(absolute(&component)?);
    step(&format!("build {} in Python", bot.display()), build.current_dir(bot))
}

fn javascript() -> Result<(), Failed> {
    let bot = Path::new("plugins/echo-js");
    let component = component("echo-js");
    if is_current(&component, bot) {
        return Ok(());
    }
    let tools = tools::folder().join("javascript");
    if !is_current(&tools.join("installed"), &bot.join("package-lock.json")) {
        // In a folder of its own, so that nothing is made among the sources.
        for file in ["package.json", "package-lock.json"] {
            fs::create_dir_all(&tools).and_then(|()| fs::copy(bot.join(file), tools.join(file))).map_err(failed)?;
        }
        // Not `ci`: it wants every platform's part in the lock, and some were never published.
        let install = ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        step("install componentize-qjs", Command::new("npm").args(install).current_dir(&tools))?;
        write(&tools.join("installed"))?;
    }
    let mut build = Command::new(absolute(&tools.join("node_modules/.bin/componentize-qjs"))?);
    build.args(["--sync", "--wit", "wit", "--world", "echo", "--js", "echo.js", "--output"]);
    step("build the bot in JavaScript", build.arg(absolute(&component)?).current_dir(bot))
}

fn component(name: &str) -> PathBuf {
    tools::target_folder().join("wasm32-wasip2/plugin").join(name).with_extension("wasm")
}

/// True if what was made is younger than everything it was made from.
fn is_current(made: &Path, from: &Path) -> bool {
    let made = fs::metadata(made).and_then(|made| made.modified());
    matches!((made, youngest(from)), (Ok(made), Ok(from)) if made > from)
}

/// When the youngest file below this path was changed; a link counts as what it leads to.
fn youngest(path: &Path) -> io::Result<SystemTime> {
    let meta = fs::metadata(path)?;
    if !meta.is_dir() {
        return meta.modified();
    }
    let mut youngest = SystemTime::UNIX_EPOCH;
    for entry in fs::read_dir(path)? {
        youngest = youngest.max(self::youngest(&entry?.path())?);
    }
    Ok(youngest)
}

fn absolute(path: &Path) -> Result<PathBuf, Failed> {
    std::path::absolute(path).map_err(failed)
}

fn write(path: &Path) -> Result<(), Failed> {
    fs::write(path, "").map_err(failed)
}

fn failed(error: io::Error) -> Failed {
    Failed(format!("failed: a bot in another language cannot be built ({error})"))
}
