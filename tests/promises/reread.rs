//! A configuration that is read again while the host runs: what differs is applied, the rest is not touched,
//! and one that is wrong changes nothing.

use std::fs;

use hodhod_tests::{BotSetup, Running, Setup, component, noted, replace};
use serde_json::Value;

const OTHER: &str = "another-SECRET-token_9876543210";

/// The lines of a second connection, whose token is in a file, and of a bot that serves it.
fn desk(setup: &Setup) -> String {
    fs::write(setup.folder.path().join("desk.token"), OTHER).unwrap();
    format!(
        "\n[connections.desk]\nplatform = \"soroush\"\nbase_url = \"{}\"\ntoken = {{ file = \"desk.token\" }}\n\
         \n[bots.clerk]\nplugin = {:?}\nconnections = [\"desk\"]\ngrants = {{ messenger = true, keyvalue = true, timers = true, files = true }}\n",
        setup.server.base_url(),
        component("guests"),
    )
}

fn named<'a>(status: &'a Value, kind: &str, name: &str) -> &'a Value {
    let all = status[kind].as_array().unwrap();
    all.iter().find(|one| one["name"] == name).unwrap_or(&Value::Null)
}

/// Lets the host read its configuration, and waits until it has.
async fn reread(host: &Running) -> Value {
    let before = host.status().await["configuration"]["read"].clone();
    host.hang_up();
    host.status_when("it is read again", |status| status["configuration"]["read"] != before).await
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_and_bots_come_and_go_and_nobody_else_is_touched() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    setup.server.add_bot(OTHER);
    let host = setup.start_ready().await;
    setup.say("sara", "hello");
    setup.answers(1).await;
    let only_echo = fs::read_to_string(setup.config()).unwrap();

    let lines = desk(&setup);
    setup.edit(|text| text + &lines);
    let status = reread(&host).await;
    assert_eq!(status["configuration"]["refused"], Value::Array(Vec::new()), "{}", setup.log());
    host.status_when("the new connection is up", |status| named(status, "connections", "desk")["connected"] == true)
        .await;
    setup.server.say(OTHER, "omid", "echo hello").unwrap();
    let sent = setup.server.wait_for_sent(OTHER, 1, hodhod_tests::PATIENCE).await.unwrap();
    assert_eq!(sent[0].body(), "hello");

    // What waits for a bot that goes waits, and is answered when the bot is back.
    let (well, said) = says(&setup, &["pause", "clerk"]).await;
    assert!(well, "{said}");
    setup.server.say(OTHER, "omid", "echo later").unwrap();
    host.status_when("it waits", |status| named(status, "bots", "clerk")["waiting"] == 1).await;
    setup.edit(|_| only_echo.clone());
    let status = reread(&host).await;
    assert_eq!((named(&status, "bots", "clerk"), named(&status, "connections", "desk")), (&Value::Null, &Value::Null));
    setup.edit(|text| text + &lines);
    let status = reread(&host).await;
    assert_eq!(named(&status, "bots", "clerk")["health"]["state"], "paused", "what was ordered of it still is");
    let (well, said) = says(&setup, &["resume", "clerk"]).await;
    assert!(well, "{said}");
    let sent = setup.server.wait_for_sent(OTHER, 2, hodhod_tests::PATIENCE).await.unwrap();
    assert_eq!(sent.iter().map(|sent| sent.body()).collect::<Vec<_>>(), ["hello", "later"]);

    let status = host.status().await;
    let (echo, shop) = (named(&status, "bots", "echo"), named(&status, "connections", "shop"));
    assert_eq!((&echo["generation"], &shop["reconnects"]), (&1.into(), &0.into()), "nothing of it was touched");
    setup.say("sara", "still here");
    setup.answers(2).await;
    assert_eq!(setup.sent_to("sara"), ["hello", "still here"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_with_a_mistake_changes_nothing_and_status_says_what_is_wrong() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    let host = setup.start_ready().await;
    let good = fs::read_to_string(setup.config()).unwrap();
    let lines = desk(&setup);
    for (bad, told) in [
        (good.replace("[bots.echo]", "[bots.echo"), "hodhod.toml:"),
        (format!("{good}{}", lines.replace("messenger = true, ", "")), "it wants the grant messenger"),
        (format!("{good}{}", lines.replace("desk.token", "none.token")), "none.token cannot be read"),
        (good.replace("echo.wasm", "none.wasm"), "none.wasm"),
    ] {
        setup.edit(|_| bad);
        let status = reread(&host).await;
        let refused = status["configuration"]["refused"].to_string();
        assert!(refused.contains(told), "{refused}");
        assert_eq!((status["bots"].as_array().unwrap().len(), status["connections"].as_array().unwrap().len()), (1, 1));
        if told != "hodhod.toml:" {
            let (_, said) = says(&setup, &["status"]).await;
            assert!(said.contains("the configuration is not taken: ") && said.contains(told), "{said}");
        }
    }
    setup.say("sara", "hello");
    setup.answers(1).await;
    setup.edit(|_| good.replacen("[host]\n", "[host]\nturns = 7\n", 1));
    let status = reread(&host).await;
    assert_eq!(status["configuration"]["refused"], Value::Array(Vec::new()));
    let (_, said) = says(&setup, &["status"]).await;
    assert!(said.contains("host.turns: what it is now takes a restart of the host"), "{said}");
    assert!(!setup.log().contains(OTHER));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_platform_calls_is_refused_by_a_host_that_does_not_listen_until_it_is_started_anew() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    let host = setup.start_ready().await;
    let folder = setup.folder.path();
    fs::write(folder.join("api.key"), "divar-SECRET-api-key").unwrap();
    fs::write(folder.join("identification.key"), "divar-SECRET-identification-key").unwrap();
    let lines = format!(
        "\n[connections.ads]\nplatform = \"divar\"\nslug = \"my-app\"\napi_key = {{ file = \"api.key\" }}\n\
         identification_key = {{ file = \"identification.key\" }}\n\
         \n[bots.clerk]\nplugin = {:?}\nconnections = [\"ads\"]\ngrants = {{ messenger = true, keyvalue = true, timers = true, files = true }}\n",
        component("echo"),
    );
    let refused = async || {
        let status = reread(&host).await;
        assert_eq!((status["bots"].as_array().unwrap().len(), status["connections"].as_array().unwrap().len()), (1, 1));
        status["configuration"]["refused"]
            .as_array()
            .unwrap()
            .iter()
            .map(Value::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    };

    // Without a place to listen at it is told which lines to write, also by a host that starts.
    setup.edit(|text| text + &lines);
    let told = refused().await;
    assert!(told.contains("connections.ads") && told.contains("webhooks = { listen"), "{told}");
    // With one it is told that a running host does not begin to listen.
    let webhooks = "webhooks = { listen = \"127.0.0.1:0\", public = \"https://bot.example.ir\" }";
    setup.edit(|text| text.replacen("[host]\n", &format!("[host]\n{webhooks}\n"), 1));
    let told = refused().await;
    assert!(told.contains("connections.ads") && told.contains("`host.webhooks`"), "{told}");
    assert!(told.contains("start the host anew, or leave the connection out until then"), "{told}");
    let (well, said) = says(&setup, &["reread"]).await;
    assert!(!well && said.contains("start the host anew"), "{said}");
    let (_, said) = says(&setup, &["status"]).await;
    assert!(said.contains("the configuration is not taken: ") && said.contains("start the host anew"), "{said}");
    setup.say("sara", "hello");
    setup.answers(1).await;
    host.stop().await;

    // Which is what helps.
    let host = setup.start_ready().await;
    host.status_when("it is connected", |status| named(status, "connections", "ads")["connected"] == true).await;
    assert!(!setup.log().contains("SECRET"), "{}", setup.log());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_takes_away_is_gone_from_the_next_turn_on_and_no_older_build_brings_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bot.wasm");
    fs::copy(component("guests"), &file).unwrap();
    let setup = Setup::new([BotSetup::new("guests").at(&file).called("bot").limits("sends = 3")]).await;
    let host = setup.start_ready().await;
    replace(&file, &noted(&fs::read(&file).unwrap(), 1));
    host.status_when("the new build serves", |status| status["bots"][0]["generation"] == 2).await;

    setup.edit(|text| text.replace("sends = 3", "sends = 1"));
    let status = reread(&host).await;
    assert_eq!(status["bots"][0]["generation"], 3, "{}", setup.log());
    let (well, said) = says(&setup, &["rollback", "bot"]).await;
    assert!(!well && said.contains("there is no generation before this one"), "{said}");
    setup.say("sara", "echo hello");
    setup.answers(1).await;

    // And a grant: what the file wants and may not have any more is refused as a whole.
    setup.edit(|text| text.replace("keyvalue = true, ", ""));
    let status = reread(&host).await;
    assert!(status["configuration"]["refused"].to_string().contains("it wants the grant keyvalue"));
    assert_eq!(status["bots"][0]["generation"], 3, "it serves as before until the operator decides");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_notices_a_configuration_that_is_read_again_while_they_write() {
    const CHATS: usize = 8;
    const ROUNDS: usize = 12;
    let setup = Setup::new([BotSetup::new("echo").limits("wall = \"9 s\"")]).await;
    let host = setup.start_ready().await;
    let mut expected = Vec::new();
    for round in 0..ROUNDS {
        setup.edit(|text| text.replace(&format!("\"{} s\"", 9 - round % 2), &format!("\"{} s\"", 8 + round % 2)));
        host.hang_up();
        for part in 0..5 {
            expected.push(format!("{round}.{part}"));
            (0..CHATS).for_each(|chat| setup.say(&format!("c{chat}"), &format!("{round}.{part}")));
        }
        setup.answers(expected.len() * CHATS).await;
    }
    for chat in 0..CHATS {
        assert_eq!(setup.sent_to(&format!("c{chat}")), expected, "each once and in order");
    }
    let status = host.idle().await;
    assert!(status["bots"][0]["generation"].as_u64() > Some(1), "{}", setup.log());
    assert_eq!((&status["connections"][0]["reconnects"], &status["totals"]["dead"]), (&0.into(), &0.into()));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verb_says_what_was_applied_what_takes_a_restart_and_what_is_wrong() {
    let setup = Setup::new([BotSetup::new("echo").limits("wall = \"9 s\"")]).await;
    let host = setup.start_ready().await;
    assert_eq!(
        setup.run(&["reread"]).await,
        (0, "nothing to apply: the host runs with what the configuration says\n".into())
    );
    setup.edit(|text| text.replace("\"9 s\"", "\"8 s\"").replacen("[host]\n", "[host]\nturns = 7\n", 1));
    let (code, said) = setup.run(&["reread"]).await;
    assert!(
        code == 0 && said.contains("echo") && said.contains("host.turns: what it is now takes a restart"),
        "{said}"
    );
    assert_eq!(host.status().await["bots"][0]["generation"], 2);

    setup.edit(|text| text.replace("\"8 s\"", "\"8 weeks\"") + "\n[bots.other]\nconnections = [\"none\"]\n");
    let (status, answer) = setup.ask("POST", "/api/configuration/reread").await;
    assert_eq!(status, 422, "{answer}");
    let problems = answer["problems"].as_array().unwrap();
    let (code, said) = setup.run(&["reread"]).await;
    assert!(code == 1 && said.starts_with("error: the configuration is not taken"), "{said}");
    for problem in problems {
        assert!(said.contains(problem.as_str().unwrap().lines().next().unwrap()), "{problem}: {said}");
    }
    let (_, json) = setup.run(&["reread", "--json"]).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["ok"], json["problems"].as_array()), (&false.into(), Some(problems)));
    assert_eq!(host.status().await["bots"][0]["generation"], 2, "nothing of it is taken");
    host.stop().await;
}

/// What a verb says.
async fn says(setup: &Setup, words: &[&str]) -> (bool, String) {
    let (verb, rest) = words.split_first().unwrap();
    let output = setup.command(verb).args(rest).output().await.unwrap();
    (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}
