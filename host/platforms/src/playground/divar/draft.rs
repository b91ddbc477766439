//! A message as an app asks to send it: whether the body says what Divar's pages and its OpenAPI document ask for.
//!
//! The document calls the text required and says in the same breath that a message has a text or a file and never
//! both. So beside a file the text may be absent or empty.

use serde_json::Value;

use super::buttons::{self, Buttons};
use super::fields::{Fields, Flaw};
use super::settings::Rules;

/// A body that passed.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) what: What,
    /// Those of the chatbot's message, or those that the consenting person sees.
    pub(super) buttons: Buttons,
    /// Those that the other side of a conversation about a post sees.
    pub(super) receiver_buttons: Buttons,
    pub(super) json: Value,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    Text(String),
    /// The token of an uploaded file.
    Media(String),
}

/// A message into a conversation about a post.
pub(super) fn for_post(json: Value, rules: &Rules) -> Result<Draft, Flaw> {
    let body = Fields::of("the body", &json, rules)?;
    body.only(&["type", "message", "media_token", "sender_buttons", "receiver_buttons"])?;
    let what = what(&body, "message", rules)?;
    let buttons = grid(&body, "sender_buttons", rules)?;
    let receiver_buttons = grid(&body, "receiver_buttons", rules)?;
    Ok(Draft { what, buttons, receiver_buttons, json })
}

/// A message of the app's chatbot.
pub(super) fn for_bot(json: Value, rules: &Rules) -> Result<Draft, Flaw> {
    let body = Fields::of("the body", &json, rules)?;
    body.only(&["type", "text_message", "media_token", "buttons", "conversation_id"])?;
    // The OpenAPI document has it, for no reason that it tells.
    body.maybe_text("conversation_id")?;
    let what = what(&body, "text_message", rules)?;
    let buttons = grid(&body, "buttons", rules)?;
    Ok(Draft { what, buttons, receiver_buttons: Buttons::new(), json })
}

fn what(body: &Fields<'_>, text: &str, rules: &Rules) -> Result<What, Flaw> {
    let kind = body.maybe_text("type")?;
    let written = body.maybe_text(text)?.filter(|written| !written.is_empty());
    let media = body.maybe_text("media_token")?.filter(|token| !token.is_empty());
    if kind.is_some_and(|kind| kind != "TEXT") {
        return Err(body.flaw("has a type that is not TEXT"));
    }
    match (written, media) {
        (Some(_), Some(_)) => Err(body.flaw(&format!("has both {text} and media_token"))),
        (None, None) => Err(body.flaw(&format!("has neither {text} nor media_token"))),
        (Some(written), None) if rules.text.is_some_and(|longest| written.chars().count() > longest) => {
            Err(body.flaw(&format!("has a {text} that is too long")))
        }
        (Some(written), None) => Ok(What::Text(written.to_owned())),
        (None, Some(_)) if kind.is_some() => Err(body.flaw("is of the type TEXT and has no text")),
        (None, Some(token)) => Ok(What::Media(token.to_owned())),
    }
}

