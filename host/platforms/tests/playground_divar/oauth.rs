//! Consent, codes, tokens: what a person allows, for how long, and how it ends.

use std::time::Duration;

use hodhod_platforms::playground::divar::{Call, Error, Failure, Settings, Side};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::kit::{Answer, OTHER, POST, Rig, STATE, ask, query, refusal, rig, rig_with, rules, url_form};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn member(answer: &Answer, name: &str) -> String {
    let member = answer.1[name].as_str();
    assert!(member.is_some(), "no {name} in {answer:?}");
    member.unwrap_or_default().to_owned()
}

#[track_caller]
fn failed(answer: &Answer) -> (u16, String) {
    assert!(answer.1["error_description"].is_string());
    (answer.0.as_u16(), member(answer, "error"))
}

#[tokio::test]
async fn a_yes_brings_the_browser_back_with_a_code_that_gives_a_token() {
    let rig = rig().await;
    let landing = rig.divar.consent("sara", &rig.consent_url("USER_ID offline_access")).await.unwrap();
    assert_eq!((landing.status, landing.body.as_str()), (200, "{}"));
    let seen = rig.app.next(0).await;
    assert!(seen.path.starts_with("/oauth?"), "{}", seen.path);
    let back = landing.visited.last().unwrap();
    assert_eq!(query(back, "state").as_deref(), Some(STATE));

    let answer = rig.exchange(&query(back, "code").unwrap()).await;
    assert_eq!(answer.0, StatusCode::OK);
    assert_eq!((&answer.1["expires_in"], &answer.1["token_type"]), (&json!(3600), &json!("bearer")));
    assert_eq!(answer.1["scope"], "USER_ID offline_access");
    assert!(member(&answer, "refresh_token").starts_with("ory_rt_"));
    assert!(rig.is_good(&member(&answer, "access_token")).await);

    // Without offline_access there is no way to a second token.
    let answer = rig.exchange(&rig.code("sara", "USER_ID").await).await;
    assert!(answer.1.get("refresh_token").is_none());
}

#[tokio::test]
async fn a_no_brings_the_browser_back_without_a_code() {
    let rig = rig().await;
    let landing = rig.divar.refuse("sara", &rig.consent_url("USER_ID")).await.unwrap();
    let back = landing.visited.last().unwrap();
    assert_eq!((query(back, "code"), query(back, "state").as_deref()), (None, Some(STATE)));
    assert_eq!(query(back, "error").as_deref(), Some("access_denied"));

    let rig = rig_with(rules(|rules| rules.refusal_has_error = false)).await;
    let back = rig.divar.answer_consent("sara", &rig.consent_url("USER_ID"), false).await.unwrap();
    assert_eq!((query(&back, "code"), query(&back, "error")), (None, None));
}

