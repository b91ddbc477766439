//! What may be sent, what may not, and the JSON that it becomes.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, and so do its helpers")]

use hodhod_core::event::{Location, Media, MediaKind};
use hodhod_core::outgoing::{Body, Button, Keyboard, Outgoing, Press};
use hodhod_core::platform::Unsendable;
use hodhod_platforms::divar::{MediaText, Options, preview};
use proptest::prelude::*;
use serde_json::{Value, json};

fn body_to(chat: &str, message: &Outgoing) -> Result<Value, Unsendable> {
    preview(&chat.into(), message, &Options::default()).map(|call| call.body)
}

fn refused(chat: &str, message: &Outgoing) -> Unsendable {
    body_to(chat, message).expect_err("it cannot be sent")
}

fn button(press: Press) -> Button {
    Button { label: "دکمه".to_owned(), press }
}

fn event(event: &str) -> Button {
    button(Press::Event(event.to_owned()))
}

fn with_rows(rows: Vec<Vec<Button>>) -> Outgoing {
    Outgoing { keyboard: Some(Keyboard::Show(rows)), ..Outgoing::text("x") }
}

fn with_press(press: Press) -> Outgoing {
    with_rows(vec![vec![button(press)]])
}

fn noted(message: Outgoing, notes: &[(&str, &str)]) -> Outgoing {
    let annotations = notes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Outgoing { annotations, ..message }
}

fn media(file: &str, caption: Option<&str>) -> Outgoing {
    let media = Media { caption: caption.map(str::to_owned), ..Media::new(MediaKind::Document, file) };
    Outgoing { body: Body::Media(media), ..Outgoing::text("") }
}

/// The actions of a body's buttons, row by row.
fn actions(body: &Value, grid: &str) -> Vec<Vec<Value>> {
    let rows = body[grid]["rows"].as_array().unwrap().iter();
    rows.map(|row| row["buttons"].as_array().unwrap().iter().map(|button| button["action"].clone()).collect()).collect()
}

#[test]
fn each_kind_of_chat_has_its_call_and_its_names() {
    let path = |chat: &str| preview(&chat.into(), &Outgoing::text("x"), &Options::default()).unwrap().path;
    assert_eq!(path("bot:c"), "/v1/open-platform/chat/bot/conversations/c/messages");
    assert_eq!(path("user:u/+="), "/v1/open-platform/chat/bot/users/u%2F%2B%3D/messages");
    assert_eq!(path("post:c"), "/v2/open-platform/conversations/c/messages");
    assert_eq!(body_to("bot:c", &Outgoing::text("سلام")).unwrap(), json!({"type": "TEXT", "text_message": "سلام"}));
    assert_eq!(body_to("user:u", &Outgoing::text("سلام")).unwrap(), json!({"type": "TEXT", "text_message": "سلام"}));
    assert_eq!(body_to("post:c", &Outgoing::text("سلام")).unwrap(), json!({"type": "TEXT", "message": "سلام"}));
}

#[test]
fn what_divar_leaves_open_is_an_option() {
    let body = |options: Options, message: &Outgoing| preview(&"post:c".into(), message, &options).unwrap().body;
    let unnamed = Options { name_type: false, ..Options::default() };
    assert_eq!(body(unnamed, &Outgoing::text("x")), json!({"message": "x"}));
    let file = media("token:t", None);
    assert_eq!(body(Options::default(), &file), json!({"message": "", "media_token": "t"}));
    let absent = Options { media_text: MediaText::Absent, ..Options::default() };
    assert_eq!(body(absent, &file), json!({"media_token": "t"}));
}

