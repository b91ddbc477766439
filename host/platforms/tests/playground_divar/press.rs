//! Presses and openings: what the app's server is asked, and what a person sees of its answer.

use hodhod_platforms::playground::divar::{Error, Faults, Pressed, PushKind, PushState, Side};
use serde_json::{Map, Value, json};

use crate::kit::{IDENTIFICATION, OTHER, POST, Rig, ask, rig};

fn grid(actions: &[Value]) -> Value {
    let buttons: Vec<_> = actions.iter().map(|action| json!({ "caption": "c", "action": action })).collect();
    json!({ "rows": [{ "buttons": [] }, { "buttons": buttons }] })
}

/// Shows Sara buttons in the chatbot, in the second row.
async fn show(rig: &Rig, actions: &[Value]) -> u64 {
    ask(rig.to_bot(&rig.chat("sara"), &json!({ "text_message": "?", "buttons": grid(actions) }))).await;
    rig.divar.sent().last().map_or(u64::MAX, |sent| sent.index)
}

fn dynamic() -> Value {
    json!({ "get_dynamic_action": { "data": { "k": "v" } } })
}

#[tokio::test]
async fn links_and_pages_open_without_asking_the_app() {
    let rig = rig().await;
    let actions = [
        json!({ "open_direct_link": "https://example.ir/a" }),
        json!({ "open_post_page": { "post_token": OTHER } }),
        json!({ "open_post_manage_page": { "post_token": POST } }),
    ];
    let message = show(&rig, &actions).await;
    let press = |column| rig.divar.press("sara", message, 1, column);
    assert_eq!(press(0).await.unwrap(), Pressed::Link("https://example.ir/a".to_owned()));
    assert_eq!(press(1).await.unwrap(), Pressed::PostPage(OTHER.to_owned()));
    assert_eq!(press(2).await.unwrap(), Pressed::ManagePage(POST.to_owned()));
    let foreign = show(&rig, &[json!({ "open_post_manage_page": { "post_token": OTHER } })]).await;
    assert!(matches!(rig.divar.press("sara", foreign, 1, 0).await, Err(Error::NotOwner)));
    for (person, message, row, column) in
        [("sara", message, 0, 0), ("sara", message, 1, 3), ("sara", message + 9, 1, 0), ("babak", message, 1, 0)]
    {
        assert!(matches!(rig.divar.press(person, message, row, column).await, Err(Error::NoButton)));
    }
    assert!(rig.app.seen().is_empty());
}

#[tokio::test]
async fn a_dynamic_action_asks_the_app_and_shows_its_text() {
    let rig = rig().await;
    let message = show(&rig, &[dynamic()]).await;
    rig.app.answer(200, &json!({ "text_message": "ثبت شد" }));
    let pressed = rig.divar.press("sara", message, 1, 0).await.unwrap();
    assert_eq!(pressed, Pressed::Answered { text: Some("ثبت شد".to_owned()), then: None });
    let seen = rig.app.next(0).await;
    assert_eq!((seen.path.as_str(), &seen.headers["authorization"]), ("/action", &IDENTIFICATION.parse().unwrap()));
    assert_eq!(
        seen.body,
        json!({
            "touchpoint": "CHAT",
            "post_token": null,
            "conversation_id": rig.chat("sara"),
            "user_side": null,
            "extra_data": { "k": "v" },
            "user_id": rig.divar.user_id("sara").unwrap(),
        })
    );
    let push = rig.divar.pushes().remove(0);
    assert_eq!((push.kind, push.state), (PushKind::Action, PushState::Delivered));
    // Nothing at all is a good answer.
    let pressed = rig.divar.press("sara", message, 1, 0).await.unwrap();
    assert_eq!(pressed, Pressed::Answered { text: None, then: None });
}

#[tokio::test]
async fn the_action_of_an_answer_is_followed() {
    let rig = rig().await;
    let message = show(&rig, &[dynamic()]).await;
    rig.app.answer(200, &json!({ "action": { "open_direct_link": "https://a.ir" }, "text_message": "برو" }));
    let expected = Pressed::Link("https://a.ir".to_owned());
    let pressed = rig.divar.press("sara", message, 1, 0).await.unwrap();
    assert_eq!(pressed, Pressed::Answered { text: Some("برو".to_owned()), then: Some(Box::new(expected)) });

    rig.app.answer(200, &json!({ "action": { "open_server_link": { "data": { "next": "1" } } } }));
    rig.app.answer(200, &json!({ "url": "https://app.ir/start?s=1" }));
    let expected = Pressed::Opened("https://app.ir/start?s=1".to_owned());
    let pressed = rig.divar.press("sara", message, 1, 0).await.unwrap();
    assert_eq!(pressed, Pressed::Answered { text: None, then: Some(Box::new(expected)) });
    assert_eq!(rig.app.next(2).await.body["extra_data"], json!({ "next": "1" }));
}

