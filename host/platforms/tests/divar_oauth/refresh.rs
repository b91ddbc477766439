//! Pairs are renewed: in time, once, and without losing the old one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hodhod_core::time::Clock;
use hodhod_platforms::divar::NoToken;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::kit::*;
use crate::play::{Fault, TOKEN};

const HOUR: Duration = Duration::from_secs(3600);
/// When a pair of an hour is due.
const DUE: Duration = Duration::from_secs(2880);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_pair_is_renewed_before_it_dies_while_nobody_asks_for_it() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    let old = shop.token("c1", Some("ann")).await.unwrap();
    shop.run_until(|| shop.clock.next_sleeper().is_some()).await;
    shop.clock.advance(DUE - 30 * SECOND);
    shop.run_until(|| shop.clock.next_sleeper().is_some()).await;
    assert_eq!(shop.play.renewals(), 0, "not before it is due");
    shop.clock.advance(30 * SECOND);
    shop.run_until(|| shop.play.renewals() == 1).await;
    shop.run_until(|| shop.clock.next_sleeper().is_some()).await;
    let renewal = shop.play.seen(TOKEN).pop().unwrap();
    assert_eq!(renewal.field("code").as_deref(), Some(old.as_str()));
    assert_eq!(renewal.field("redirect_uri").as_deref(), Some(REDIRECT));
    assert_eq!(renewal.field("client_id").as_deref(), Some(SLUG));
    shop.clock.advance(HOUR - DUE);
    let new = shop.token("c1", Some("ann")).await.unwrap();
    assert!(new != old && shop.play.works(&new) && !shop.play.works(&old));
    assert_eq!(shop.play.renewals(), 1);
}

#[tokio::test]
async fn a_consent_holds_for_a_day_of_an_hour_each() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    for renewals in 1..=24 {
        shop.clock.advance(DUE);
        shop.run_until(|| shop.play.renewals() == renewals).await;
    }
    // The last answer may be on its way.
    shop.run_until(|| shop.clock.next_sleeper().is_some_and(|next| next > shop.clock.now() + 10 * SECOND)).await;
    assert!(shop.play.works(&shop.token("c1", Some("ann")).await.unwrap()));
    assert_eq!(shop.kept.names(), ["divar.granted"]);
}

#[tokio::test]
async fn a_short_life_is_obeyed() {
    let shop = Shop::new().await;
    shop.play.set_life(20);
    shop.consent("ann", &SEND).await;
    shop.clock.advance(10 * SECOND);
    shop.run_until(|| shop.play.renewals() == 1).await;
    shop.clock.advance(60 * SECOND);
    assert!(shop.play.works(&shop.token("c1", Some("ann")).await.unwrap()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_who_need_it_at_once_ask_once() {
    let shop = Arc::new(Shop::new().await);
    shop.consent("ann", &SEND).await;
    let old = shop.token("c1", Some("ann")).await.unwrap();
    shop.clock.advance(HOUR);
    shop.play.close();
    let asking = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (shop, asking) = (Arc::clone(&shop), Arc::clone(&asking));
            tokio::spawn(async move {
                asking.fetch_add(1, Ordering::SeqCst);
                shop.token("c1", Some("ann")).await.unwrap()
            })
        })
        .collect();
    until(|| asking.load(Ordering::SeqCst) == 8 && shop.play.renewals() > 0).await;
    shop.play.open();
    let tokens = futures::future::join_all(callers).await;
    let first = tokens[0].as_ref().unwrap();
    assert!(*first != old && tokens.iter().all(|token| token.as_ref().unwrap() == first));
    assert_eq!(shop.play.renewals(), 1);
}

#[tokio::test]
async fn eight_who_need_it_while_it_fails_do_not_storm_the_server() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.clock.advance(HOUR);
    shop.play.fault(TOKEN, [Fault::Break, Fault::Break]);
    let asked = futures::future::join_all((0..8).map(|_| shop.token("c1", Some("ann")))).await;
    assert!(asked.iter().all(|token| matches!(token, Err(NoToken::Unavailable(_)))), "{asked:?}");
    assert_eq!(shop.play.renewals(), 1);
    shop.clock.advance(SECOND);
    assert!(shop.token("c1", Some("ann")).await.is_err());
    assert_eq!(shop.play.renewals(), 2);
    shop.clock.advance(2 * SECOND);
    assert!(shop.token("c1", Some("ann")).await.is_ok());
}

