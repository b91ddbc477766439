//! Subscriptions live as long as a token.

use std::time::Duration;

use serde_json::json;

use crate::kit::*;
use crate::play::{Fault, SUBSCRIPTIONS};

const READ: [&str; 3] = ["CHAT_SUPPLIER_ALL_CONVERSATIONS_READ", "USER_POSTS_GET", "offline_access"];

#[tokio::test]
async fn a_consent_to_read_is_subscribed_to_in_the_name_of_its_person() {
    let shop = Shop::new().await;
    shop.consent("ettI=", &READ).await;
    shop.run_until(|| shop.play.seen(SUBSCRIPTIONS).len() == 2).await;
    let seen = shop.play.seen(SUBSCRIPTIONS);
    let metadata = json!({ "hodhod_user": "ettI=" });
    assert_eq!(seen[0].json(), json!({ "event_type": "NEW_MESSAGE_ON_POST", "metadata": metadata }));
    assert_eq!(seen[1].json(), json!({ "event_type": "POST_UPDATE", "metadata": metadata }));
    for seen in seen {
        assert_eq!((seen.header("x-api-key"), seen.header("content-type")), (Some(API_KEY), Some("application/json")));
        assert!(shop.play.works(seen.header("authorization").unwrap().strip_prefix("Bearer ").unwrap()));
    }
}

#[tokio::test]
async fn each_new_pair_is_subscribed_with_anew_and_once() {
    let shop = Shop::new().await;
    shop.consent("ann", &READ).await;
    for round in 1..=3 {
        shop.run_until(|| shop.play.seen(SUBSCRIPTIONS).len() == 2 * round).await;
        shop.run_until(|| shop.clock.next_sleeper().is_some()).await;
        shop.clock.advance(Duration::from_secs(60));
        shop.run_until(|| shop.clock.next_sleeper().is_some()).await;
        assert_eq!(shop.play.seen(SUBSCRIPTIONS).len(), 2 * round);
        shop.clock.advance(Duration::from_secs(2880));
    }
    let seen = shop.play.seen(SUBSCRIPTIONS);
    assert_ne!(seen[0].header("authorization"), seen[2].header("authorization"));
}

#[tokio::test]
async fn who_allowed_no_reading_is_not_subscribed_to() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.run_until(|| shop.clock.next_sleeper().is_some()).await;
    assert!(shop.play.seen(SUBSCRIPTIONS).is_empty());
}

#[tokio::test]
async fn what_failed_is_tried_again_also_after_a_restart_and_what_is_refused_is_not() {
    let mut shop = Shop::new().await;
    shop.play
        .fault(SUBSCRIPTIONS, [Fault::Break, Fault::Answer(429, String::new()), Fault::Answer(500, String::new())]);
    shop.consent("ann", &[READ[0], READ[2]]).await;
    for tries in 1..=4 {
        shop.run_until(|| shop.play.seen(SUBSCRIPTIONS).len() == tries).await;
        shop.restart();
        shop.clock.advance(Duration::from_secs(10));
    }
    shop.play.fault(SUBSCRIPTIONS, [Fault::Answer(403, r#"{"code":7,"message":"no permission"}"#.to_owned())]);
    shop.clock.advance(Duration::from_secs(2880));
    shop.run_until(|| shop.oauth.trouble().is_some()).await;
    let trouble = shop.oauth.trouble().unwrap();
    assert!(trouble.contains("no permission"), "{trouble}");
    shop.clock.advance(Duration::from_secs(600));
    shop.run_until(|| shop.clock.next_sleeper().is_some()).await;
    assert_eq!(shop.play.seen(SUBSCRIPTIONS).len(), 5);
}

#[tokio::test]
async fn it_ends_when_the_intake_closes_also_while_the_server_says_nothing() {
    let shop = Shop::new().await;
    shop.consent("ann", &SEND).await;
    shop.clock.advance(Duration::from_secs(2880));
    shop.play.close();
    let closing = async {
        until(|| shop.play.renewals() == 1).await;
        shop.kept.close();
    };
    let running = shop.oauth.run(&shop.kept);
    tokio::time::timeout(Duration::from_secs(5), async { tokio::join!(running, closing) }).await.unwrap();
}
