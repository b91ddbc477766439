//! A bot asks for the address of a question.

use std::time::Duration;

use hodhod_core::platform::CallError;
use hodhod_core::testing::{MemoryVault, TestClock};
use hodhod_platforms::divar::{DivarConfig, NoToken};
use serde_json::json;
use std::sync::Arc;

use crate::kit::*;
use crate::play::{Fault, TOKEN, fields};

#[tokio::test]
async fn the_address_asks_for_what_the_bot_wants_and_for_who_it_is() {
    let shop = Shop::new().await;
    let url = shop.ask(&["CONVERSATION_SEND_MESSAGE.1ed9+d", "USER_PHONE", "USER_PHONE"]).await;
    let (address, query) = url.split_once('?').unwrap();
    assert_eq!(address, format!("{}/oauth2/auth", shop.play.base()));
    let fields = fields(query);
    assert_eq!(fields["response_type"], "code");
    assert_eq!(fields["client_id"], SLUG);
    assert_eq!(fields["redirect_uri"], REDIRECT);
    assert_eq!(fields["scope"], "CONVERSATION_SEND_MESSAGE.1ed9+d USER_PHONE USER_ID NOTIFICATION_ACCESS_REVOCATION");
    assert_eq!(fields["state"].len(), 64);
    assert!(!query.contains('+') && query.contains("%20USER_PHONE%20"), "{query}");
    assert_ne!(state(&url), state(&shop.ask(&["USER_PHONE"]).await), "each question has a state of its own");
}

#[tokio::test]
async fn scopes_beyond_what_the_operator_allows_are_refused() {
    let shop = Shop::new().await;
    for scope in ["SUBMIT_USER_POST", "CONVERSATION_SEND_MESSAGE", "CONVERSATION_SEND_MESSAGE.*", "user_id", "openid"] {
        let refused = shop.call("divar.request-consent", json!({ "scopes": ["USER_ID", scope] })).await;
        let Err(CallError::Denied(words)) = refused else { panic!("{scope}: {refused:?}") };
        assert!(words.contains(scope) && words.contains("connections.shop.oauth.scopes"), "{words}");
    }
    assert!(shop.names("state").await.is_empty());
}

#[tokio::test]
async fn a_wish_that_is_none_is_refused() {
    let shop = Shop::new().await;
    let long: Vec<_> = (0..20).map(|at| format!("CONVERSATION_SEND_MESSAGE.{at}{}", "x".repeat(120))).collect();
    for wish in [
        json!(null),
        json!([]),
        json!({}),
        json!({ "scopes": [] }),
        json!({ "scopes": "USER_ID" }),
        json!({ "scopes": ["USER_ID USER_PHONE"] }),
        json!({ "scopes": ["USER_ID"], "data": 7 }),
        json!({ "scopes": ["USER_ID"], "state": "mine" }),
        json!({ "scopes": ["USER_ID"], "data": "x".repeat(4_097) }),
        json!({ "scopes": vec!["USER_ID"; 33] }),
        json!({ "scopes": long }),
    ] {
        let refused = shop.call("divar.request-consent", wish.clone()).await;
        assert!(matches!(refused, Err(CallError::Invalid(_))), "{wish}: {refused:?}");
    }
    assert!(matches!(shop.call("divar.fly", json!({})).await, Err(CallError::Unsupported(_))));
}

/// What a person is told who comes back by an address: 200, or 400 where it is not good any more.
async fn back(shop: &Shop, url: &str) -> u16 {
    shop.come_back(&shop.play.allow(url, "ann")).await.status().as_u16()
}

#[tokio::test]
async fn a_bot_has_a_thousand_questions_out_and_with_one_more_the_oldest_ends() {
    let mut shop = Shop::new().await;
    let first = shop.ask_in("bot:first", &["USER_ID"]).await;
    let other = json!({ "scopes": ["USER_ID"] });
    let of_other = shop.call_as("other", "bot:c2", "divar.request-consent", other).await.unwrap();
    shop.clock.advance(Duration::from_secs(1));
    let second = shop.ask_in("bot:second", &["USER_ID"]).await;
    for at in 2..1_000 {
        shop.ask_in(&format!("bot:{at}"), &["USER_ID"]).await;
    }
    assert_eq!(shop.names("state").await.len(), 1_001);
    // Who counts after a restart counts what was there before.
    shop.restart();
    shop.ask(&["USER_ID"]).await;
    assert_eq!(shop.names("state").await.len(), 1_001);
    assert_eq!(back(&shop, &first).await, 400);
    assert_eq!(back(&shop, &second).await, 200);
    assert_eq!(back(&shop, of_other["url"].as_str().unwrap()).await, 200, "another bot has its own");
    shop.clock.advance(Duration::from_secs(15 * 60));
    shop.ask(&["USER_ID"]).await;
    assert_eq!(shop.names("state").await.len(), 1);
}

