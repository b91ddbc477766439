//! A person takes everything back.

use std::time::Duration;

use hodhod_core::vault::{Change, Record, Vault};
use hodhod_platforms::divar::NoToken;
use serde_json::json;

use crate::kit::*;

pub(crate) async fn has_nothing(shop: &Shop) {
    for kind in ["grant", "named", "link", "told"] {
        assert!(shop.names(kind).await.is_empty(), "{kind}");
    }
}

#[tokio::test]
async fn all_that_a_person_gave_goes_and_every_bot_is_told() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.consent("ann", &["CONVERSATION_SEND_MESSAGE.c1", "offline_access"]).await;
    shop.link("c2", "ann").await;
    shop.revoke("ann").await.unwrap();
    has_nothing(&shop).await;
    assert_eq!(shop.kept.told()[2], ("all".to_owned(), "divar.revoked".to_owned(), json!({ "user": "ann" })));
    for conversation in ["c1", "c2"] {
        assert!(matches!(shop.token(conversation, None).await, Err(NoToken::None(_))));
    }
    assert!(matches!(shop.token("c1", Some("ann")).await, Err(NoToken::None(_))));
}

#[tokio::test]
async fn a_consent_whose_code_is_being_exchanged_when_all_is_taken_back_is_none() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    // First with a consent to take back, then with none left: it is said a second time within the hour.
    for round in 1..=2 {
        let query = shop.play.allow(&shop.ask(&SEND).await, "ann");
        shop.clock.advance(Duration::from_secs(60));
        let before = shop.play.exchanges();
        shop.play.close();
        let (reply, ()) = tokio::join!(shop.come_back(&query), async {
            until(|| shop.play.exchanges() > before).await;
            shop.revoke("ann").await.unwrap();
            shop.play.open();
        });
        assert_eq!(reply.status(), 502, "{}", text(&reply));
        has_nothing(&shop).await;
        let told = [&["divar.granted", "divar.revoked"][..], &["divar.refused"].repeat(round)].concat();
        assert_eq!(shop.kept.names(), told);
    }
    shop.consent("ann", &SEND).await;
    assert!(shop.token("c1", Some("ann")).await.is_ok(), "the next one is new");
}

#[tokio::test]
async fn a_clock_that_is_set_back_refuses_nobody_a_new_consent() {
    let mut shop = Shop::new().await;
    let day = Duration::from_secs(24 * 60 * 60);
    shop.clock.advance(day);
    shop.revoke("ann").await.unwrap();
    shop.clock.set_back(day);
    shop.restart();
    shop.consent("ann", &SEND).await;
    assert!(shop.token("c1", Some("ann")).await.is_ok());
}

#[tokio::test]
async fn an_event_that_is_late_brings_nobody_back_and_a_new_consent_does() {
    let shop = Shop::new().await;
    for erased in [false, true] {
        shop.consent("ann", &SEND).await;
        shop.link("c2", "ann").await;
        assert!(shop.oauth.hears("ann", None, None).await && shop.names("link").await == ["c2"]);
        match erased {
            false => shop.revoke("ann").await.unwrap(),
            // The operator has it done, and nobody said why.
            true => {
                for (kind, name) in [("grant", "ann"), ("link", "c2")] {
                    assert!(shop.vault.take(kind, name).await.unwrap().is_some(), "{kind}");
                }
                shop.clock.advance(Duration::from_secs(3600));
            }
        }
        assert_eq!(shop.oauth.hears("ann", None, None).await, erased);
        shop.link("c2", "ann").await;
        assert!(shop.names("link").await.is_empty(), "{erased}");
        assert!(shop.oauth.hears("bob", None, None).await);
    }
}

#[tokio::test]
async fn a_link_that_is_written_while_its_person_is_erased_does_not_stay() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.erase_while_linking();
    shop.link("c2", "ann").await;
    assert!(shop.names("link").await.is_empty() && shop.names("grant").await.is_empty());
}

#[tokio::test]
async fn nobody_else_loses_anything() {
    let shop = Shop::new().await;
    // Names that begin alike.
    for person in ["ann", "ann!", "anna", "an"] {
        shop.consent(person, &[SEND[0], SEND[1], &format!("CONVERSATION_SEND_MESSAGE.of-{person}")]).await;
        shop.link(&format!("with-{person}"), person).await;
    }
    shop.revoke("ann").await.unwrap();
    for person in ["ann!", "anna", "an"] {
        for conversation in ["of", "with"] {
            assert!(shop.token(&format!("{conversation}-{person}"), None).await.is_ok(), "{person}");
        }
    }
    assert!(shop.token("of-ann", None).await.is_err() && shop.token("with-ann", None).await.is_err());
}