#[tokio::test]
async fn a_renewal_that_fails_leaves_the_old_pair_usable() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    let old = shop.token("c1", Some("ann")).await.unwrap();
    let faults = [
        Fault::Answer(500, "oops".to_owned()),
        Fault::Answer(200, "<html>".to_owned()),
        Fault::Answer(503, String::new()),
        Fault::Answer(400, r#"{"error":"invalid_request"}"#.to_owned()),
        Fault::Break,
    ];
    shop.play.fault(TOKEN, faults);
    shop.clock.advance(DUE);
    for tries in 1..=5 {
        shop.run_until(|| shop.play.renewals() == tries).await;
        assert_eq!(shop.token("c1", Some("ann")).await.unwrap(), old, "after {tries}");
        assert!(shop.play.works(&old));
        shop.clock.advance(20 * SECOND);
    }
    until(|| shop.oauth.trouble().is_some()).await;
    shop.clock.advance(60 * SECOND);
    shop.run_until(|| shop.oauth.trouble().is_none()).await;
    assert_ne!(shop.token("c1", Some("ann")).await.unwrap(), old);
    assert_eq!(shop.kept.names(), ["divar.granted"]);
}

#[tokio::test]
async fn an_answer_that_got_lost_is_asked_for_again_within_the_grace() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    let old = shop.token("c1", Some("ann")).await.unwrap();
    shop.clock.advance(DUE);
    shop.play.fault(TOKEN, [Fault::Lose, Fault::Lose, Fault::Lose]);
    let lost = shop.clock.now();
    shop.run_until(|| shop.play.renewals() == 1).await;
    assert_eq!(shop.token("c1", Some("ann")).await.unwrap(), old);
    assert!(shop.play.works(&old), "in its grace");
    // Three were lost; with the fourth all is well, long before the grace is over.
    for tries in 2..=4 {
        shop.clock.advance(4 * SECOND);
        shop.run_until(|| shop.play.renewals() == tries).await;
    }
    assert!(shop.clock.now().since(lost) < Duration::from_secs(120));
    shop.clock.advance(HOUR - DUE);
    let new = shop.token("c1", Some("ann")).await.unwrap();
    assert!(new != old && shop.play.works(&new));
    assert_eq!(shop.kept.names(), ["divar.granted"]);
}

#[tokio::test]
async fn after_a_lost_answer_whoever_needs_a_token_asks_again() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    let old = shop.token("c1", Some("ann")).await.unwrap();
    shop.clock.advance(DUE);
    shop.play.fault(TOKEN, [Fault::Lose]);
    shop.run_until(|| shop.play.renewals() == 1).await;
    until(|| shop.oauth.trouble().is_some()).await;
    shop.clock.advance(100 * SECOND);
    let new = shop.token("c1", Some("ann")).await.unwrap();
    assert!(new != old, "the old one is about to die, though its time is not over");
    assert_eq!(shop.play.renewals(), 2);
}

#[tokio::test]
async fn a_consent_whose_grace_is_over_ends_and_is_told() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.link("c9", "ann").await;
    shop.clock.advance(DUE);
    shop.play.fault(TOKEN, [Fault::Lose]);
    shop.run_until(|| shop.play.renewals() == 1).await;
    until(|| shop.oauth.trouble().is_some()).await;
    shop.clock.advance(Duration::from_secs(121));
    shop.run_until(|| shop.kept.taken().len() == 2).await;
    assert_eq!(shop.kept.told()[1], ("all".to_owned(), "divar.revoked".to_owned(), json!({ "user": "ann" })));
    assert!(matches!(shop.token("c1", Some("ann")).await, Err(NoToken::None(_))));
    shop.run_until(|| shop.clock.next_sleeper().is_some()).await;
    for kind in ["grant", "link", "told"] {
        assert!(shop.names(kind).await.is_empty(), "{kind}");
    }
}

