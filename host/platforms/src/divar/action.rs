//! What pressing a button does (Divar's developer pages, `widgets/actions/`).

use hodhod_core::outgoing::Press;
use hodhod_core::platform::Unsendable;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::origin::{APP, EVENT, Kind, MARK};
use super::outgoing::invalid;
use super::session::opens;

/// The key in the data of a button that makes a message's buttons differ from those of the next: presses
/// have no id, so the same button of two messages would look like one pressed twice.
const NONCE: &str = "nonce";

/// An action, as it stands in JSON: an object with exactly one of these keys.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::enum_variant_names, reason = "the names are Divar's")]
pub(super) enum Action {
    /// Opens a web address.
    OpenDirectLink(String),
    /// Divar asks the app for the address.
    OpenServerLink(Data),
    /// Divar asks the app what to do.
    GetDynamicAction(Data),
    /// Opens the page of an ad.
    OpenPostPage(Post),
    /// Opens the page on which its owner manages an ad.
    OpenPostManagePage(Post),
}

/// What comes back with the press.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Data {
    #[serde(default)]
    data: Map<String, Value>,
}

/// An ad.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Post {
    post_token: String,
}

impl Action {
    /// The action of a button in a conversation of a kind.
    pub(super) fn of(press: &Press, kind: Kind, nonce: &str) -> Result<Self, Unsendable> {
        match press {
            Press::Event(event) if event.is_empty() => {
                Err(invalid("a button has no string that the bot gets when it is pressed"))
            }
            Press::Event(event) => Ok(Self::GetDynamicAction(data(&[(EVENT, event), (NONCE, nonce)], kind))),
            Press::Url(url) if opens(url) => Ok(Self::OpenDirectLink(url.clone())),
            Press::Url(_) => Err(invalid("a button's address must begin with https:// or http://")),
            Press::App(json) => match serde_json::from_str(json) {
                Ok(Value::Object(_)) => Ok(Self::OpenServerLink(data(&[(APP, json)], kind))),
                Ok(_) | Err(_) => Err(invalid("a button that opens a page of the bot must carry a JSON object")),
            },
            Press::Native(json) => native(json),
        }
    }
}

/// Our own data. Divar's examples hold strings only, so this does too.
fn data(fields: &[(&str, &str)], kind: Kind) -> Data {
    let mark = [(MARK, kind.as_str())];
    let strings = mark.iter().chain(fields).map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
    Data { data: strings.collect() }
}

fn native(json: &str) -> Result<Action, Unsendable> {
    let action: Action = serde_json::from_str(json).map_err(|error| {
        let error = hodhod_core::text::clean(&error.to_string(), 200);
        invalid(&format!("a button's native action is none of Divar's: {error}"))
    })?;
    match &action {
        Action::OpenDirectLink(url) if !opens(url) => {
            Err(invalid("a button's address must begin with https:// or http://"))
        }
        Action::OpenPostPage(post) | Action::OpenPostManagePage(post) if post.post_token.trim().is_empty() => {
            Err(invalid("a button names no ad"))
        }
        _ => Ok(action),
    }
}
