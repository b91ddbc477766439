//! A person takes everything back.

use std::time::Duration;

use hodhod_core::time::Clock;
use hodhod_core::vault::{Change, Record, Vault};
use hodhod_platforms::divar::NoToken;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::kit::*;

async fn has_nothing(shop: &Shop) {
    for kind in ["grant", "named", "link", "told"] {
        assert!(shop.names(kind).await.is_empty(), "{kind}");
    }
}

#[tokio::test]
async fn all_that_a_person_gave_goes_and_every_bot_is_told() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.consent("ann", &["CONVERSATION_SEND_MESSAGE.c1", "offline_access"]).await;
    shop.oauth.link("c2", "ann").await;
    shop.revoke("ann").await.unwrap();
    has_nothing(&shop).await;
    assert_eq!(shop.kept.told()[2], ("all".to_owned(), "divar.revoked".to_owned(), json!({ "user": "ann" })));
    for conversation in ["c1", "c2"] {
        assert!(matches!(shop.token(conversation, None).await, Err(NoToken::None(_))));
    }
    assert!(matches!(shop.token("c1", Some("ann")).await, Err(NoToken::None(_))));
}

#[tokio::test]
async fn what_is_stored_of_a_person_is_taken_away_once_and_then_bots_are_told() {
    let mut shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    for _ in 0..3 {
        shop.revoke("ann").await.unwrap();
        shop.run_until(|| shop.clock.next_sleeper().is_some()).await;
        shop.restart();
    }
    assert_eq!(shop.kept.forgotten(), [("ann".to_owned(), 1)], "after the consent, before bots are told");
    assert_eq!(shop.kept.names(), ["divar.granted", "divar.revoked"]);
}

#[tokio::test]
async fn nothing_that_is_kept_of_a_revocation_goes_with_the_person_or_says_who_it_was_once_it_is_told() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.kept.refuse(true);
    assert!(shop.revoke("ann").await.is_err());
    let kept = async |kind| shop.vault.list(kind, None, 9).await.unwrap();
    let (told, marks) = (kept("told").await, kept("revoked").await);
    assert_eq!((told.len(), marks.len()), (1, 1));
    assert!(told.iter().chain(&marks).all(|(_, record)| record.person.is_none()));
    for (name, record) in marks {
        assert!(!name.contains("ann") && !record.value.expose_secret().contains("ann"), "{name}");
    }
    shop.kept.refuse(false);
    shop.revoke("ann").await.unwrap();
    has_nothing(&shop).await;
}

/// As where the process dies between any two writes: whatever comes after is done by the next one.
#[tokio::test]
async fn wherever_it_is_cut_off_a_person_is_forgotten_and_every_bot_told_once() {
    let mut cuts = 0;
    for writes in 0.. {
        let mut shop = Shop::new().await;
        shop.consent("ann", &SEND).await;
        shop.oauth.link("c2", "ann").await;
        shop.leave_room(writes);
        let cut = shop.revoke("ann").await.is_err();
        shop.leave_room(usize::MAX);
        shop.restart();
        // Where nothing was written Divar was not answered, and says it again.
        if writes == 0 {
            shop.revoke("ann").await.unwrap();
        }
        shop.run_until(|| shop.kept.taken().len() == 2).await;
        shop.run_until(|| shop.clock.next_sleeper().is_some()).await;
        assert_eq!(shop.kept.names(), ["divar.granted", "divar.revoked"], "{writes}");
        let forgotten = shop.kept.forgotten();
        assert!(!forgotten.is_empty() && forgotten.iter().all(|(_, taken)| *taken == 1), "{writes}: {forgotten:?}");
        if !cut {
            break;
        }
        cuts += 1;
    }
    assert!(cuts >= 4, "{cuts}");
}

#[tokio::test]
async fn where_turns_have_to_be_waited_for_it_is_certain_soon_and_told_when_it_is_done() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.kept.keep_busy("ann");
    let began = shop.clock.now();
    let revoking = async {
        shop.revoke("ann").await.unwrap();
        assert!(shop.clock.now().since(began) <= Duration::from_secs(1), "Divar does not wait for the turn");
    };
    let time = async {
        let next = shop.clock.next_sleeper().unwrap();
        shop.clock.advance(next.since(shop.clock.now()));
    };
    tokio::join!(revoking, time);
    assert!(shop.token("c1", Some("ann")).await.is_err());
    assert_eq!(shop.kept.names(), ["divar.granted"]);
    shop.run_until(|| shop.clock.now().since(began) > Duration::from_secs(1)).await;
    assert_eq!(shop.kept.names(), ["divar.granted"], "not before it is gone");
    let ended = std::cell::Cell::new(false);
    shop.run_until(|| {
        // While somebody waits for it, and long before the next look.
        if !ended.replace(true) {
            return false;
        }
        shop.kept.let_end();
        shop.kept.taken().len() == 2
    })
    .await;
    assert!(shop.clock.now().since(began) < Duration::from_secs(5), "{:?}", shop.clock.now().since(began));
    assert_eq!(shop.kept.names(), ["divar.granted", "divar.revoked"]);
}

#[tokio::test]
async fn many_who_have_to_be_waited_for_are_waited_for_together() {
    let shop = Shop::new().await;
    let people: Vec<_> = (0..20).map(|n| format!("p{n}")).collect();
    people.iter().for_each(|person| shop.kept.keep_busy(person));
    let began = shop.clock.now();
    let time = async {
        let next = shop.clock.next_sleeper().unwrap();
        shop.clock.advance(next.since(shop.clock.now()));
    };
    let (revoked, ()) = tokio::join!(shop.oauth.revoke(&people, &shop.kept), time);
    revoked.unwrap();
    assert_eq!(shop.clock.now().since(began), Duration::from_secs(1), "one request is answered in its time");
    shop.kept.let_end();
    shop.run_until(|| shop.kept.taken().len() == 20).await;
}

