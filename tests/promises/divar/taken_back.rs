//! A person takes back what they gave, and is gone.

use std::time::Duration;

use hodhod_platforms::playground::divar::Side;
use hodhod_tests::{BotSetup, DivarSetup, POST};
use serde_json::{Map, Value, json};

use super::courier;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_takes_back_is_used_no_more() {
    let setup = DivarSetup::new([courier()]).await.connection("press_window = \"0 ms\"");
    let host = setup.start_ready().await;
    setup.server.say_in_post(POST, "omid", Side::Buyer, "سلام").unwrap();
    let asked = setup.server.open_from_chat("omid", POST, "omid").await.unwrap();
    setup.server.consent("omid", &asked).await.unwrap();
    setup.answers(1).await;
    setup.server.revoke("omid").unwrap();
    setup.server.wait_until_pushed(Duration::from_secs(30)).await.unwrap();
    host.idle().await;
    let again = setup.server.open_from_chat("omid", POST, "omid").await.unwrap();
    assert!(setup.server.is_consent(&again), "it has to ask again: {again}");
    host.stop().await;
}

/// In everything that omid writes.
const SECRET: &str = "only-omid-knows-this";

/// A person opens the bot, alone with it, and lets `guests` do something.
async fn do_as(setup: &DivarSetup, person: &str, what: &str) {
    let data = [("hodhod", "bot"), ("app", what)].map(|(name, text)| (name.to_owned(), text.into()));
    setup.server.open_from_post(person, POST, Map::from_iter(data)).await.unwrap();
}

/// Omid consents to what the courier asks for.
async fn omid_consents(setup: &DivarSetup) {
    setup.server.say_in_post(POST, "omid", Side::Buyer, "سلام").unwrap();
    let asked = setup.server.open_from_chat("omid", POST, "omid").await.unwrap();
    setup.server.consent("omid", &asked).await.unwrap();
}

/// What is stored of a person, by its kinds.
async fn stored(setup: &DivarSetup, person: &str) -> Vec<String> {
    let id = setup.server.user_id(person).unwrap();
    let (code, said) = setup.run(&["user", "export", "shop", "--user", &id, "--json"]).await;
    assert_eq!(code, 0, "{said}");
    let told: Value = serde_json::from_str(&said).unwrap();
    let kinds = told["items"].as_array().unwrap().iter().map(|item| item["what"].as_str().unwrap().to_owned());
    let mut kinds: Vec<_> = kinds.collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

async fn well(setup: &DivarSetup, words: &[&str]) {
    let (code, said) = setup.run(words).await;
    assert_eq!(code, 0, "{words:?}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_a_consent_back_is_gone_from_everywhere_before_divar_is_answered_and_bots_are_told_once() {
    let setup = DivarSetup::new([courier(), BotSetup::new("guests")]).await;
    let host = setup.start_ready().await;
    omid_consents(&setup).await;
    host.idle().await;
    well(&setup, &["outbox", "pause", "shop"]).await;
    for person in ["omid", "mina"] {
        for what in ["set user note", "set chat note", "echo"] {
            do_as(&setup, person, &format!("{what} {SECRET} {person}")).await;
        }
        do_as(&setup, person, "reject no").await;
    }
    host.status_when("all of it is handled", |status| status["totals"]["waiting_events"] == 0).await;
    well(&setup, &["pause", "guests"]).await;
    do_as(&setup, "omid", &format!("echo {SECRET} omid waits")).await;
    assert_eq!(stored(&setup, "omid").await, ["dead-letter", "event", "record", "send", "value"]);
    let mina = stored(&setup, "mina").await;
    assert_eq!(mina, ["dead-letter", "send", "value"]);

    let arrivals = host.status().await["totals"]["arrivals"].as_u64().unwrap();
    let revocation = json!({
        "type": "USER_ACCESS_REVOCATION",
        "user_access_revocation": { "user_id": setup.server.user_id("omid").unwrap() }
    });
    drop(setup.server.take_pushes());
    setup.server.revoke("omid").unwrap();
    for _ in 0..2 {
        setup.server.inject(&revocation).unwrap();
    }
    setup.server.wait_until_pushed(Duration::from_secs(30)).await.unwrap();
    let took = setup.server.take_pushes().into_iter().flat_map(|push| push.attempts).map(|attempt| attempt.took).max();
    hodhod_tests::eventually("nothing is left but what tells the bot that is paused", async || {
        let stored = stored(&setup, "omid").await;
        if stored == ["event"] {
            return Ok(());
        }
        // What takes longer is done later, as a machine that is busy shows.
        assert!(took > Some(Duration::from_secs(1)), "{stored:?} after {took:?}");
        Err(stored)
    })
    .await;
    assert_eq!(stored(&setup, "mina").await, mina);
    well(&setup, &["resume", "guests"]).await;
    host.status_when("it is told", |status| status["totals"]["waiting_events"] == 0).await;
    assert_eq!(stored(&setup, "omid").await, [""; 0]);
    assert_eq!(host.status().await["totals"]["arrivals"], arrivals + 1, "once, however often Divar says it");
    assert_eq!(setup.log().matches("a person took their consent back").count(), 1, "{}", setup.log());
    well(&setup, &["outbox", "resume", "shop"]).await;
    host.stop().await;
    assert!(!setup.server.sent().iter().any(|sent| sent.text.contains(&format!("{SECRET} omid"))));
    for file in ["hodhod.db", "hodhod.db-wal"] {
        let Ok(bytes) = std::fs::read(setup.state().join(file)) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(&format!("{SECRET} omid")), "{file}");
        assert!(file != "hodhod.db" || text.contains(&format!("{SECRET} mina")), "it is looked for in the right place");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_takes_a_consent_back_while_a_turn_goes_on_is_gone_after_it_also_over_kill_9() {
    let guests = BotSetup::new("guests").limits("wall = \"20 s\"");
    let setup = DivarSetup::new([courier(), guests]).await;
    let host = setup.start_ready().await;
    omid_consents(&setup).await;
    do_as(&setup, "omid", &format!("set user note {SECRET}")).await;
    host.idle().await;
    let arrivals = host.status().await["totals"]["arrivals"].as_u64().unwrap();
    do_as(&setup, "mina", "sleep 6000").await;
    setup.server.revoke("omid").unwrap();
    // Divar waits some seconds, and no longer.
    let pushed = setup.server.wait_until_pushed(Duration::from_secs(4)).await.unwrap();
    assert_eq!(pushed.given_up, 0, "{pushed:?}");
    assert!(stored(&setup, "omid").await.contains(&"value".to_owned()), "the turn goes on");
    host.kill().await;

    for _ in 0..2 {
        let host = setup.start_ready().await;
        hodhod_tests::eventually("omid is gone", async || match stored(&setup, "omid").await {
            kinds if kinds.is_empty() => Ok(()),
            kinds => Err(format!("{kinds:?}")),
        })
        .await;
        // Mina's, that mina could not be answered, and that omid is gone, which is told after omid is.
        host.status_when("it is told", |status| status["totals"]["arrivals"] == arrivals + 3).await;
        assert_eq!(host.idle().await["totals"]["arrivals"], arrivals + 3, "it is told once");
        host.kill().await;
    }
}
