//! Python programs, for what only a library in Python tells.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::build::{repository, target};

/// What a script of `tests/python` prints when it reads `input`, in a virtual environment with these packages. The
/// environment is kept between runs; one test makes it.
///
/// # Panics
/// When the script fails, or Python or the packages are not to be had.
pub async fn python(script: &str, packages: &[&str], input: &str) -> String {
    let folder = target().join("tools").join(format!("test-{script}"));
    let python = folder.join("bin/python");
    let (ready, wanted) = (folder.join("ready"), packages.join("\n"));
    if std::fs::read_to_string(&ready).ok().as_deref() != Some(&wanted) {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder), "").await;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(Command::new(&python).args(install).args(packages), "").await;
        std::fs::write(ready, wanted).expect("the environment is ready");
    }
    let script = repository().join("tests/python").join(script).with_extension("py");
    run(Command::new(python).arg(script).env("PYTHONIOENCODING", "utf-8"), input).await
}

async fn run(command: &mut Command, input: &str) -> String {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?} did not start: {error}"));
    let mut stdin = child.stdin.take().expect("a pipe");
    let write = async move {
        // A program that does not read its input says why.
        let _closed = stdin.write_all(input.as_bytes()).await;
    };
    let ((), output) = tokio::join!(write, child.wait_with_output());
    let output = output.expect("a child can be waited for");
    assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}
