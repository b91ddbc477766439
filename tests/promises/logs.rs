//! The newest lines of a running host's log can be read and followed, by who may and by nobody else.

use std::process::Stdio;

use hodhod_tests::{BotSetup, PATIENCE, Setup};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::ChildStdout;

async fn says(setup: &Setup, words: &[&str]) -> (bool, String) {
    let (verb, rest) = words.split_first().unwrap();
    let output = setup.command(verb).args(rest).output().await.unwrap();
    (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

/// Reads on until a line has these words.
async fn line_with(lines: &mut Lines<BufReader<ChildStdout>>, words: &str) -> String {
    let found = async {
        loop {
            let line = lines.next_line().await.unwrap().unwrap();
            if line.contains(words) {
                return line;
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_lines_are_told_of_all_and_of_one_bot() {
    let bots = ["one", "two"].map(|name| BotSetup::new("guests").called(name));
    let setup = Setup::new(bots).await;
    let host = setup.start_ready().await;
    setup.say("sara", "trap");
    setup.logged("turn failed").await;
    host.status_when("both have failed", |status| {
        status["bots"].as_array().unwrap().iter().all(|bot| bot["failures"]["panic"].as_u64() > Some(0))
    })
    .await;
    let (well, all) = says(&setup, &["logs"]).await;
    assert!(well && all.contains("ready") && all.contains("bot=one") && all.contains("bot=two"), "{all}");
    let (well, of_one) = says(&setup, &["logs", "one"]).await;
    assert!(well && of_one.contains("turn failed") && of_one.lines().all(|line| line.contains("bot=one")), "{of_one}");
    let (well, json) = says(&setup, &["logs", "one", "--json"]).await;
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(well && lines.iter().all(|line| line["bot"] == "one"), "{json}");
    let failed = lines.iter().find(|line| line["reason"] == "panic").unwrap();
    assert_eq!(failed["trace_id"].as_str().unwrap().len(), 32, "{failed}");
    let (well, said) = says(&setup, &["logs", "oen"]).await;
    assert!(!well && said.contains("there is no bot \"oen\"; did you mean \"one\"?"), "{said}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_reads_what_comes_and_is_told_when_the_host_ends() {
    let setup = Setup::new([BotSetup::new("guests").called("one")]).await;
    let host = setup.start_ready().await;
    let mut follower = setup.command("logs").args(["-f", "one"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    for said in ["fail of the first", "fail of the second"] {
        setup.say("sara", &said.replace("fail", "trap"));
        let line = line_with(&mut lines, "turn failed").await;
        assert!(line.contains("bot=one") && !line.contains('\u{1b}'), "{line}");
    }
    host.stop().await;
    assert!(!follower.wait().await.unwrap().success(), "it did not end by itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_the_log_leave_the_host_to_others() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    let host = setup.start_ready().await;
    let mut followers = Vec::new();
    for _ in 0..8 {
        let mut follower = setup.command("logs").arg("-f").stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
        line_with(&mut lines, "ready").await;
        followers.push((follower, lines));
    }
    let (well, said) = says(&setup, &["logs"]).await;
    assert!(!well && said.contains("too many read the log at once"), "{said}");
    let (well, said) = says(&setup, &["pause", "echo"]).await;
    assert!(well && said.contains("echo is paused"), "{said}");
    // One that goes leaves its place.
    followers[0].0.kill().await.unwrap();
    hodhod_tests::eventually("there is a place", async || {
        let (well, said) = says(&setup, &["logs"]).await;
        if well { Ok(()) } else { Err(said) }
    })
    .await;
    host.stop().await;
}
