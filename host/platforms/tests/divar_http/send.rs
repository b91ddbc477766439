//! Sends: what goes over the wire, and what an answer proves.

use std::num::NonZeroU32;
use std::time::Duration;

use hodhod_core::outgoing::{Button, Keyboard, Outgoing, Press};
use hodhod_core::platform::{Platform, SendError, Sent};
use hodhod_platforms::divar::{AppPace, Options};
use serde_json::json;

use super::divar_kit::{API_KEY, KEY, Rig};
use super::server::{Server, Step, answer, ok};

const SENT: &str = r#"{"conversation_id":"c-1"}"#;

async fn send(rig: &Rig, to: &str, message: &Outgoing) -> Result<Sent, SendError> {
    rig.divar.accepts(&to.into(), message).unwrap();
    rig.divar.send(&to.into(), message).await
}

async fn text(rig: &Rig) -> Result<Sent, SendError> {
    send(rig, "bot:c-1", &Outgoing::text("سلام")).await
}

#[tokio::test]
async fn a_message_to_the_chatbots_conversation_goes_out_with_the_apps_key_alone() {
    let server = Server::new([ok(SENT)]).await;
    let rig = Rig::with(server.options());
    let words = "می\u{200c}خواهم ۳ تا «ي» و «ی»\n";
    let press = |press| Button { label: "🐦 خانه".to_owned(), press };
    let keyboard = Keyboard::Show(vec![vec![press(Press::Url("https://bot.example/".to_owned()))]]);
    let message = Outgoing { keyboard: Some(keyboard), ..Outgoing::text(words) };
    assert_eq!(send(&rig, "bot:a/b+c=", &message).await, Ok(Sent { id: None }));
    let asked = server.asked().remove(0);
    assert_eq!(asked.line, "POST /v1/open-platform/chat/bot/conversations/a%2Fb%2Bc%3D/messages");
    assert_eq!(asked.header("x-api-key"), Some(API_KEY));
    assert_eq!(asked.header("content-type"), Some("application/json"));
    assert_eq!((asked.header("authorization"), asked.header("referer")), (None, None));
    let button = json!({"action": {"open_direct_link": "https://bot.example/"}, "caption": "🐦 خانه"});
    let body = json!({"type": "TEXT", "text_message": words, "buttons": {"rows": [{"buttons": [button]}]}});
    assert_eq!(asked.json(), body);
}

