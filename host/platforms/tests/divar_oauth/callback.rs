//! A person comes back.

use std::time::Duration;

use bytes::Bytes;
use hodhod_core::event::{Content, Event};
use hodhod_core::ids::{BotName, Chat};
use hodhod_platforms::divar::{DivarConfig, NoToken};
use http::{Method, Request};
use serde_json::json;

use crate::kit::*;
use crate::play::{Fault, TOKEN, USERS};

#[tokio::test]
async fn a_consent_becomes_a_grant_and_the_bot_that_asked_is_told_in_its_chat() {
    let shop = Shop::new().await;
    shop.consent("ettI=", &SEND).await;
    let exchange = &shop.play.seen(TOKEN)[0];
    assert_eq!(exchange.method, Method::POST);
    assert_eq!(exchange.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(exchange.header("x-api-key"), None, "the server of the tokens needs no API key");
    assert_eq!(exchange.field("grant_type").as_deref(), Some("authorization_code"));
    assert_eq!(exchange.field("redirect_uri").as_deref(), Some(REDIRECT));
    assert_eq!(exchange.field("client_secret").as_deref(), Some(CLIENT_SECRET));

    let taken = shop.kept.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].only, Some(BotName::from("clerk")));
    let Event::Message(message) = &*taken[0].event else { panic!("{taken:?}") };
    assert_eq!((message.id.as_str(), message.platform.as_str()), (taken[0].key.as_str(), "divar"));
    assert_eq!((&message.chat, message.private), (&Chat::new("shop", "bot:c1"), true));
    assert_eq!(message.sender.id.as_ref().unwrap().as_str(), "ettI=");
    let Content::Other(name, words) = &message.content else { panic!("{message:?}") };
    let scopes = json!([SEND[0], SEND[1], "USER_ID", "NOTIFICATION_ACCESS_REVOCATION"]);
    assert_eq!(name, "divar.granted");
    assert_eq!(words, &json!({ "user": "ettI=", "scopes": scopes, "data": "order 7" }).to_string());

    let token = shop.token("c1", Some("ettI=")).await.unwrap();
    assert!(shop.play.works(&token));
    assert!(shop.names("told").await.is_empty() && shop.names("state").await.is_empty());
}