#[test]
fn a_press_carries_what_is_needed_when_it_comes_back() {
    for (chat, kind, grid) in
        [("bot:c", "bot", "buttons"), ("user:u", "bot", "buttons"), ("post:c", "post", "sender_buttons")]
    {
        let message = with_rows(vec![vec![event("خانه:۵"), button(Press::App(r#"{"a": 1}"#.to_owned()))]]);
        let [first, second] = [0, 1].map(|_| actions(&body_to(chat, &message).unwrap(), grid).remove(0));
        let data = &first[0]["get_dynamic_action"]["data"];
        assert_eq!((&data["hodhod"], &data["event"]), (&json!(kind), &json!("خانه:۵")));
        assert_ne!(data["nonce"], second[0]["get_dynamic_action"]["data"]["nonce"], "messages differ");
        assert!(data.as_object().unwrap().values().all(Value::is_string), "{data}");
        assert_eq!(first[1], json!({"open_server_link": {"data": {"hodhod": kind, "app": r#"{"a": 1}"#}}}));
    }
}

#[test]
fn every_action_of_divar_can_be_sent_as_it_is() {
    for action in [
        json!({"open_direct_link": "https://bot.example/?a=b"}),
        json!({"open_server_link": {"data": {"k": "v"}}}),
        json!({"get_dynamic_action": {"data": {"k": "v"}}}),
        json!({"open_post_page": {"post_token": "gZd7omnS"}}),
        json!({"open_post_manage_page": {"post_token": "gZd7omnS"}}),
    ] {
        let body = body_to("bot:c", &with_press(Press::Native(action.to_string()))).unwrap();
        assert_eq!(actions(&body, "buttons"), [[action]]);
    }
    for bad in [
        "",
        "{}",
        "[]",
        "null",
        "\"open_direct_link\"",
        r#"{"open_direct_link": 5}"#,
        r#"{"open_direct_link": "javascript:alert(1)"}"#,
        r#"{"open_direct_link": "https://a.example", "open_post_page": {"post_token": "x"}}"#,
        r#"{"open_post_page": {"post_token": " "}}"#,
        r#"{"open_post_page": {}}"#,
        r#"{"open_post_page": {"post_token": "x", "more": 1}}"#,
        r#"{"get_dynamic_action": {"data": ["x"]}}"#,
        r#"{"self_destruct": {}}"#,
    ] {
        let error = refused("bot:c", &with_press(Press::Native(bad.to_owned())));
        assert!(matches!(error, Unsendable::Invalid(_)), "{bad}: {error}");
    }
}

#[test]
fn nine_buttons_fit_and_no_more() {
    let rows = |counts: &[usize]| with_rows(counts.iter().map(|count| vec![event("e"); *count]).collect());
    assert_eq!(actions(&body_to("bot:c", &rows(&[3, 3, 3])).unwrap(), "buttons").concat().len(), 9);
    for bad in [&[4][..], &[1, 1, 1, 1], &[3, 3, 3, 3], &[0], &[1, 0], &[]] {
        assert!(matches!(refused("bot:c", &rows(bad)), Unsendable::Invalid(_)), "{bad:?}");
        assert!(matches!(refused("post:c", &rows(bad)), Unsendable::Invalid(_)), "{bad:?}");
    }
}

#[test]
fn each_side_of_a_trade_can_have_buttons_of_its_own() {
    let receiver =
        r#"[[{"label":"می‌خرم","press":{"event":"buy"}},{"label":"راه","press":{"url":"https://bot.example/"}}]]"#;
    let notes = [
        ("divar.receiver-buttons", receiver),
        ("divar.icons", r#"[["HOME"]]"#),
        ("divar.receiver-icons", r#"[[null,"SEND"]]"#),
    ];
    let body = body_to("post:c", &noted(with_rows(vec![vec![event("sell"), event("wait")]]), &notes)).unwrap();
    let icon = |grid: &str, at: usize| body[grid]["rows"][0]["buttons"][at].get("icon").cloned();
    assert_eq!(actions(&body, "sender_buttons")[0][0]["get_dynamic_action"]["data"]["event"], "sell");
    assert_eq!(actions(&body, "receiver_buttons")[0][0]["get_dynamic_action"]["data"]["event"], "buy");
    assert_eq!((icon("sender_buttons", 0), icon("sender_buttons", 1)), (Some(json!("HOME")), None));
    assert_eq!((icon("receiver_buttons", 0), icon("receiver_buttons", 1)), (None, Some(json!("SEND"))));
    let alone = body_to("post:c", &noted(Outgoing::text("x"), &notes[..1])).unwrap();
    assert!(alone.get("sender_buttons").is_none() && alone.get("receiver_buttons").is_some());
    let nobody = refused("bot:c", &noted(Outgoing::text("x"), &notes[..1]));
    assert!(matches!(nobody, Unsendable::Unsupported(_)), "{nobody}");
}

#[test]
fn annotations_that_cannot_be_read_are_refused() {
    for (name, value) in [
        ("divar.receiver-buttons", "["),
        ("divar.receiver-buttons", "[]"),
        ("divar.receiver-buttons", r#"[[{"label":"x"}]]"#),
        ("divar.receiver-buttons", r#"[[{"label":"","press":{"event":"e"}}]]"#),
        ("divar.icons", "HOME"),
        ("divar.icons", r#"[["home"]]"#),
        ("divar.icons", r#"[["HOME","SEND"]]"#),
        ("divar.icons", r#"[["HOME"],["SEND"]]"#),
        ("divar.user", ""),
        ("divar.user", "a b"),
    ] {
        let error = refused("post:c", &noted(with_rows(vec![vec![event("e")]]), &[(name, value)]));
        assert!(matches!(error, Unsendable::Invalid(_)), "{name} {value}: {error}");
    }
    body_to("post:c", &noted(Outgoing::text("x"), &[("divar.user", "u/+="), ("soroush.body", "echoed")])).unwrap();
}

#[test]
fn what_divar_has_not_is_unsupported_in_words_that_say_what_to_do() {
    let of = |body: Body| Outgoing { body, ..Outgoing::text("") };
    for message in [
        of(Body::Location(Location { latitude: 35.0, longitude: 51.0 })),
        Outgoing { keyboard: Some(Keyboard::Hide), ..of(Body::KeyboardOnly) },
        media("token:t", Some("caption")),
    ] {
        let error = refused("bot:c", &message);
        assert!(matches!(error, Unsendable::Unsupported(_)), "{error}");
    }
    let words = refused("bot:c", &media("token:t", Some("caption"))).to_string();
    assert!(words.contains("a message of their own"), "{words}");
    assert!(matches!(refused("app", &Outgoing::text("x")), Unsendable::Unsupported(_)));
}

#[test]
fn malformed_messages_and_chats_are_refused_before_they_are_stored() {
    let unlabelled = Button { label: " \u{a0}".to_owned(), press: Press::Event("e".to_owned()) };
    for message in [
        Outgoing::text(""),
        with_rows(vec![vec![unlabelled]]),
        with_press(Press::Event(String::new())),
        with_press(Press::Url("bot.example".to_owned())),
        with_press(Press::Url("javascript:alert(1)".to_owned())),
        with_press(Press::App("5".to_owned())),
        with_press(Press::App("{".to_owned())),
        media("", None),
        media("token:", None),
        media("token:a b", None),
        media("link:", None),
        media("link:file:///etc/passwd", None),
        media("https://example.com/a.png", None),
    ] {
        let error = refused("bot:c", &message);
        assert!(matches!(error, Unsendable::Invalid(_)), "{message:?}: {error}");
    }
    for chat in ["", "c", "bot:", "bot:a b", "bot:..", "chat:c", "post:\u{202e}", &format!("bot:{}", "x".repeat(300))] {
        assert!(matches!(refused(chat, &Outgoing::text("x")), Unsendable::Invalid(_)), "{chat}");
    }
}

#[test]
fn what_has_no_meaning_on_divar_is_left_out() {
    let message = Outgoing { keyboard: Some(Keyboard::Hide), reply_to: Some("m".to_owned()), ..Outgoing::text("x") };
    assert_eq!(body_to("bot:c", &message).unwrap(), json!({"type": "TEXT", "text_message": "x"}));
}

proptest! {
    #[test]
    fn a_text_goes_out_exactly_as_it_was_written(text in "[ -~آ-یيكۀ\u{200c}\u{200d}۰-۹٠-٩\n👩‍👧\u{202b}]{1,80}") {
        let bot = body_to("bot:c", &Outgoing::text(&text)).unwrap();
        prop_assert_eq!(bot["text_message"].as_str(), Some(text.as_str()));
        let post = body_to("post:c", &Outgoing::text(&text)).unwrap();
        prop_assert_eq!(post["message"].as_str(), Some(text.as_str()));
    }

    #[test]
    fn nothing_that_a_bot_writes_makes_it_panic(
        chat in "(bot:|post:|user:)?\\PC{0,20}",
        native in "\\PC{0,40}|\\{\"open_post_page\":\\PC{0,20}\\}",
        note in "\\PC{0,40}|\\[\\[\\PC{0,20}\\]\\]",
        file in "(token:|link:https://)?\\PC{0,20}",
    ) {
        let pressed = noted(with_press(Press::Native(native)), &[("divar.receiver-buttons", &note), ("divar.icons", &note)]);
        let _refused = (body_to(&chat, &pressed), body_to("post:c", &pressed), body_to("bot:c", &media(&file, None)));
    }
}
