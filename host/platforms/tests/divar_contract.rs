//! What Divar publishes and what this connection does are the same thing.
//!
//! Divar's own OpenAPI document and the examples of its pages are not part of this repository. They are
//! read from the folder that `HODHOD_DIVAR_EXAMPLES` names, so these tests are ignored: `cargo xtask test` runs
//! them where it finds the files, and counts them as skipped where it does not; CONTRIBUTING.md says how it is
//! done by hand. The same facts are tested with our own data in `divar_webhook` and `divar_outgoing`, everywhere.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, and so do its helpers")]

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "divar_kit/mod.rs"]
mod divar_kit;
#[path = "divar_kit/published.rs"]
mod published;
#[path = "divar_kit/schema.rs"]
mod schema;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "divar_http/server.rs"]
mod server;

use bytes::Bytes;
use futures::{StreamExt, stream};
use hodhod_core::event::{Contact, Content, Event, Location, Media, MediaKind, Message};
use hodhod_core::outgoing::{Answer, Body, Button, Keyboard, Outgoing, Press};
use hodhod_core::platform::{Platform, SendError, Sent, Upload};
use hodhod_core::time::Millis;
use hodhod_platforms::divar::{Options, preview};
use serde_json::{Value, json};

use self::divar_kit::{Rig, message};
use self::published::Published;
use self::server::{Server, answer, ok};

fn note<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    message.annotations.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn with_rows(rows: Vec<Vec<Button>>) -> Outgoing {
    Outgoing { keyboard: Some(Keyboard::Show(rows)), ..Outgoing::text("متن پیام") }
}

fn button(press: Press) -> Button {
    Button { label: "متن دکمه".to_owned(), press }
}

