//! A plugin gets what its operator granted: nothing more, and not by asking again.

use std::fs;
use std::path::Path;

use hodhod_tests::{BotSetup, Setup, component, program};
use serde_json::{Value, json};
use tokio::process::Command;

async fn check(setup: &Setup) -> (Option<i32>, String, String) {
    let output = setup.command("check").output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn hodhod(verb: &str) -> Command {
    let mut command = Command::new(program());
    command.arg(verb);
    command
}

/// The echo component with another manifest, under another name.
async fn with_manifest(setup: &Setup, manifest: &str) {
    let folder = setup.folder.path();
    let plain = strip_manifest(&fs::read(component("echo")).unwrap());
    fs::write(folder.join("plain.wasm"), plain).unwrap();
    fs::write(folder.join("manifest.json"), manifest).unwrap();
    let mut embed = hodhod("embed");
    embed.arg(folder.join("plain.wasm")).arg(folder.join("manifest.json")).arg("--output").arg(folder.join("new.wasm"));
    let output = embed.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    replace(setup, &format!("{:?}", component("echo")), "\"new.wasm\"");
}

/// The section of the manifest with a name that nobody looks at.
fn strip_manifest(bytes: &[u8]) -> Vec<u8> {
    let name = b"hodhod:manifest";
    let at = bytes.windows(name.len()).position(|window| window == name);
    assert!(at.is_some(), "echo carries a manifest");
    let mut bytes = bytes.to_vec();
    if let Some(at) = at {
        bytes[at] = b'H';
    }
    bytes
}

fn replace(setup: &Setup, from: &str, to: &str) {
    let text = fs::read_to_string(setup.config()).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(setup.config(), text.replace(from, to)).unwrap();
}

async fn inspect(setup: &Setup, file: &Path) -> Value {
    let mut inspect = hodhod("inspect");
    inspect.arg(file).arg("--config").arg(setup.config()).arg("--json");
    let output = inspect.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn a_component_that_imports_http_without_a_grant_is_told_with_the_line_to_add() {
    let setup = Setup::new([BotSetup::new("guests_http").grants("messenger = true")]).await;
    let (code, _, complaint) = check(&setup).await;
    assert_eq!(code, Some(1));
    assert!(complaint.contains("bots.guests_http: "), "{complaint}");
    assert!(complaint.contains("it wants the grant http (it imports wasi:http/"), "{complaint}");
    assert!(complaint.contains("write: grants = { messenger = true, http = { hosts = ["), "{complaint}");
}

#[tokio::test]
async fn a_component_that_imports_divar_without_a_grant_is_told_with_the_line_to_add() {
    let setup = Setup::new([BotSetup::new("guests_divar").grants("messenger = true")]).await;
    let report = inspect(&setup, &component("guests_divar")).await;
    let needs = report["inspection"]["needs"].as_array().unwrap();
    assert!(needs.iter().any(|need| need == "divar"), "{report}");
    assert_eq!(report["bots"][0]["missing"][0]["grant"]["name"], "divar", "{report}");
    let (code, _, complaint) = check(&setup).await;
    assert_eq!(code, Some(1));
    assert!(complaint.contains("bots.guests_divar: "), "{complaint}");
    assert!(complaint.contains("it wants the grant divar (it imports hodhod:divar/kenar@0.1.0)"), "{complaint}");
    assert!(complaint.contains("write: grants = { messenger = true, divar = true }"), "{complaint}");

    replace(&setup, "messenger = true", "messenger = true, divar = true");
    let (code, _, complaint) = check(&setup).await;
    assert_eq!((code, complaint.contains("grants")), (Some(0), false), "{complaint}");
}

#[tokio::test]
async fn a_plugin_that_wants_more_than_was_granted_is_not_loaded() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    assert_eq!(check(&setup).await.0, Some(0));
    let manifest = r#"{"grants":{"http":"to tell everybody"},"hosts":{"https://example.com":"everybody"},
        "limits":{"wall":8000},"config":{"city":{"type":"text","description":"where"}}}"#;
    with_manifest(&setup, manifest).await;
    let (code, _, complaint) = check(&setup).await;
    assert_eq!(code, Some(1));
    for words in [
        "it wants the grant http: to tell everybody",
        "it wants to ask https://example.com: everybody",
        "http = { hosts = [\"https://example.com\"] }",
        "it needs the limit wall to be 8 s, and it is 5 s",
        "write: limits = { wall = \"8 s\" }",
        "it needs the key city in its configuration, text: where",
    ] {
        assert!(complaint.contains(words), "{words}: {complaint}");
    }

    let report = inspect(&setup, &setup.folder.path().join("new.wasm")).await;
    assert_eq!(report["bots"][0]["bot"], "echo");
    assert_eq!(report["bots"][0]["missing"].as_array().unwrap().len(), 4, "{report}");
}

