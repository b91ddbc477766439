//! What has to be on the machine, and what to say where it is not.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::steps::{Failed, cargo, step, succeeds};

const TARGET: &str = "wasm32-wasip2";

/// Installs the target that bots are compiled for, if it is not there.
pub(crate) fn target() -> Result<(), Failed> {
    if target_is_there() {
        return Ok(());
    }
    // Where there is no rustup, a distribution may have brought the target; the build will tell.
    let added = succeeds(Command::new("rustup").args(["target", "add", TARGET]));
    if added || target_is_there() {
        return Ok(());
    }
    Err(Failed(format!(
        "missing: the Rust target {TARGET}; `rustup target add {TARGET}` did not work (is there a network?)"
    )))
}

fn target_is_there() -> bool {
    let output =
        Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).stderr(Stdio::null()).output();
    output.is_ok_and(|output| {
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success() && Path::new(&folder).is_dir()
    })
}

/// A C compiler: SQLite and the cryptography of TLS are compiled from C.
pub(crate) fn c_compiler() -> Result<(), Failed> {
    if succeeds(Command::new("cc").arg("--version").stdout(Stdio::null())) {
        return Ok(());
    }
    Err(Failed(
        "missing: a C compiler called `cc`, which Rust links with; on Debian: apt install build-essential".to_owned(),
    ))
}

/// True if Python is there with what a virtual environment needs.
pub(crate) fn has_python() -> bool {
    succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"]).stdout(Stdio::null()).stderr(Stdio::null()))
}

/// True if Node is there with its package manager.
pub(crate) fn has_node() -> bool {
    let is_there =
        |program| succeeds(Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()));
    is_there("node") && is_there("npm")
}

/// Where cargo builds.
pub(crate) fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from)
}

/// Where tools are installed.
pub(crate) fn folder() -> PathBuf {
    target_folder().join("tools")
}

/// True if `cargo nextest` is there.
pub(crate) fn has_nextest() -> bool {
    succeeds(Command::new("cargo").args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()))
}

/// `cargo deny`: the one that is there, or one installed beside the build.
pub(crate) fn deny() -> Option<Command> {
    if succeeds(Command::new("cargo-deny").arg("--version").stdout(Stdio::null()).stderr(Stdio::null())) {
        return Some(Command::new("cargo-deny"));
    }
    let folder = folder();
    let program = folder.join("bin/cargo-deny");
    if !program.exists() {
        let version = ["cargo-deny", "--version", DENY];
        let mut install = cargo(["install", "--locked", "--quiet", "--root"]);
        step("install cargo-deny", install.arg(&folder).args(version)).ok()?;
    }
    Some(Command::new(program))
}

/// The version that `deny.toml` is written for.
const DENY: &str = "0.20.2";