/// One message of each form that can be sent to a chat of this kind.
fn messages(is_about_ad: bool) -> Vec<Outgoing> {
    let media = Media::new(MediaKind::Image, "token:t");
    let native = |json: Value| button(Press::Native(json.to_string()));
    let rows = vec![
        vec![
            button(Press::Event("e".to_owned())),
            button(Press::Url("https://bot.example/".to_owned())),
            button(Press::App("{}".to_owned())),
        ],
        vec![
            native(json!({"open_direct_link": "https://bot.example/"})),
            native(json!({"open_server_link": {"data": {"k": "v"}}})),
            native(json!({"get_dynamic_action": {"data": {"k": "v"}}})),
        ],
        vec![
            native(json!({"open_post_page": {"post_token": "gZd7omnS"}})),
            native(json!({"open_post_manage_page": {"post_token": "gZd7omnS"}})),
        ],
    ];
    let receiver = serde_json::to_string(&rows).unwrap();
    let mut notes = vec![("divar.icons".to_owned(), r#"[["HOME",null,"SEND"],[],["REAL_ESTATE"]]"#.to_owned())];
    if is_about_ad {
        notes.push(("divar.receiver-buttons".to_owned(), receiver));
        notes.push(("divar.receiver-icons".to_owned(), r#"[["CAR_INSPECTED"]]"#.to_owned()));
    }
    let full = Outgoing { annotations: notes, ..with_rows(rows) };
    let file = Outgoing { body: Body::Media(media), ..full.clone() };
    vec![Outgoing::text("سلام"), Outgoing { keyboard: None, annotations: Vec::new(), ..file.clone() }, full, file]
}

/// Who runs the tests reads here why the others did not run.
#[test]
fn it_is_said_where_divars_own_files_are_or_why_the_contract_is_skipped() {
    let own = std::env::temp_dir().join(format!("hodhod-no-examples-{}", std::process::id()));
    let why = Published::at(own.clone()).err().unwrap();
    assert!(why.contains(&own.display().to_string()) && why.contains("HODHOD_DIVAR_EXAMPLES"), "{why}");
    match Published::find() {
        Ok(published) => {
            println!("the contract is tested by the files at {}, with --run-ignored all", published.folder())
        }
        Err(why) => println!("skipped: the contract with Divar: {why}"),
    }
}

#[test]
#[ignore = "it needs Divar's OpenAPI document and examples, in the folder HODHOD_DIVAR_EXAMPLES"]
fn every_example_is_read_here_or_known_to_be_read_elsewhere() {
    let published = Published::here();
    assert_eq!(published.unknown(), Vec::<String>::new());
}

#[test]
#[ignore = "it needs Divar's OpenAPI document and examples, in the folder HODHOD_DIVAR_EXAMPLES"]
fn each_message_that_is_sent_is_one_of_divars_own_document() {
    let published = Published::here();
    let document = published.document();
    for (chat, template) in [
        ("bot:c/1", "/v1/open-platform/chat/bot/conversations/{conversation_id}/messages"),
        ("user:u/+=", "/v1/open-platform/chat/bot/users/{user_id}/messages"),
        ("post:c.1", "/v2/open-platform/conversations/{conversation_id}/messages"),
    ] {
        for message in messages(chat.starts_with("post:")) {
            // The type is of the pages only, and the document does not describe it.
            let exact = preview(&chat.into(), &message, &Options { name_type: false, ..Options::default() }).unwrap();
            let (found, schema) = document.posted(&exact.path);
            assert_eq!(found, template);
            assert_eq!(document.faults(schema, &exact.body), Vec::<String>::new(), "{}", exact.body);
            let usual = preview(&chat.into(), &message, &Options::default()).unwrap();
            let faults = document.faults(schema, &usual.body);
            assert!(faults.is_empty() || faults == [".type is not described"], "{faults:?}");
        }
    }
}

#[test]
#[ignore = "it needs Divar's OpenAPI document and examples, in the folder HODHOD_DIVAR_EXAMPLES"]
fn the_check_itself_finds_what_is_wrong() {
    let published = Published::here();
    let document = published.document();
    let (_, schema) = document.posted("/v2/open-platform/conversations/c/messages");
    let grid = |button: Value| json!({"message": "x", "sender_buttons": {"rows": [{"buttons": [button]}]}});
    for (body, fault) in [
        (json!({"text_message": "x"}), " has no message"),
        (json!({"message": 5}), ".message is no string: 5"),
        (json!({"message": "x", "buttons": {}}), ".buttons is not described"),
        (
            grid(json!({"icon": "REAL_STATE"})),
            ".sender_buttons.rows[0].buttons[0].icon is none of the names: \"REAL_STATE\"",
        ),
        (
            grid(json!({"action": {"open_post_page": {}}})),
            ".sender_buttons.rows[0].buttons[0].action.open_post_page has no post_token",
        ),
    ] {
        assert!(document.faults(schema, &body).contains(&fault.to_owned()), "{:?}", document.faults(schema, &body));
    }
}

/// A message of ours with the buttons of a published one, whose links and icons are usable.
fn rebuilt(published: &Value, text: &str, own: &str, other: Option<&str>) -> (Outgoing, Value) {
    let mut wanted = published.clone();
    let mut grids = Vec::new();
    for name in [Some(own), other].into_iter().flatten() {
        let (mut rows, mut icons) = (Vec::new(), Vec::new());
        for row in wanted[name]["rows"].as_array_mut().unwrap() {
            let (mut buttons, mut names) = (Vec::new(), Vec::new());
            for button in row["buttons"].as_array_mut().unwrap() {
                // Words stand for a link, for an icon, and the name of one is misspelt.
                if button["action"]["open_direct_link"].is_string() {
                    button["action"]["open_direct_link"] = "https://bot.example/".into();
                }
                let button = button.as_object_mut().unwrap();
                button.remove("icon_name");
                if button.get("icon").is_some_and(|icon| !icon.as_str().unwrap().is_ascii()) {
                    button.remove("icon");
                }
                names.push(button.get("icon").cloned());
                let press = Press::Native(button["action"].to_string());
                buttons.push(Button { label: button["caption"].as_str().unwrap().to_owned(), press });
            }
            rows.push(buttons);
            icons.push(names);
        }
        grids.push((rows, serde_json::to_string(&icons).unwrap()));
    }
    let (rows, icons) = grids.remove(0);
    let mut message = with_rows(rows);
    message.body = Body::Text(published[text].as_str().unwrap().to_owned());
    message.annotations.push(("divar.icons".to_owned(), icons));
    if let Some((rows, icons)) = grids.pop() {
        message.annotations.push(("divar.receiver-buttons".to_owned(), serde_json::to_string(&rows).unwrap()));
        message.annotations.push(("divar.receiver-icons".to_owned(), icons));
    }
    (message, wanted)
}

#[test]
#[ignore = "it needs Divar's OpenAPI document and examples, in the folder HODHOD_DIVAR_EXAMPLES"]
fn the_published_messages_can_be_sent_to_the_letter() {
    let published = Published::here();
    let sent = |chat: &str, message: &Outgoing| preview(&chat.into(), message, &Options::default()).unwrap().body;
    for (name, chat) in [
        ("req_chatbot_send_message_conversation.docs.json", "bot:c"),
        ("req_chatbot_send_message_user.docs.json", "user:u"),
    ] {
        let (message, wanted) = rebuilt(&published.json(name), "text_message", "buttons", None);
        assert_eq!(sent(chat, &message), wanted, "{name}");
    }
    let example = published.json("req_conversation_send_message_v2.docs.json");
    let (message, wanted) = rebuilt(&example, "message", "sender_buttons", Some("receiver_buttons"));
    assert_eq!(sent("post:c", &message), wanted);
    for name in [
        "action_get_dynamic_action.docs.json",
        "action_open_direct_link.docs.json",
        "action_open_post_manage_page.docs.json",
        "action_open_post_page.docs.json",
        "action_open_server_link.docs.json",
    ] {
        let action = published.json(name)["action"].clone();
        let body = sent("bot:c", &with_rows(vec![vec![button(Press::Native(action.to_string()))]]));
        assert_eq!(body["buttons"]["rows"][0]["buttons"][0]["action"], action, "{name}");
    }
}

#[tokio::test]
#[ignore = "it needs Divar's OpenAPI document and examples, in the folder HODHOD_DIVAR_EXAMPLES"]
async fn the_published_answers_to_calls_mean_what_the_pages_say() {
    let published = Published::here();
    let document = published.document();
    let restriction = published.text("err_412_recipient_restriction.docs.json");
    let success = published.text("resp_send_message_legacy_v2.docs.json");
    let server = Server::new([ok(&success), answer("412 Precondition Failed", "", restriction)]).await;
    let rig = Rig::with(server.options());
    let (chat, text) = ("bot:c".into(), Outgoing::text("x"));
    assert_eq!(rig.divar.send(&chat, &text).await, Ok(Sent { id: None }));
    let Err(SendError::Refused(words)) = rig.divar.send(&chat, &text).await else { panic!() };
    assert!(words.contains("recipient's restriction"), "{words}");

    let token = published.text("resp_chat_upload_token.docs.json");
    let server = Server::new([ok(&token), ok(&published.text("resp_chat_upload_media.docs.json"))]).await;
    let rig = Rig::with(server.options());
    let bytes = stream::iter([Ok(Bytes::from_static(b"x"))]).boxed();
    let upload = Upload { name: "a.png".to_owned(), mime: "image/png".to_owned(), size: 1, bytes };
    assert_eq!(rig.divar.upload(upload).await.unwrap(), "token:your_media_token");
    let [first, second] = server.asked().try_into().unwrap();
    let (_, schema) = document.posted(first.line.strip_prefix("POST ").unwrap());
    assert_eq!(document.faults(schema, &first.json()), Vec::<String>::new());
    assert_eq!(second.line, "POST /upload/image");
    assert_eq!(second.header("authorization"), Some("Bearer your_upload_token"));
    assert_eq!(second.header("accept"), Some("*/*"));
}

#[tokio::test]
#[ignore = "it needs Divar's OpenAPI document and examples, in the folder HODHOD_DIVAR_EXAMPLES"]
async fn the_published_events_are_the_events_that_the_pages_describe() {
    let published = Published::here();
    let rig = Rig::default();
    let told = rig.message(published.text("evt_new_chatbot_message_text.docs.json")).await;
    assert_eq!(told.content, Content::Text("hello world".to_owned()));
    assert_eq!(told.chat.id.as_str(), "bot:{{conversation_id}}");
    assert_eq!((told.id.as_str(), told.private), ("{{message_id}}", true));
    assert_eq!(told.sent_at, Millis(1_729_429_926_140));

    let incoming = rig.event(published.text("evt_payment_transaction.docs.json")).await;
    let Event::Other(name, json) = &*incoming.event else { panic!("{incoming:?}") };
    let json: Value = serde_json::from_str(json).unwrap();
    assert_eq!((name.as_str(), &json["cost_rials"]), ("divar.transaction", &json!(100_000)));
    assert_eq!(json["state"], "TRANSACTION_STATE_COMPLETED");

    // It shows a message that the app itself sent.
    assert_eq!(Rig::default().skip(published.text("evt_new_message_post_text.docs.json")).await, "echo");
}

#[tokio::test]
#[ignore = "it needs Divar's OpenAPI document and examples, in the folder HODHOD_DIVAR_EXAMPLES"]
async fn the_published_messages_are_the_contents_that_the_pages_describe() {
    let published = Published::here();
    let event = |name: &str| json!({"type": "NEW_MESSAGE", "new_message": published.json(name)});
    let bare = |kind, link: &str, size| Media {
        size: Some(size),
        ..Media::new(kind, format!("link:https://example.com/{link}"))
    };
    let image = bare(MediaKind::Image, "images/image1.jpg", 204_800);
    let file = bare(MediaKind::Document, "files/document.pdf", 1_048_576);
    let video = bare(MediaKind::Video, "videos/video.mp4", 20_971_520);
    let thumbnail = Some("link:https://example.com/videos/thumbnail.jpg".to_owned());
    let card = Contact { name: Some("Sample Name".to_owned()), phone: Some("+989123456789".to_owned()) };
    for (name, side, at, content) in [
        ("image", "buyer", 1_729_430_126_140, Content::Media(Media { width: Some(1920), height: Some(1080), ..image })),
        ("file", "seller", 1_729_430_226_140, Content::Media(Media { name: Some("document.pdf".to_owned()), ..file })),
        ("voice", "buyer", 1_729_430_326_140, Content::Media(bare(MediaKind::Voice, "voice/message.ogg", 512_000))),
        ("location", "seller", 1_729_430_426_140, Content::Location(Location { latitude: 35.6892, longitude: 51.389 })),
        ("video", "buyer", 1_729_430_526_140, Content::Media(Media { thumbnail, ..video })),
        ("contact", "seller", 1_729_430_626_140, Content::Contact(card)),
    ] {
        let told = Rig::default().message(event(&format!("chat_message_{name}.docs.json"))).await;
        assert_eq!(told.content, content, "{name}");
        assert_eq!(told.sent_at, Millis(at), "{name}");
        assert_eq!(told.chat.id.as_str(), "post:edbb9499-cccc-4d35-b21f-621fa95f2b3e");
        assert_eq!((note(&told, "divar.side"), note(&told, "divar.post-token")), (Some(side), Some("gZd7omnS")));
        assert!(!told.private);
    }
    assert_eq!(Rig::default().skip(event("chat_message_text.docs.json")).await, "echo");
}

#[tokio::test]
#[ignore = "it needs Divar's OpenAPI document and examples, in the folder HODHOD_DIVAR_EXAMPLES"]
async fn the_published_press_is_a_button_and_is_answered_as_the_pages_show() {
    let published = Published::here();
    let pressed = published.json("dynamic_action_request.docs.json");
    let answered = async |answer: Option<Answer>| {
        let rig = Rig::default();
        rig.kept.answers(answer);
        let (status, answer) = rig.post("/action", &pressed).await;
        assert_eq!(status, 200);
        (answer, message(&rig.kept.events()[0]))
    };
    let (answer, told) = answered(None).await;
    assert_eq!(answer, json!({}));
    assert_eq!(told.content, Content::Button(pressed["extra_data"].to_string()));
    assert_eq!(told.chat.id.as_str(), "post:6b3d5cf7-9291-4fa9-892a-9d07e300daea");
    assert_eq!(told.sender.id.as_ref().map(|id| id.as_str()), pressed["user_id"].as_str());
    assert_eq!((note(&told, "divar.side"), note(&told, "divar.post-token")), (Some("seller"), Some("wZC44q5D")));
    assert_eq!(note(&told, "divar.touchpoint"), Some("CHAT"));

    let words = published.json("dynamic_action_response_text_only.docs.json");
    let notice = Answer::Notice(words["text_message"].as_str().unwrap().to_owned());
    assert_eq!(answered(Some(notice)).await.0, words);
    let link = published.json("dynamic_action_response_direct_link.docs.json")["action"].clone();
    let url = Answer::Url(link["open_direct_link"].as_str().unwrap().to_owned());
    assert_eq!(answered(Some(url)).await.0, json!({"action": link}), "the text beside it is optional");
    // The third answer opens the app's page by way of another question, which a bot asks by its own address.
    assert!(published.json("dynamic_action_response_server_link.docs.json")["action"]["open_server_link"].is_object());
}

#[tokio::test]
#[ignore = "it needs Divar's OpenAPI document and examples, in the folder HODHOD_DIVAR_EXAMPLES"]
async fn the_published_openings_are_openings_and_are_answered_as_the_pages_show() {
    let published = Published::here();
    let opened = async |name: &str, url: &str| {
        let rig = Rig::default();
        rig.kept.answers(Some(Answer::Url(url.to_owned())));
        let (status, answer) = rig.post("/session", published.text(name)).await;
        assert_eq!(status, 200);
        (answer, message(&rig.kept.events()[0]))
    };
    let answer = published.json("session_init_v2_response.docs.json");
    let url = answer["url"].as_str().unwrap();

    let (answered, told) = opened("session_init_v2_request.open_server_link.docs.json", url).await;
    assert_eq!(answered, answer);
    let data = r#"{"your_key_1":"your value","your_key_2":"your value"}"#;
    assert_eq!(told.content, Content::Opening { source: "post".to_owned(), data: data.to_owned() });
    assert_eq!(told.chat.id.as_str(), "post:6b3d5cf7-9291-4fa9-892a-9d07e300daea");
    assert_eq!(told.sender.id.unwrap().as_str(), "6GqmD76dle5NpJySqnBX8seTpt6uVtzqaNTNJU1ettI=");

    for page in ["management", "touchpoints"] {
        let (answered, told) = opened(&format!("session_init_v2_request.{page}.docs.json"), url).await;
        assert_eq!(answered, answer);
        let Content::Opening { data, .. } = &told.content else { panic!("{told:?}") };
        assert_eq!(data, r#"{"some_key":{"some_other_key":"some_value"}}"#, "they name it provider_data");
        assert_eq!(told.chat.id.as_str(), "post:<conversation-id>");
        assert_eq!(note(&told, "divar.post-token"), Some("<post-token>"));
        assert_eq!(told.sender.id, None);
    }

    let answer = published.json("session_init_legacy_response.docs.json");
    let (answered, told) = opened("session_init_legacy_request.docs.json", answer["url"].as_str().unwrap()).await;
    assert_eq!(answered, answer);
    let Content::Opening { source, data } = &told.content else { panic!("{told:?}") };
    assert_eq!((source.as_str(), data.as_str()), ("chat", r#"{"your_custom_key":"…"}"#));
    assert_eq!(told.chat.id.as_str(), "post:…");
    assert_eq!(note(&told, "divar.side"), Some("seller"), "who started is the supplier");
}
