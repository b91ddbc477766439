//! What waits, what could not be handled and what is to come: an operator sees it while the host runs, and
//! takes it in hand.

use hodhod_tests::{BotSetup, Setup, eventually};
use serde_json::Value;

async fn well(setup: &Setup, words: &[&str]) -> String {
    let (code, said) = setup.run(words).await;
    assert_eq!(code, 0, "{words:?}: {said}");
    said
}

/// Each is refused with these words.
async fn refused(setup: &Setup, cases: &[(&[&str], &str)]) {
    for (words, told) in cases {
        let (code, said) = setup.run(words).await;
        assert!(code == 1 && said.starts_with("error: ") && said.contains(told), "{words:?}: {code} {said}");
        let (code, said) = setup.run(&[words, &["--json"][..]].concat()).await;
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!((code, &said["ok"]), (1, &false.into()), "{words:?}");
        assert!(said["error"].as_str().unwrap().contains(told), "{words:?}: {said}");
    }
}

async fn seqs(setup: &Setup) -> Vec<String> {
    let listed: Value = serde_json::from_str(&well(setup, &["dead", "list", "--json"]).await).unwrap();
    listed["letters"].as_array().unwrap().iter().map(|letter| letter["seq"].to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_listed_shown_and_answered_when_it_is_tried_again() {
    let setup = Setup::new([BotSetup::new("guests").limits("waiting_chat = 2")]).await;
    let host = setup.start_ready().await;
    well(&setup, &["pause", "guests"]).await;
    // What it holds would clear the screen, and write from right to left.
    let text = "echo می‌روم \u{9b}2J\u{1b}[31m\u{202e}";
    ["echo one", "echo two"].into_iter().for_each(|text| setup.say("sara", text));
    host.status_when("two wait", |status| status["bots"][0]["waiting"] == 2).await;
    setup.say("sara", text);
    host.status_when("the third has no room", |status| status["totals"]["dead_letters"] == 1).await;

    let listed = well(&setup, &["dead", "list"]).await;
    let (heads, row) = listed.split_once('\n').unwrap();
    assert!(heads.starts_with("SEQ") && row.contains("shop/sara") && row.contains("Z  guests"), "{listed}");
    assert_eq!(heads.find("REASON"), row.find("2 events were waiting in this chat"), "{listed}");
    let seq = seqs(&setup).await.pop().unwrap();
    for more in [&[][..], &["--json"]] {
        let shown = well(&setup, &[&["dead", "show", &seq], more].concat()).await;
        assert!(shown.contains("می‌روم"), "{shown}");
        assert!(shown.trim_end().lines().all(hodhod_core::text::is_clean), "{shown:?}");
    }
    let shown: Value = serde_json::from_str(&well(&setup, &["dead", "show", &seq, "--json"]).await).unwrap();
    assert_eq!(shown["event"]["message"]["content"]["text"], text);

    let (code, said) = setup.run(&["dead", "retry", &seq]).await;
    assert!(code == 1 && said.contains("has no room for it"), "{said}");
    let (code, said) = setup.run(&["dead", "retry", "--all"]).await;
    assert!(code == 1 && said.contains("0 dead letters are tried again, 1 stay dead: "), "{said}");
    well(&setup, &["resume", "guests"]).await;
    setup.answers(2).await;
    host.idle().await;
    let said = well(&setup, &["dead", "retry", &seq]).await;
    assert!(said.starts_with(&format!("dead letter {seq} is tried again, as event ")), "{said}");
    assert!(setup.answers(3).await[2].1.contains("می‌روم"));
    assert_eq!(well(&setup, &["dead", "list", "guests"]).await, "no dead letters\n");
    let told = format!("there is no dead letter {seq}");
    refused(&setup, &[(&["dead", "retry", &seq], &told), (&["dead", "show", &seq], &told)]).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_tried_again_in_their_order_or_dropped_alone_or_with_all_of_their_bot() {
    let setup = Setup::new([BotSetup::new("guests")]).await;
    let host = setup.start_ready().await;
    let dead = async |letters: u64| {
        host.status_when("so many are dead", |status| status["totals"]["dead_letters"] == letters).await
    };
    (0..3).for_each(|n| setup.say("sara", &format!("reject {n}")));
    dead(3).await;
    let before = seqs(&setup).await;
    let listed = well(&setup, &["dead", "list", "guests", "--limit", "2"]).await;
    let (_, place) = listed.split_once("there are more: --before ").unwrap();
    let rest = well(&setup, &["dead", "list", "--before", place.split(' ').next().unwrap()]).await;
    assert!(rest.lines().count() == 2 && rest.contains(&before[2]), "{rest}");

    // They die again, each once, in the order of before.
    assert_eq!(well(&setup, &["dead", "retry", "--bot", "guests"]).await, "3 dead letters are tried again\n");
    eventually("they are dead again", async || {
        let now = seqs(&setup).await;
        if now.len() == 3 && now.iter().all(|seq| !before.contains(seq)) { Ok(()) } else { Err(now) }
    })
    .await;
    let listed = well(&setup, &["dead", "list"]).await;
    let reasons: Vec<_> = listed.lines().skip(1).map(|line| line.chars().last().unwrap()).collect();
    assert_eq!(reasons, ['2', '1', '0'], "the newest first: {listed}");

    let seq = seqs(&setup).await.pop().unwrap();
    assert_eq!(well(&setup, &["dead", "drop", &seq]).await, format!("dead letter {seq} is dropped\n"));
    dead(2).await;
    let told = format!("there is no dead letter {seq}");
    refused(
        &setup,
        &[
            (&["dead", "drop", &seq], &told),
            (&["dead", "list", "guest"], "there is no bot \"guest\"; did you mean \"guests\"?"),
            (&["dead", "drop", "--bot", "nobody at all"], "there are: guests"),
            (&["dead", "retry", "--bot", "nobody at all"], "there are: guests"),
        ],
    )
    .await;

    // A bot that is not configured any more leaves its letters to the operator.
    let bot = std::fs::read_to_string(setup.config()).unwrap();
    setup.edit(|text| text.replace("[bots.guests]", "[bots.other]"));
    well(&setup, &["reread"]).await;
    assert_eq!(seqs(&setup).await.len(), 2);
    let told = "is of the bot \"guests\", which is not configured";
    refused(&setup, &[(&["dead", "retry", "--bot", "guests"], told)]).await;
    assert_eq!(well(&setup, &["dead", "drop", "--bot", "guests"]).await, "2 dead letters are dropped\n");
    dead(0).await;
    setup.edit(|_| bot);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_paused_wait_over_a_restart_and_go_out_once() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    let host = setup.start_ready().await;
    let said = well(&setup, &["outbox", "pause", "shop"]).await;
    assert!(said.ends_with("until `hodhod outbox resume shop`\n") && !said.contains("as before"), "{said}");
    assert!(well(&setup, &["outbox", "pause", "shop"]).await.contains("as before"));
    setup.say("sara", "hello");
    host.status_when("it waits", |status| status["connections"][0]["waiting"] == 1).await;
    let listed = well(&setup, &["outbox", "list", "shop"]).await;
    assert!(listed.contains("shop/sara  text  0"), "{listed}");
    assert!(!listed.contains("hello"), "what it says is not told: {listed}");
    assert_eq!(well(&setup, &["outbox", "list", "--chat", "omid"]).await, "no message waits\n");
    host.stop().await;

    let host = setup.start_ready().await;
    let status = host.status_when("it still waits", |status| status["connections"][0]["waiting"] == 1).await;
    assert!(status["connections"][0]["paused"].is_u64(), "{status}");
    assert!(setup.sent_to("sara").is_empty());
    assert_eq!(well(&setup, &["outbox", "resume", "shop"]).await, "the messages of shop go out\n");
    setup.answers(1).await;
    host.idle().await;
    assert_eq!(setup.sent_to("sara"), ["hello"]);
    assert_eq!(well(&setup, &["outbox", "list"]).await, "no message waits\n");
    let told = "there is no connection \"shpo\"; did you mean \"shop\"?";
    let cases = [["outbox", "pause", "shpo"], ["outbox", "resume", "shpo"], ["outbox", "list", "shpo"]];
    refused(&setup, &cases.each_ref().map(|words| (&words[..], told))).await;
    refused(&setup, &[(&["outbox", "pause", "something else"], "there are: shop")]).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn timers_are_listed_in_the_order_in_which_they_fire_without_what_they_carry() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    let host = setup.start_ready().await;
    assert_eq!(well(&setup, &["timers", "list"]).await, "no timer stands\n");
    setup.say("sara", "/later 90000000 private");
    setup.say("omid", "/later 80000000 private");
    host.status_when("both are set", |status| status["totals"]["handled"] == 2).await;
    let listed = well(&setup, &["timers", "list", "echo"]).await;
    let rows: Vec<_> = listed.lines().skip(1).collect();
    assert!(rows[0].ends_with("Z  echo  shop/omid  fires      later"), "{listed}");
    assert!(rows[1].contains("shop/sara") && !listed.contains("private"), "{listed}");
    assert!(well(&setup, &["timers", "list", "--limit", "1"]).await.contains("there are more"));
    let (_, first) = setup.ask("GET", "/api/timers?limit=1").await;
    let next = [("after", first["next"].as_str().unwrap())];
    let url = reqwest::Url::parse_with_params("http://localhost/api/timers", next).unwrap();
    let (status, rest) = setup.ask("GET", &format!("/api/timers?{}", url.query().unwrap())).await;
    let ids: Vec<_> = rest["timers"].as_array().unwrap().iter().map(|timer| timer["chat"]["id"].as_str()).collect();
    assert_eq!((status, ids, &rest["next"]), (200, vec![Some("sara")], &Value::Null));
    refused(&setup, &[(&["timers", "list", "ecko"], "did you mean \"echo\"?")]).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_have_an_end_and_what_is_asked_wrongly_is_not_guessed() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    let host = setup.start_ready().await;
    for (method, path, words) in [
        ("GET", "/api/dead?limit=0", "from 1 to 1000 rows"),
        ("GET", "/api/outbox?limit=1001", "from 1 to 1000 rows"),
        ("GET", "/api/timers?limit=-1", "limit"),
        ("GET", "/api/dead?limt=1", "limt"),
        ("GET", "/api/outbox?after=x", "after"),
        ("GET", "/api/timers?after=x", "give back what `next` was"),
        ("GET", "/api/dead/x", "x"),
        ("POST", "/api/dead/-1/retry", "-1"),
        ("POST", "/api/dead/drop", "bot"),
    ] {
        let (status, answer) = setup.ask(method, path).await;
        assert_eq!(status, 400, "{method} {path}: {answer}");
        assert!(answer["error"].as_str().unwrap().contains(words), "{method} {path}: {answer}");
    }
    for words in [&["dead", "list", "--limit", "1001"][..], &["dead", "retry"], &["dead", "drop", "1", "--bot", "b"]] {
        assert_eq!(setup.run(words).await.0, 2, "{words:?}");
    }
    host.stop().await;
}