/// Every line that is said to be missing is written in place of the one that is there, and nothing else is touched.
#[tokio::test]
async fn lines_to_write_hold_what_the_bot_has_and_all_that_is_missing() {
    let before = "messenger = true, http = { hosts = [\"https://a.example\"], methods = [\"GET\"], \
                  secrets = [{ host = \"https://a.example\", header = \"x-key\", secret = { env = \"E2E_TOKEN\" } }] }";
    let bot = BotSetup::new("echo").grants(before).limits("cpu = \"200 ms\", sends = 40");
    let bot = bot.config("\"the greeting\" = \"سلام \\\"ها\\\"\", times = 3");
    let setup = Setup::new([bot]).await;
    let manifest = r#"{"hosts":{"https://a.example":"all","https://b.example":"more"},"grants":{"files":"to keep"},
        "limits":{"wall":8000,"memory":67108864},
        "config":{"city":{"type":"text"},"the \"street\" = {":{"type":"text"}}}"#;
    with_manifest(&setup, manifest).await;
    let (code, _, complaint) = check(&setup).await;
    assert_eq!(code, Some(1));
    let mut text = fs::read_to_string(setup.config()).unwrap();
    let (mut lines, mut kinds): (Vec<_>, Vec<_>) = (Vec::new(), Vec::new());
    for line in complaint.lines().filter_map(|line| line.trim().strip_prefix("write: ")) {
        if !lines.contains(&line) {
            lines.push(line);
            kinds.push(line.split(' ').next().unwrap());
        }
    }
    kinds.sort_unstable();
    assert_eq!(kinds, ["'the", "city", "grants", "limits"], "one line for all grants and all limits: {complaint}");
    assert!(!complaint.contains("سلام"), "no value of the configuration is printed: {complaint}");
    for line in lines {
        if line.ends_with(" = \"…\"") {
            text = text.replace("config = { ", &format!("config = {{ {line}, "));
            continue;
        }
        let kind = line.split_inclusive('=').next().unwrap();
        let place = text.lines().find(|old| old.starts_with(kind)).unwrap().to_owned();
        text = text.replace(&place, line);
    }
    fs::write(setup.config(), &text).unwrap();
    let (code, _, complaint) = check(&setup).await;
    assert_eq!(code, Some(0), "{text}\n{complaint}");
    let report = inspect(&setup, &setup.folder.path().join("new.wasm")).await;
    let bot = &report["bots"][0];
    assert_eq!(bot["hosts"], json!(["https://a.example", "https://b.example"]));
    assert_eq!(bot["methods"], json!(["GET"]), "no more than before");
    assert_eq!(bot["limits"], json!({ "cpu": 200, "memory": 64 << 20, "sends": 40, "wall": 8000 }));
    assert_eq!(bot["config"], json!(["city", "the \"street\" = {", "the greeting", "times"]));
    assert!(text.contains("E2E_TOKEN") && text.contains("سلام"), "{text}");
}

#[tokio::test]
async fn what_nobody_asked_for_is_a_warning() {
    let grants =
        "messenger = true, keyvalue = true, timers = true, files = true, http = { hosts = [\"https://example.com\"] }";
    let setup = Setup::new([BotSetup::new("echo").grants(grants)]).await;
    let (code, _, complaint) = check(&setup).await;
    assert_eq!(code, Some(0), "{complaint}");
    assert!(complaint.contains("warning: bots.echo.grants.http: "), "{complaint}");
}

