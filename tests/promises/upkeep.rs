//! What an operator does with the database: copies it, also while a host runs, and puts a copy back.

use hodhod_tests::{BotSetup, Setup};
use serde_json::Value;

async fn run(setup: &Setup, verb: &str, more: &[&str]) -> (bool, String) {
    let output = setup.command(verb).args(more).output().await.unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.success(), said)
}

/// The counter's answer to one more message.
async fn count(setup: &Setup, answers: usize) -> String {
    setup.say("person", &format!("message {answers}"));
    setup.answers(answers).await.pop().unwrap().1
}

#[tokio::test]
async fn a_backup_that_is_restored_brings_back_what_bots_kept() {
    let setup = Setup::new([BotSetup::new("counter")]).await;
    let file = setup.folder.path().join("backup");
    let file = file.to_str().unwrap();

    let host = setup.start_ready().await;
    assert!(count(&setup, 1).await.contains(": 1"));
    let (done, said) = run(&setup, "restore", &[file]).await;
    assert!(!done && said.contains("a host runs with the state folder"), "{said}");
    host.stop().await;
    let (done, said) = run(&setup, "backup", &[file]).await;
    assert!(done && said.contains("bytes"), "{said}");
    let (done, said) = run(&setup, "backup", &[file]).await;
    assert!(!done && said.contains("exists already"), "{said}");

    let host = setup.start_ready().await;
    assert!(count(&setup, 2).await.contains(": 2"));
    host.stop().await;
    let (done, said) = run(&setup, "restore", &[file]).await;
    assert!(!done && said.contains("--force"), "{said}");
    let (done, said) = run(&setup, "restore", &[file, "--force", "--json"]).await;
    let told: Value = serde_json::from_str(&said).unwrap();
    assert!(done && std::path::Path::new(told["aside"].as_str().unwrap()).exists(), "{said}");

    let host = setup.start_ready().await;
    assert!(count(&setup, 3).await.contains(": 2"), "the second message was never counted");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_a_running_host_makes_is_a_second_host() {
    let setup = Setup::new([BotSetup::new("counter")]).await.host("admin_token = { file = \"token\" }");
    std::fs::write(setup.folder.path().join("token"), "operator-SECRET-token_0123456789").unwrap();
    let host = setup.start_ready().await;
    assert!(count(&setup, 1).await.contains(": 1"));
    host.idle().await;
    // Relative to where the verb runs, which is not where the host does.
    let (code, said) = setup.run(&["backup", "copy", "--json"]).await;
    let told: Value = serde_json::from_str(&said).unwrap();
    let file = setup.folder.path().join("copy");
    let length = std::fs::metadata(&file).unwrap().len();
    assert_eq!((code, &told["ok"], &told["bytes"]), (0, &true.into(), &length.into()), "{said}");
    assert_eq!(told["file"].as_str(), file.to_str());
    let (code, said) = setup.run(&["backup", "copy"]).await;
    assert!(code == 1 && said.contains("exists already"), "{said}");
    let (code, said) = setup.run(&["backup", "copy", "--force"]).await;
    assert!(code == 0 && said.contains("the key of the host is not in it"), "{said}");
    // What the host needs is not replaced, by whatever path.
    std::os::unix::fs::symlink(setup.state(), setup.folder.path().join("elsewhere")).unwrap();
    for inside in ["state/hodhod.db", "elsewhere/hodhod.db", "state/key"] {
        let (code, said) = setup.run(&["backup", inside, "--force"]).await;
        assert!(code == 1 && said.contains("is in the state folder"), "{said}");
    }
    // Who has the token only writes no file.
    let over_tcp = ["backup", "stolen", "--host", &host.url(""), "--token-file", "token"];
    let output = setup.command("backup").args(&over_tcp[1..]).current_dir(setup.folder.path()).output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("the token lets nobody write files"), "{said}");
    assert!(!setup.folder.path().join("stolen").exists());
    assert!(count(&setup, 2).await.contains(": 2"));
    host.stop().await;

    let second = Setup::new([BotSetup::new("counter")]).await;
    let (code, said) = second.run(&["restore", file.to_str().unwrap()]).await;
    assert_eq!(code, 0, "{said}");
    let host = second.start_ready().await;
    assert!(count(&second, 1).await.contains(": 2"), "it goes on after the first message");
    host.stop().await;
}