#[tokio::test]
async fn the_page_is_answered_by_a_browser_that_knows_nothing_of_this_server() {
    let rig = rig().await;
    let browser = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let page = browser.get(rig.consent_url("USER_ID CONVERSATION_SEND_MESSAGE.\"><script>")).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    let page = page.text().await.unwrap();
    assert!(page.contains("dir=rtl") && page.contains("my-app") && page.contains("USER_ID"));
    assert!(!page.contains("<script>"));

    let page = browser.get(rig.consent_url("USER_ID")).send().await.unwrap().text().await.unwrap();
    let question = page.split("name=question value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let answer = |answer: &str| {
        let form = url_form(&[("question", &question), ("person", "sara"), ("answer", answer)]);
        browser.post(rig.url("/oauth2/consent")).body(form).send()
    };
    assert_eq!(answer("perhaps").await.unwrap().status(), StatusCode::BAD_REQUEST);
    let sent_back = answer("yes").await.unwrap();
    assert_eq!(sent_back.status(), StatusCode::SEE_OTHER);
    let back = sent_back.headers()["location"].to_str().unwrap();
    assert!(query(back, "code").is_some());
    // A question is answered once.
    assert_eq!(answer("yes").await.unwrap().status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_unknown_app_or_address_is_shown_and_goes_nowhere() {
    let rig = rig().await;
    let with_query = format!("{}?a=b", rig.app.callback());
    for (name, value) in [
        ("client_id", "another"),
        ("redirect_uri", "https://evil.example/oauth"),
        ("redirect_uri", with_query.as_str()),
        ("redirect_uri", ""),
    ] {
        let url = rig.consent_url_with(&[(name, value)]);
        assert!(matches!(rig.divar.consent("sara", &url).await, Err(Error::NoConsentPage(_))), "{name} {value}");
        assert_eq!(rig.http.get(&url).send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    }
    let twice = format!("{}&state=another-one", rig.consent_url("USER_ID"));
    assert!(matches!(rig.divar.consent("sara", &twice).await, Err(Error::NoConsentPage(_))));
    assert!(rig.app.seen().is_empty());
}

#[tokio::test]
async fn what_else_is_wrong_goes_back_as_an_error() {
    let rig = rig().await;
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("state", "1234567", "invalid_state"),
        ("state", "", "invalid_state"),
        ("scope", "", "invalid_scope"),
        ("scope", "OFFLINE_ACCESS", "invalid_scope"),
        ("scope", "CONVERSATION_SEND_MESSAGE", "invalid_scope"),
        ("scope", "USER_ID.x", "invalid_scope"),
    ] {
        let back = rig.divar.answer_consent("sara", &rig.consent_url_with(&[(name, value)]), true).await.unwrap();
        assert_eq!((query(&back, "error").as_deref(), query(&back, "code")), (Some(error), None), "{name} {value}");
    }
}

#[tokio::test]
async fn nobody_can_allow_what_is_not_theirs() {
    let rig = rig().await;
    rig.divar.add_person(hodhod_platforms::playground::divar::Person::new("third", "0913")).unwrap();
    let about = rig.divar.say_in_post(POST, "babak", Side::Buyer, "?").unwrap().conversation;
    for (person, scope) in [
        ("sara", format!("CHAT_POST_CONVERSATIONS_READ.{OTHER}")),
        ("babak", format!("CHAT_POST_CONVERSATIONS_MESSAGE_SEND.{POST}")),
        ("third", format!("CONVERSATION_SEND_MESSAGE.{about}")),
        ("third", format!("CHAT_CONVERSATION_READ.{about}")),
        ("sara", format!("CONVERSATION_SEND_MESSAGE.{POST}")),
        ("sara", "CONVERSATION_SEND_MESSAGE.nothing".to_owned()),
        // A second in the future.
        ("sara", format!("CHAT_CONVERSATION_READ.{about}:9999999999")),
    ] {
        let back = rig.divar.answer_consent(person, &rig.consent_url(&scope), true).await.unwrap();
        assert_eq!(query(&back, "error").as_deref(), Some("invalid_scope"), "{person} {scope}");
    }
}

#[tokio::test]
async fn a_code_is_good_once_for_ten_minutes_and_with_its_own_address() {
    let rig = rig().await;
    let code = rig.code("sara", "USER_ID").await;
    let fields = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", "https://app.ir")];
    assert_eq!(failed(&ask(rig.token_request(&fields)).await), (400, "invalid_grant".to_owned()));
    assert_eq!(rig.exchange(&code).await.0, StatusCode::OK);
    assert_eq!(failed(&rig.exchange(&code).await), (400, "invalid_grant".to_owned()));

    let late = rig.code("sara", "USER_ID").await;
    rig.clock.advance(10 * MINUTE);
    assert_eq!(failed(&rig.exchange(&late).await), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn a_token_request_is_a_form_of_the_app_itself() {
    let rig = rig().await;
    let code = rig.code("sara", "USER_ID").await;
    let callback = rig.app.callback();
    let post = || rig.http.post(rig.url("/oauth2/token"));
    let fields = |client: &'static str, secret: &'static str, grant: &'static str| {
        url_form(&[
            ("client_id", client),
            ("client_secret", secret),
            ("grant_type", grant),
            ("code", &code),
            ("redirect_uri", &callback),
        ])
    };
    let good = fields("my-app", crate::kit::SECRET, "authorization_code");
    let form = |body: String| post().header("Content-Type", "application/x-www-form-urlencoded").body(body);
    for (request, status, error) in [
        (post().json(&json!({ "grant_type": "authorization_code" })), 400, "invalid_request"),
        (post().header("Content-Type", "text/plain").body(good.clone()), 400, "invalid_request"),
        (form(format!("{good}&code=twice")), 400, "invalid_request"),
        (form(String::new()), 400, "invalid_request"),
        (form(fields("another", crate::kit::SECRET, "authorization_code")), 401, "invalid_client"),
        (form(fields("my-app", "the client/secret=", "authorization_code")), 401, "invalid_client"),
        (form(fields("my-app", crate::kit::SECRET, "password")), 400, "unsupported_grant_type"),
        (form(fields("my-app", crate::kit::SECRET, "refresh_token")), 400, "invalid_request"),
    ] {
        assert_eq!(failed(&ask(request).await), (status, error.to_owned()));
    }
    let response = form(good).send().await.unwrap();
    assert_eq!(
        (response.status(), &response.headers()["cache-control"]),
        (StatusCode::OK, &"no-store".parse().unwrap())
    );
}

#[tokio::test]
async fn an_access_token_ends_with_its_hour() {
    let rig = rig().await;
    let token = rig.token("sara", "USER_ID").await;
    rig.clock.advance(60 * MINUTE - Duration::from_millis(1));
    assert!(rig.is_good(&token).await);
    rig.clock.advance(Duration::from_millis(1));
    let late = ask(rig.get("/v1/open-platform/users").bearer_auth(&token)).await;
    assert_eq!(refusal(&late), (401, 16));
}

async fn pair(rig: &Rig) -> (String, String) {
    let answer = rig.exchange(&rig.code("sara", "USER_ID offline_access").await).await;
    (member(&answer, "access_token"), member(&answer, "refresh_token"))
}

#[tokio::test]
async fn a_refresh_replaces_both_tokens_and_leaves_the_old_ones_two_minutes() {
    let rig = rig().await;
    let (access, refresh) = pair(&rig).await;
    let second = rig.refresh(&refresh).await;
    assert_eq!(second.0, StatusCode::OK);
    assert_ne!(member(&second, "access_token"), access);
    assert_ne!(member(&second, "refresh_token"), refresh);

    // Whoever lost the answer asks again, but not for ever: asking does not lengthen the grace.
    rig.clock.advance(MINUTE);
    let again = rig.refresh(&refresh).await;
    assert_eq!(again.0, StatusCode::OK);
    rig.clock.advance(MINUTE - Duration::from_millis(1));
    assert!(rig.is_good(&access).await);
    rig.clock.advance(Duration::from_millis(1));
    assert!(!rig.is_good(&access).await);
    assert_eq!(failed(&rig.refresh(&refresh).await), (400, "invalid_grant".to_owned()));
    for newer in [&second, &again] {
        assert!(rig.is_good(&member(newer, "access_token")).await);
        assert_eq!(rig.refresh(&member(newer, "refresh_token")).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn the_grace_does_not_outlive_the_tokens_own_time() {
    let rig = rig().await;
    let (access, refresh) = pair(&rig).await;
    rig.clock.advance(59 * MINUTE);
    rig.refresh(&refresh).await;
    rig.clock.advance(MINUTE);
    assert!(!rig.is_good(&access).await);
}

#[tokio::test]
async fn what_comes_along_with_a_refresh_must_belong_to_it() {
    let rig = rig().await;
    let (access, refresh) = pair(&rig).await;
    let (other, _) = pair(&rig).await;
    let callback = rig.app.callback();
    let request = |code: &str, redirect: &str| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
        let more = [("code", code), ("redirect_uri", redirect)];
        ask(rig.token_request(&[fields, more].concat()))
    };
    assert_eq!(failed(&request(&other, &callback).await), (400, "invalid_grant".to_owned()));
    assert_eq!(failed(&request(&access, "https://app.ir").await), (400, "invalid_grant".to_owned()));
    assert_eq!(request(&access, &callback).await.0, StatusCode::OK);
    assert_eq!(failed(&rig.refresh(&access).await), (400, "invalid_grant".to_owned()));
}

/// Refreshes once a week, and tells how many of eight worked.
async fn eight_weeks(settings: impl FnOnce(&mut Settings)) -> usize {
    let rig = rig_with(settings).await;
    let (_, mut refresh) = pair(&rig).await;
    for week in 0..8 {
        rig.clock.advance(7 * DAY);
        let answer = rig.refresh(&refresh).await;
        if answer.0 != StatusCode::OK {
            assert_eq!(failed(&answer), (400, "invalid_grant".to_owned()));
            return week;
        }
        refresh = member(&answer, "refresh_token");
    }
    8
}

#[tokio::test]
async fn refreshing_ends_thirty_days_after_the_consent_unless_it_renews_itself() {
    assert_eq!(eight_weeks(|_| ()).await, 4);
    assert_eq!(eight_weeks(rules(|rules| rules.refresh_renews = true)).await, 8);
}

#[tokio::test]
async fn a_refresh_whose_answer_is_lost_leaves_the_old_pair_usable() {
    let rig = rig().await;
    let (access, refresh) = pair(&rig).await;
    let request = || rig.token_request(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)]).send();
    rig.divar.fail(Call::Token, 1, Failure::Close { accepted: true });
    assert!(request().await.is_err());
    assert!(rig.is_good(&access).await);
    assert_eq!(rig.refresh(&refresh).await.0, StatusCode::OK);
}

#[tokio::test]
async fn who_takes_back_what_they_allowed_ends_all_tokens_and_the_app_hears_of_it() {
    let rig = rig().await;
    let told = "USER_ID NOTIFICATION_ACCESS_REVOCATION offline_access";
    let answer = rig.exchange(&rig.code("sara", told).await).await;
    let code = rig.code("sara", "USER_ID").await;
    let other = rig.token("babak", "USER_ID").await;
    assert_eq!(rig.divar.revoke("sara").unwrap(), 1);

    let seen = rig.app.next(0).await;
    let id = rig.divar.user_id("sara").unwrap();
    let expected = json!({ "type": "USER_ACCESS_REVOCATION", "user_access_revocation": { "user_id": id } });
    assert_eq!((seen.path.as_str(), seen.body), ("/events", expected));
    assert!(!rig.is_good(&member(&answer, "access_token")).await);
    assert_eq!(failed(&rig.refresh(&member(&answer, "refresh_token")).await), (400, "invalid_grant".to_owned()));
    assert_eq!(failed(&rig.exchange(&code).await), (400, "invalid_grant".to_owned()));
    assert!(rig.is_good(&other).await);

    // Who did not allow that either is not told of.
    for scopes in ["USER_ID", "NOTIFICATION_ACCESS_REVOCATION"] {
        rig.token("babak", scopes).await;
        assert_eq!(rig.divar.revoke("babak").unwrap(), 0, "{scopes}");
    }
}

#[tokio::test]
async fn a_consent_link_may_be_behind_a_page_of_the_app() {
    let rig = rig().await;
    // The app's server sends every browser on to the consent page.
    let target = rig.consent_url("USER_ID");
    let router = axum::Router::new().fallback(move || async move { axum::response::Redirect::to(&target) });
    let listener = tokio::net::TcpListener::bind(crate::kit::loopback()).await.unwrap();
    let start = format!("http://{}/start?one-time=1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    assert!(!rig.divar.is_consent(&start));
    let back = rig.divar.answer_consent("sara", &start, true).await.unwrap();
    assert!(query(&back, "code").is_some());
    let elsewhere = rig.divar.consent("sara", &rig.app.base).await;
    assert!(matches!(elsewhere, Err(Error::NoConsentPage(_))));
}

#[tokio::test]
async fn an_app_asks_only_for_scopes_that_it_was_given() {
    let app = crate::kit::app().scopes(&["USER_ID"]).redirect("http://127.0.0.1:1/oauth");
    let divar = hodhod_platforms::playground::divar::DivarServer::start(crate::kit::loopback(), app).await.unwrap();
    let url = |scope: &str| {
        let query = url_form(&[
            ("response_type", "code"),
            ("client_id", "my-app"),
            ("redirect_uri", "http://127.0.0.1:1/oauth"),
            ("scope", scope),
            ("state", STATE),
        ]);
        format!("{}/oauth2/auth?{query}", divar.base_url())
    };
    let back = divar.answer_consent("sara", &url("USER_ID USER_PHONE"), true).await.unwrap();
    assert_eq!(query(&back, "error").as_deref(), Some("invalid_scope"));
    assert!(query(&divar.answer_consent("sara", &url("USER_ID"), true).await.unwrap(), "code").is_some());
}

#[tokio::test]
async fn the_completion_page_is_there() {
    let rig = rig().await;
    let page = rig.http.get(rig.url("/completion")).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(serde_json::from_str::<Value>(&page.text().await.unwrap()).ok(), None);
}
