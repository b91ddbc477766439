//! A person may see what is stored of them, and have it gone: while the host runs, and while it does not.

use std::path::Path;

use hodhod_tests::{BotSetup, Running, Setup, TOKEN};
use serde_json::Value;

/// In everything that sara writes.
const SECRET: &str = "only-sara-knows-this";

async fn well(setup: &Setup, words: &[&str]) -> String {
    let (code, said) = setup.run(words).await;
    assert_eq!(code, 0, "{words:?}: {said}");
    said
}

/// What is stored of somebody, as its kinds, sorted, and as a whole.
async fn stored(setup: &Setup, whose: &[&str]) -> (Vec<String>, String) {
    let said = well(setup, &[&["user", "export", "shop"], whose, &["--json"]].concat()).await;
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&told["ok"], &told["has_lost"]), (&true.into(), &false.into()));
    let kinds = told["items"].as_array().unwrap().iter().map(|item| item["what"].as_str().unwrap().to_owned());
    let mut kinds: Vec<_> = kinds.collect();
    kinds.sort();
    (kinds, said)
}

async fn erase(setup: &Setup, whose: &[&str]) -> Value {
    let said = well(setup, &[&["user", "erase", "shop", "--yes", "--json"], whose].concat()).await;
    serde_json::from_str(&said).unwrap()
}

/// How often a text is in the files of a folder and of those in it.
fn found(folder: &Path, text: &str) -> usize {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let count = |path: std::path::PathBuf| match std::fs::read(&path) {
        Ok(bytes) => bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count(),
        Err(_) if path.is_dir() => found(&path, text),
        Err(_) => 0,
    };
    files.map(count).sum()
}

/// A host with something of every kind of sara, and the same of omid: values, a timer, a dead letter, messages that
/// wait to be sent, and events that wait for a bot.
async fn full() -> (Setup, Running) {
    let setup = Setup::new([BotSetup::new("guests"), BotSetup::new("echo")]).await;
    let host = setup.start_ready().await;
    well(&setup, &["outbox", "pause", "shop"]).await;
    for (who, what) in [("sara", SECRET), ("omid", "of-omid")] {
        for said in ["set user note", "set chat note", "/later 90000000"] {
            setup.say(who, &format!("{said} {what}"));
        }
        // What a bot says when it rejects is in the log.
        setup.say(who, "reject no");
    }
    host.status_when("all of it is handled", |status| {
        let totals = &status["totals"];
        totals["waiting_events"] == 0 && totals["dead_letters"] == 2 && totals["arrivals"] == 8
    })
    .await;
    well(&setup, &["pause", "guests"]).await;
    setup.say("sara", &format!("echo {SECRET}"));
    setup.say("omid", "echo of-omid");
    host.status_when("they wait", |status| status["totals"]["waiting_events"] == 2).await;
    (setup, host)
}

