//! The official Soroush Python client, pointed at the local Soroush, receives and sends.
//!
//! Needs `python3` with its `venv` module, and a package index or pip's cache; fails without them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, and so do its helpers")]

use std::io::Read;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hodhod_platforms::playground::soroush::{Button, SoroushServer};
use serde_json::{Value, json};

/// The client is the PyPI fork of the official repository by one of its contributors; it names no dependencies.
/// `sseclient-py` is needed: the package `sseclient` brings a module of the same name that cannot work with it.
const PACKAGES: [&str; 7] = [
    "soroush_python_sdk==0.2.4",
    "sseclient-py==1.9.0",
    "requests==2.34.2",
    "urllib3==2.8.0",
    "idna==3.20",
    "certifi==2026.10.18",
    "charset_normalizer==3.5.2",
];
const TOKEN: &str = "a-token_of-the-python-test";
/// The script needs about a second once Python is up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A virtual environment with the packages, kept between runs.
fn python() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("soroush-python-sdk");
    let python = folder.join("bin").join("python");
    let ready = folder.join("ready");
    let wanted = PACKAGES.join("\n");
    if std::fs::read_to_string(&ready).is_ok_and(|installed| installed == wanted) {
        return python;
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PACKAGES));
    std::fs::write(ready, wanted).unwrap();
    python
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} did not start: {error}"));
    assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
}

/// A process that does not outlive its test.
struct Script(Child);

impl Drop for Script {
    fn drop(&mut self) {
        // Both fail if it has ended already, which is well.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_python_sdk_receives_and_sends() {
    let python = tokio::task::spawn_blocking(python).await.unwrap();
    let server = SoroushServer::start((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
    server.add_bot(TOKEN);

    // Two wait for the client, three come while it listens.
    let texts = ["سلام", "می\u{200c}خواهم نامه\u{200c}ای بفرستم", "line one\nline two", "🦜 \"quoted\" \\ ", "پایان"];
    let mut times = Vec::new();
    for text in &texts[..2] {
        times.push(server.say(TOKEN, "sara", text).unwrap().time);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python/soroush_sdk.py");
    let mut child = Script(
        Command::new(python)
            .arg(script)
            .args([&server.base_url(), TOKEN, &texts.len().to_string()])
            .env("PYTHONIOENCODING", "utf-8")
            // A proxy of this machine is not for loopback.
            .env("NO_PROXY", "127.0.0.1")
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap(),
    );
    for (answered, text) in (2..).zip(&texts[2..]) {
        // The answer to one is there before the next is said: the client gets each at once, not one too late.
        server.wait_for_sent(TOKEN, answered, PATIENCE).await.expect("an answer from the client");
        times.push(server.say(TOKEN, "sara", text).unwrap().time);
    }

    let sent = server.wait_for_sent(TOKEN, texts.len() + 1, PATIENCE).await.expect("all answers and a keyboard");
    for (sent, text) in sent.iter().zip(texts) {
        assert_eq!((sent.kind(), sent.to(), sent.body()), ("TEXT", "sara", format!("شنیدم: {text}").as_str()));
    }
    assert_eq!(sent.last().map(|sent| sent.kind()), Some("CHANGE"));
    let key = |text: &str, command: &str| Button { text: text.to_owned(), command: command.to_owned() };
    assert_eq!(server.keyboard(TOKEN, "sara").unwrap(), [[key("بله", "yes"), key("خیر", "no")]]);

    let (output, success) = tokio::task::spawn_blocking(move || {
        let mut output = String::new();
        child.0.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        (output, child.0.wait().unwrap().success())
    })
    .await
    .unwrap();
    assert!(success, "the script failed: {output}");

    let lines: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |event: &str| lines.iter().filter(|line| line["event"] == event).cloned().collect::<Vec<_>>();
    let received: Vec<_> = of("message").iter().map(|line| line["message"].clone()).collect();
    let expected = texts
        .iter()
        .zip(&times)
        .map(|(text, time)| json!({ "from": "sara", "type": "TEXT", "time": time.to_string(), "body": text }));
    assert_eq!(received, expected.collect::<Vec<_>>());
    assert!(of("answered").iter().all(|line| line["result"] == json!([false, "OK"])));
    assert_eq!(of("download")[0]["same"], true);
    let key = of("upload")[0]["result"][1].as_str().unwrap().to_owned();
    let file = server.file(&key).unwrap();
    assert_eq!((file.name.as_str(), file.bytes.len()), ("original.bin", 256_000));
}