#[tokio::test]
async fn it_is_told_once_however_often_it_is_said_and_again_after_a_new_consent() {
    let mut shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    for _ in 0..3 {
        shop.revoke("ann").await.unwrap();
        shop.clock.advance(Duration::from_secs(60));
        shop.restart();
    }
    assert_eq!(shop.kept.names(), ["divar.granted", "divar.revoked"]);
    shop.consent("ann", &SEND).await;
    shop.revoke("ann").await.unwrap();
    shop.revoke("ann").await.unwrap();
    assert_eq!(shop.kept.names()[2..], ["divar.granted", "divar.revoked"]);
    // Also of a person whose tokens ended long ago: bots may know something of them.
    shop.revoke("bob").await.unwrap();
    assert_eq!(shop.kept.told().pop().unwrap().2, json!({ "user": "bob" }));
}

#[tokio::test]
async fn what_cannot_be_opened_keeps_nobody_from_taking_it_back_or_giving_it_anew() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.alter_grants(true);
    assert!(matches!(shop.token("c1", Some("ann")).await, Err(NoToken::Unavailable(_))));
    shop.revoke("ann").await.unwrap();
    has_nothing(&shop).await;
    assert_eq!(shop.kept.names(), ["divar.granted", "divar.revoked"]);
    shop.consent("ann", &SEND).await;
    shop.alter_grants(false);
    assert!(shop.token("c1", Some("ann")).await.is_ok());
}

#[tokio::test]
async fn what_is_written_otherwise_is_nothing() {
    let shop = Shop::new().await;
    for kind in ["grant", "state", "told", "link", "named", "revoked"] {
        for value in ["", "7", "[]", "[7]", "{}", "null"] {
            let record = Record { person: None, expires: None, value: value.into() };
            for name in ["ann", "c1"] {
                let change = Change { kind, name: name.to_owned(), record: Some(record.clone()) };
                shop.vault.change(vec![change]).await.unwrap();
            }
            shop.run_until(|| shop.clock.next_sleeper().is_some()).await;
            assert!(matches!(shop.token("c1", Some("ann")).await, Err(NoToken::None(_))), "{kind} {value}");
            assert!(matches!(shop.token("c1", None).await, Err(NoToken::None(_))), "{kind} {value}");
        }
    }
    shop.consent("ann", &SEND).await;
    shop.link("c1", "ann").await;
    assert!(shop.token("c1", None).await.is_ok());
    assert_eq!(shop.kept.names(), ["divar.granted"]);
}

#[tokio::test]
async fn a_vault_that_fails_says_so() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.vault.fail(true);
    assert!(shop.revoke("ann").await.is_err());
    shop.vault.fail(false);
    assert!(shop.token("c1", Some("ann")).await.is_ok());
    shop.revoke("ann").await.unwrap();
    has_nothing(&shop).await;
}

#[tokio::test]
async fn a_renewal_under_way_does_not_bring_a_person_back() {
    for erased in [true, false] {
        let shop = Shop::new().await;
        shop.consent("ann", &SEND).await;
        shop.clock.advance(Duration::from_secs(3600));
        shop.play.close();
        let (asked, ()) = tokio::join!(shop.token("c1", Some("ann")), async {
            until(|| shop.play.renewals() == 1).await;
            match erased {
                // The operator erases the person: their records go, whoever works with them.
                true => {
                    let changes =
                        shop.names("grant").await.into_iter().map(|name| Change { kind: "grant", name, record: None });
                    shop.vault.change(changes.collect()).await.unwrap();
                }
                // It does not wait for the server.
                false => shop.revoke("ann").await.unwrap(),
            }
            shop.play.open();
        });
        assert!(matches!(asked, Err(NoToken::None(_))), "{asked:?}");
        has_nothing(&shop).await;
    }
}

#[tokio::test]
async fn a_consent_that_was_taken_back_without_a_word_ends_with_its_next_renewal() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.play.forget("ann");
    shop.clock.advance(Duration::from_secs(2880));
    // It is still within its time, but dead: the platform says so when it is asked.
    shop.run_until(|| shop.kept.taken().len() == 2).await;
    assert_eq!(shop.kept.told()[1], ("all".to_owned(), "divar.revoked".to_owned(), json!({ "user": "ann" })));
    assert!(matches!(shop.token("c1", Some("ann")).await, Err(NoToken::None(_))));
    assert!(shop.kept.forgotten().is_empty(), "it may have got lost, and what bots keep does not go for that");
}

#[tokio::test]
async fn what_cannot_be_a_person_takes_nothing_back() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    for user in ["", " ", "ann ", "ann\n", &"x".repeat(10_000)] {
        shop.revoke(user).await.unwrap();
    }
    assert_eq!(shop.kept.names(), ["divar.granted"]);
    assert!(shop.token("c1", Some("ann")).await.is_ok());
}