/// The kinds that [`full`] leaves, but for the messages.
fn kinds_without_messages(kinds: Vec<String>) -> Vec<String> {
    kinds.into_iter().filter(|kind| kind != "send").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_of_a_person_is_shown_and_erased_while_the_host_runs() {
    let (setup, host) = full().await;
    let (kinds, said) = stored(&setup, &["--user", "sara"]).await;
    assert!(kinds.iter().filter(|kind| *kind == "send").count() > 3, "{kinds:?}");
    assert_eq!(kinds_without_messages(kinds.clone()), ["dead-letter", "event", "timer", "value", "value"]);
    assert!(said.contains(SECRET) && said.contains("reject no") && !said.contains("omid"), "{said}");
    let shown = well(&setup, &["user", "export", "shop", "--user", "sara"]).await;
    assert!(shown.starts_with("WHAT") && shown.contains("user shop/sara  note"), "{shown}");
    let (of_omid, omid) = stored(&setup, &["--user", "omid"]).await;
    assert_eq!(of_omid, kinds);

    let (code, said) = setup.run(&["user", "erase", "shop", "--user", "sara"]).await;
    assert!(code == 1 && said.contains("say --yes"), "{said}");
    assert_eq!(stored(&setup, &["--user", "sara"]).await.0, kinds, "nothing has happened");

    let erased = erase(&setup, &["--user", "sara"]).await;
    for (what, number) in [("values", 2), ("timers", 1), ("letters", 1), ("events", 1), ("records", 0)] {
        assert_eq!(erased[what], number, "{what}: {erased}");
    }
    assert_eq!(erased["log_is_clear"], true, "{erased}");
    assert_eq!(stored(&setup, &["--user", "sara"]).await.0, Vec::<String>::new());
    assert_eq!(found(&setup.state(), SECRET), 0, "no file of the host holds it");
    assert_eq!(stored(&setup, &["--user", "omid"]).await.1, omid, "and of others nothing is gone");
    assert!(found(&setup.state(), "of-omid") > 0);
    assert_eq!(well(&setup, &["user", "export", "shop", "--user", "sara"]).await, "nothing is stored\n");

    // What waited for sara does not come any more; what sara writes now is new.
    well(&setup, &["resume", "guests"]).await;
    well(&setup, &["outbox", "resume", "shop"]).await;
    host.idle().await;
    assert_eq!(setup.sent_to("sara"), Vec::<String>::new());
    assert!(setup.sent_to("omid").contains(&"of-omid".to_owned()));
    setup.say("sara", "get user note");
    setup
        .sent_when("it is answered", |sent| sent.iter().any(|sent| sent.to() == "sara" && sent.body() == "none"))
        .await;
    host.idle().await;
    // Two bots answer, and either may be first.
    let mut said = setup.sent_to("sara");
    said.sort();
    assert_eq!(said, ["get user note", "none"]);
    assert!(!setup.log().contains(SECRET) && setup.log().contains("a person erased"), "{}", setup.log());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_no_host_runs_it_is_done_on_the_database_and_the_next_start_knows_nothing_of_it() {
    let (setup, host) = full().await;
    let running = stored(&setup, &["--user", "sara"]).await;
    host.stop().await;
    assert_eq!(stored(&setup, &["--user", "sara"]).await, running, "it is the same");
    let chat = stored(&setup, &["--chat", "sara"]).await.0;
    assert_eq!(kinds_without_messages(chat), ["dead-letter", "event", "timer", "value"]);
    let erased = erase(&setup, &["--user", "sara"]).await;
    assert_eq!((&erased["values"], &erased["timers"], &erased["letters"]), (&2.into(), &1.into(), &1.into()));
    assert_eq!(found(&setup.state(), SECRET), 0);

    let host = setup.start_ready().await;
    assert_eq!(stored(&setup, &["--user", "sara"]).await.0, Vec::<String>::new());
    assert_eq!(stored(&setup, &["--user", "omid"]).await.0, running.0);
    well(&setup, &["resume", "guests"]).await;
    well(&setup, &["outbox", "resume", "shop"]).await;
    host.idle().await;
    assert_eq!(setup.sent_to("sara"), Vec::<String>::new());
    let told = host.status().await;
    assert_eq!(told["totals"]["dead_letters"], 1, "{told}");
    host.stop().await;
}

/// Turns of sara end all the time while she is erased, and write what she said.
#[tokio::test(flavor = "multi_thread")]
async fn turns_under_way_put_nothing_back_and_nobody_else_waits() {
    let setup = Setup::new([BotSetup::new("guests")]).await;
    let host = setup.start_ready().await;
    well(&setup, &["pause", "guests"]).await;
    for n in 0..300 {
        setup.say("sara", &format!("set user k{n} {SECRET}"));
        setup.say("sara", &format!("set chat k{n} {SECRET}"));
    }
    host.status_when("they wait", |status| status["totals"]["waiting_events"] == 600).await;
    well(&setup, &["resume", "guests"]).await;
    host.status_when("turns run", |status| status["totals"]["handled"].as_u64().unwrap() > 20).await;
    let erasing = erase(&setup, &["--user", "sara"]);
    let meanwhile = async {
        setup.say("omid", "echo beside");
        setup.sent_when("omid is answered", |sent| sent.iter().any(|sent| sent.body() == "beside")).await
    };
    let (erased, _) = tokio::join!(erasing, meanwhile);
    assert!(erased["values"].as_u64().unwrap() > 20 && erased["ok"] == true, "{erased}");
    host.idle().await;
    assert_eq!(stored(&setup, &["--user", "sara"]).await.0, Vec::<String>::new());
    let told = host.status().await;
    assert_eq!(
        told["totals"]["handled"].as_u64().unwrap() + erased["events"].as_u64().unwrap(),
        601,
        "{erased} {told}"
    );
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_shown_or_erased_by_mistake() {
    let setup = Setup::new([BotSetup::new("guests")]).await;
    let (code, said) = setup.run(&["user", "export", "shop", "--user", "sara"]).await;
    assert!(code == 1 && said.contains("there is no database in"), "{said}");
    assert!(!setup.state().exists(), "none is made by asking");
    let host = setup.start_ready().await;
    let refusals: [(&[&str], &str); 4] = [
        (&["user", "export", "shpo", "--user", "sara"], "there is no connection \"shpo\"; did you mean \"shop\"?"),
        (&["user", "erase", "shpo", "--chat", "sara", "--yes"], "did you mean \"shop\"?"),
        (&["user", "erase", "shpo", "--lost", "--yes"], "did you mean \"shop\"?"),
        (&["user", "export", "shop", "--user", ""], "nobody has an empty id"),
    ];
    for (words, told) in refusals {
        let (code, said) = setup.run(words).await;
        assert!(code == 1 && said.starts_with("error: ") && said.contains(told), "{words:?}: {said}");
    }
    for words in [&["user", "export", "shop"][..], &["user", "erase", "shop", "--user", "a", "--chat", "b", "--yes"]] {
        assert_eq!(setup.run(words).await.0, 2, "{words:?}");
    }
    for (method, path) in [
        ("GET", "/api/people/shop"),
        ("GET", "/api/people/shop?user=a&chat=b"),
        ("GET", "/api/people/shop?usr=a"),
        ("GET", "/api/people/shop?user=a&after=x"),
        ("GET", "/api/people/shop?user=a&after=%7B%22records%22%3A%7B%22after%22%3A-1%7D%7D"),
        ("POST", "/api/people/shop/erase"),
        ("POST", "/api/people/shop/erase?user=a&lost=true"),
    ] {
        let (status, answer) = setup.ask(method, path).await;
        assert_eq!(status, 400, "{method} {path}: {answer}");
    }
    // A place that nobody gave leads to the end, and not into anything else.
    let far =
        "%7B%22values%22%3A%7B%22bot%22%3A%22zzz%22%2C%22bucket%22%3A18446744073709551614%2C%22after%22%3Anull%7D%7D";
    let (status, answer) = setup.ask("GET", &format!("/api/people/shop?user=a&after={far}")).await;
    assert_eq!((status, &answer["items"]), (200, &Value::Array(Vec::new())), "{answer}");
    assert_eq!(erase(&setup, &["--lost"]).await["records"], 0);
    host.stop().await;
    let (code, said) = setup.run(&["user", "export", "shpo", "--user", "sara"]).await;
    assert!(code == 1 && said.contains("there is no connection \"shpo\""), "{said}");
    assert_eq!(
        well(&setup, &["user", "erase", "shop", "--user", "sara", "--yes"]).await.lines().next().unwrap(),
        "erased: nothing, as nothing was stored"
    );
}

#[tokio::test]
async fn what_is_stored_of_people_is_told_with_the_numbers_of_the_configuration_in_two_languages() {
    let setup = Setup::new([BotSetup::new("echo")]).await.host("keep_dead = \"14 d\"");
    let english = well(&setup, &["privacy"]).await;
    assert!(english.contains("those of `hodhod.toml`") && english.contains("| 14 days, and at most"), "{english}");
    assert!(english.contains("| `echo` | `shop` | yes | yes | none |") && !english.contains(TOKEN), "{english}");
    let persian = well(&setup, &["privacy", "--language", "fa"]).await;
    assert!(persian.starts_with("<div dir=\"rtl\">") && persian.contains("۱۴ روز"), "{persian}");
    setup.edit(|text| text.replace("14 d", "14 y"));
    let (code, said) = setup.run(&["privacy"]).await;
    assert!(code == 1 && said.contains("host.keep_dead"), "{said}");
}