#[tokio::test]
async fn who_has_to_be_waited_for_holds_up_nobodys_tokens_and_nobodys_news() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.consent("bob", &SEND).await;
    shop.kept.keep_busy("ann");
    shop.kept.refuse(true);
    assert!(shop.revoke("bob").await.is_err());
    shop.consent("eve", &SEND).await;
    shop.kept.refuse(false);
    let time = async {
        let next = shop.clock.next_sleeper().unwrap();
        shop.clock.advance(next.since(shop.clock.now()));
    };
    let (revoked, ()) = tokio::join!(shop.revoke("ann"), time);
    revoked.unwrap();
    shop.run_until(|| shop.kept.taken().len() == 4).await;
    let mut told = shop.kept.names();
    told.sort();
    assert_eq!(told, ["divar.granted", "divar.granted", "divar.granted", "divar.revoked"]);
    shop.clock.advance(Duration::from_secs(3000));
    shop.run_until(|| shop.play.renewals() == 1).await;
}

#[tokio::test]
async fn who_consents_again_while_the_old_consent_is_being_taken_back_has_the_new_one_and_it_is_told_last() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    // A link that is there already is the new consent's too.
    shop.oauth.link("c2", "ann").await;
    shop.kept.keep_busy("ann");
    let wait = async || {
        let next = shop.clock.next_sleeper().unwrap();
        shop.clock.advance(next.since(shop.clock.now()));
    };
    tokio::join!(async { shop.revoke("ann").await.unwrap() }, wait());
    tokio::join!(shop.consent("ann", &SEND), async {
        until(|| shop.clock.next_sleeper().is_some()).await;
        wait().await;
    });
    shop.oauth.link("c2", "ann").await;
    assert_eq!(shop.kept.names(), ["divar.granted"]);
    shop.kept.let_end();
    shop.run_until(|| shop.kept.taken().len() == 3).await;
    assert_eq!(shop.kept.names(), ["divar.granted", "divar.revoked", "divar.granted"]);
    assert!(shop.token("c2", None).await.is_ok(), "the new one stays");
}

#[tokio::test]
async fn an_event_that_is_late_brings_nobody_back_and_a_new_consent_does() {
    let shop = Shop::new().await;
    for erased in [false, true] {
        shop.consent("ann", &SEND).await;
        shop.oauth.link("c2", "ann").await;
        assert!(!shop.oauth.has_taken_back("ann").await && shop.names("link").await == ["c2"]);
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
        assert_eq!(shop.oauth.has_taken_back("ann").await, !erased);
        shop.oauth.link("c2", "ann").await;
        assert!(shop.names("link").await.is_empty(), "{erased}");
        assert!(!shop.oauth.has_taken_back("bob").await);
    }
}

#[tokio::test]
async fn a_link_that_is_written_while_its_person_is_erased_does_not_stay() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.erase_while_linking();
    shop.oauth.link("c2", "ann").await;
    assert!(shop.names("link").await.is_empty() && shop.names("grant").await.is_empty());
}

#[tokio::test]
async fn nobody_else_loses_anything() {
    let shop = Shop::new().await;
    // Names that begin alike.
    for person in ["ann", "ann!", "anna", "an"] {
        shop.consent(person, &[SEND[0], SEND[1], &format!("CONVERSATION_SEND_MESSAGE.of-{person}")]).await;
        shop.oauth.link(&format!("with-{person}"), person).await;
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
async fn what_the_inbox_refuses_is_told_when_it_is_said_again_or_by_itself() {
    for again in [true, false] {
        let mut shop = Shop::new().await;
        shop.consent("ann", &SEND).await;
        shop.oauth.link("c2", "ann").await;
        shop.kept.refuse(true);
        assert!(shop.revoke("ann").await.is_err());
        assert!(shop.token("c1", Some("ann")).await.is_err(), "the tokens are gone all the same");
        shop.kept.refuse(false);
        shop.restart();
        match again {
            true => shop.revoke("ann").await.unwrap(),
            false => {
                shop.run_until(|| shop.kept.taken().len() == 2).await;
                shop.run_until(|| shop.clock.next_sleeper().is_some()).await;
            }
        }
        assert_eq!(shop.kept.names(), ["divar.granted", "divar.revoked"]);
        has_nothing(&shop).await;
    }
}

#[tokio::test]
async fn what_was_not_told_is_told_in_its_order() {
    let shop = Shop::new().await;
    shop.kept.refuse(true);
    for person in ["ann", "bob", "eve"] {
        for _ in 0..3 {
            shop.consent(person, &SEND).await;
            shop.clock.advance(Duration::from_millis(1));
            assert!(shop.revoke(person).await.is_err());
            shop.clock.advance(Duration::from_millis(1));
        }
    }
    shop.kept.refuse(false);
    shop.run_until(|| shop.kept.taken().len() == 18).await;
    let told: Vec<_> = shop.kept.told().into_iter().map(|(_, name, words)| (words["user"].clone(), name)).collect();
    let round = |person| [(json!(person), "divar.granted".to_owned()), (json!(person), "divar.revoked".to_owned())];
    assert_eq!(told, ["ann", "ann", "ann", "bob", "bob", "bob", "eve", "eve", "eve"].map(round).concat());
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
    shop.oauth.link("c1", "ann").await;
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
