//! What an operator does with the state folder while no host runs.

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
    for (verb, file) in [("backup", file), ("restore", file)] {
        let (done, said) = run(&setup, verb, &[file]).await;
        assert!(!done && said.contains("a host runs with the state folder"), "{said}");
    }
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