#[tokio::test]
async fn more_than_was_asked_is_a_warning() {
    let grants = "messenger = true, keyvalue = true, timers = true, files = true, \
                  http = { hosts = [\"https://a.example\", \"https://*.example.org\", \"https://b.example.com\"] }";
    let bot = BotSetup::new("echo").grants(grants).limits("cpu = \"200 ms\", wall = \"4 s\", sends = 40");
    let setup = Setup::new([bot]).await;
    let manifest = r#"{"grants":{"http":"to ask"},"limits":{"cpu":150,"wall":3000},
        "hosts":{"https://a.example":"the one","https://b.example.com":"the other"}}"#;
    with_manifest(&setup, manifest).await;
    let (code, _, complaint) = check(&setup).await;
    assert_eq!(code, Some(0), "{complaint}");
    let warned: Vec<_> = complaint.lines().filter_map(|line| line.strip_prefix("warning: bots.echo.")).collect();
    assert_eq!(warned.len(), 2, "{complaint}");
    assert!(warned[0].starts_with("grants.http.hosts https://*.example.org: "), "{complaint}");
    assert!(warned[1].starts_with("limits.cpu: "), "{complaint}");
    let report = inspect(&setup, &setup.folder.path().join("new.wasm")).await;
    assert_eq!(report["bots"][0]["unasked"], json!(["grants.http.hosts https://*.example.org", "limits.cpu"]));
}

#[tokio::test]
async fn a_pinned_plugin_that_changed_is_not_loaded() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    let report = inspect(&setup, &component("echo")).await;
    let digest = report["inspection"]["digest"].as_str().unwrap().to_owned();
    replace(&setup, "[bots.echo]\n", &format!("[bots.echo]\ndigest = \"sha256:{digest}\"\n"));
    assert_eq!(check(&setup).await.0, Some(0));

    with_manifest(&setup, "{\"name\":\"echo\"}").await;
    let (code, _, complaint) = check(&setup).await;
    assert_eq!(code, Some(1));
    assert!(complaint.contains("is not the build that was granted"), "{complaint}");
    assert!(complaint.contains("write: digest = \"sha256:"), "{complaint}");
    let file = setup.folder.path().join("new.wasm");
    let report = inspect(&setup, &file).await;
    assert_eq!(report["bots"][0]["pinned"], digest.as_str());
    let output = hodhod("inspect").arg(file).arg("--config").arg(setup.config()).output().await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains(&format!("pinned       another build, sha256:{digest}: this one does not load")), "{said}");
}

#[tokio::test]
async fn inspect_tells_what_a_component_is_without_running_it() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    let report = inspect(&setup, &component("echo")).await;
    let found = &report["inspection"];
    assert_eq!(found["digest"].as_str().unwrap().len(), 64);
    assert_eq!(found["manifest"]["name"], "echo");
    assert_eq!(found["manifest"]["grants"]["messenger"], "to answer");
    let imports = found["imports"].as_array().unwrap();
    assert!(imports.iter().any(|import| import == "hodhod:bot/messenger@0.1.0"), "{found}");
    assert!(!imports.iter().any(|import| import == "hodhod:divar/kenar@0.1.0"), "what it does not use: {found}");
    assert_eq!(found["migrates"], false);
    assert!(report["bots"][0]["missing"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn inspect_tells_whether_a_component_migrates_what_another_build_stored() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    for (name, migrates, told) in [
        ("guests", true, "migrates     what another build stored: it exports lifecycle.migrate\n"),
        ("echo", false, "migrates     no\n"),
    ] {
        assert_eq!(inspect(&setup, &component(name)).await["inspection"]["migrates"], migrates, "{name}");
        let output = hodhod("inspect").arg(component(name)).arg("--config").arg(setup.config()).output().await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains(told), "{said}");
    }
}