fn grid(body: &Fields<'_>, name: &str, rules: &Rules) -> Result<Buttons, Flaw> {
    body.maybe(name).map_or(Ok(Buttons::new()), |value| buttons::grid(name, value, rules))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::buttons::{Action, Button};
    use super::*;

    fn flaw(draft: Result<Draft, Flaw>) -> String {
        draft.map(|_| ()).unwrap_err().to_string()
    }

    fn with_button(button: Value) -> Result<Draft, Flaw> {
        let body = json!({ "text_message": "x", "buttons": { "rows": [{ "buttons": [button] }] } });
        for_bot(body, &Rules::default())
    }

    #[test]
    fn a_text_a_file_and_every_action_pass() {
        let rules = Rules::default();
        let draft = for_post(json!({ "type": "TEXT", "message": "سلام", "sender_buttons": null }), &rules).unwrap();
        assert_eq!(draft.what, What::Text("سلام".to_owned()));
        for body in [json!({ "media_token": "m" }), json!({ "media_token": "m", "text_message": "" })] {
            assert_eq!(for_bot(body, &rules).unwrap().what, What::Media("m".to_owned()));
        }
        let data = json!({ "k": "v" }).as_object().unwrap().clone();
        for (action, expected) in [
            (json!({ "open_direct_link": "https://a.ir" }), Action::OpenDirectLink("https://a.ir".to_owned())),
            (json!({ "open_server_link": { "data": { "k": "v" } } }), Action::OpenServerLink(data.clone())),
            (json!({ "open_server_link": {} }), Action::OpenServerLink(serde_json::Map::new())),
            (json!({ "get_dynamic_action": { "data": { "k": "v" } } }), Action::GetDynamicAction(data)),
            (json!({ "open_post_page": { "post_token": "p" } }), Action::OpenPostPage("p".to_owned())),
            (json!({ "open_post_manage_page": { "post_token": "p" } }), Action::OpenPostManagePage("p".to_owned())),
        ] {
            let draft = with_button(json!({ "caption": "🙂", "icon": "HOME", "action": action })).unwrap();
            let button = Button { caption: "🙂".to_owned(), icon: Some("HOME".to_owned()), action: expected };
            assert_eq!(draft.buttons, [[button]]);
        }
        let old =
            with_button(json!({ "caption": "c", "icon_name": "REAL_STATE", "action": { "open_direct_link": "x" } }));
        assert_eq!(old.unwrap().buttons[0][0].icon.as_deref(), Some("REAL_STATE"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let rules = Rules { text: Some(3), caption: Some(2), ..Rules::default() };
        for (body, expected) in [
            (json!([]), "the body is not a JSON object"),
            (json!({}), "the body has neither message nor media_token"),
            (json!({ "message": "" }), "the body has neither message nor media_token"),
            (json!({ "message": 7 }), "the body has a message that is no string"),
            (json!({ "message": "x", "media_token": "m" }), "the body has both message and media_token"),
            (json!({ "message": "abcd" }), "the body has a message that is too long"),
            (json!({ "message": "x", "type": "IMAGE" }), "the body has a type that is not TEXT"),
            (json!({ "media_token": "m", "type": "TEXT" }), "the body is of the type TEXT and has no text"),
            (json!({ "text_message": "x" }), "the body has an unknown member \"text_message\""),
            (json!({ "message": "x", "buttons": {} }), "the body has an unknown member \"buttons\""),
            (json!({ "message": "x", "sender_buttons": [] }), "sender_buttons is not a JSON object"),
        ] {
            assert_eq!(flaw(for_post(body, &rules)), expected);
        }
        let link = json!({ "open_direct_link": "https://a.ir" });
        for (button, expected) in [
            (json!({ "action": link }), "buttons.rows.buttons has no caption"),
            (json!({ "caption": "", "action": link }), "buttons.rows.buttons has no caption"),
            (json!({ "caption": "c" }), "buttons.rows.buttons has no action"),
            (
                json!({ "caption": "c", "icon": "None", "action": link }),
                "buttons.rows.buttons has an icon of an unknown name",
            ),
            (json!({ "caption": "c", "action": {} }), "buttons.rows.buttons.action must have exactly one member"),
            (
                json!({ "caption": "c", "action": { "open_direct_link": "x", "get_dynamic_action": {} } }),
                "buttons.rows.buttons.action must have exactly one member",
            ),
            (
                json!({ "caption": "c", "action": { "callback": "x" } }),
                "buttons.rows.buttons.action is of an unknown kind",
            ),
            (
                json!({ "caption": "c", "action": { "open_post_page": {} } }),
                "buttons.rows.buttons.action.open_post_page has no post_token",
            ),
            (
                json!({ "caption": "c", "action": { "open_server_link": { "data": "x" } } }),
                "buttons.rows.buttons.action.open_server_link has data that is no object",
            ),
        ] {
            assert_eq!(flaw(with_button(button)), expected);
        }
    }

    #[test]
    fn four_rows_or_four_buttons_in_a_row_are_too_many() {
        let button = json!({ "caption": "c", "action": { "open_direct_link": "x" } });
        let grid = |rows: usize, columns: usize| {
            let row = json!({ "buttons": vec![button.clone(); columns] });
            for_bot(json!({ "text_message": "x", "buttons": { "rows": vec![row; rows] } }), &Rules::default())
        };
        assert_eq!(grid(3, 3).unwrap().buttons.iter().flatten().count(), 9);
        assert_eq!(flaw(grid(4, 1)), "buttons has more than three rows");
        assert_eq!(flaw(grid(1, 4)), "buttons.rows has more than three buttons in a row");
    }

    #[test]
    fn unknown_members_pass_where_the_rules_let_them() {
        let rules = Rules { refuse_unknown_members: false, ..Rules::default() };
        for_post(json!({ "message": "x", "more": 1 }), &rules).unwrap();
    }
}
