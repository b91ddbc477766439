//! What is compiled once is kept for the next start, and nothing that happens to it keeps a host from
//! starting.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use hodhod_tests::{BotSetup, Setup};

/// What the last start says of its plugins: whether each came out of the cache.
async fn start(setup: &Setup) -> Vec<bool> {
    let before = setup.log().len();
    let host = setup.start_ready().await;
    setup.say("sara", "echo hello");
    host.idle().await;
    host.stop().await;
    let log = setup.log().split_off(before);
    log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()?["cached"].as_bool()).collect()
}

fn kept(setup: &Setup) -> PathBuf {
    let mut folder = fs::read_dir(setup.state().join("cache")).unwrap();
    let engine = folder.next().unwrap().unwrap().path();
    let mut files: Vec<_> = fs::read_dir(engine).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!((files.len(), folder.count()), (1, 0));
    files.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_compiled_once_for_all_bots_and_starts_until_what_is_kept_is_damaged() {
    let setup = Setup::new([BotSetup::new("guests").called("one"), BotSetup::new("guests").called("two")]).await;
    assert_eq!(start(&setup).await, [false, true], "the second bot has the same plugin");
    assert_eq!(start(&setup).await, [true, true]);

    let path = kept(&setup);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert_eq!(start(&setup).await, [false, true]);
    assert!(setup.log().contains("it was damaged or altered"), "and the operator can know");
    assert_ne!(fs::read(&path).unwrap(), bytes, "it was replaced");
    assert_eq!(start(&setup).await, [true, true]);

    fs::remove_file(setup.state().join("key")).unwrap();
    assert_eq!(start(&setup).await, [false, true], "another key seals nothing that this one did");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_others_can_read_keeps_the_host_from_starting() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    start(&setup).await;
    let key = setup.state().join("key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let output = setup.command("run").output().await.unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint.contains("run `chmod 600 "), "{complaint}");
}

#[tokio::test]
async fn check_compiles_and_leaves_nothing_behind() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    let output = setup.command("check").output().await.unwrap();
    assert!(output.status.success());
    assert!(!setup.state().exists());
}

#[tokio::test]
async fn limit_component_is_told_before_the_file_is_read() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    let large = setup.folder.path().join("large.wasm");
    fs::File::create(&large).unwrap().set_len((64 << 20) + 1).unwrap();
    let text = fs::read_to_string(setup.config()).unwrap();
    let echo = format!("{:?}", hodhod_tests::component("echo"));
    fs::write(setup.config(), text.replace(&echo, "\"large.wasm\"")).unwrap();
    let output = setup.command("check").output().await.unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint.contains("67108865 bytes; a component may have 67108864"), "{complaint}");
}
