//! Who takes everything back is forgotten, and then bots are told: at once, or when it can be done.

use std::time::Duration;

use hodhod_core::time::Clock;
use hodhod_core::vault::Vault;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::kit::*;
use crate::revoke::has_nothing;

#[tokio::test]
async fn what_is_stored_of_a_person_is_taken_away_once_and_then_bots_are_told() {
    let mut shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    for _ in 0..3 {
        shop.revoke("ann").await.unwrap();
        shop.run_until(|| shop.clock.next_sleeper().is_some()).await;
        shop.restart();
    }
    let forgotten = Forgotten { person: "ann".to_owned(), taken: 1, until: 1 };
    assert_eq!(shop.kept.forgotten(), [forgotten], "after the consent, before bots are told");
    assert_eq!(shop.kept.names(), ["divar.granted", "divar.revoked"]);
}

#[tokio::test]
async fn nothing_that_is_kept_of_a_revocation_goes_with_the_person_or_says_who_it_was_once_it_is_told() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.kept.refuse(true);
    shop.revoke("ann").await.unwrap();
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
        shop.link("c2", "ann").await;
        shop.leave_room(writes);
        let taken = shop.revoke("ann").await;
        assert_eq!(taken.is_err(), writes == 0, "{writes}");
        let cut = taken.is_err() || !shop.names("told").await.is_empty();
        shop.leave_room(usize::MAX);
        shop.restart();
        // Where nothing was written Divar says it again.
        if taken.is_err() {
            shop.revoke("ann").await.unwrap();
        }
        shop.run_until(|| shop.kept.taken().len() == 2).await;
        shop.run_until(|| shop.clock.next_sleeper().is_some()).await;
        assert_eq!(shop.kept.names(), ["divar.granted", "divar.revoked"], "{writes}");
        let forgotten = shop.kept.forgotten();
        assert!(
            !forgotten.is_empty() && forgotten.iter().all(|gone| (gone.taken, gone.until) == (1, 1)),
            "{writes}: {forgotten:?}"
        );
        if !cut {
            break;
        }
        cuts += 1;
    }
    assert_eq!(cuts, 3, "before anything, before it is noted that they are forgotten, and before that it is told");
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
    shop.revoke("bob").await.unwrap();
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
    shop.link("c2", "ann").await;
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
    shop.link("c2", "ann").await;
    assert_eq!(shop.kept.names(), ["divar.granted"]);
    shop.kept.let_end();
    shop.run_until(|| shop.kept.taken().len() == 3).await;
    assert_eq!(shop.kept.names(), ["divar.granted", "divar.revoked", "divar.granted"]);
    assert!(shop.token("c2", None).await.is_ok(), "the new one stays");
}

#[tokio::test]
async fn what_is_given_after_a_revocation_that_nobody_could_be_told_stays() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.kept.refuse(true);
    shop.revoke("ann").await.unwrap();
    shop.clock.advance(Duration::from_millis(1));
    shop.consent("ann", &SEND).await;
    shop.kept.refuse(false);
    shop.run_until(|| shop.kept.taken().len() == 3).await;
    assert_eq!(shop.kept.names(), ["divar.granted", "divar.revoked", "divar.granted"]);
    assert!(shop.token("c1", Some("ann")).await.is_ok());
}

#[tokio::test]
async fn what_the_inbox_refuses_is_told_when_it_is_said_again_or_by_itself() {
    for again in [true, false] {
        let mut shop = Shop::new().await;
        shop.consent("ann", &SEND).await;
        shop.link("c2", "ann").await;
        shop.kept.refuse(true);
        shop.revoke("ann").await.unwrap();
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
async fn what_was_not_told_is_told_in_its_order_but_of_no_consent_that_was_taken_back_since() {
    let shop = Shop::new().await;
    shop.kept.refuse(true);
    for person in ["ann", "bob", "eve"] {
        for _ in 0..3 {
            shop.clock.advance(Duration::from_millis(1));
            shop.revoke(person).await.unwrap();
            shop.consent(person, &SEND).await;
        }
    }
    shop.kept.refuse(false);
    shop.run_until(|| shop.kept.taken().len() == 12).await;
    let told: Vec<_> = shop.kept.told().into_iter().map(|(_, name, words)| (words["user"].clone(), name)).collect();
    let round = ["divar.revoked", "divar.revoked", "divar.revoked", "divar.granted"].map(str::to_owned);
    let of = |person| round.clone().map(|name| (json!(person), name));
    assert_eq!(told, ["ann", "bob", "eve"].map(of).concat());
    assert!(shop.names("told").await.is_empty());
}

#[tokio::test]
async fn from_when_on_something_is_new_is_certain_when_it_is_said_however_late_it_is_done() {
    let mut shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.kept.keep_busy("ann");
    let time = async {
        let next = shop.clock.next_sleeper().unwrap();
        shop.clock.advance(next.since(shop.clock.now()));
    };
    tokio::join!(async { shop.revoke("ann").await.unwrap() }, time);
    shop.consent("bob", &SEND).await;
    shop.restart();
    shop.kept.let_end();
    shop.run_until(|| shop.kept.taken().len() == 3).await;
    assert_eq!(shop.kept.forgotten(), [Forgotten { person: "ann".to_owned(), taken: 2, until: 1 }]);
}

#[tokio::test]
async fn of_several_who_take_it_back_at_once_all_do_or_none() {
    let shop = Shop::new().await;
    let both = ["ann", "bob"].map(str::to_owned);
    for person in &both {
        shop.consent(person, &SEND).await;
    }
    shop.leave_room(0);
    assert!(shop.oauth.revoke(&both, &shop.kept).await.is_err());
    for person in &both {
        assert!(shop.token("c1", Some(person)).await.is_ok(), "{person}");
    }
    shop.leave_room(1);
    shop.oauth.revoke(&both, &shop.kept).await.unwrap();
    for person in &both {
        assert!(shop.token("c1", Some(person)).await.is_err(), "{person}");
    }
    assert_eq!(shop.names("told").await.len(), 2, "what could not be done yet is done later");
    shop.leave_room(usize::MAX);
    shop.run_until(|| shop.kept.taken().len() == 4).await;
    assert_eq!(shop.kept.names()[2..], ["divar.revoked", "divar.revoked"]);
}