#[tokio::test]
async fn who_makes_a_bot_ask_again_and_again_ends_their_own_questions_and_nobody_elses() {
    let mut shop = Shop::new().await;
    let of_somebody = shop.ask_in("bot:somebody", &["USER_ID"]).await;
    let mut urls = Vec::new();
    for at in 0..1_100 {
        urls.push(shop.ask_in("bot:flood", &["USER_ID"]).await);
        shop.clock.advance(Duration::from_millis(100));
        if at == 500 {
            shop.restart();
        }
    }
    assert_eq!(shop.names("state").await.len(), 9);
    let kept = urls.split_off(urls.len() - 8);
    assert_eq!(back(&shop, urls.last().unwrap()).await, 400, "one before the last eight");
    assert_eq!(back(&shop, &kept[0]).await, 200);
    assert_eq!(back(&shop, &kept[0]).await, 400, "once");
    assert_eq!(back(&shop, &kept[7]).await, 200);
    assert_eq!(back(&shop, &of_somebody).await, 200);
}

#[tokio::test]
async fn a_person_who_is_known_has_their_questions_in_all_chats_together() {
    let shop = Shop::new().await;
    let mallory = |is_known: bool| *shop.asker.lock().unwrap() = is_known.then(|| "mallory".into());
    let of_nobody = shop.ask_in("bot:0", &["USER_ID"]).await;
    mallory(true);
    for at in 0..100 {
        shop.ask_in(&format!("bot:{at}"), &["USER_ID"]).await;
    }
    assert_eq!(shop.names("state").await.len(), 9);
    // The chat that names the person is theirs as well.
    mallory(false);
    shop.ask_in("user:mallory", &["USER_ID"]).await;
    assert_eq!(shop.names("state").await.len(), 9);
    assert_eq!(back(&shop, &of_nobody).await, 200, "in the same chat somebody else may wait");
}

#[tokio::test]
async fn what_a_bot_asks_by_itself_is_nobodys_and_counts_for_the_bot_alone() {
    let shop = Shop::new().await;
    let first = shop.ask_in("", &["USER_ID"]).await;
    for _ in 1..100 {
        shop.ask_in("", &["USER_ID"]).await;
    }
    assert_eq!(shop.names("state").await.len(), 100);
    assert_eq!(back(&shop, &first).await, 200);
}

#[tokio::test]
async fn a_question_that_is_put_back_counts_as_before() {
    let shop = Shop::new().await;
    let first = shop.ask(&["USER_ID"]).await;
    for _ in 1..8 {
        shop.ask(&["USER_ID"]).await;
    }
    // Divar wants to wait, so the code was not used.
    shop.play.fault(TOKEN, [Fault::Answer(429, "slow down".to_owned())]);
    assert_eq!(back(&shop, &first).await, 503);
    assert_eq!(shop.names("state").await.len(), 8);
    shop.ask(&["USER_ID"]).await;
    assert_eq!(shop.names("state").await.len(), 8);
    assert_eq!(back(&shop, &first).await, 400, "it was the oldest");
}

#[tokio::test]
async fn without_oauth_each_says_which_line_to_write_and_posts_are_read_all_the_same() {
    let mut shop = Shop::new().await;
    shop.change(&DivarConfig { oauth: None, ..config(&shop.play.base()) });
    let line = |words: &str| {
        assert!(words.contains("connections.shop") && words.contains("oauth = { client_secret"), "{words}");
    };
    for (name, arguments) in [
        ("divar.request-consent", json!({ "scopes": ["USER_ID"] })),
        ("divar.get-user", json!({ "user": "ann" })),
        ("divar.user-posts", json!({ "user": "ann" })),
    ] {
        let Err(CallError::Denied(words)) = shop.call(name, arguments).await else { panic!("{name}") };
        line(&words);
    }
    for (conversation, user) in [("c1", None), ("c1", Some("ann")), ("", Some("ann"))] {
        let Err(NoToken::None(words)) = shop.token(conversation, user).await else { panic!("{conversation}") };
        line(&words);
    }
    let reply = shop.come_back(&format!("code=x&state={}", "0".repeat(64))).await;
    assert_eq!((reply.status().as_u16(), text(&reply)), (404, String::new()), "a stranger learns no names");
    shop.link("c1", "ann").await;
    assert!(shop.names("link").await.is_empty());
    // What was given before the line was taken out goes, and bots hear of it.
    shop.revoke("ann").await.unwrap();
    assert_eq!(shop.kept.names(), ["divar.revoked"]);
    let post = shop.call("divar.get-post", json!({ "token": "gZd7omnS" })).await.unwrap();
    assert_eq!(post["token"], "gZd7omnS");
    shop.kept.close();
    shop.oauth.run(&shop.kept).await;
}

#[tokio::test]
async fn a_question_that_the_vault_does_not_take_is_not_asked() {
    let shop = Shop::new().await;
    shop.vault.fail(true);
    let refused = shop.call("divar.request-consent", json!({ "scopes": ["USER_ID"] })).await;
    assert!(matches!(refused, Err(CallError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_refused_without_its_secrets() {
    let clock = TestClock::default();
    let vault = Arc::new(MemoryVault::new(Arc::new(clock.clone())));
    let mut config = config("ftp://127.0.0.1");
    config.api_key = format!("{API_KEY}\n{API_KEY}").into();
    for base in ["ftp://127.0.0.1", "http://127.0.0.1:1"] {
        config.options.base_url = base.to_owned();
        let error = hodhod_platforms::divar::OAuth::new(&config, vault.clone(), Arc::new(clock.clone())).unwrap_err();
        let said = format!("{error} {error:?} {config:?}");
        assert!(!said.contains(API_KEY) && !said.contains(CLIENT_SECRET), "{said}");
    }
}