#[tokio::test]
async fn a_consent_asked_in_a_talk_of_two_is_told_there_and_one_of_no_chat_is_told_without() {
    let shop = Shop::new().await;
    for (chat, private) in [("post:c1", Some(false)), ("user:ann", Some(true)), ("", None)] {
        let query = shop.play.allow(&shop.ask_in(chat, &["USER_ID"]).await, "ann");
        assert_eq!(shop.come_back(&query).await.status(), 200);
        let taken = shop.kept.taken();
        match &*taken.last().unwrap().event {
            Event::Message(message) => assert_eq!((message.chat.id.as_str(), Some(message.private)), (chat, private)),
            Event::Other(name, _) => assert_eq!((name.as_str(), private), ("divar.granted", None)),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_state_works_once() {
    let shop = Shop::new().await;
    let url = shop.ask(&SEND).await;
    let query = shop.play.allow(&url, "ann");
    assert_eq!(shop.come_back(&query).await.status(), 200);
    // The very same, and with a code that somebody else got.
    let stolen = shop.play.allow(&url, "mallory");
    for query in [&query, &stolen, &format!("error=access_denied&state={}", state(&url))] {
        assert_eq!(shop.come_back(query).await.status(), 400);
    }
    assert_eq!(shop.play.seen(TOKEN).len(), 1);
    assert_eq!(shop.kept.names(), ["divar.granted"]);
    assert!(matches!(shop.token("c1", Some("mallory")).await, Err(NoToken::None(_))));
}

#[tokio::test]
async fn of_many_who_come_with_one_state_at_once_one_is_served() {
    let shop = Shop::new().await;
    let url = shop.ask(&SEND).await;
    let queries: Vec<_> = (0..8).map(|_| shop.play.allow(&url, "ann")).collect();
    let replies = futures::future::join_all(queries.iter().map(|query| shop.come_back(query))).await;
    let served = replies.iter().filter(|reply| reply.status() == 200).count();
    assert_eq!((served, shop.play.seen(TOKEN).len()), (1, 1));
}

#[tokio::test]
async fn a_state_ends_after_a_quarter_of_an_hour() {
    let shop = Shop::new().await;
    let (early, late) = (shop.ask(&["USER_ID"]).await, shop.ask(&["USER_ID"]).await);
    shop.clock.advance(Duration::from_secs(15 * 60 - 1));
    assert_eq!(shop.come_back(&shop.play.allow(&early, "ann")).await.status(), 200);
    shop.clock.advance(Duration::from_secs(1));
    assert_eq!(shop.come_back(&shop.play.allow(&late, "ann")).await.status(), 400);
    assert_eq!(shop.play.seen(TOKEN).len(), 1);
}

#[tokio::test]
async fn a_state_of_another_connection_is_refused_and_stays_good_there() {
    let shop = Shop::new().await;
    let url = shop.ask(&SEND).await;
    let query = shop.play.allow(&url, "ann");
    let config = DivarConfig { name: "garage".into(), ..config(&shop.play.base()) };
    // Even over the very same vault.
    let garage = shop.beside(&config);
    assert_eq!(garage.callback(get(&query), &shop.kept).await.status(), 400);
    let no = format!("error=access_denied&state={}", state(&url));
    assert_eq!(garage.callback(get(&no), &shop.kept).await.status(), 400);
    assert!(shop.play.seen(TOKEN).is_empty() && shop.kept.taken().is_empty());
    assert_eq!(shop.come_back(&query).await.status(), 200);
}

#[tokio::test]
async fn what_is_no_return_from_a_question_goes_no_further() {
    let shop = Shop::new().await;
    let url = shop.ask(&SEND).await;
    let (good, zeros) = (state(&url), "0".repeat(64));
    let shouted = good.to_uppercase();
    for query in [
        "",
        "code=x",
        "state=",
        "code=x&state=short",
        &format!("code=x&state={zeros}"),
        &format!("code=x&state={good}0"),
        &format!("code=x&state={shouted}"),
        &format!("code=x&state={good}&state={good}"),
        &format!("code=x&code=y&state={good}"),
        &format!("error=a&error=b&state={good}"),
        &format!("code=a%20b&state={good}"),
        &format!("code=a%0d%0a&state={good}"),
        &format!("code={}&state={good}", "x".repeat(2_049)),
        &format!("x={}&code=x&state={good}", "x".repeat(9_000)),
        &format!("code=x&state=%00{good}"),
    ] {
        let reply = shop.come_back(query).await;
        assert_eq!(reply.status(), 400, "{query}");
        assert!(!text(&reply).contains("<blockquote"), "no word of a stranger is shown: {query}");
    }
    // What looks ahead at links does not use them up.
    for method in [Method::HEAD, Method::POST, Method::OPTIONS] {
        let query = shop.play.allow(&url, "ann");
        let request = Request::builder().method(&method).uri(format!("/oauth?{query}")).body(Bytes::new()).unwrap();
        let reply = shop.oauth.callback(request, &shop.kept).await;
        assert_eq!((reply.status().as_u16(), reply.headers()["allow"].to_str().unwrap()), (405, "GET"), "{method}");
    }
    assert!(shop.play.seen(TOKEN).is_empty() && shop.kept.taken().is_empty());
    assert_eq!(shop.come_back(&shop.play.allow(&url, "ann")).await.status(), 200);
}

#[tokio::test]
async fn a_person_who_says_no_is_believed_and_the_bot_is_told() {
    let shop = Shop::new().await;
    for (query, reason) in [
        ("", "access_denied"),
        ("&code=", "access_denied"),
        ("&error=invalid_scope", "invalid_scope"),
        ("&error=%3Cscript%3E", "access_denied"),
        ("&error=server_error&code=x", "server_error"),
    ] {
        let url = shop.ask(&["USER_ID"]).await;
        let reply = shop.come_back(&format!("state={}{query}", state(&url))).await;
        assert_eq!(reply.status(), 200, "{query}");
        let (only, name, words) = shop.kept.told().pop().unwrap();
        let scopes = ["USER_ID", "NOTIFICATION_ACCESS_REVOCATION"];
        assert_eq!((only.as_str(), name.as_str()), ("clerk", "divar.refused"));
        assert_eq!(words, json!({ "scopes": scopes, "data": "order 7", "reason": reason }));
        assert_eq!(shop.come_back(&shop.play.allow(&url, "ann")).await.status(), 400, "a no is a no");
    }
    assert!(shop.play.seen(TOKEN).is_empty() && shop.names("told").await.is_empty());
}

#[tokio::test]
async fn an_answer_that_is_no_pair_is_an_error_page_and_leaves_nothing() {
    let shop = Shop::new().await;
    let huge = format!("{{\"access_token\":\"a\",\"x\":\"{}\"}}", "x".repeat(70_000));
    for (fault, asked) in [
        (Fault::Answer(200, String::new()), 0),
        (Fault::Answer(200, "<html>".to_owned()), 0),
        (Fault::Answer(200, huge), 0),
        (Fault::Answer(200, r#"{"access_token":"a\nb"}"#.to_owned()), 0),
        (Fault::Answer(200, r#"{"access_token":7}"#.to_owned()), 0),
        (Fault::Answer(400, r#"{"error":"invalid_grant"}"#.to_owned()), 0),
        (Fault::Answer(500, "oops".to_owned()), 0),
        (Fault::Break, 0),
        (Fault::Lose, 0),
        // A pair, but one that no call takes: nobody knows whose it is.
        (Fault::Answer(200, r#"{"access_token":"a"}"#.to_owned()), 2),
    ] {
        let said = format!("{fault:.60?}");
        shop.play.fault(TOKEN, [fault]);
        let before = shop.play.seen(USERS).len();
        let query = shop.play.allow(&shop.ask(&["USER_ID"]).await, "ann");
        assert_eq!(shop.come_back(&query).await.status(), 502, "{said}");
        assert_eq!(shop.play.seen(USERS).len() - before, asked, "{said}");
        assert_eq!(shop.come_back(&query).await.status(), 400, "its state is used up: {said}");
        let (only, name, words) = shop.kept.told().pop().unwrap();
        assert_eq!((only.as_str(), name.as_str(), &words["reason"]), ("clerk", "divar.refused", &json!("failed")));
    }
    for kind in ["grant", "state", "told", "named"] {
        assert!(shop.names(kind).await.is_empty(), "{kind}");
    }
}

#[tokio::test]
async fn whose_a_pair_is_is_asked_twice_before_it_is_given_up() {
    let shop = Shop::new().await;
    shop.play.fault(USERS, [Fault::Break]);
    shop.consent("ann", &["USER_ID"]).await;
    shop.play
        .fault(USERS, [Fault::Answer(200, "{}".to_owned()), Fault::Answer(200, r#"{"user_id":"a b"}"#.to_owned())]);
    let query = shop.play.allow(&shop.ask(&["USER_ID"]).await, "bob");
    assert_eq!(shop.come_back(&query).await.status(), 502);
    assert_eq!(shop.names("grant").await, ["ann"]);
}

#[tokio::test]
async fn a_code_that_was_not_exchanged_can_be_brought_again() {
    let mut shop = Shop::new().await;
    let url = shop.ask(&SEND).await;
    let query = shop.play.allow(&url, "ann");
    let mut away = config(&shop.play.base());
    away.options.oauth_url = "http://127.0.0.1:1".to_owned();
    shop.change(&away);
    assert_eq!(shop.come_back(&query).await.status(), 503);
    shop.restart();
    shop.play.fault(TOKEN, [Fault::Answer(429, "slow down".to_owned())]);
    assert_eq!(shop.come_back(&query).await.status(), 503);
    assert!(shop.kept.taken().is_empty());
    assert_eq!(shop.come_back(&query).await.status(), 200);
    // Its time went on all the while.
    let query = shop.play.allow(&shop.ask(&SEND).await, "ann");
    shop.clock.advance(Duration::from_secs(10 * 60));
    shop.play.fault(TOKEN, [Fault::Answer(429, "slow down".to_owned())]);
    assert_eq!(shop.come_back(&query).await.status(), 503);
    shop.clock.advance(Duration::from_secs(5 * 60));
    assert_eq!(shop.come_back(&query).await.status(), 400);
}

#[tokio::test]
async fn a_vault_that_fails_uses_nothing_up() {
    let shop = Shop::new().await;
    let url = shop.ask(&SEND).await;
    let query = shop.play.allow(&url, "ann");
    shop.vault.fail(true);
    assert_eq!(shop.come_back(&query).await.status(), 503);
    assert_eq!(shop.come_back(&format!("state={}", state(&url))).await.status(), 503);
    shop.vault.fail(false);
    assert_eq!(shop.come_back(&query).await.status(), 200);
}

#[tokio::test]
async fn a_link_for_a_known_person_does_not_serve_another() {
    let shop = Shop::new().await;
    let query = shop.play.allow(&shop.ask_in("user:ann", &SEND).await, "bob");
    let reply = shop.come_back(&query).await;
    assert_eq!(reply.status(), 403);
    let (only, name, words) = shop.kept.told().pop().unwrap();
    assert_eq!((only.as_str(), name.as_str(), &words["reason"]), ("clerk", "divar.refused", &json!("another-person")));
    assert!(shop.names("grant").await.is_empty());
    assert!(!format!("{:?}", shop.kept.taken()).contains("bob"), "nobody is told who it was");
}

#[tokio::test]
async fn a_link_that_somebody_asked_for_in_a_chat_does_not_serve_another() {
    let shop = Shop::new().await;
    *shop.asker.lock().unwrap() = Some("ann".into());
    let query = shop.play.allow(&shop.ask_in("bot:c1", &SEND).await, "bob");
    assert_eq!(shop.come_back(&query).await.status(), 403);
    assert!(shop.names("grant").await.is_empty());
    let query = shop.play.allow(&shop.ask_in("bot:c1", &SEND).await, "ann");
    assert_eq!(shop.come_back(&query).await.status(), 200);
}

#[tokio::test]
async fn scopes_that_nobody_allowed_are_not_taken_from_an_answer() {
    let shop = Shop::new().await;
    let url = shop.ask(&["USER_ID"]).await;
    let query = shop.play.allow(&url.replace("scope=", "scope=SUBMIT_USER_POST%20"), "ann");
    assert_eq!(shop.come_back(&query).await.status(), 200);
    let scopes = shop.kept.told().pop().unwrap().2["scopes"].clone();
    assert_eq!(scopes, json!(["USER_ID", "NOTIFICATION_ACCESS_REVOCATION"]));
}

#[tokio::test]
async fn an_answer_that_names_no_scope_of_ours_means_what_was_asked_for() {
    let shop = Shop::new().await;
    let url = shop.ask(&SEND).await;
    // As in the platform's own examples.
    let query = shop.play.allow(&url, "ann");
    shop.play.say_scopes("...");
    assert_eq!(shop.come_back(&query).await.status(), 200);
    assert_eq!(shop.kept.told().pop().unwrap().2["scopes"][0], SEND[0]);
}

#[tokio::test]
async fn an_event_that_the_inbox_refuses_is_told_after_a_restart_once() {
    let mut shop = Shop::new().await;
    shop.kept.refuse(true);
    shop.consent("ann", &SEND).await;
    let url = shop.ask(&SEND).await;
    assert_eq!(shop.come_back(&format!("state={}", state(&url))).await.status(), 200);
    assert!(shop.kept.taken().is_empty());
    assert_eq!(shop.names("told").await.len(), 2);
    shop.restart();
    shop.kept.refuse(false);
    shop.run_until(|| shop.kept.taken().len() == 2).await;
    shop.run_until(|| shop.clock.next_sleeper().is_some()).await;
    assert_eq!(shop.kept.names(), ["divar.granted", "divar.refused"]);
    assert!(shop.names("told").await.is_empty());
}

#[tokio::test]
async fn a_person_who_closes_the_page_too_soon_has_consented_all_the_same() {
    let shop = Shop::new().await;
    let query = shop.play.allow(&shop.ask(&SEND).await, "ann");
    shop.play.close();
    tokio::select! {
        _ = shop.come_back(&query) => panic!("it cannot be answered yet"),
        () = until(|| shop.play.seen(TOKEN).len() == 1) => {}
    }
    assert!(shop.kept.taken().is_empty());
    shop.play.open();
    shop.run_until(|| shop.kept.names() == ["divar.granted"]).await;
    assert!(shop.token("c1", Some("ann")).await.is_ok());
}

#[tokio::test]
async fn a_wider_consent_takes_the_place_of_a_narrower_one_and_others_stay() {
    let shop = Shop::new().await;
    shop.consent("ann", &["CONVERSATION_SEND_MESSAGE.c1"]).await;
    shop.consent("ann", &["CONVERSATION_SEND_MESSAGE.c2"]).await;
    assert_eq!((shop.consents("ann").await, shop.names("named").await), (2, vec!["c1".into(), "c2".into()]));
    shop.consent("ann", &["CONVERSATION_SEND_MESSAGE.c1", "CONVERSATION_SEND_MESSAGE.c3"]).await;
    assert_eq!((shop.consents("ann").await, shop.names("named").await.len()), (2, 3));
    for conversation in ["c1", "c2", "c3"] {
        assert!(shop.token(conversation, None).await.is_ok(), "{conversation}");
    }
    for number in 4..40 {
        shop.clock.advance(Duration::from_millis(1));
        shop.consent("ann", &[&format!("CONVERSATION_SEND_MESSAGE.c{number}")]).await;
    }
    assert_eq!((shop.consents("ann").await, shop.names("named").await.len()), (16, 16));
    assert!(shop.token("c39", None).await.is_ok() && shop.token("c1", None).await.is_err());
}

#[tokio::test]
async fn what_a_person_gave_fits_into_a_record_however_long_it_is() {
    let shop = Shop::new().await;
    shop.play.make_tokens_long();
    let long = "x".repeat(200);
    for number in 0..16 {
        shop.clock.advance(Duration::from_millis(1));
        let scopes: Vec<_> = (0..8).map(|at| format!("CONVERSATION_SEND_MESSAGE.{number}-{at}-{long}")).collect();
        let mut scopes: Vec<_> = scopes.iter().map(String::as_str).collect();
        scopes.push("offline_access");
        shop.consent("ann", &scopes).await;
    }
    let kept = shop.consents("ann").await;
    assert!((2..16).contains(&kept), "{kept}");
    assert!(shop.token(&format!("15-7-{long}"), None).await.is_ok());
    assert!(shop.token(&format!("0-0-{long}"), None).await.is_err());
    assert_eq!(shop.names("named").await.len(), 8 * kept);
    // There is room to renew them, too.
    shop.clock.advance(Duration::from_secs(3600));
    assert!(shop.token(&format!("15-7-{long}"), None).await.is_ok());
}
