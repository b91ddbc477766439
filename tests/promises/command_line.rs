//! What the command line says, and what it exits with.

use std::process::Stdio;

use hodhod_tests::{BotSetup, Setup};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

async fn run(setup: &Setup, verb: &str, more: &[&str]) -> (i32, String, String) {
    let output = setup.command(verb).args(more).output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// What the README promises of its first command, without the building.
#[tokio::test]
async fn a_person_who_types_is_answered_and_a_bot_cannot_command_the_terminal() {
    let mut child = tokio::process::Command::new(hodhod_tests::program())
        .arg("chat")
        .args([hodhod_tests::component("echo"), hodhod_tests::component("counter")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let typed = "سلام\nمی‌روم\u{1b}[2J\n:bot counter\nhello\n:1\n:quit\n";
    child.stdin.take().unwrap().write_all(typed.as_bytes()).await.unwrap();
    let output = tokio::time::timeout(hodhod_tests::PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    for answer in ["echo> سلام\n", "echo> می‌روم\u{fffd}[2J\n", "counter> این گفتگو: 1", "counter> این گفتگو: 2"]
    {
        assert!(shown.contains(answer), "{answer:?} is missing: {shown}");
    }
}

#[tokio::test]
async fn check_finds_nothing_wrong_with_what_is_right() {
    let setup = Setup::new([BotSetup::new("echo"), BotSetup::new("counter")]).await;
    let (code, out, _) = run(&setup, "check", &[]).await;
    assert_eq!(code, 0);
    assert!(out.contains("nothing is wrong"), "{out}");
    let (code, out, _) = run(&setup, "check", &["--json"]).await;
    assert_eq!((code, serde_json::from_str::<Value>(&out).unwrap()["ok"].clone()), (0, true.into()));
}

#[tokio::test]
async fn check_names_the_missing_grant_and_the_line_to_write() {
    let setup = Setup::new([BotSetup::new("counter").grants("messenger = true")]).await;
    let (code, _, complaint) = run(&setup, "check", &[]).await;
    assert_eq!(code, 1);
    assert!(complaint.contains("bots.counter"), "{complaint}");
    assert!(complaint.contains("wasi:keyvalue/store"), "{complaint}");
    assert!(complaint.contains("write: grants = { messenger = true, keyvalue = true }"), "{complaint}");
    let (code, _, complaint) = run(&setup, "run", &[]).await;
    assert_eq!(code, 1, "and run refuses the same");
    assert!(complaint.contains("write: grants"), "{complaint}");
}

#[tokio::test]
async fn check_tells_what_is_no_component_and_what_is_not_there() {
    let setup = Setup::new([BotSetup::new("echo"), BotSetup::new("counter")]).await;
    let bad = setup.folder.path().join("bad.wasm");
    std::fs::write(&bad, b"\0asm\x01\0\0\0").unwrap();
    let text = std::fs::read_to_string(setup.config()).unwrap();
    let echo = format!("{:?}", hodhod_tests::component("echo"));
    let counter = format!("{:?}", hodhod_tests::component("counter"));
    let text = text.replace(&echo, "\"bad.wasm\"").replace(&counter, "\"gone.wasm\"");
    std::fs::write(setup.config(), text).unwrap();
    let (code, out, _) = run(&setup, "check", &["--json"]).await;
    assert_eq!(code, 1);
    let report: Value = serde_json::from_str(&out).unwrap();
    let problems = report["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 2, "{out}");
    assert!(
        problems[0]["at"] == "bots.counter.plugin" && problems[0]["what"].as_str().unwrap().contains("gone.wasm"),
        "{out}"
    );
    assert!(
        problems[1]["at"] == "bots.echo.plugin"
            && problems[1]["what"].as_str().unwrap().contains("not a WebAssembly component"),
        "{out}"
    );
}

#[tokio::test]
async fn a_missing_token_is_told_before_anything_starts() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    let output = setup.command("run").env_remove("E2E_TOKEN").output().await.unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint.contains("connections.shop.token: the environment variable E2E_TOKEN is not set"), "{complaint}");
    assert!(!setup.state().exists(), "nothing was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_how_a_host_is_doing() {
    let setup = Setup::new([BotSetup::new("guests")]).await;
    let (code, _, complaint) = run(&setup, "status", &[]).await;
    assert_eq!(code, 1);
    assert!(complaint.contains("no host runs with the state folder"), "{complaint}");

    let host = setup.start_ready().await;
    setup.say("sara", "reject no");
    setup.say("sara", "echo yes");
    setup.answers(1).await;
    host.idle().await;
    let (code, out, _) = run(&setup, "status", &[]).await;
    assert_eq!(code, 0);
    assert!(out.contains("connection shop: connected") && out.contains("bot guests: generation 1, 1 handled"), "{out}");
    assert!(out.contains("1 dead letters"), "{out}");
    let (code, out, _) = run(&setup, "status", &["--json"]).await;
    let status: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &status["totals"]["handled"]), (0, &1.into()));

    let metrics = host.page("/metrics").await;
    assert!(metrics.contains("hodhod_turns_total{bot=\"guests\",end=\"reject\"} 1"), "{metrics}");
    assert_eq!(host.page("/healthz").await, "ok\n");
    host.stop().await;
}

/// The host that is asked may be somebody else's, and say what it likes.
#[tokio::test(flavor = "multi_thread")]
async fn status_as_json_is_what_the_host_said_and_commands_no_terminal() {
    let said = serde_json::json!({
        "version": "0.1.0",
        "bots": [{ "name": "می‌روم\u{1b}[2J\u{9b}2J\u{202e}\u{7f}\r\n\"}", "generation": 1 }],
        "connections": [{ "name": "\u{1b}]0;title\u{7}", "trouble": "\u{9d}0;title\u{9c}" }],
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let body = said.to_string();
    let serving = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                assert!(stream.read_buf(&mut request).await.unwrap() > 0);
            }
            let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).await.unwrap();
        }
    });
    let setup = Setup::new([BotSetup::new("echo")]).await;
    for more in [&[][..], &["--json"]] {
        let (code, out, complaint) = run(&setup, "status", &[&["--host", &url], more].concat()).await;
        assert_eq!(code, 0, "{complaint}");
        assert!(out.contains("می‌روم") && out.lines().all(hodhod_core::text::is_clean), "{out:?}");
        if more.contains(&"--json") {
            assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), said, "the very same");
        }
    }
    serving.abort();
}