#[tokio::test]
async fn an_answer_that_divar_cannot_use_is_an_error() {
    let rig = rig().await;
    let message = show(&rig, &[dynamic(), json!({ "open_server_link": {} })]).await;
    for (status, answer) in [
        (204, json!({})),
        (200, json!([])),
        (200, json!({ "text": "misspelt" })),
        (200, json!({ "text_message": 1 })),
        (200, json!({ "action": {} })),
        (200, json!({ "action": { "get_dynamic_action": { "data": {} } } })),
        (200, json!({ "action": { "open_post_page": { "post_token": POST } } })),
    ] {
        rig.app.answer(status, &answer);
        let pressed = rig.divar.press("sara", message, 1, 0).await;
        assert!(matches!(pressed, Err(Error::BadAnswer { status: seen, .. }) if seen == status), "{answer}");
    }
    for answer in [json!({}), json!({ "url": "" }), json!({ "url": "/start" }), json!({ "url": "javascript:alert(1)" })]
    {
        rig.app.answer(200, &answer);
        let pressed = rig.divar.press("sara", message, 1, 1).await;
        assert!(matches!(pressed, Err(Error::BadAnswer { .. })), "{answer}");
    }
    rig.app.answer_text(200, "<html>");
    assert!(matches!(rig.divar.press("sara", message, 1, 0).await, Err(Error::BadAnswer { .. })));
}

#[tokio::test]
async fn a_server_link_opens_a_session_of_the_second_version() {
    let rig = rig().await;
    let message = show(&rig, &[json!({ "open_server_link": { "data": { "k": "v" } } })]).await;
    rig.app.answer(200, &json!({ "url": "https://app.ir/start" }));
    let pressed = rig.divar.press("sara", message, 1, 0).await.unwrap();
    assert_eq!(pressed, Pressed::Opened("https://app.ir/start".to_owned()));
    let seen = rig.app.next(0).await;
    assert_eq!((seen.path.as_str(), &seen.headers["api-version"]), ("/session", &"2".parse().unwrap()));
    assert_eq!(seen.headers["authorization"], IDENTIFICATION);
    assert_eq!(
        seen.body,
        json!({
            "source": "CHAT_MESSAGE_ACTION",
            "post_token": null,
            "conversation_id": rig.chat("sara"),
            "user_side": null,
            "extra_data": { "k": "v" },
            "user_id": rig.divar.user_id("sara").unwrap(),
        })
    );
}

#[tokio::test]
async fn each_side_of_a_conversation_about_a_post_presses_its_own_buttons() {
    let rig = rig().await;
    let about = rig.divar.say_in_post(POST, "babak", Side::Buyer, "?").unwrap().conversation;
    let token = rig.token("sara", "CHAT_SUPPLIER_ALL_CONVERSATIONS_MESSAGE_SEND").await;
    let body = json!({
        "message": "?",
        "sender_buttons": grid(&[dynamic()]),
        "receiver_buttons": grid(&[json!({ "open_direct_link": "https://a.ir" }), dynamic()]),
    });
    ask(rig.to_post(&about, &token, &body)).await;
    rig.divar.press("sara", 0, 1, 0).await.unwrap();
    assert_eq!(rig.divar.press("babak", 0, 1, 0).await.unwrap(), Pressed::Link("https://a.ir".to_owned()));
    rig.divar.press("babak", 0, 1, 1).await.unwrap();
    let seen = rig.app.seen();
    let sides: Vec<_> = seen.iter().map(|seen| (&seen.body["user_side"], &seen.body["post_token"])).collect();
    assert_eq!(sides, [(&json!("SUPPLY"), &json!(POST)), (&json!("DEMAND"), &json!(POST))]);
    assert_eq!(seen[1].body["conversation_id"], about);
}