#[tokio::test]
async fn one_of_several_consents_that_ends_is_told_to_who_asked_for_it() {
    let shop = Shop::new().await;
    shop.consent("ann", &["CONVERSATION_SEND_MESSAGE.c1"]).await;
    shop.consent("ann", &SEND).await;
    shop.clock.advance(DUE);
    shop.play.fault(TOKEN, [Fault::Answer(400, r#"{"error":"invalid_grant"}"#.to_owned())]);
    shop.run_until(|| shop.kept.taken().len() == 3).await;
    let (only, name, words) = shop.kept.told().pop().unwrap();
    assert_eq!((only.as_str(), name.as_str()), ("clerk", "divar.revoked"));
    assert_eq!((&words["user"], &words["scopes"][0]), (&json!("ann"), &json!(SEND[0])));
    assert!(shop.token("c1", Some("ann")).await.is_ok());
}

#[tokio::test]
async fn an_app_that_is_refused_costs_nobody_their_consent() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.clock.advance(HOUR);
    shop.play.fault(TOKEN, [Fault::Answer(401, r#"{"error":"invalid_client","error_description":"who?"}"#.to_owned())]);
    let Err(NoToken::Unavailable(words)) = shop.token("c1", Some("ann")).await else { panic!() };
    assert!(words.contains("invalid_client: who?"), "{words}");
    assert_eq!(shop.oauth.trouble(), Some(words));
    shop.clock.advance(SECOND);
    assert!(shop.token("c1", Some("ann")).await.is_ok());
    assert_eq!(shop.oauth.trouble(), None);
}

#[tokio::test]
async fn a_full_disk_keeps_the_server_from_being_asked() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    let old = shop.token("c1", Some("ann")).await.unwrap();
    shop.fill_disk(true);
    shop.clock.advance(DUE);
    let began = shop.clock.now();
    shop.run_until(|| shop.clock.next_sleeper().is_some_and(|next| next > began)).await;
    assert_eq!(shop.token("c1", Some("ann")).await.as_ref(), Ok(&old), "it is good until its time is over");
    shop.clock.advance(HOUR - DUE);
    assert!(matches!(shop.token("c1", Some("ann")).await, Err(NoToken::Unavailable(_))));
    assert_eq!(shop.play.renewals(), 0);
    // Days later there is room again.
    shop.clock.advance(72 * HOUR);
    shop.fill_disk(false);
    assert!(shop.play.works(&shop.token("c1", Some("ann")).await.unwrap()));
}

#[tokio::test]
async fn a_vault_that_fails_under_a_renewal_costs_nobody_their_consent() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.clock.advance(HOUR);
    shop.play.close();
    let (asked, ()) = tokio::join!(shop.token("c1", Some("ann")), async {
        until(|| shop.play.renewals() == 1).await;
        shop.vault.fail(true);
        shop.play.open();
    });
    assert!(matches!(asked, Err(NoToken::Unavailable(_))), "{asked:?}");
    shop.vault.fail(false);
    shop.clock.advance(SECOND);
    let new = shop.token("c1", Some("ann")).await.unwrap();
    assert!(shop.play.works(&new));
    assert_eq!(shop.play.renewals(), 2);
}

#[tokio::test]
async fn who_stops_waiting_does_not_cut_the_renewal() {
    let mut shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.clock.advance(HOUR);
    shop.play.close();
    tokio::select! {
        _ = shop.token("c1", Some("ann")) => panic!("it cannot be answered yet"),
        () = until(|| shop.play.renewals() == 1) => {}
    }
    shop.play.open();
    // Whoever comes next waits for it, or finds it done.
    let token = shop.token("c1", Some("ann")).await.unwrap();
    assert_eq!(shop.play.renewals(), 1);
    // It was kept before it was shown: a crash right after it forgets nothing.
    shop.restart();
    assert_eq!(shop.token("c1", Some("ann")).await.unwrap(), token);
    assert_eq!(shop.play.renewals(), 1);
}

#[tokio::test]
async fn a_host_that_died_under_a_renewal_tries_again_with_what_it_has() {
    let mut shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.clock.advance(DUE);
    // The server has rotated, and the host knows nothing but that it tried.
    shop.play.fault(TOKEN, [Fault::Lose]);
    shop.run_until(|| shop.play.renewals() == 1).await;
    until(|| shop.oauth.trouble().is_some()).await;
    shop.restart();
    shop.clock.advance(5 * SECOND);
    shop.run_until(|| shop.play.renewals() == 2).await;
    shop.clock.advance(HOUR - DUE);
    assert!(shop.play.works(&shop.token("c1", Some("ann")).await.unwrap()));
}

#[tokio::test]
async fn two_who_share_a_vault_agree_on_one_pair() {
    let mut shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.clock.advance(HOUR);
    shop.play.close();
    // As while a connection is made anew: the old one has not ended, the new one has begun.
    let other = shop.beside(&config(&shop.play.base()));
    let (first, second, ()) = tokio::join!(
        shop.token("c1", Some("ann")),
        async {
            until(|| shop.play.renewals() == 1).await;
            shop.clock.advance(SECOND);
            other.token_for("c1", Some("ann")).await.unwrap().expose_secret().to_owned()
        },
        async {
            until(|| shop.play.renewals() == 2).await;
            shop.play.open();
        }
    );
    assert_eq!(first.as_ref(), Ok(&second));
    shop.restart();
    assert_eq!(shop.token("c1", Some("ann")).await, first);
}

#[tokio::test]
async fn a_consent_without_offline_access_ends_by_itself() {
    let shop = Shop::new().await;
    shop.consent("ann", &[SEND[0]]).await;
    shop.clock.advance(HOUR - 11 * SECOND);
    assert!(shop.token("c1", Some("ann")).await.is_ok());
    shop.clock.advance(SECOND);
    let Err(NoToken::None(words)) = shop.token("c1", Some("ann")).await else { panic!("it dies on the way") };
    assert!(words.contains("divar.request-consent"), "{words}");
    shop.clock.advance(10 * SECOND);
    assert!(shop.names("grant").await.is_empty());
    assert_eq!(shop.play.renewals(), 0);
}