#[tokio::test]
async fn a_message_in_a_persons_name_does_not_go_out_without_his_permission() {
    let server = Server::new([ok(SENT)]).await;
    let rig = Rig::with(server.options());
    for to in ["post:c-1", "user:u-1"] {
        let refused = send(&rig, to, &Outgoing::text("x")).await;
        assert!(matches!(refused, Err(SendError::Refused(_))), "{refused:?}");
    }
    assert_eq!(server.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn a_refusal_of_the_other_side_is_told_for_good() {
    let refusal = r#"{"code":9,"message":"message delivery failed due to recipient's restriction"}"#;
    let server = Server::new([answer("412 Precondition Failed", "", refusal)]).await;
    let Err(SendError::Refused(words)) = text(&Rig::with(server.options())).await else { panic!() };
    assert!(words.contains("recipient's restriction"), "{words}");
}

#[tokio::test]
async fn a_limit_of_the_platform_is_waited_for() {
    let server = Server::new([
        answer("429 Too Many Requests", "Retry-After: 7\r\n", ""),
        answer("429 Too Many Requests", "", r#"{"code":8,"message":"daily quota exceeded"}"#),
        ok(SENT),
    ])
    .await;
    let rig = Rig::with(server.options());
    assert_eq!(text(&rig).await, Err(SendError::Wait(Duration::from_secs(7))));
    assert_eq!(text(&rig).await, Err(SendError::Wait(Duration::from_secs(15 * 60))));
    assert!(text(&rig).await.is_ok());
}

#[tokio::test]
async fn the_apps_own_limit_holds_sends_back_before_the_platform_does() {
    let server = Server::new([ok(SENT)]).await;
    let pace = AppPace { minute: NonZeroU32::new(2), day: NonZeroU32::new(3) };
    let rig = Rig::with(Options { pace, ..server.options() });
    assert!(text(&rig).await.is_ok() && text(&rig).await.is_ok());
    let Err(SendError::Wait(wait)) = text(&rig).await else { panic!() };
    assert!(wait <= Duration::from_secs(61), "{wait:?}");
    rig.clock.advance(wait);
    assert!(rig.divar.health().trouble.unwrap().contains("2 of 3"));
    assert!(text(&rig).await.is_ok());
    let Err(SendError::Wait(wait)) = text(&rig).await else { panic!() };
    assert!(wait > Duration::from_secs(23 * 60 * 60), "{wait:?}");
    assert_eq!(server.asked().len(), 3);
    assert!(rig.divar.health().trouble.unwrap().contains("used up"));
    rig.clock.advance(wait);
    assert!(text(&rig).await.is_ok());
}

#[tokio::test]
async fn the_apps_day_goes_on_when_the_connection_is_opened_anew() {
    let server = Server::new([ok(SENT)]).await;
    let options = Options { pace: AppPace { minute: None, day: NonZeroU32::new(2) }, ..server.options() };
    let mut rig = Rig::with(options.clone());
    for _ in 0..2 {
        assert!(text(&rig).await.is_ok());
        rig = rig.again(options.clone());
    }
    assert!(matches!(text(&rig).await, Err(SendError::Wait(_))));
    assert_eq!(server.asked().len(), 2);
    let rig = rig.again(options);
    rig.vault.fail(true);
    assert!(matches!(text(&rig).await, Err(SendError::NotSent(_))), "nobody knows how many there were");
    rig.vault.fail(false);
    assert!(matches!(text(&rig).await, Err(SendError::Wait(_))));
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn how_full_the_day_is_is_known_as_soon_as_the_connection_is_open() {
    let server = Server::new([ok(SENT)]).await;
    let options = Options { pace: AppPace { minute: None, day: NonZeroU32::new(1) }, ..server.options() };
    let rig = Rig::with(options.clone());
    assert!(text(&rig).await.is_ok());
    let rig = rig.again(options);
    assert_eq!(rig.divar.health().trouble, None);
    assert!(futures::poll!(std::pin::pin!(rig.divar.receive(&rig.kept))).is_pending());
    assert!(rig.divar.health().trouble.unwrap().contains("used up"));
}

#[tokio::test]
async fn a_key_that_is_refused_is_told_to_the_operator_until_it_is_taken() {
    let server = Server::new([
        answer("401 Unauthorized", "", r#"{"code":16,"message":"invalid api key"}"#),
        answer("403 Forbidden", "", r#"{"code":7,"message":"missing permission CHAT_BOT_SEND_MESSAGE"}"#),
        ok(SENT),
    ])
    .await;
    let rig = Rig::with(server.options());
    for words in ["invalid api key", "CHAT_BOT_SEND_MESSAGE"] {
        assert!(matches!(text(&rig).await, Err(SendError::Refused(_))));
        assert!(rig.divar.health().trouble.unwrap().contains(words));
    }
    assert!(text(&rig).await.is_ok());
    assert_eq!(rig.divar.health().trouble, None);
}

#[tokio::test]
async fn what_never_left_is_not_in_doubt_and_what_broke_on_the_way_is() {
    let server = Server::new([vec![Step::Break], vec![Step::Say(b"HTTP/1.1 200".to_vec())], vec![Step::Hold]]).await;
    let mut options = server.options();
    for _ in 0..2 {
        let broken = text(&Rig::with(options.clone())).await;
        assert!(matches!(broken, Err(SendError::InDoubt(_))), "{broken:?}");
    }
    options.timing.call = Duration::from_millis(100);
    let silent = text(&Rig::with(options.clone())).await;
    assert!(matches!(silent, Err(SendError::InDoubt(_))), "{silent:?}");
    drop(server);
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    options.base_url = format!("http://{closed}");
    let refused = text(&Rig::with(options)).await;
    assert!(matches!(refused, Err(SendError::NotSent(_))), "{refused:?}");
}

#[tokio::test]
async fn a_redirect_gets_no_key() {
    let other = Server::new([ok(SENT)]).await;
    let location = format!("Location: {}\r\n", other.url("/x"));
    for status in ["301 Moved Permanently", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let server = Server::new([answer(status, &location, "")]).await;
        let elsewhere = text(&Rig::with(server.options())).await;
        assert!(matches!(elsewhere, Err(SendError::NotSent(_))), "{elsewhere:?}");
    }
    assert_eq!(other.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn no_key_is_in_what_a_failed_send_says() {
    let quoted = format!("no permission for x-api-key {API_KEY} of {KEY}\r\n\u{1b}[2J{}", "y".repeat(1 << 20));
    let server = Server::new([answer("403 Forbidden", "", quoted), vec![Step::Break]]).await;
    let rig = Rig::with(server.options());
    for _ in 0..2 {
        let words = format!("{:?}", text(&rig).await.unwrap_err());
        assert!(!words.contains(API_KEY) && !words.contains(KEY) && words.len() < 600, "{words}");
        assert!(!words.contains('\u{1b}'), "{words}");
    }
    let told = format!("{:?} {:?}", rig.divar.health(), rig.divar);
    assert!(told.contains("x-api-key ***") && !told.contains(API_KEY) && !told.contains(KEY), "{told}");
}