#[tokio::test]
async fn the_app_is_opened_from_a_chat_from_a_post_and_from_elsewhere() {
    let rig = rig().await;
    let url = || rig.app.answer(200, &json!({ "url": "https://app.ir" }));
    // Before the first word the buyer's conversation goes by the token of the post, and the seller has none.
    url();
    assert_eq!(rig.divar.open_from_chat("babak", POST, "babak").await.unwrap(), "https://app.ir");
    let opened = rig.app.next(0).await.body;
    assert_eq!((&opened["source"], &opened["user_side"]), (&json!("CHAT"), &json!("DEMAND")));
    assert_eq!(opened["conversation_id"], POST);
    assert!(matches!(rig.divar.open_from_chat("sara", POST, "babak").await, Err(Error::NoConversation)));

    let about = rig.divar.say_in_post(POST, "babak", Side::Buyer, "?").unwrap().conversation;
    for (person, side) in [("sara", "SUPPLY"), ("babak", "DEMAND")] {
        url();
        rig.divar.open_from_chat(person, POST, "babak").await.unwrap();
        let opened = rig.app.seen().pop().unwrap().body;
        assert_eq!((&opened["conversation_id"], &opened["user_side"]), (&json!(about), &json!(side)));
        assert_eq!(opened["extra_data"], json!({}));
    }
    url();
    let data = Map::from_iter([("k".to_owned(), json!("v"))]);
    rig.divar.open_from_post("babak", POST, data).await.unwrap();
    let opened = rig.app.seen().pop().unwrap().body;
    assert_eq!((&opened["source"], &opened["extra_data"]), (&json!("POST_ADDON"), &json!({ "k": "v" })));
    assert_eq!((&opened["conversation_id"], &opened["post_token"]), (&Value::Null, &json!(POST)));
    url();
    rig.divar.open_from("sara", "MY_DIVAR").await.unwrap();
    assert_eq!(rig.app.seen().pop().unwrap().body["source"], "MY_DIVAR");
}

#[tokio::test]
async fn an_opening_takes_the_other_shapes_of_the_pages() {
    let rig = rig().await;
    let open = async |faults: Faults| {
        rig.divar.set_faults(faults);
        rig.app.answer(200, &json!({ "url": "https://app.ir", "status": "200", "message": "success" }));
        let data = Map::from_iter([("k".to_owned(), json!("v"))]);
        rig.divar.open_from_post("sara", POST, data).await.unwrap();
        rig.app.seen().pop().unwrap()
    };
    let seen = open(Faults { provider_data: true, completion_url: true, ..Faults::default() }).await;
    assert_eq!(seen.body["provider_data"], json!({ "k": "v" }));
    assert!(seen.body.get("extra_data").is_none());
    assert_eq!(seen.body["completion_url"], rig.url("/completion"));

    let seen = open(Faults { no_api_version: true, titled_sides: true, ..Faults::default() }).await;
    assert!(!seen.headers.contains_key("api-version"));
    assert_eq!(seen.body["user_side"], "Supply");

    let seen = open(Faults { anonymous: true, ..Faults::default() }).await;
    assert_eq!(seen.body["user_id"], Value::Null);
    let seen = open(Faults { anonymous: true, no_nulls: true, ..Faults::default() }).await;
    let members: Vec<_> = seen.body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["extra_data", "post_token", "source", "user_side"]);
}

#[tokio::test]
async fn an_opening_can_be_of_the_form_before_2025() {
    let rig = rig().await;
    let about = rig.divar.say_in_post(POST, "babak", Side::Buyer, "?").unwrap().conversation;
    rig.divar.set_faults(Faults { legacy_session: true, ..Faults::default() });
    rig.app.answer(200, &json!({ "status": "200", "message": "success", "url": "https://app.ir" }));
    rig.divar.open_from_chat("sara", POST, "babak").await.unwrap();
    let seen = rig.app.next(0).await;
    let (sara, babak) = (rig.divar.user_id("sara").unwrap(), rig.divar.user_id("babak").unwrap());
    assert!(!seen.headers.contains_key("api-version"));
    assert_eq!(
        seen.body,
        json!({
            "callback_url": rig.url("/completion"),
            "post_token": POST,
            "user_id": sara,
            "peer_id": babak,
            "supplier": { "id": sara },
            "demand": { "id": babak },
            "conversation_id": about,
            "extra_data": { "provider_data": {} },
        })
    );
    // The status is a string there.
    rig.app.answer(200, &json!({ "status": 200, "message": "success", "url": "https://app.ir" }));
    let opened = rig.divar.open_from_chat("sara", POST, "babak").await;
    assert!(matches!(opened, Err(Error::BadAnswer { .. })));
}
